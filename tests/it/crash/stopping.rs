//! Signals, exit codes, and that a directory has one server.
use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use wharf_testkit::{Process, Raw};
use wharf_types::Digest;

/// How often a condition is looked at; each look is a round trip.
const TRIES: usize = 100_000;

/// Returns once nothing is accepted any more.
async fn until_closed(address: SocketAddr) {
    for _ in 0..TRIES {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
    }
    panic!("it still accepts");
}

/// Begins a request and sends half of its body.
async fn half_a_patch(s: &Process) -> (Raw, String) {
    let location = s.begin("app").await;
    let basic = STANDARD.encode(format!("AWS:{}", s.password()));
    let mut raw = s.raw().await;
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {basic}\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n"
    );
    raw.write(head.as_bytes()).await;
    // The server asks for the body once the request is under way.
    let mut interim = [0; 25];
    raw.0.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    raw.write(b"01234").await;
    (raw, location)
}

#[tokio::test]
async fn sigterm_lets_a_request_finish_and_takes_no_more() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let mut s = Process::serve(&dir, &[]).await;
    let (mut raw, location) = half_a_patch(&s).await;
    s.terminate();
    until_closed(s.address()).await;
    raw.write(b"56789").await;
    let reply = raw.read_to_end().await;
    assert!(reply.starts_with("HTTP/1.1 202 "), "{reply}");
    assert!(
        reply.to_ascii_lowercase().contains("connection: close"),
        "{reply}"
    );
    assert_eq!(s.wait().await.code(), Some(0));
    // What it received is there for the next server.
    let s = Process::serve(&dir, &[]).await;
    let finish = format!("{location}?digest={}", Digest::sha256(b"0123456789"));
    s.call("PUT", &finish).send().await.expect(201);
    s.stop().await;
}

#[tokio::test]
async fn c19_a_second_sigterm_stops_at_once_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    // Without the second signal this takes as long as a test may.
    let mut s = Process::serve(&dir, &["--drain", "10m"]).await;
    let image = s.push("app", "v1").await;
    let (raw, location) = half_a_patch(&s).await;
    s.terminate();
    until_closed(s.address()).await;
    s.terminate();
    assert_eq!(s.wait().await.code(), Some(0));
    drop(raw);
    let s = Process::serve(&dir, &[]).await;
    image.assert_pulls(&s, "app", "v1").await;
    s.call("GET", &location).send().await.expect(204);
    s.stop().await;
}

#[tokio::test]
async fn s25_a_second_server_on_a_directory_exits_with_3_and_names_the_first() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let s = Process::serve(&dir, &[]).await;
    let second = Process::refused(&dir, &[]).await;
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&format!("process {}", s.pid())), "{said}");
    assert!(said.contains(dir.to_str().unwrap()), "{said}");
    s.push("app", "v1").await;
    // The lock goes with the process, however it ends.
    s.kill().await;
    Process::serve(&dir, &[]).await.stop().await;
}

#[tokio::test]
async fn a_wrong_configuration_exits_with_2_and_names_what_is_wrong() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("data");
    let file = scratch.path().join("wharf.toml");
    std::fs::write(&file, "gc-grase = \"1h\"\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, named) in [
        (&["--gc-grace", "soon"][..], "gc-grace"),
        (&["--nonsense"], "nonsense"),
        (&["--account", "12"], "account"),
        (&["--store", "ftp://x"], "store"),
        (&["--auth", "strict"], "credentials"),
        (
            &["--auth", "strict", "--credentials", "/nowhere"],
            "credentials",
        ),
        (&["--config", file], "gc-grase"),
        (&["--config", "/nowhere.toml"], "nowhere"),
    ] {
        let refused = Process::refused(&dir, args).await;
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(named), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn an_address_in_use_exits_with_1_and_names_it() {
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("one"), &[]).await;
    let address = s.address().to_string();
    let refused = Process::refused(&scratch.path().join("two"), &["--listen", &address]).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(&address), "{said}");
    s.stop().await;
}
