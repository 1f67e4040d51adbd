//! Clients that behave, and clients that do not, over real sockets.
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Router, extract::Extension, routing::get};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;

mod slow;
mod stopping;
mod tls;

const SHORT: Duration = Duration::from_millis(50);
/// What a client that behaves manages even on a busy machine.
const AMPLE: Duration = Duration::from_millis(500);
/// For what must not happen: far longer than a test runs.
const LONG: Duration = Duration::from_mins(10);

/// Nothing ends on its own.
fn patient() -> Limits {
    Limits {
        first_byte: LONG,
        handshake: LONG,
        header: LONG,
        body_window: LONG,
        write_stall: LONG,
        drain: LONG,
        ..Limits::default()
    }
}

struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<io::Result<()>>,
}

impl Server {
    fn start(service: impl HttpService, limits: Limits, tls: Option<Tls>) -> Self {
        Self::start_on("127.0.0.1:0", service, limits, tls)
    }

    fn start_on(
        address: &str,
        service: impl HttpService,
        limits: Limits,
        tls: Option<Tls>,
    ) -> Self {
        let listener = bind(address.parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let served = serve(vec![listener], tls, service, limits, stopped);
        Self {
            address,
            stop,
            served: tokio::spawn(served),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        // What is refused early is closed before we have said it all.
        drop(stream.write_all(request.as_bytes()).await);
        rest(&mut stream).await
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

/// All that comes until the connection closes, by whatever means.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes).await {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One response with a `Content-Length` on a connection that stays open.
async fn one(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |value| value.parse().unwrap());
        if body.len() >= length {
            return text;
        }
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const GET_AND_CLOSE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn a_connection_serves_request_after_request() {
    let server = Server::start(hello(), patient(), None);
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let response = one(&mut stream, GET).await;
        assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
        assert!(response.ends_with("hello"), "{response}");
    }
    server.stop().await;
}

#[tokio::test]
async fn several_listeners_are_one_server() {
    let listeners: Vec<_> = ["127.0.0.1:0", "127.0.0.2:0"]
        .map(|address| bind(address.parse().unwrap()).unwrap())
        .into();
    let addresses: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(serve(listeners, None, hello(), patient(), stopped));
    for address in addresses {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(one(&mut stream, GET).await.ends_with("hello"));
    }
    drop(stop);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn requests_know_their_connection() {
    let show = |Extension(c): Extension<Connection>| async move {
        format!("{} {} {}", c.tls, c.local, c.peer)
    };
    let server = Server::start(Router::new().route("/", get(show)), patient(), None);
    let mut stream = server.connect().await;
    let response = one(&mut stream, GET).await;
    let expected = format!("false {} {}", server.address, stream.local_addr().unwrap());
    assert!(response.ends_with(&expected), "{response}");
}

#[tokio::test]
async fn edge_errors_are_envelopes_and_close() {
    let server = Server::start(hello(), patient(), None);
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a".repeat(8192)
    );
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        (
            "GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "400",
        ),
        ("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "405"),
        (long.as_str(), "414"),
    ] {
        let response = server.send(request).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status}")),
            "{response}"
        );
        assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["errors"][0]["code"], "UNSUPPORTED");
    }
}

#[tokio::test]
async fn a_header_ends_at_64_kib() {
    let server = Server::start(hello(), patient(), None);
    let get = |bytes: usize| {
        let value = "x".repeat(bytes);
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {value}\r\n\r\n")
    };
    assert!(
        server
            .send(&get(60 * 1024))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let refused = server.send(&get(100 * 1024)).await;
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 431"),
        "{refused}"
    );
}

#[tokio::test]
async fn q13_http2_is_not_spoken_on_a_plain_connection() {
    let server = Server::start(hello(), patient(), None);
    let response = server
        .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    assert!(
        response.is_empty() || response.starts_with("HTTP/1.1 400"),
        "{response}"
    );
}

