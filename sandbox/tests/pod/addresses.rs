//! Service addresses.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use wharf_sandbox::protocol::{Event, Message};
use wharf_sandbox::table::Protocol::{Tcp, Udp};
use wharf_sandbox::table::{Config, Listener};

use crate::support::{
    POD, Pod, at, call_again, call_tcp, call_udp, config, enter_namespace, ip, port, serve_tcp,
    serve_udp, service,
};

const WEB: &str = "10.100.0.77";

#[test]
fn an_application_binds_all_addresses_at_the_ports_of_its_own_service_and_answers_through_it() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    // The sandbox runs, and the ports of services, that of DNS included, are free.
    serve_tcp("0.0.0.0:8080", "web");
    serve_udp("0.0.0.0:53", "own dns");
    serve_tcp("0.0.0.0:53", "own dns tcp");
    let ports = vec![
        port(Tcp, 8080, &["10.0.0.2:8080"]),
        port(Tcp, 80, &["10.0.0.2:8080"]),
        port(Udp, 53, &["10.0.0.2:53"]),
        port(Tcp, 53, &["10.0.0.2:53"]),
    ];
    pod.commit(vec![
        Message::Clear,
        Message::Config(config()),
        Message::Put(service("web", WEB, ports)),
    ]);
    // From the pod to itself: the endpoint is the caller.
    assert_eq!(call_tcp("10.100.0.77:8080").unwrap(), "web");
    assert_eq!(call_tcp("10.100.0.77:80").unwrap(), "web");
    assert_eq!(call_udp("10.100.0.77:53").unwrap(), "own dns");
    assert_eq!(call_tcp("10.100.0.77:53").unwrap(), "own dns tcp");
    assert_eq!(call_tcp("127.0.0.1:8080").unwrap(), "web");
    pod.stop();
}

#[test]
fn endpoints_in_other_pods_are_reached() {
    if !enter_namespace() {
        return;
    }
    // The other pod holds its namespace open while it waits to be told to end.
    let mut other = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo in; read end"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(other.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let pid = other.id();
    ip("address del 10.0.0.2/24 dev eth0");
    ip(&format!("link set host0 netns {pid}"));
    // No default route: that to the other pod is found after the translation.
    ip("address add 10.0.0.2/24 dev eth0");
    let namespace = File::open(format!("/proc/{pid}/ns/net")).unwrap();
    thread::spawn(move || {
        let network = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(namespace.as_fd(), network).unwrap();
        ip("address add 10.0.0.3/24 dev host0");
        ip("link set host0 up");
        serve_tcp("10.0.0.3:8080", "other tcp");
        serve_udp("10.0.0.3:5353", "other udp");
    })
    .join()
    .unwrap();
    let mut pod = Pod::start();
    let ports = vec![
        port(Tcp, 80, &["10.0.0.3:8080"]),
        port(Udp, 53, &["10.0.0.3:5353"]),
    ];
    let web = service("web", WEB, ports);
    pod.commit(vec![Message::Config(config()), Message::Put(web)]);
    assert_eq!(call_tcp("10.100.0.77:80").unwrap(), "other tcp");
    assert_eq!(call_udp("10.100.0.77:53").unwrap(), "other udp");
    pod.stop();
    drop(other.stdin.take());
    other.wait().unwrap();
}

#[test]
fn a_pod_without_a_way_out_reaches_services_names_and_listeners() {
    if !enter_namespace() {
        return;
    }
    ip("route del default");
    serve_tcp("10.0.0.2:8080", "web");
    let mut pod = Pod::start();
    let ports = vec![port(Tcp, 80, &["10.0.0.2:8080"]), port(Tcp, 81, &[])];
    let config = Config {
        listeners: vec![Listener {
            id: 1,
            at: vec![at("169.254.170.2:80")],
        }],
        ..config()
    };
    let web = Message::Put(service("web", WEB, ports));
    pod.commit(vec![Message::Config(config), web]);
    assert_eq!(call_tcp("10.100.0.77:80").unwrap(), "web");
    let error = call_tcp("10.100.0.77:81").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // Taken by the sandbox, which passes it on.
    drop(TcpStream::connect("169.254.170.2:80").unwrap());
    pod.link
        .until(|event| matches!(event, Event::Open(..)).then_some(()));
    pod.stop();
}

