use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{PATIENCE, POD, Stage};
use crate::api::stream::spdy::tests::{Blocks, data, syn_stream};

struct Client {
    io: TcpStream,
    blocks: Blocks,
    next: u32,
}

impl Client {
    async fn open(s: &Stage, path: &str, protocols: &[&str], chosen: &str) -> Self {
        let mut headers = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n".to_owned();
        for protocol in protocols {
            headers += "X-Stream-Protocol-Version: ";
            headers += protocol;
            headers += "\r\n";
        }
        let (head, io) = s.ask("POST", &format!("{POD}/{path}"), &headers).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("upgrade: spdy/3.1\r\n"));
        assert!(head.contains(&format!("x-stream-protocol-version: {chosen}\r\n")));
        let blocks = Blocks::default();
        Self {
            io,
            blocks,
            next: 1,
        }
    }

    async fn stream(&mut self, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        let frame = syn_stream(stream, &self.blocks.block(headers), false);
        self.io.write_all(&frame).await.unwrap();
        stream
    }

    async fn send(&mut self, stream: u32, bytes: &[u8], end: bool) {
        self.io.write_all(&data(stream, bytes, end)).await.unwrap();
    }

    /// A frame: its first number, its flags and what is in it.
    async fn frame(&mut self) -> Option<(u32, u8, Vec<u8>)> {
        let first = self.io.read_u32().await.ok()?;
        let second = self.io.read_u32().await.ok()?;
        let mut bytes = vec![0; usize::try_from(second & 0x00ff_ffff).unwrap()];
        self.io.read_exact(&mut bytes).await.unwrap();
        Some((first, second.to_be_bytes()[0], bytes))
    }

    /// What comes on each stream, until `last` have ended.
    async fn all(&mut self, last: usize) -> BTreeMap<u32, Vec<u8>> {
        let mut streams: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut ended = 0;
        let read = async {
            while ended < last {
                let (first, flags, bytes) = self.frame().await.unwrap();
                if first & (1 << 31) != 0 {
                    continue;
                }
                streams.entry(first).or_default().extend(bytes);
                ended += usize::from(flags & 1);
            }
        };
        timeout(PATIENCE, read).await.unwrap();
        streams
    }
}

#[tokio::test]
async fn a_command_is_run_for_older_clients() {
    let s = Stage::new().await;
    let path = "exec?command=cat&stdin=true&stdout=true&stderr=true";
    let offered = [
        "v9.channel.k8s.io",
        "v4.channel.k8s.io",
        "v3.channel.k8s.io",
    ];
    let mut client = Client::open(&s, path, &offered, "v4.channel.k8s.io").await;
    let error = client.stream(&[("streamtype", "error")]).await;
    let stdin = client.stream(&[("streamtype", "stdin")]).await;
    let stdout = client.stream(&[("streamtype", "stdout")]).await;
    let stderr = client.stream(&[("streamtype", "stderr")]).await;
    client.send(stdin, b"hello ", false).await;
    client.send(stdin, b"world", true).await;
    let streams = client.all(3).await;
    assert_eq!(streams[&stdout], b"hello world");
    assert!(streams[&stderr].is_empty());
    let end: Value = serde_json::from_slice(&streams[&error]).unwrap();
    assert_eq!(end["status"], "Success");
}

#[tokio::test]
async fn version_3_tells_its_failure_in_words() {
    let s = Stage::new().await;
    let path = "exec?command=say&command=a&command=b&command=3&stdout=true";
    let mut client = Client::open(&s, path, &["v3.channel.k8s.io"], "v3.channel.k8s.io").await;
    let error = client.stream(&[("streamtype", "error")]).await;
    let stdout = client.stream(&[("streamtype", "stdout")]).await;
    let streams = client.all(2).await;
    assert_eq!(streams[&stdout], b"a");
    let text = String::from_utf8(streams[&error].clone()).unwrap();
    assert!(text.starts_with("command terminated with non-zero exit code"));
}

#[tokio::test]
async fn a_terminal_has_a_size_there_too() {
    let s = Stage::new().await;
    let path = "exec?command=size&stdout=true&tty=true";
    let mut client = Client::open(&s, path, &["v4.channel.k8s.io"], "v4.channel.k8s.io").await;
    client.stream(&[("streamtype", "error")]).await;
    let stdout = client.stream(&[("streamtype", "stdout")]).await;
    let resize = client.stream(&[("streamtype", "resize")]).await;
    client.send(resize, b"{\"Width\":80,", false).await;
    client.send(resize, b"\"Height\":24}\n", false).await;
    assert_eq!(client.all(2).await[&stdout], b"80x24");
}

async fn pair(client: &mut Client, id: &str, port: &str) -> (u32, u32) {
    let headers = |kind| [("streamtype", kind), ("port", port), ("requestid", id)];
    let error = client.stream(&headers("error")).await;
    client.send(error, b"", true).await;
    (error, client.stream(&headers("data")).await)
}

#[tokio::test]
async fn ports_are_forwarded_side_by_side() {
    let s = Stage::new().await;
    let protocol = "portforward.k8s.io";
    let mut client = Client::open(&s, "portforward", &[protocol], protocol).await;
    let (first_error, first) = pair(&mut client, "0", "80").await;
    let (second_error, second) = pair(&mut client, "1", "80").await;
    client.send(second, b"two", false).await;
    client.send(first, b"one", true).await;
    client.send(second, b"!", true).await;
    let streams = client.all(4).await;
    assert_eq!(streams[&first], b"one");
    assert_eq!(streams[&second], b"two!");
    assert!(streams[&first_error].is_empty());
    assert!(streams[&second_error].is_empty());
}

#[tokio::test]
async fn a_closed_port_is_told_on_the_stream_for_errors() {
    let s = Stage::new().await;
    let protocol = "portforward.k8s.io";
    let mut client = Client::open(&s, "portforward", &[protocol], protocol).await;
    let (error, stream) = pair(&mut client, "0", "81").await;
    let streams = client.all(2).await;
    assert!(streams[&stream].is_empty());
    let text = String::from_utf8(streams[&error].clone()).unwrap();
    assert!(
        text.starts_with("error forwarding port 81 to pod "),
        "{text}"
    );
    assert!(text.ends_with("connection refused"), "{text}");
}

#[tokio::test]
async fn a_stream_that_nobody_knows_is_refused() {
    let s = Stage::new().await;
    let protocol = "portforward.k8s.io";
    let mut client = Client::open(&s, "portforward", &[protocol], protocol).await;
    let stream = client
        .stream(&[("streamtype", "data"), ("port", "0")])
        .await;
    let (first, _, bytes) = client.frame().await.unwrap();
    assert_eq!(first, 0x8003_0003);
    assert_eq!(bytes[..4], stream.to_be_bytes());
}
