//! Ways out of networks of pods, on a machine that is a network namespace.
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::thread::UnshareFlags;

use super::links::Links;
use super::way_out::in_space;
use super::{WayOut, current, join, make_space};
use crate::engine::Network;
use crate::unpack::unshare;
use crate::wire::PodPlan;

const NETWORK: Network = Network {
    gateway: Ipv4Addr::new(192, 168, 0, 1),
    prefix: 16,
};
const POD: Ipv4Addr = Ipv4Addr::new(192, 168, 7, 7);
const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";

/// Runs a test in a thread whose network is another machine's.
fn on_a_machine(test: impl FnOnce() + Send) {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || Command::new("ip").arg("-V").output().is_err() {
        assert!(std::env::var_os("WHARF_REQUIRE_CLIENTS").is_none());
        println!("skipped: it needs root and ip");
        return;
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(UnshareFlags::NEWNET).unwrap();
            std::fs::write(SWITCH, "0").unwrap();
            Links::open().unwrap().up("lo", None).unwrap();
            test();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn space() -> OwnedFd {
    let made = std::thread::spawn(|| make_space("vpc0", NETWORK.gateway, NETWORK.prefix));
    made.join().unwrap().unwrap()
}

/// The namespace of a pod at the bridge.
fn pod(space: &OwnedFd) -> OwnedFd {
    let plan = PodPlan {
        id: String::new(),
        namespace: String::new(),
        name: String::new(),
        hostname: String::new(),
        ip: POD,
        prefix: NETWORK.prefix,
        gateway: NETWORK.gateway,
        bridge: "vpc0".to_owned(),
        cable: "p1".to_owned(),
    };
    in_space(space.as_fd(), || {
        join(space.as_fd(), &plan)?;
        current()
    })
    .unwrap()
}

fn open(space: &OwnedFd) -> WayOut {
    WayOut::open(space.as_fd(), NETWORK, Path::new("/pods")).unwrap()
}

fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn has_iptables() -> bool {
    let there = Command::new("iptables")
        .args(["-t", "filter", "-S"])
        .output();
    let there = there.is_ok_and(|output| output.status.success());
    assert!(there || std::env::var_os("WHARF_REQUIRE_CLIENTS").is_none());
    if !there {
        println!("skipped: there is no iptables");
    }
    there
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Calls as what is in a namespace does.
fn call(from: &OwnedFd, ip: Ipv4Addr, port: u16) -> Result<(), io::ErrorKind> {
    let called = in_space(from.as_fd(), || {
        let to = SocketAddr::from((ip, port));
        Ok(TcpStream::connect_timeout(&to, Duration::from_secs(5)))
    });
    called.unwrap().map(drop).map_err(|error| error.kind())
}

fn listen_in(space: &OwnedFd) -> (TcpListener, u16) {
    in_space(space.as_fd(), || Ok(listen())).unwrap()
}

#[test]
fn it_is_found_again_and_nothing_is_there_twice_or_left() {
    on_a_machine(|| {
        let before = run("ip -o link");
        let first = space();
        let way = open(&first);
        assert_eq!(std::fs::read_to_string(SWITCH).unwrap(), "1\n");
        let (made, routes) = (run("ip -o link"), run("ip route show table all"));
        let again = open(&first);
        assert_eq!((again.host(), again.device()), (way.host(), way.device()));
        assert_eq!(run("ip -o link"), made);
        assert_eq!(run("ip route show table all"), routes);
        assert!(again.is_prepared());
        again.close();
        assert_eq!(run("ip -o link"), before);
        assert!(!way.is_prepared());
        // A table that somebody flushed is made again.
        let way = open(&first);
        way.flush();
        way.keep().unwrap();
        assert!(way.is_prepared());
        // A server that was killed, with no pod: the namespace goes, and the next one tidies up.
        drop(first);
        let since = tokio::time::Instant::now();
        while Links::index(way.device()).is_ok() {
            assert!(since.elapsed() < Duration::from_secs(20), "the cable stays");
            std::thread::yield_now();
        }
        assert!(way.is_prepared());
        let next = space();
        let new = open(&next);
        assert_eq!(way.is_prepared(), way.device() == new.device());
    });
}

#[test]
fn clusters_reach_the_machine_and_not_each_other() {
    on_a_machine(|| {
        let (one, other) = (space(), space());
        let (way, other_way) = (open(&one), open(&other));
        assert_ne!(way.host(), other_way.host());
        let (caller, called) = (pod(&one), pod(&other));
        let (_listener, port) = listen();
        let (_inside, inner) = listen_in(&called);
        assert_eq!(call(&caller, way.host(), port), Ok(()));
        assert_eq!(call(&called, other_way.host(), port), Ok(()));
        let refused = Err(io::ErrorKind::ConnectionRefused);
        for ip in [
            other_way.pods(),
            other_way.host(),
            Ipv4Addr::new(169, 254, 169, 254),
        ] {
            assert_eq!(call(&caller, ip, port), refused, "{ip}");
        }
        // Whatever a neighbour of the machine thinks: pods are in no network of its own, and nobody
        // comes in by the way out.
        let device = other_way.device();
        run(&format!(
            "ip route add 192.168.0.0/16 via {} dev {device}",
            other_way.pods()
        ));
        let to = SocketAddr::from((POD, inner));
        let came = TcpStream::connect_timeout(&to, Duration::from_millis(500));
        assert_eq!(
            came.map(drop).map_err(|error| error.kind()),
            Err(io::ErrorKind::TimedOut)
        );
    });
}

#[test]
fn what_the_machine_has_a_route_to_is_not_taken() {
    on_a_machine(|| {
        run("ip link add eth0 type bridge");
        run("ip link set eth0 up");
        run("ip route add 169.254.0.0/16 dev eth0 scope link");
        let space = space();
        assert_eq!(open(&space).host().octets()[..2], [198, 19]);
    });
}

#[test]
fn docker_lets_pods_through_after_the_users_own_rules() {
    on_a_machine(|| {
        if !has_iptables() {
            return;
        }
        for rule in [
            "-N DOCKER-USER",
            "-A FORWARD -j DOCKER-USER",
            "-A DOCKER-USER -d 198.51.100.9 -j DROP",
            "-A DOCKER-USER -j RETURN",
        ] {
            run(&format!("iptables {rule}"));
        }
        let space = space();
        // Docker has not closed anything.
        let before = run("iptables -S");
        open(&space).close();
        assert_eq!(run("iptables -S"), before);
        run("iptables -P FORWARD DROP");
        let before = run("iptables -S");
        let way = open(&space);
        for _ in 0..2 {
            way.keep().unwrap();
            let chain = run("iptables -S DOCKER-USER");
            let device = way.device();
            let wanted = format!(
                "-N DOCKER-USER\n-A DOCKER-USER -d 198.51.100.9/32 -j DROP\n\
                -A DOCKER-USER -i {device} -j ACCEPT\n-A DOCKER-USER -o {device} -j ACCEPT\n\
                -A DOCKER-USER -j RETURN\n"
            );
            assert_eq!(chain, wanted);
        }
        assert!(way.admit().unwrap().is_empty());
        way.close();
        assert_eq!(run("iptables -S"), before);
        // Nobody but Docker said that it may be changed.
        run("iptables -F");
        run("iptables -X DOCKER-USER");
        assert_eq!(open(&space).admit().unwrap(), ["filter FORWARD"]);
        assert_eq!(run("iptables -S FORWARD"), "-P FORWARD DROP\n");
    });
}

#[test]
fn networks_of_others_are_reached_by_what_they_publish_only() {
    on_a_machine(|| {
        if !has_iptables() {
            return;
        }
        // As Docker: a bridge, a container at it.
        let links = Links::open().unwrap();
        let (container, pods) = (space(), space());
        run("ip link add docker9 type bridge");
        run("ip addr add 10.77.0.1/24 dev docker9");
        links.up("docker9", None).unwrap();
        links.add_cable("veth9", "eth0", container.as_fd()).unwrap();
        links.up("veth9", Some("docker9")).unwrap();
        let ip = Ipv4Addr::new(10, 77, 0, 2);
        let joined = in_space(container.as_fd(), || {
            let links = Links::open()?;
            links.add_address("eth0", ip, 24)?;
            links.up("eth0", None)?;
            links.ensure_default_route(Ipv4Addr::new(10, 77, 0, 1))
        });
        joined.unwrap();
        let (_listener, port) = listen_in(&container);
        let way = open(&pods);
        let refused = Err(io::ErrorKind::ConnectionRefused);
        assert_eq!(call(&pods, ip, port), refused);
        let host = way.host();
        run(&format!(
            "iptables -t nat -A PREROUTING -d {host} -p tcp --dport 80 -j DNAT --to {ip}:{port}"
        ));
        assert_eq!(call(&pods, host, 80), Ok(()));
    });
}
