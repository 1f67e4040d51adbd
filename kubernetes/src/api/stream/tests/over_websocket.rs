use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{PATIENCE, POD, Stage, settled};
use crate::api::stream::websocket::{BINARY, TEXT, message};

const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

struct Client(TcpStream);

impl Client {
    async fn open(s: &Stage, path: &str, protocol: &str) -> Self {
        let headers = format!("{UPGRADE}Sec-WebSocket-Protocol: {protocol}\r\n");
        let (head, io) = s.ask("GET", &format!("{POD}/{path}"), &headers).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
        assert!(head.contains(&format!(
            "sec-websocket-protocol: {}",
            protocol.to_lowercase()
        )));
        Self(io)
    }

    async fn send(&mut self, code: u8, bytes: &[u8]) {
        let mut frame = message(code, &[], bytes);
        // The mask may be zero.
        frame[1] |= 0x80;
        let at = frame.len() - bytes.len();
        frame.splice(at..at, [0; 4]);
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next frame: its code and what is in it.
    async fn next(&mut self) -> (u8, Vec<u8>) {
        let [one, two] = self.0.read_u16().await.unwrap().to_be_bytes();
        let length = match two {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            127 => usize::try_from(self.0.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.unwrap();
        (one & 0x0f, bytes)
    }

    /// All that comes on a channel, until it is closed properly.
    async fn all(&mut self) -> [Vec<u8>; 4] {
        let mut channels: [Vec<u8>; 4] = Default::default();
        let read = async {
            loop {
                match self.next().await {
                    (BINARY, bytes) => channels[usize::from(bytes[0])].extend(&bytes[1..]),
                    (8, why) => {
                        assert_eq!(why, 1000_u16.to_be_bytes());
                        return;
                    }
                    (10, _) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap();
        channels
    }
}

fn status(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn a_command_says_what_it_has_to_say_and_its_exit_code() {
    let s = Stage::new().await;
    let path = "exec?command=say&command=out&command=err&command=3&stdout=true&stderr=true";
    for protocol in ["v5.channel.k8s.io", "v4.channel.k8s.io"] {
        let mut client = Client::open(&s, path, protocol).await;
        let [_, out, err, end] = client.all().await;
        assert_eq!((&out[..], &err[..]), (&b"out"[..], &b"err"[..]));
        let end = status(&end);
        assert_eq!(end["status"], "Failure");
        assert_eq!(end["reason"], "NonZeroExitCode");
        assert_eq!(
            end["details"]["causes"],
            json!([{ "reason": "ExitCode", "message": "3" }])
        );
    }
}

#[tokio::test]
async fn input_is_closed_in_version_5() {
    let s = Stage::new().await;
    let path = "exec?command=cat&stdin=true&stdout=true&container=c";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    client.send(BINARY, b"\0hello ").await;
    client.send(9, b"there?").await;
    client.send(BINARY, b"\0world").await;
    client.send(BINARY, &[255, 0]).await;
    let [_, out, _, end] = client.all().await;
    assert_eq!(out, b"hello world");
    assert_eq!(status(&end), json!({ "metadata": {}, "status": "Success" }));
}

#[tokio::test]
async fn an_empty_message_tells_that_the_connection_stands_and_pings_are_answered() {
    let s = Stage::new().await;
    let path = "exec?command=cat&stdin=true&stdout=true";
    let mut client = Client::open(&s, path, "v4.channel.k8s.io").await;
    let mut frames = vec![client.next().await];
    client.send(9, b"there?").await;
    while frames.last().unwrap().1 != b"there?" {
        frames.push(client.next().await);
    }
    assert_eq!(frames[0], (BINARY, vec![1]));
    assert_eq!(frames.last().unwrap().0, 10);
}

#[tokio::test]
async fn a_terminal_has_a_size() {
    let s = Stage::new().await;
    let path = "exec?command=size&stdout=true&stderr=true&tty=true";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    client
        .send(BINARY, b"\x04{\"Width\":80,\"Height\":24}")
        .await;
    let [_, out, ..] = client.all().await;
    assert_eq!(out, b"80x24");
}

#[tokio::test]
async fn base64_is_spoken_too() {
    let s = Stage::new().await;
    let path = "exec?command=cat&stdin=true&stdout=true";
    let mut client = Client::open(&s, path, "v4.base64.channel.k8s.io").await;
    assert_eq!(client.next().await, (TEXT, b"1".to_vec()));
    client.send(TEXT, b"0aGVsbG8=").await;
    loop {
        let (code, bytes) = client.next().await;
        if code == TEXT {
            assert_eq!(bytes, b"1aGVsbG8=");
            return;
        }
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_of_the_connection() {
    let s = Stage::new().await;
    let path = "exec?command=missing&stdout=true";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    let end = status(&client.all().await[3]);
    assert_eq!(end["reason"], "InternalError");
    let message = end["message"].as_str().unwrap();
    assert!(message.starts_with("Internal error occurred: "));
    assert!(message.contains("executable file not found in $PATH"));
}

#[tokio::test]
async fn who_reads_slowly_slows_the_process() {
    let s = Stage::new().await;
    let path = "exec?command=yes&stdout=true";
    let client = Client::open(&s, path, "v5.channel.k8s.io").await;
    let written = settled(&s.written).await;
    // What the sockets of this computer hold, and little of ours.
    assert!(written < 64 << 20, "{written}");
    assert_eq!(settled(&s.written).await, written);
    drop(client);
}

#[tokio::test]
async fn a_process_that_does_not_read_slows_its_client() {
    let s = Stage::new().await;
    let path = "exec?command=deaf&stdin=true&stdout=true";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    let mut frame = vec![0; 64 * 1024];
    frame[0] = 0;
    let mut sent = 0_usize;
    let send = async {
        while sent < 256 << 20 {
            client.send(BINARY, &frame).await;
            sent += frame.len();
        }
    };
    timeout(std::time::Duration::from_secs(2), send)
        .await
        .unwrap_err();
    assert!(sent < 64 << 20, "{sent}");
}

#[tokio::test]
async fn attaching_tells_no_exit_code() {
    let s = Stage::new().await;
    let path = "attach?stdin=true&stdout=true";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    client.send(BINARY, b"\0hello").await;
    client.send(BINARY, &[255, 0]).await;
    let [_, out, _, end] = client.all().await;
    assert_eq!(out, b"hello");
    assert_eq!(status(&end)["status"], "Success");
}

#[tokio::test]
async fn ports_have_two_channels_each() {
    let s = Stage::new().await;
    let path = "portforward?ports=80,81";
    let mut client = Client::open(&s, path, "v4.channel.k8s.io").await;
    client.send(BINARY, b"\0hello").await;
    let mut channels: [Vec<u8>; 4] = Default::default();
    while channels[0].len() < 7 || channels[3].len() < 10 {
        let (code, bytes) = timeout(PATIENCE, client.next()).await.unwrap();
        if code == BINARY {
            channels[usize::from(bytes[0])].extend(&bytes[1..]);
        }
    }
    assert_eq!(channels[0], b"\x50\0hello");
    assert_eq!(channels[1], b"\x50\0");
    assert_eq!(channels[2], b"\x51\0");
    assert!(channels[3].starts_with(b"\x51\0error forwarding port 81 to pod "));
    let protocol = format!("{UPGRADE}Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n");
    for ports in ["", "?ports=0", "?ports=x", "?ports=80,"] {
        let path = format!("{POD}/portforward{ports}");
        assert_eq!(s.refused("GET", &path, &protocol).await.0, 400);
    }
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused_before_anything_starts() {
    let s = Stage::new().await;
    s.create("two", &["x", "y"]).await;
    let exec = format!("{POD}/exec?command=cat&stdout=true");
    let (code, body) = s.refused("GET", &exec, "").await;
    assert_eq!(code, 400);
    assert!(body.contains("Upgrade request required"));
    let two = exec.replace("/pods/a/", "/pods/two/");
    let protocol = format!("{UPGRADE}Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n");
    let rows = [
        (
            exec.replace("stdout=true", ""),
            400,
            "you must specify at least 1 of stdin, stdout, stderr",
        ),
        (
            exec.replace("command=cat&", ""),
            400,
            "you must specify a command",
        ),
        (
            exec.replace("/pods/a/", "/pods/b/"),
            404,
            "pods \\\"b\\\" not found",
        ),
        (
            two,
            400,
            "a container name must be specified for pod two, choose one of: [x y]",
        ),
        (
            format!("{exec}&container=z"),
            400,
            "container z is not valid for pod a",
        ),
    ];
    for (path, code, text) in rows {
        let (was, body) = s.refused("GET", &path, &protocol).await;
        assert_eq!(was, code, "{path}: {body}");
        assert!(body.contains(text), "{body}");
    }
    let unknown = format!("{UPGRADE}Sec-WebSocket-Protocol: chat\r\n");
    let (code, body) = s.refused("GET", &exec, &unknown).await;
    assert_eq!(code, 403);
    assert!(
        body.starts_with("unable to upgrade: unable to negotiate protocol: client supports [chat]")
    );
}

#[tokio::test]
async fn a_connection_ends_with_its_cluster() {
    let mut s = Stage::new().await;
    let path = "exec?command=cat&stdin=true&stdout=true";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    client.send(BINARY, b"\0hello").await;
    let mut seen = Bytes::new();
    while *seen != *b"\x01hello" {
        seen = client.next().await.1.into();
    }
    s.stop_kubelet().await;
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, client.0.read_to_end(&mut rest)).await;
    let _closed = ended.unwrap();
}

#[tokio::test]
async fn a_connection_ends_with_its_pod() {
    let s = Stage::new().await;
    let path = "exec?command=deaf&stdout=true";
    let mut client = Client::open(&s, path, "v5.channel.k8s.io").await;
    s.delete("a").await;
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, client.0.read_to_end(&mut rest)).await;
    let _closed = ended.unwrap();
}
