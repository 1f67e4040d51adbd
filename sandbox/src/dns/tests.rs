use std::net::IpAddr;

use proptest::prelude::*;

use super::name::Name;
use super::{MAX_UDP, Over, Reply, answer};
use crate::table::{
    Config, Host, LocalName, Protocol, Service, ServiceKey, ServicePort, Staged, Table,
};

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const SRV: u16 = 33;

fn service(name: &str, ips: &[&str]) -> Service {
    Service {
        key: ServiceKey {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        },
        cluster_ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        external_name: None,
        affinity: false,
        ports: Vec::new(),
        hosts: Vec::new(),
    }
}

fn port(name: &str, port: u16, endpoints: &[&str]) -> ServicePort {
    ServicePort {
        name: name.to_owned(),
        protocol: Protocol::Tcp,
        port,
        also: Vec::new(),
        endpoints: endpoints.iter().map(|at| at.parse().unwrap()).collect(),
    }
}

fn host(ip: &str, hostname: Option<&str>) -> Host {
    Host {
        ip: ip.parse().unwrap(),
        hostname: hostname.map(str::to_owned),
    }
}

fn table() -> Table {
    let mut web = service("web", &["10.100.0.7", "fd00::7"]);
    web.ports = vec![port("http", 80, &["10.0.0.5:8080"])];
    let mut mysql = service("mysql", &[]);
    mysql.ports = vec![port("mysql", 3306, &["10.0.0.5:3306", "10.0.0.6:3306"])];
    mysql.hosts = vec![host("10.0.0.5", Some("mysql-0")), host("10.0.0.6", None)];
    let mut outside = service("outside", &[]);
    outside.external_name = Some("db.example.com".to_owned());
    let mut inside = service("inside", &[]);
    inside.external_name = Some("web.shop.svc.cluster.local".to_owned());
    let mut round = service("round", &[]);
    round.external_name = Some("round.shop.svc.cluster.local".to_owned());
    let names = [
        ("host.docker.internal", "172.17.0.1"),
        ("*.dkr.ecr.us-east-1.amazonaws.com", "169.254.170.53"),
    ];
    let names = names.map(|(name, ip)| LocalName {
        name: name.to_owned(),
        addresses: vec![ip.parse().unwrap()],
    });
    let mut staged = Staged::default();
    staged.configure(Config {
        names: names.to_vec(),
        ..Config::default()
    });
    for service in [web, mysql, outside, inside, round] {
        staged.put(service).unwrap();
    }
    let mut table = Table::default();
    staged.commit(&mut table, 1).unwrap();
    table
}

fn question(name: &str, kind: u16, edns: Option<u16>) -> Vec<u8> {
    let more = u8::from(edns.is_some());
    let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, more];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend(label.bytes());
    }
    packet.push(0);
    packet.extend(kind.to_be_bytes());
    packet.extend([0, 1]);
    if let Some(size) = edns {
        packet.extend([0, 0, 41]);
        packet.extend(size.to_be_bytes());
        packet.extend([0; 6]);
    }
    packet
}

/// An answer, its records as text.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: u8,
    truncated: bool,
    answers: Vec<String>,
    authority: Vec<String>,
    more: Vec<String>,
}

fn word(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([packet[at], packet[at + 1]])
}

fn name(packet: &[u8], at: usize) -> (String, usize) {
    let (name, next) = Name::read(packet, at).unwrap();
    let empty = Name::read(&[0], 0).unwrap().0;
    (name.below(&empty).unwrap().join("."), next)
}

