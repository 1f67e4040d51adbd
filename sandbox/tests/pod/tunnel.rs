//! Streams between the server and the pod.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use wharf_sandbox::protocol::{Event, MAX_STREAMS, Message, Mux, Reason, Side, StreamId, Target};
use wharf_sandbox::table::{Config, Listener};

use crate::support::{
    Link, PATIENCE, POD, Pod, addr, at, call_tcp, config, enter_namespace, serve_tcp,
};

impl Link {
    /// All bytes of a stream until its end.
    fn read_all(&mut self, id: StreamId) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match self.next() {
                Event::Data(from, bytes) if from == id => {
                    self.mux.consumed(id, bytes.len());
                    all.extend(bytes);
                }
                Event::End(ended) if ended == id => return all,
                Event::Reset(gone, reason) if gone == id => panic!("reset: {reason:?}"),
                _ => {}
            }
        }
    }

    fn write_all(&mut self, id: StreamId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.mux.write(id, bytes);
            bytes = &bytes[taken..];
            self.flush();
            if taken == 0 {
                self.until(|event| {
                    matches!(event, Event::Writable(more) if more == id).then_some(())
                });
            }
        }
    }
}

#[test]
fn a_dial_reaches_what_listens_on_loopback_and_on_the_pods_address_and_nothing_else() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    pod.commit(vec![Message::Config(config())]);
    serve_tcp("127.0.0.1:7001", "loopback");
    serve_tcp("10.0.0.2:7002", "address");
    for (to, answer) in [("127.0.0.1:7001", "loopback"), ("10.0.0.2:7002", "address")] {
        let id = pod.link.dial(to).unwrap();
        assert_eq!(pod.link.read_all(id), answer.as_bytes());
        pod.link.mux.finish(id);
    }
    assert_eq!(pod.link.dial("127.0.0.1:7009"), Err(Reason::Refused));
    // No way out of the pod, whoever asks.
    assert_eq!(pod.link.dial("10.0.0.1:80"), Err(Reason::Refused));
    assert_eq!(pod.link.dial("169.254.170.53:64000"), Err(Reason::Refused));
    pod.stop();
}

#[test]
fn each_direction_ends_for_itself() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let listener = TcpListener::bind("127.0.0.1:7001").unwrap();
    let application = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut question = Vec::new();
        socket.read_to_end(&mut question).unwrap();
        question.reverse();
        socket.write_all(&question).unwrap();
    });
    let id = pod.link.dial("127.0.0.1:7001").unwrap();
    // More than any window, so that it flows in turns.
    let question: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    pod.link.write_all(id, &question);
    pod.link.mux.finish(id);
    let mut answer = pod.link.read_all(id);
    answer.reverse();
    assert!(answer == question, "what came back differs");
    application.join().unwrap();
    pod.stop();
}

#[test]
fn a_connection_to_a_listener_of_the_server_is_a_stream_and_waits_while_there_is_no_link() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let config = Config {
        listeners: vec![Listener {
            id: 7,
            at: vec![at("10.100.0.1:443"), at("169.254.170.23:80")],
        }],
        ..config()
    };
    pod.commit(vec![Message::Config(config)]);
    for to in ["10.100.0.1:443", "169.254.170.23:80"] {
        let application = thread::spawn(move || call_tcp(to).unwrap());
        let (id, from) = pod.link.until(|event| match event {
            Event::Open(id, Target::Accepted { listener: 7, from }) => Some((id, from)),
            _ => None,
        });
        assert_eq!(from.ip(), addr(POD));
        pod.link.mux.accept(id);
        pod.link.write_all(id, b"api");
        pod.link.mux.finish(id);
        pod.link.flush();
        assert_eq!(application.join().unwrap(), "api");
    }
    // The server is restarted: it is found again, by connections that were made in between too.
    let path = pod.socket();
    pod.link = Link::connect(&path);
    assert_eq!(pod.link.applied, 1, "what was in force stays in force");
    let application = thread::spawn(move || call_tcp("10.100.0.1:443").unwrap());
    let id = pod.link.until(|event| match event {
        Event::Open(id, _) => Some(id),
        _ => None,
    });
    pod.link.write_all(id, b"again");
    pod.link.mux.finish(id);
    pod.link.flush();
    assert_eq!(application.join().unwrap(), "again");
    pod.stop();
}

#[test]
fn a_stream_that_the_server_resets_is_a_broken_connection_in_the_pod() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let listener = TcpListener::bind("127.0.0.1:7001").unwrap();
    let id = pod.link.dial("127.0.0.1:7001").unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    pod.link.mux.reset(id, Reason::Reset);
    pod.link.flush();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = socket.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    pod.stop();
}

#[test]
fn a_link_that_breaks_the_protocol_is_closed_and_the_next_one_works() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let mut hostile = std::os::unix::net::UnixStream::connect(pod.socket()).unwrap();
    hostile.set_read_timeout(Some(PATIENCE)).unwrap();
    hostile.write_all(&[0xff; 64]).unwrap();
    // Closed, whether with an end or because bytes were left unread.
    drop(hostile.read_to_end(&mut Vec::new()));
    let path = pod.socket();
    pod.link = Link::connect(&path);
    pod.commit(vec![Message::Config(config())]);
    pod.stop();
}

