//! An upstream that answers what a test says, byte for byte.
use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use wharf_testkit::Image;
use wharf_types::Digest;

/// What is sent to whoever asks.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// These bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, and the rest once the test opens the gate.
    Gated(Vec<u8>, Vec<u8>),
}

/// Answers the path of a request, given its whole head.
type Script = dyn Fn(&str, &str) -> Answer + Send + Sync;

pub(super) struct Fake {
    pub(super) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    gate: watch::Sender<bool>,
}

impl Fake {
    pub(super) async fn new(script: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (gate, opened) = watch::channel(false);
        let (script, seen): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, seen, opened) =
                    (Arc::clone(&script), Arc::clone(&seen), opened.clone());
                tokio::spawn(serve(stream, script, seen, opened));
            }
        });
        Self { url, heads, gate }
    }

    pub(super) fn open(&self) {
        self.gate.send_replace(true);
    }

    /// The heads of the requests whose path has this in it.
    pub(super) fn asked(&self, what: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let first = |head: &&String| head.lines().next().unwrap().contains(what);
        heads.iter().filter(first).cloned().collect()
    }

    /// Waits until somebody asks for a path with this in it.
    pub(super) async fn until_asked(&self, what: &str) {
        while self.asked(what).is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<String>>>,
    mut opened: watch::Receiver<bool>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_closed) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    seen.lock().unwrap().push(head.clone());
    match script(&path, &head) {
        // Whoever hangs up is not told more.
        Answer::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Answer::Gated(first, rest) => {
            drop(stream.write_all(&first).await);
            drop(opened.wait_for(|open| *open).await);
            drop(stream.write_all(&rest).await);
        }
    }
    drop(stream.shutdown().await);
}

/// An answer with headers and a body.
pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Answer {
    Answer::Bytes([head(status, headers, body.len()).as_bytes(), body].concat())
}

/// The head of an answer.
pub(super) fn head(status: &str, headers: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n")
}

pub(super) fn redirect(to: &str) -> Answer {
    answer("302 Found", &format!("Location: {to}\r\n"), b"")
}

/// What an honest registry answers that has this image under every name and tag.
pub(super) fn honest(image: &Image, path: &str) -> Answer {
    if path.contains("/manifests/") {
        let headers = format!("Content-Type: {}\r\n", image.media_type);
        return answer("200 OK", &headers, image.manifest.as_bytes());
    }
    let blobs = image.layers.iter().chain([&image.config]);
    let mut named = blobs.filter(|bytes| path.ends_with(Digest::sha256(bytes).as_str()));
    match named.next() {
        Some(bytes) => answer("200 OK", "", bytes),
        None => answer("404 Not Found", "", b""),
    }
}