fn read(packet: &[u8]) -> Said {
    assert_eq!(word(packet, 4), 1, "one question");
    let mut at = name(packet, 12).1 + 4;
    let mut section = |count: u16| -> Vec<String> {
        let records = (0..count).map(|_| {
            let (owner, next) = name(packet, at);
            let value = next + 10;
            at = value + usize::from(word(packet, next + 8));
            match word(packet, next) {
                A => {
                    let ip = <[u8; 4]>::try_from(&packet[value..at]).unwrap();
                    format!("{owner} A {}", IpAddr::from(ip))
                }
                AAAA => {
                    let ip = <[u8; 16]>::try_from(&packet[value..at]).unwrap();
                    format!("{owner} AAAA {}", IpAddr::from(ip))
                }
                CNAME => format!("{owner} CNAME {}", name(packet, value).0),
                PTR => format!("{owner} PTR {}", name(packet, value).0),
                SRV => {
                    let port = word(packet, value + 4);
                    format!("{owner} SRV {port} {}", name(packet, value + 6).0)
                }
                SOA => format!("{owner} SOA"),
                41 => "OPT".to_owned(),
                other => format!("{owner} {other}"),
            }
        });
        records.collect()
    };
    let answers = section(word(packet, 6));
    let authority = section(word(packet, 8));
    let more = section(word(packet, 10));
    assert_eq!(at, packet.len(), "nothing behind the records");
    Said {
        code: packet[3] & 15,
        truncated: packet[2] & 2 != 0,
        answers,
        authority,
        more,
    }
}

