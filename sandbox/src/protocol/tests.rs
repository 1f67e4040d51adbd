use std::collections::BTreeMap;

use proptest::prelude::*;

use super::frame::{HEADER, Header, Kind};
use super::*;
use crate::Error;
use crate::table::{
    AddressRange, Config, Host, Listener, LocalName, Protocol, Service, ServiceKey, ServicePort,
    Upstream,
};

fn service() -> Service {
    Service {
        key: key(),
        cluster_ips: vec!["10.100.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        external_name: None,
        affinity: true,
        ports: vec![ServicePort {
            name: "http".to_owned(),
            protocol: Protocol::Udp,
            port: 80,
            also: vec!["10.0.0.1:30080".parse().unwrap()],
            endpoints: vec!["[fd00::2]:8080".parse().unwrap()],
        }],
        hosts: vec![Host {
            ip: "10.0.0.5".parse().unwrap(),
            hostname: Some("web-0".to_owned()),
        }],
    }
}

fn key() -> ServiceKey {
    ServiceKey {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn config() -> Config {
    Config {
        addresses: vec!["10.0.0.2".parse().unwrap()],
        dns: vec!["10.100.0.10".parse().unwrap()],
        listeners: vec![Listener {
            id: 3,
            at: vec!["10.100.0.1:443".parse().unwrap()],
        }],
        service_ranges: vec![AddressRange {
            ip: "10.100.0.0".parse().unwrap(),
            length: 16,
        }],
        refused: vec!["169.254.169.254".parse().unwrap()],
        names: vec![LocalName {
            name: "*.example".to_owned(),
            addresses: vec!["10.0.0.9".parse().unwrap()],
        }],
        upstream: Upstream::Resolvers(vec!["127.0.0.11:53".parse().unwrap()]),
        resolv_conf: Some("nameserver 10.100.0.10\n".to_owned()),
        ..Config::default()
    }
}

/// Moves everything that waits between two ends, in pieces of the given sizes.
fn pump(from: &mut Mux, to: &mut Mux, sizes: &mut impl Iterator<Item = usize>) {
    while !from.output().is_empty() {
        let size = sizes.next().unwrap_or(usize::MAX).min(from.output().len());
        let piece = from.output()[..size].to_vec();
        from.sent(size);
        to.feed(&piece).unwrap();
    }
}

fn pair() -> (Mux, Mux) {
    let mut server = Mux::new(Side::Server, 0);
    let mut sandbox = Mux::new(Side::Sandbox, 41);
    let mut all = std::iter::repeat(usize::MAX);
    pump(&mut server, &mut sandbox, &mut all);
    pump(&mut sandbox, &mut server, &mut all);
    let ready = |applied| {
        Some(Event::Ready {
            version: 1,
            applied,
        })
    };
    assert_eq!(server.event(), ready(41));
    assert_eq!(sandbox.event(), ready(0));
    (server, sandbox)
}

fn frame(kind: Kind, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = Header {
        kind,
        stream,
        length: payload.len(),
    };
    header.write(&mut bytes);
    bytes.extend(payload);
    bytes
}

fn dial() -> Target {
    Target::Dial("127.0.0.1:80".parse().unwrap())
}

#[test]
fn messages_arrive_as_they_were_sent() {
    let (mut server, mut sandbox) = pair();
    let messages = [
        Message::Clear,
        Message::Config(config()),
        Message::Config(Config::default()),
        Message::Put(service()),
        Message::Remove(key()),
        Message::Commit { generation: 7 },
        Message::Answer {
            id: 1,
            packet: vec![1, 2],
        },
    ];
    for message in &messages {
        server.send(message).unwrap();
    }
    pump(&mut server, &mut sandbox, &mut std::iter::repeat(1));
    for message in messages {
        assert_eq!(sandbox.event(), Some(Event::Message(message)));
    }
}

#[test]
fn a_peer_of_no_common_version_is_told_apart_from_a_stranger() {
    let mut hello = b"wharf".to_vec();
    hello.extend([0, 9, 0, 12]);
    hello.extend([0; 8]);
    let mut server = Mux::new(Side::Server, 0);
    let error = server.feed(&frame(Kind::Hello, 0, &hello)).unwrap_err();
    assert!(matches!(
        error,
        Error::Version {
            ours: (1, 1),
            theirs: (9, 12)
        }
    ));
    // One that speaks ours and later ones is taken, whatever else its greeting says.
    hello[5..9].copy_from_slice(&[0, 1, 0, 12]);
    hello.push(99);
    let mut server = Mux::new(Side::Server, 0);
    server.feed(&frame(Kind::Hello, 0, &hello)).unwrap();
    assert!(matches!(
        server.event(),
        Some(Event::Ready { version: 1, .. })
    ));
}

#[test]
fn what_breaks_a_rule_ends_the_link() {
    let open = {
        let (mut server, _) = pair();
        server.open(dial());
        server.output().to_vec()
    };
    let big = frame(Kind::Data, 2, &vec![0; MAX_DATA]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a second greeting", frame(Kind::Hello, 0, &[0; 17])),
        ("an unknown kind", vec![99; HEADER]),
        ("a frame that is too long", vec![4; HEADER]),
        (
            "a message of ours",
            frame(Kind::Message, 0, &[6, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("a message with a tail", frame(Kind::Message, 0, &[1, 1])),
        (
            "a stream of ours",
            frame(Kind::Open, 1, &[4, 127, 0, 0, 1, 0, 80]),
        ),
        ("stream 0", frame(Kind::Data, 0, &[1])),
        ("a stream that never was", frame(Kind::Data, 8, &[1])),
        ("a stream that never was, of ours", frame(Kind::End, 3, &[])),
        (
            "the same stream twice",
            [open.clone(), open.clone()].concat(),
        ),
        (
            "more than the window",
            [open.clone(), big.clone(), big].concat(),
        ),
        (
            "bytes after the end",
            [
                open.clone(),
                frame(Kind::End, 2, &[]),
                frame(Kind::Data, 2, &[1]),
            ]
            .concat(),
        ),
        (
            "more credit than a window",
            [open, frame(Kind::Credit, 2, &[0xff; 4])].concat(),
        ),
    ];
    for (what, bytes) in cases {
        let (_, mut sandbox) = pair();
        assert!(sandbox.feed(&bytes).is_err(), "{what}");
    }
}

#[test]
fn what_was_on_its_way_when_a_stream_was_reset_is_dropped() {
    let (mut server, mut sandbox) = pair();
    let id = server.open(dial()).unwrap();
    pump(&mut server, &mut sandbox, &mut std::iter::empty());
    server.write(id, b"late");
    server.finish(id);
    sandbox.reset(id, Reason::Refused);
    pump(&mut server, &mut sandbox, &mut std::iter::empty());
    pump(&mut sandbox, &mut server, &mut std::iter::empty());
    assert_eq!(server.event(), Some(Event::Reset(id, Reason::Refused)));
    assert_eq!(sandbox.event(), Some(Event::Open(id, dial())));
    assert_eq!(sandbox.event(), None);
    assert_eq!(server.write(id, b"more"), 0);
}

#[test]
fn no_more_streams_than_permitted() {
    let (mut server, mut sandbox) = pair();
    for _ in 0..MAX_STREAMS {
        server.open(dial()).unwrap();
    }
    assert_eq!(server.open(dial()), None);
    pump(&mut server, &mut sandbox, &mut std::iter::empty());
    // A peer that does not count is told so, and the link lives.
    let mut payload = frame(Kind::Open, 4096, &[4, 127, 0, 0, 1, 0, 80]);
    sandbox.feed(&payload).unwrap();
    payload.truncate(HEADER);
    assert!(sandbox.output().ends_with(&[5]), "busy");
}

#[test]
fn a_stream_that_nobody_reads_holds_its_first_window_and_one_that_is_read_gets_more() {
    let (mut server, mut sandbox) = pair();
    let id = server.open(dial()).unwrap();
    let bytes = vec![7; 4 * MAX_WINDOW];
    assert_eq!(server.write(id, &bytes), FIRST_WINDOW);
    let mut most = 0;
    for _ in 0..100 {
        pump(&mut server, &mut sandbox, &mut std::iter::empty());
        while let Some(event) = sandbox.event() {
            if let Event::Data(_, bytes) = event {
                sandbox.consumed(id, bytes.len());
            }
        }
        pump(&mut sandbox, &mut server, &mut std::iter::empty());
        while server.event().is_some() {}
        most = most.max(server.write(id, &bytes));
    }
    assert!(most > FIRST_WINDOW && most <= MAX_WINDOW, "{most}");
}

/// What one end does to a stream in the property test.
#[derive(Clone, Debug)]
enum Act {
    Open,
    Write(usize, usize),
    Finish(usize),
    Pump(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        1 => Just(Act::Open),
        6 => (0..8_usize, 0..200_000_usize).prop_map(|(at, size)| Act::Write(at, size)),
        1 => (0..8_usize).prop_map(Act::Finish),
        4 => (1..100_000_usize).prop_map(Act::Pump),
    ];
    prop::collection::vec(act, 1..120)
}

/// The bytes of a stream, so that a mix-up shows.
fn content(id: StreamId, from: usize, size: usize) -> Vec<u8> {
    let seed = format!("{id:?}").len();
    (from..from + size)
        .map(|at| u8::try_from((at * 31 + seed) % 251).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_arrive_whole_and_in_order_however_they_are_cut(acts in acts()) {
        let (mut server, mut sandbox) = pair();
        let mut ids = Vec::new();
        let mut sent: BTreeMap<StreamId, (usize, bool)> = BTreeMap::new();
        let mut got: BTreeMap<StreamId, (usize, bool)> = BTreeMap::new();
        let mut exchange = |server: &mut Mux, sandbox: &mut Mux, size: usize| {
            pump(server, sandbox, &mut std::iter::repeat(size));
            while let Some(event) = sandbox.event() {
                match event {
                    Event::Open(id, _) => drop(got.insert(id, (0, false))),
                    Event::Data(id, bytes) => {
                        let entry = got.get_mut(&id).unwrap();
                        assert!(bytes == content(id, entry.0, bytes.len()));
                        entry.0 += bytes.len();
                        sandbox.consumed(id, bytes.len());
                    }
                    Event::End(id) => got.get_mut(&id).unwrap().1 = true,
                    other => panic!("{other:?}"),
                }
            }
            pump(sandbox, server, &mut std::iter::repeat(size));
            while server.event().is_some() {}
            got.clone()
        };
        for act in acts {
            match act {
                Act::Open => ids.extend(server.open(dial())),
                Act::Write(at, size) => {
                    if let Some(id) = ids.get(at) {
                        let entry = sent.entry(*id).or_default();
                        if !entry.1 {
                            entry.0 += server.write(*id, &content(*id, entry.0, size));
                        }
                    }
                }
                Act::Finish(at) => {
                    if let Some(id) = ids.get(at) {
                        server.finish(*id);
                        sent.entry(*id).or_default().1 = true;
                    }
                }
                Act::Pump(size) => drop(exchange(&mut server, &mut sandbox, size)),
            }
        }
        let got = exchange(&mut server, &mut sandbox, usize::MAX);
        for id in ids {
            prop_assert_eq!(got.get(&id), Some(sent.entry(id).or_default() as &_));
        }
    }

    #[test]
    fn hostile_bytes_never_harm_and_never_pile_up(
        frames in prop::collection::vec((0..12_u8, 0..6_u32, 0..70_u16, any::<u8>()), 0..60),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for side in [Side::Server, Side::Sandbox] {
            let (mut server, mut sandbox) = pair();
            let mux = if side == Side::Server { &mut server } else { &mut sandbox };
            for (kind, stream, length, fill) in &frames {
                let mut bytes = vec![*kind];
                bytes.extend(stream.to_be_bytes());
                bytes.extend(u32::from(*length).to_be_bytes());
                bytes.extend(vec![*fill; usize::from(*length)]);
                if mux.feed(&bytes).is_err() {
                    break;
                }
            }
            drop(mux.feed(&tail));
            prop_assert!(mux.output().len() < 4096);
        }
    }

    #[test]
    fn hostile_messages_are_refused_without_much_memory(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        drop(Message::read(&bytes));
        for kind in [2, 3, 4] {
            let mut bytes = bytes.clone();
            bytes.insert(0, kind);
            drop(Message::read(&bytes));
        }
    }
}