#[tokio::test]
async fn of_two_framings_one_is_read_and_nothing_is_smuggled() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = move |body: axum::body::Bytes| async move {
        counted.fetch_add(1, Ordering::SeqCst);
        body
    };
    let server = Server::start(Router::new().fallback(count), patient(), None);
    for order in [
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{order}\r\n\r\n0\r\n\r\n{GET}");
        let responses = server.send(&request).await;
        assert_eq!(responses.matches("HTTP/1.1 ").count(), 1, "{responses}");
        assert!(responses.contains("connection: close"), "{responses}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_full_server_serves_the_next_when_one_leaves() {
    let limits = Limits {
        connections: 2,
        ..patient()
    };
    let server = Server::start(hello(), limits, None);
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    one(&mut first, GET).await;
    one(&mut second, GET).await;
    let mut third = server.connect().await;
    third.write_all(GET_AND_CLOSE.as_bytes()).await.unwrap();
    let mut byte = [0];
    tokio::time::timeout(SHORT, third.read(&mut byte))
        .await
        .unwrap_err();
    drop(first);
    assert!(rest(&mut third).await.ends_with("hello"));
    one(&mut second, GET).await;
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_only() {
    let router = hello().route("/panic", get(|| async { panic!("on purpose") as () }));
    let server = Server::start(router, patient(), None);
    let mut other = server.connect().await;
    one(&mut other, GET).await;
    let response = server.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(response, "");
    one(&mut other, GET).await;
    server.stop().await;
}

#[tokio::test]
async fn uploads_arrive_in_large_pieces_and_downloads_whole() {
    const BYTES: usize = 8 << 20;
    let largest = |mut body: Body| async move {
        let (mut most, mut sum) = (0, 0);
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            most = most.max(data.len());
            sum += data.len();
        }
        let filler = bytes::Bytes::from(vec![b'x'; 256 * 1024]);
        let frames = std::iter::repeat_n(Ok::<_, Infallible>(filler), 8);
        assert_eq!(sum, BYTES);
        assert!(most >= 64 * 1024, "{most}");
        Body::from_stream(futures::stream::iter(frames))
    };
    let server = Server::start(Router::new().fallback(largest), patient(), None);
    let (mut read, mut write) = server.connect().await.into_split();
    let upload = async {
        let head = format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {BYTES}\r\n\r\n"
        );
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(&vec![0; BYTES]).await.unwrap();
    };
    let ((), response) = tokio::join!(upload, rest(&mut read));
    assert_eq!(response.matches('x').count(), 8 * 256 * 1024);
}

#[tokio::test]
async fn an_answer_before_the_body_has_come_is_not_lost() {
    let server = Server::start(hello(), patient(), None);
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut stream = server.connect().await;
        let head = format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
        // Who writes all before it reads must not fail meanwhile: this is more than sockets hold, so
        // that it ends only if somebody takes it.
        let rest = b"3\r\nabc\r\n".repeat(1024 * 1024);
        stream.write_all(&rest).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn the_admin_socket_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    drop(bind_unix(&path).unwrap());
    let listener = bind_unix(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let show =
        |connection: Option<Extension<Connection>>| async move { connection.is_some().to_string() };
    let (stop, stopped) = watch::channel(false);
    let router = Router::new().route("/", get(show));
    let served = tokio::spawn(serve_unix(listener, router, patient(), stopped));
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    assert!(one(&mut stream, GET).await.ends_with("false"));
    stop.send(true).unwrap();
    served.await.unwrap().unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn secrets_of_a_request_are_in_no_log_at_any_level() {
    #[derive(Clone, Default)]
    struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);
    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let server = Server::start(
        hello(),
        Limits {
            header: SHORT,
            ..patient()
        },
        None,
    );
    server
        .send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\nHost: b\r\n\r\n")
        .await;
    server
        .send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0")
        .await;
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("DEBUG"), "{log}");
    assert!(!log.contains("c2VjcmV0"), "{log}");
}