fn ask(name: &str, kind: u16) -> Said {
    match answer(&table(), &question(name, kind, None), Over::Udp, 0) {
        Reply::Answer(packet) => read(&packet),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_service_has_its_cluster_ips() {
    let said = ask("web.shop.svc.cluster.local", A);
    assert_eq!(said.answers, ["web.shop.svc.cluster.local A 10.100.0.7"]);
    let said = ask("web.shop.svc.cluster.local", AAAA);
    assert_eq!(said.answers, ["web.shop.svc.cluster.local AAAA fd00::7"]);
}

#[test]
fn a_headless_service_has_the_addresses_of_its_endpoints_and_their_names() {
    let said = ask("mysql.shop.svc.cluster.local", A);
    assert_eq!(
        said.answers,
        [
            "mysql.shop.svc.cluster.local A 10.0.0.5",
            "mysql.shop.svc.cluster.local A 10.0.0.6"
        ]
    );
    let said = ask("mysql-0.mysql.shop.svc.cluster.local", A);
    assert_eq!(
        said.answers,
        ["mysql-0.mysql.shop.svc.cluster.local A 10.0.0.5"]
    );
    let said = ask("10-0-0-6.mysql.shop.svc.cluster.local", A);
    assert_eq!(
        said.answers,
        ["10-0-0-6.mysql.shop.svc.cluster.local A 10.0.0.6"]
    );
    assert_eq!(ask("mysql-1.mysql.shop.svc.cluster.local", A).code, 3);
}

#[test]
fn srv_says_where_a_named_port_is() {
    let said = ask("_http._tcp.web.shop.svc.cluster.local", SRV);
    assert_eq!(
        said.answers,
        ["_http._tcp.web.shop.svc.cluster.local SRV 80 web.shop.svc.cluster.local"]
    );
    assert_eq!(
        said.more,
        [
            "web.shop.svc.cluster.local A 10.100.0.7",
            "web.shop.svc.cluster.local AAAA fd00::7"
        ]
    );
    let said = ask("_mysql._tcp.mysql.shop.svc.cluster.local", SRV);
    assert_eq!(
        said.answers,
        [
            "_mysql._tcp.mysql.shop.svc.cluster.local SRV 3306 mysql-0.mysql.shop.svc.cluster.local",
            "_mysql._tcp.mysql.shop.svc.cluster.local SRV 3306 10-0-0-6.mysql.shop.svc.cluster.local"
        ]
    );
    assert_eq!(ask("_http._udp.web.shop.svc.cluster.local", SRV).code, 3);
}

#[test]
fn addresses_lead_back_to_names() {
    let said = ask("7.0.100.10.in-addr.arpa", PTR);
    assert_eq!(
        said.answers,
        ["7.0.100.10.in-addr.arpa PTR web.shop.svc.cluster.local"]
    );
    let said = ask("5.0.0.10.in-addr.arpa", PTR);
    assert_eq!(
        said.answers,
        ["5.0.0.10.in-addr.arpa PTR mysql-0.mysql.shop.svc.cluster.local"]
    );
    let v6 = format!("7.{}d.f.ip6.arpa", "0.".repeat(29));
    assert_eq!(ask(&v6, PTR).answers.len(), 1);
}

#[test]
fn a_pod_has_the_name_of_its_address() {
    let said = ask("10-0-0-5.shop.pod.cluster.local", A);
    assert_eq!(said.answers, ["10-0-0-5.shop.pod.cluster.local A 10.0.0.5"]);
    assert_eq!(ask("no-address.shop.pod.cluster.local", A).code, 3);
}

#[test]
fn no_such_name_and_no_such_type_are_two_answers_and_both_have_the_soa() {
    let said = ask("nobody.shop.svc.cluster.local", A);
    assert_eq!((said.code, said.answers.len()), (3, 0));
    assert_eq!(said.authority, ["cluster.local SOA"]);
    for (name, kind) in [
        ("mysql.shop.svc.cluster.local", AAAA),
        ("web.shop.svc.cluster.local", 15),
        // Between names there are names without records.
        ("shop.svc.cluster.local", A),
        ("svc.cluster.local", A),
        ("cluster.local", A),
    ] {
        let said = ask(name, kind);
        assert_eq!((said.code, said.answers.len()), (0, 0), "{name}");
        assert_eq!(said.authority, ["cluster.local SOA"], "{name}");
    }
    assert_eq!(ask("nowhere.svc.cluster.local", A).code, 3);
}

#[test]
fn the_case_of_a_question_does_not_matter_and_comes_back() {
    let packet = question("WeB.shop.SVC.cluster.local", A, None);
    let Reply::Answer(said) = answer(&table(), &packet, Over::Udp, 0) else {
        panic!("no answer");
    };
    assert_eq!(said[12..packet.len()], packet[12..]);
    assert_eq!(read(&said).answers.len(), 1);
}

#[test]
fn an_external_name_is_an_alias_that_is_followed() {
    let said = ask("inside.shop.svc.cluster.local", A);
    assert_eq!(
        said.answers,
        [
            "inside.shop.svc.cluster.local CNAME web.shop.svc.cluster.local",
            "web.shop.svc.cluster.local A 10.100.0.7"
        ]
    );
    let said = ask("outside.shop.svc.cluster.local", CNAME);
    assert_eq!(
        said.answers,
        ["outside.shop.svc.cluster.local CNAME db.example.com"]
    );
    // One that leads to itself is not followed for ever.
    assert!(ask("round.shop.svc.cluster.local", A).answers.len() < 12);
}

#[test]
fn an_alias_that_leads_out_is_asked_for_elsewhere() {
    let packet = question("outside.shop.svc.cluster.local", A, None);
    let Reply::Forward(forward) = answer(&table(), &packet, Over::Udp, 0) else {
        panic!("not forwarded");
    };
    let asked = forward.question(77);
    assert_eq!(name(&asked, 12).0, "db.example.com");
    let mut found = asked.clone();
    found[2] |= 0x80;
    found[7] = 2;
    found[11] = 0;
    found.truncate(asked.len() - 11);
    // A name by pointer, then an alias whose target points into the packet.
    found.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'x', 0xc0, 15]);
    found.extend([1, b'x', 0xc0, 15, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
    let said = read(&forward.finish(77, &found).unwrap());
    assert_eq!(
        said.answers,
        [
            "outside.shop.svc.cluster.local CNAME db.example.com",
            "db.example.com CNAME x.example.com",
            "x.example.com A 1.2.3.4"
        ]
    );
    assert!(forward.finish(78, &found).is_none(), "another id");
    found[13] = b'q';
    assert!(forward.finish(77, &found).is_none(), "another question");
}

#[test]
fn names_of_the_configuration_are_exact_or_all_below() {
    assert_eq!(ask("host.docker.internal", A).answers.len(), 1);
    let ecr = "000000000000.dkr.ecr.us-east-1.amazonaws.com";
    assert_eq!(ask(ecr, A).answers.len(), 1);
    assert_eq!(ask(ecr, AAAA).code, 0);
    let outside = question("dkr.ecr.us-east-1.amazonaws.com", A, None);
    assert!(matches!(
        answer(&table(), &outside, Over::Udp, 0),
        Reply::Forward(_)
    ));
}

#[test]
fn what_does_not_fit_is_left_out_and_said_to_be_so() {
    let mut many = service("many", &[]);
    let ips = (0..250).map(|n| host(&format!("10.1.0.{n}"), None));
    many.hosts = ips.collect();
    let mut staged = Staged::default();
    staged.put(many).unwrap();
    let mut table = table();
    staged.commit(&mut table, 2).unwrap();
    let ask = |edns, over| {
        let packet = question("many.shop.svc.cluster.local", A, edns);
        match answer(&table, &packet, over, 0) {
            Reply::Answer(packet) => packet,
            other => panic!("{other:?}"),
        }
    };
    let plain = ask(None, Over::Udp);
    assert!(plain.len() <= 512 && read(&plain).truncated);
    assert!(!read(&plain).answers.is_empty());
    let edns = ask(Some(1232), Over::Udp);
    assert!(edns.len() > 512 && edns.len() <= 1232 && read(&edns).truncated);
    assert_eq!(read(&edns).more, ["OPT"]);
    let tcp = read(&ask(None, Over::Tcp));
    assert_eq!((tcp.answers.len(), tcp.truncated), (250, false));
}

#[test]
fn what_is_no_question_gets_the_code_that_says_why() {
    let mut update = question("web.shop.svc.cluster.local", A, None);
    update[2] |= 5 << 3;
    let mut response = question("web.shop.svc.cluster.local", A, None);
    response[2] |= 0x80;
    let mut none = question("web.shop.svc.cluster.local", A, None);
    none[5] = 0;
    let code = |packet: &[u8]| match answer(&table(), packet, Over::Udp, 0) {
        Reply::Answer(packet) => Some(packet[3] & 15),
        _ => None,
    };
    assert_eq!(code(&update), Some(4));
    assert_eq!(code(&none), Some(1));
    assert_eq!(code(&response), None, "two servers would answer each other");
    assert_eq!(code(&[1, 2, 3]), None);
}

proptest! {
    #[test]
    fn hostile_packets_are_answered_within_the_limit_or_not_at_all(
        head in prop::collection::vec(any::<u8>(), 0..12),
        body in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xc0), Just(12), Just(1)], 0..300),
    ) {
        let packet = [head, body].concat();
        match answer(&table(), &packet, Over::Udp, 3) {
            Reply::Answer(said) => prop_assert!(said.len() <= MAX_UDP),
            Reply::Forward(forward) => {
                forward.finish(1, &packet);
                prop_assert!(forward.failed().is_some());
            }
            Reply::Silence => {}
        }
    }

    #[test]
    fn hostile_answers_of_upstreams_do_no_harm(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(0xc0), Just(12), Just(0)], 0..400)) {
        let packet = question("outside.shop.svc.cluster.local", A, None);
        let Reply::Forward(forward) = answer(&table(), &packet, Over::Udp, 0) else {
            panic!("not forwarded");
        };
        let mut found = forward.question(9);
        found[2] |= 0x80;
        found[7] = 5;
        found.extend(bytes);
        let said = forward.finish(9, &found).unwrap();
        prop_assert!(said.len() <= 512);
    }
}