#[test]
fn services_of_ipv6_are_led_to_endpoints_of_ipv6() {
    if !enter_namespace() {
        return;
    }
    ip("-6 address add fd00:1::2/64 dev eth0 nodad");
    ip("-6 route add default via fd00:1::1 dev eth0");
    let mut pod = Pod::start();
    serve_tcp("[::]:8080", "six");
    let ports = vec![
        port(Tcp, 80, &["[fd00:1::2]:8080", "10.0.0.2:9"]),
        port(Tcp, 81, &[]),
    ];
    let web = service("web", "fd00:100::7", ports);
    pod.commit(vec![Message::Config(config()), Message::Put(web)]);
    assert_eq!(call_tcp("[fd00:100::7]:80").unwrap(), "six");
    let error = call_tcp("[fd00:100::7]:81").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    pod.stop();
}

#[test]
fn what_has_no_endpoint_is_refused_at_once() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let ports = vec![port(Tcp, 80, &[]), port(Udp, 53, &[])];
    pod.commit(vec![
        Message::Config(config()),
        Message::Put(service("web", WEB, ports)),
    ]);
    let refused = ErrorKind::ConnectionRefused;
    for to in [
        "10.100.0.77:80",
        // A port that the service does not have, and an address that no service has.
        "10.100.0.77:81",
        "10.100.1.1:80",
        // Metadata of the machine, for any port.
        "169.254.169.254:80",
    ] {
        assert_eq!(call_tcp(to).unwrap_err().kind(), refused, "{to}");
    }
    // The kernel tells whoever sends from this machine in either of two ways.
    let kind = call_udp("10.100.0.77:53").unwrap_err().kind();
    assert!(matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::PermissionDenied
    ));
    pod.stop();
}

#[test]
fn endpoints_are_chosen_at_random_and_by_affinity_always_the_same() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    for (place, name) in [
        ("10.0.0.2:7001", "one"),
        ("10.0.0.2:7002", "two"),
        ("10.0.0.2:7003", "three"),
    ] {
        serve_tcp(place, name);
    }
    let all = ["10.0.0.2:7001", "10.0.0.2:7002", "10.0.0.2:7003"];
    let mut web = service("web", WEB, vec![port(Tcp, 80, &all)]);
    web.ports[0].also = vec![at("10.0.0.1:30080")];
    pod.commit(vec![Message::Config(config()), Message::Put(web.clone())]);
    let answers =
        |to: &str| -> BTreeSet<String> { (0..60).map(|_| call_tcp(to).unwrap()).collect() };
    assert_eq!(answers("10.100.0.77:80").len(), 3);
    assert_eq!(answers("10.0.0.1:30080").len(), 3, "a node's port");
    web.affinity = true;
    pod.commit(vec![Message::Put(web)]);
    assert_eq!(answers("10.100.0.77:80").len(), 1);
    pod.stop();
}

#[test]
fn a_udp_flow_follows_its_service_to_another_endpoint() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    serve_udp("10.0.0.2:7001", "old");
    serve_udp("10.0.0.2:7002", "new");
    let to = |endpoint: &str| {
        let ports = vec![port(Udp, 9000, &[endpoint])];
        Message::Put(service("web", WEB, ports))
    };
    pod.commit(vec![Message::Config(config()), to("10.0.0.2:7001")]);
    let socket = UdpSocket::bind((POD, 0)).unwrap();
    socket.connect("10.100.0.77:9000").unwrap();
    assert_eq!(call_again(&socket).unwrap(), "old");
    pod.commit(vec![to("10.0.0.2:7002")]);
    assert_eq!(call_again(&socket).unwrap(), "new");
    pod.stop();
}

#[test]
fn changes_under_load_lose_no_connection() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    serve_tcp("10.0.0.2:7001", "one");
    serve_tcp("10.0.0.2:7002", "two");
    let to = |endpoints: &[&str]| Message::Put(service("web", WEB, vec![port(Tcp, 80, endpoints)]));
    pod.commit(vec![Message::Config(config()), to(&["10.0.0.2:7001"])]);
    let over = Arc::new(AtomicBool::new(false));
    let caller = {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let mut calls = 0;
            while !over.load(Ordering::Relaxed) {
                call_tcp("10.100.0.77:80").unwrap();
                calls += 1;
            }
            calls
        })
    };
    for _ in 0..50 {
        pod.commit(vec![to(&["10.0.0.2:7001", "10.0.0.2:7002"])]);
        pod.commit(vec![to(&["10.0.0.2:7002"])]);
        // The whole table anew.
        pod.commit(vec![
            Message::Clear,
            Message::Config(config()),
            to(&["10.0.0.2:7001"]),
        ]);
    }
    over.store(true, Ordering::Relaxed);
    let calls = caller.join().unwrap();
    println!("{calls} connections during 150 changes");
    assert!(calls > 0);
    pod.stop();
}
