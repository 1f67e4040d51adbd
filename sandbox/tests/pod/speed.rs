//! How fast it is: printed, not judged, but for what would be a mistake of orders of magnitude.
#![expect(
    clippy::disallowed_methods,
    reason = "what is measured is real time, and there is no tokio"
)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use wharf_sandbox::protocol::{Event, Message};
use wharf_sandbox::table::Protocol::Tcp;

use crate::support::{Pod, addr, at, config, enter_namespace, port, service};

const SERVICES: u16 = 5_000;
/// Bytes through a stream, in each direction.
const SIZE: usize = 300_000_000;

fn numbered(number: u16, endpoints: u8) -> Message {
    let [high, low] = number.to_be_bytes();
    let mut port = port(Tcp, 80, &[]);
    let places = (0..endpoints).map(|n| at(&format!("10.0.{n}.{low}:{}", 1000 + u16::from(high))));
    port.endpoints = places.collect();
    let mut one = service(&format!("s{number}"), "10.100.0.1", vec![port]);
    one.cluster_ips = vec![addr(&format!("10.100.{}.{low}", 1 + high))];
    Message::Put(one)
}

#[test]
fn five_thousand_services_come_and_change() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let mut messages = vec![Message::Clear, Message::Config(config())];
    messages.extend((0..SERVICES).map(|number| numbered(number, 3)));
    let started = Instant::now();
    pod.commit(messages);
    println!(
        "{SERVICES} services, 15000 endpoints: {:?}",
        started.elapsed()
    );
    let started = Instant::now();
    pod.commit(vec![numbered(17, 2)]);
    println!("one of them loses an endpoint: {:?}", started.elapsed());
    let started = Instant::now();
    pod.commit((0..500).map(|number| numbered(number, 4)).collect());
    println!("500 of them get an endpoint: {:?}", started.elapsed());
    pod.stop();
}

#[test]
fn connections_through_a_service_cost_little() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let mut messages = vec![Message::Config(config())];
    messages.extend((1000..1000 + SERVICES).map(|number| numbered(number, 1)));
    let ports = vec![port(Tcp, 80, &["10.0.0.2:8080"])];
    messages.push(Message::Put(service("web", "10.100.0.77", ports)));
    pod.commit(messages);
    let listener = TcpListener::bind("0.0.0.0:8080").unwrap();
    thread::spawn(move || while listener.accept().is_ok() {});
    let ways = ["10.0.0.2:8080", "10.100.0.77:80"];
    let mut spent: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..3_000 {
        // In turns, so that what else the machine does is shared.
        for (to, spent) in ways.iter().zip(&mut spent) {
            let started = Instant::now();
            drop(TcpStream::connect(to).unwrap());
            spent.push(started.elapsed());
        }
    }
    let [direct, through] = spent.map(|mut spent| {
        spent.sort_unstable();
        spent[spent.len() / 2]
    });
    println!("median connect: {direct:?}, by one of {SERVICES} services: {through:?}");
    pod.stop();
}

#[test]
fn a_stream_carries_as_much_as_port_forward_needs() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let listener = TcpListener::bind("127.0.0.1:7001").unwrap();
    let application = thread::spawn(move || {
        let piece = vec![7; 256 * 1024];
        let (mut out, _) = listener.accept().unwrap();
        let mut sent = 0;
        while sent < SIZE {
            out.write_all(&piece).unwrap();
            sent += piece.len();
        }
        drop(out);
        let (mut input, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 256 * 1024];
        while input.read(&mut buffer).unwrap() > 0 {}
    });
    let id = pod.link.dial("127.0.0.1:7001").unwrap();
    let started = Instant::now();
    let mut received = 0;
    while received < SIZE {
        if let Event::Data(id, bytes) = pod.link.next() {
            received += bytes.len();
            pod.link.mux.consumed(id, bytes.len());
        }
    }
    print("out of the pod", received, started);
    pod.link
        .mux
        .reset(id, wharf_sandbox::protocol::Reason::Reset);
    let id = pod.link.dial("127.0.0.1:7001").unwrap();
    let started = Instant::now();
    let piece = vec![7; 256 * 1024];
    let mut sent = 0;
    while sent < SIZE {
        let taken = pod.link.mux.write(id, &piece);
        sent += taken;
        pod.link.flush();
        if taken == 0 {
            pod.link
                .until(|event| matches!(event, Event::Writable(_)).then_some(()));
        }
    }
    pod.link.mux.finish(id);
    pod.link
        .until(|event| matches!(event, Event::End(_)).then_some(()));
    application.join().unwrap();
    print("into the pod", sent, started);
    pod.stop();
}

fn print(what: &str, bytes: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = bytes as f64 / seconds / 1e6;
    println!("{what}: {rate:.0} MB/s");
}