#[test]
fn link_joins_its_standard_input_and_output_to_the_pause() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let mut link = Command::new(env!("CARGO_BIN_EXE_wharf-sandbox"))
        .arg("link")
        .arg("--socket")
        .arg(pod.socket())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = link.stdin.take().unwrap();
    let mut output = link.stdout.take().unwrap();
    let mux = Mux::new(Side::Server, 0);
    input.write_all(mux.output()).unwrap();
    let mut hello = [0; 9 + 17];
    output.read_exact(&mut hello).unwrap();
    assert_eq!(&hello[9..14], b"wharf");
    drop(input);
    assert!(link.wait().unwrap().success());
    // The pause goes on without it.
    let path = pod.socket();
    pod.link = Link::connect(&path);
    pod.stop();
}

#[test]
fn the_first_link_can_be_the_standard_input_and_output_of_the_pause() {
    if !enter_namespace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let start = |socket: &Path| {
        Command::new(env!("CARGO_BIN_EXE_wharf-sandbox"))
            .args(["pause", "--stdio", "--socket"])
            .arg(socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let socket = folder.path().join("link.sock");
    let mut pause = start(&socket);
    let mut input = pause.stdin.take().unwrap();
    let mut output = pause.stdout.take().unwrap();
    let mut line = [0; 6];
    output.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"ready\n");
    let mux = Mux::new(Side::Server, 0);
    input.write_all(mux.output()).unwrap();
    let mut hello = [0; 9 + 17];
    output.read_exact(&mut hello).unwrap();
    assert_eq!(&hello[9..14], b"wharf");
    drop(input);
    // The pause goes on without it, and others can link.
    drop(Link::connect(&socket));
    kill_process(Pid::from_child(&pause), Signal::TERM).unwrap();
    assert!(pause.wait().unwrap().success());
    // One that cannot start says why where it would say that it is ready.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let failed = start(&file.join("link.sock")).wait_with_output().unwrap();
    assert!(!failed.status.success());
    let said = String::from_utf8(failed.stdout).unwrap();
    assert!(said.starts_with("cannot listen for the server"), "{said}");
}

#[test]
fn an_application_that_stops_reading_stops_only_its_own_stream() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let listener = TcpListener::bind("127.0.0.1:7001").unwrap();
    let stalled = pod.link.dial("127.0.0.1:7001").unwrap();
    let (socket, _) = listener.accept().unwrap();
    let piece = vec![0; 64 * 1024];
    let mut sent = 0;
    // Until the window and the sockets are full; a ping's answer says that all was taken.
    loop {
        let taken = pod.link.mux.write(stalled, &piece);
        sent += taken;
        pod.link.mux.ping();
        pod.link.until(|event| (event == Event::Pong).then_some(()));
        if taken == 0 && pod.link.mux.write(stalled, &piece) == 0 {
            break;
        }
    }
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes for nobody");
    serve_tcp("127.0.0.1:7002", "other");
    let other = pod.link.dial("127.0.0.1:7002").unwrap();
    assert_eq!(pod.link.read_all(other), b"other");
    drop(socket);
    pod.stop();
}

#[test]
fn applications_that_call_the_server_leave_room_for_what_the_server_dials() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let config = Config {
        listeners: vec![Listener {
            id: 1,
            at: vec![at("10.100.0.1:443")],
        }],
        ..config()
    };
    pod.commit(vec![Message::Config(config)]);
    serve_tcp("127.0.0.1:7001", "probe");
    let clients: Vec<TcpStream> = (0..MAX_STREAMS + 40)
        .map(|_| TcpStream::connect("10.100.0.1:443").unwrap())
        .collect();
    let mut streams = BTreeSet::new();
    while streams.len() < MAX_STREAMS {
        streams.extend(pod.link.until(|event| match event {
            Event::Open(id, _) => Some(Some(id)),
            _ => None,
        }));
    }
    let id = pod.link.dial("127.0.0.1:7001").unwrap();
    assert_eq!(pod.link.read_all(id), b"probe");
    // Those that wait have their turn when others are gone.
    let first = streams.pop_first().unwrap();
    pod.link.mux.reset(first, Reason::Reset);
    pod.link
        .until(|event| matches!(event, Event::Open(..)).then_some(()));
    drop(clients);
    pod.stop();
}

#[test]
fn a_client_that_writes_into_a_stream_is_heard_to_its_end() {
    if !enter_namespace() {
        return;
    }
    let mut pod = Pod::start();
    let config = Config {
        listeners: vec![Listener {
            id: 1,
            at: vec![at("169.254.170.2:80")],
        }],
        ..config()
    };
    pod.commit(vec![Message::Config(config)]);
    let mut client = TcpStream::connect("169.254.170.2:80").unwrap();
    client.write_all(b"GET /credentials").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let id = pod.link.until(|event| match event {
        Event::Open(id, _) => Some(id),
        _ => None,
    });
    assert_eq!(pod.link.read_all(id), b"GET /credentials");
    pod.link.write_all(id, b"none");
    pod.link.mux.finish(id);
    pod.link.flush();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "none");
    pod.stop();
}
