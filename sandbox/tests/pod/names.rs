//! Names, asked as applications ask: over UDP and TCP at the service's address, and by the C library.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;

use wharf_sandbox::protocol::{Event, Message};
use wharf_sandbox::table::{Config, Host, LocalName, Protocol, Upstream};

use crate::support::{
    PATIENCE, Pod, addr, at, config, enter_namespace, port, serve_tcp, serve_udp, service,
};

const RESOLVER: &str = "10.0.0.2:5300";

fn question(name: &str) -> Vec<u8> {
    let mut packet = vec![0x77, 0x07, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend(label.bytes());
    }
    packet.extend([0, 0, 1, 0, 1]);
    packet
}

fn ask_udp(name: &str) -> Vec<u8> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect("10.100.0.10:53").unwrap();
    socket.send(&question(name)).unwrap();
    let mut answer = vec![0; 4096];
    let filled = socket.recv(&mut answer).unwrap();
    answer.truncate(filled);
    answer
}

fn ask_tcp(name: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect("10.100.0.10:53").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let question = question(name);
    let length = u16::try_from(question.len()).unwrap().to_be_bytes();
    // In two pieces, as a network may cut it.
    socket.write_all(&length).unwrap();
    socket.write_all(&question).unwrap();
    let mut length = [0; 2];
    socket.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    socket.read_exact(&mut answer).unwrap();
    answer
}

/// The address at the end of an answer with one A record.
fn last_address(answer: &[u8]) -> [u8; 4] {
    assert_eq!(answer[..2], [0x77, 0x07], "the client's own id");
    assert_eq!((answer[3] & 15, answer[7]), (0, 1), "one answer");
    *answer.last_chunk().unwrap()
}

/// What a resolver answers: the question and one address.
fn resolved(question: &[u8], ip: [u8; 4]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[7] = 1;
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
    answer.extend(ip);
    answer
}

fn serve_names(at: &str, ip: [u8; 4]) {
    let udp = UdpSocket::bind(at).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((filled, from)) = udp.recv_from(&mut buffer) {
            // First something that was never asked, which must not be taken.
            drop(udp.send_to(&resolved(&question("evil.example"), [6, 6, 6, 6]), from));
            drop(udp.send_to(&resolved(&buffer[..filled], ip), from));
        }
    });
    let tcp = TcpListener::bind(at).unwrap();
    thread::spawn(move || {
        while let Ok((mut socket, _)) = tcp.accept() {
            let mut length = [0; 2];
            socket.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            socket.read_exact(&mut question).unwrap();
            let answer = resolved(&question, ip);
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            socket.write_all(&[&length[..], &answer].concat()).unwrap();
        }
    });
}

#[test]
fn names_of_services_are_answered_over_udp_and_tcp_while_an_application_has_port_53() {
    if !enter_namespace() {
        return;
    }
    serve_udp("0.0.0.0:53", "application");
    serve_tcp("0.0.0.0:53", "application");
    let mut pod = Pod::start();
    let web = service("web", "10.100.0.77", Vec::new());
    pod.commit(vec![Message::Config(config()), Message::Put(web)]);
    let name = "web.default.svc.cluster.local";
    assert_eq!(last_address(&ask_udp(name)), [10, 100, 0, 77]);
    assert_eq!(last_address(&ask_tcp(name)), [10, 100, 0, 77]);
    // Without anybody to ask, another name fails at once.
    assert_eq!(ask_udp("example.com")[3] & 15, 2);
    pod.stop();
}

#[test]
fn other_names_are_asked_of_the_resolvers_the_next_one_where_one_is_silent() {
    if !enter_namespace() {
        return;
    }
    serve_names(RESOLVER, [192, 0, 2, 1]);
    // One that takes packets and says nothing.
    let silent = UdpSocket::bind("10.0.0.2:5301").unwrap();
    let mut pod = Pod::start();
    let asks = |resolvers: &[&str]| {
        let resolvers: Vec<SocketAddr> = resolvers.iter().map(|text| at(text)).collect();
        Message::Config(Config {
            upstream: Upstream::Resolvers(resolvers),
            ..config()
        })
    };
    pod.commit(vec![asks(&[RESOLVER])]);
    assert_eq!(last_address(&ask_udp("example.com")), [192, 0, 2, 1]);
    assert_eq!(last_address(&ask_tcp("example.com")), [192, 0, 2, 1]);
    // One where nobody listens, and one that is silent: the third is asked.
    pod.commit(vec![asks(&["10.0.0.2:5309", RESOLVER])]);
    assert_eq!(last_address(&ask_udp("example.com")), [192, 0, 2, 1]);
    pod.commit(vec![asks(&["10.0.0.2:5301", RESOLVER])]);
    assert_eq!(last_address(&ask_udp("example.com")), [192, 0, 2, 1]);
    drop(silent);
    pod.stop();
}

#[test]
fn other_names_are_asked_of_the_server() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    pod.commit(vec![Message::Config(Config {
        upstream: Upstream::Server,
        ..config()
    })]);
    for (packet, code) in [(true, 0), (false, 2)] {
        let client = thread::spawn(|| ask_udp("example.com"));
        let (id, asked) = pod.link.until(|event| match event {
            Event::Message(Message::Query { id, packet }) => Some((id, packet)),
            _ => None,
        });
        let packet = if packet {
            resolved(&asked, [192, 0, 2, 7])
        } else {
            Vec::new()
        };
        pod.link.send(&Message::Answer { id, packet });
        assert_eq!(client.join().unwrap()[3] & 15, code);
    }
    pod.stop();
}

#[test]
fn the_c_library_finds_short_names_with_the_resolv_conf_that_was_written() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let search = "search default.svc.cluster.local svc.cluster.local cluster.local";
    let config = Config {
        resolv_conf: Some(format!(
            "nameserver 10.100.0.10\n{search}\noptions ndots:5\n"
        )),
        names: vec![LocalName {
            name: "*.dkr.ecr.us-east-1.amazonaws.com".to_owned(),
            addresses: vec![addr("10.100.0.1")],
        }],
        ..config()
    };
    let mut db = service("db", "10.100.0.9", vec![port(Protocol::Tcp, 1, &[])]);
    db.cluster_ips = Vec::new();
    db.hosts = vec![Host {
        ip: addr("10.0.0.9"),
        hostname: Some("db-0".to_owned()),
    }];
    let web = service("web", "10.100.0.77", Vec::new());
    pod.commit(vec![
        Message::Config(config),
        Message::Put(web),
        Message::Put(db),
    ]);
    let file = pod.folder.path().join("resolv.conf");
    for (name, address) in [
        ("web", "10.100.0.77"),
        ("web.default", "10.100.0.77"),
        ("db-0.db", "10.0.0.9"),
        ("1.dkr.ecr.us-east-1.amazonaws.com", "10.100.0.1"),
    ] {
        // A mount namespace of its own, in which the file is the machine's.
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c"])
            .arg("mount --bind \"$0\" /etc/resolv.conf && getent ahostsv4 \"$1\"")
            .arg(&file)
            .arg(name)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with(address), "{name}: {text:?}");
    }
    pod.stop();
}
