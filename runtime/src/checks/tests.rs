//! What probes and hooks say, from the kubelet's sources and from recorded events of pods.
use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::oneshot;

use super::*;
use crate::Stream;
use crate::engine::Process;
use crate::network::{Address, DialError, Dialled};
use crate::worker::fake::Fake;

/// A pod at 10.0.0.1 with something at each port.
#[derive(Debug, Default)]
struct Ports {
    /// The requests that came.
    requests: Arc<Mutex<Vec<String>>>,
}

/// Nobody listens.
const CLOSED: u16 = 1;
/// Takes connections and says nothing.
const DEAF: u16 = 2;
/// Does not answer at all.
const FAR: u16 = 3;
/// Hangs up at once.
const SHORT: u16 = 4;
const NONSENSE: u16 = 5;
const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const GRPC: u16 = 50051;

impl Dial for Ports {
    fn dial<'a>(&'a self, _pod: &'a str, to: SocketAddr) -> Dialled<'a> {
        if to.ip() != IpAddr::from([10, 0, 0, 1]) {
            return Box::pin(ready(Err(DialError::Elsewhere)));
        }
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        match to.port() {
            CLOSED => return Box::pin(ready(Err(DialError::Refused))),
            FAR => return Box::pin(std::future::pending()),
            DEAF => {
                tokio::spawn(async move {
                    let mut theirs = theirs;
                    theirs.read_to_end(&mut Vec::new()).await
                });
            }
            SHORT => {
                tokio::spawn(async move {
                    let mut theirs = theirs;
                    theirs.read(&mut [0; 10]).await
                });
            }
            NONSENSE => {
                tokio::spawn(async move {
                    let mut theirs = theirs;
                    theirs.write_all(b"220 mail.example.com\r\n").await?;
                    theirs.read_to_end(&mut Vec::new()).await
                });
            }
            HTTPS => drop(tokio::spawn(https(theirs, Arc::clone(&self.requests)))),
            GRPC => drop(tokio::spawn(grpc_server(theirs))),
            _ => drop(tokio::spawn(http_server(
                theirs,
                Arc::clone(&self.requests),
            ))),
        }
        Box::pin(ready(Ok(Box::new(ours) as Box<dyn Stream>)))
    }

    fn address<'a>(&'a self, pod: &'a str) -> Address<'a> {
        Box::pin(ready((pod == "pod").then(|| [10, 0, 0, 1].into())))
    }
}

/// Answers `/503` with 503, `/to/URL` with a redirect to there, and so on.
async fn http_server(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let answer = |request: Request<Incoming>| {
        let mut headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        let line = format!("{} {}", request.uri(), headers.join(", "));
        requests.lock().unwrap().push(line);
        let path = request.uri().path().to_owned();
        async move {
            let response = Response::builder();
            let response = match path.strip_prefix("/to/") {
                Some("loop") => response.status(302).header("location", "/to/loop"),
                Some(to) => response.status(302).header("location", to),
                None => {
                    if path == "/silent" {
                        std::future::pending::<()>().await;
                    }
                    response.status(path.trim_start_matches('/').parse::<u16>().unwrap_or(200))
                }
            };
            response.body(Full::new(Bytes::from("body")))
        }
    };
    // Probes hang up when they have what they need.
    let _served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn https(stream: DuplexStream, requests: Arc<Mutex<Vec<String>>>) {
    let names = ["example.com".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    if let Ok(stream) = acceptor.accept(stream).await {
        http_server(stream, requests).await;
    }
}

/// A health service of gRPC: what it answers is in the name that is asked for.
async fn grpc_server(stream: DuplexStream) {
    let answer = |request: Request<Incoming>| async move {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert_eq!(request.headers()["te"], "trailers");
        let asked = request.into_body().collect().await.unwrap().to_bytes();
        let name = String::from_utf8_lossy(asked.get(7..).unwrap_or_default()).into_owned();
        let mut trailers = HeaderMap::new();
        let mut frames = Vec::new();
        let mut status = 200;
        match name.as_str() {
            "" => frames.push(vec![0, 0, 0, 0, 2, 8, 1]),
            "down" => frames.push(vec![0, 0, 0, 0, 2, 8, 2]),
            "slow" => std::future::pending::<()>().await,
            "404" => status = 404,
            code => {
                trailers.insert("grpc-status", code.parse().unwrap());
                trailers.insert("grpc-message", "because%20of%20it".parse().unwrap());
            }
        }
        if trailers.is_empty() {
            trailers.insert("grpc-status", "0".parse().unwrap());
        }
        let mut frames: Vec<_> = frames
            .into_iter()
            .map(|bytes| Frame::data(Bytes::from(bytes)))
            .collect();
        frames.push(Frame::trailers(trailers));
        let frames = frames.into_iter().map(Ok::<_, std::convert::Infallible>);
        Response::builder()
            .status(status)
            .header("content-type", "application/grpc")
            .body(StreamBody::new(futures::stream::iter(frames)))
    };
    let _served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

fn checks() -> (PodChecks, Arc<Mutex<Vec<String>>>) {
    let ports = Ports::default();
    let requests = Arc::clone(&ports.requests);
    let engine = Fake::new();
    engine.set_runner(Box::new(run));
    let checks = PodChecks::new(engine, Arc::new(ports), "1.33".to_owned());
    (checks, requests)
}

/// `CODE OUTPUT ERRORS`, or `hang`.
fn run(command: &[String]) -> Process {
    let (exited, exit) = oneshot::channel();
    let text = |at: usize| command.get(at).cloned().unwrap_or_default().into_bytes();
    match command[0].parse() {
        Ok(code) => exited.send(code).unwrap(),
        Err(_) if command[0] == "hang" => drop(tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(exited);
        })),
        Err(_) => drop(exited),
    }
    Process {
        stdin: None,
        stdout: Box::new(std::io::Cursor::new(text(1))),
        stderr: Some(Box::new(std::io::Cursor::new(text(2)))),
        resize: None,
        exit,
    }
}

fn http(port: u16, path: &str) -> Action {
    Action::Http {
        host: None,
        port,
        path: path.to_owned(),
        tls: port == HTTPS,
        headers: Vec::new(),
    }
}

fn tcp(host: Option<&str>, port: u16) -> Action {
    Action::Tcp {
        host: host.map(str::to_owned),
        port,
    }
}

fn grpc(port: u16, service: &str) -> Action {
    Action::Grpc {
        port,
        service: service.to_owned(),
    }
}

fn exec(words: &[&str]) -> Action {
    Action::Exec(words.iter().map(|word| (*word).to_owned()).collect())
}

fn failed(text: &str) -> Outcome {
    Outcome::Failed(text.to_owned())
}

async fn check(action: &Action) -> Outcome {
    let (checks, _) = checks();
    let secs = Duration::from_secs(1);
    checks.check("pod", "c", action, secs).await.unwrap()
}

async fn hook(action: &Action) -> Outcome {
    let (checks, _) = checks();
    let secs = Duration::from_mins(1);
    checks.hook("pod", "c", action, secs).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn http_probes_say_what_a_kubelet_says() {
    let get = |rest: &str| failed(&format!("Get \"http://10.0.0.1{rest}"));
    let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    let rows = [
        (http(HTTP, "/200"), Outcome::Passed),
        (http(HTTP, ""), Outcome::Passed),
        (
            http(HTTP, "/399"),
            Outcome::Warned("Probe terminated redirects, Response body: body".to_owned()),
        ),
        (
            http(HTTP, "/400"),
            failed("HTTP probe failed with statuscode: 400"),
        ),
        (
            http(HTTP, "/503"),
            failed("HTTP probe failed with statuscode: 503"),
        ),
        (http(HTTPS, "/200"), Outcome::Passed),
        (
            http(HTTPS, "/500"),
            failed("HTTP probe failed with statuscode: 500"),
        ),
        (http(HTTP, "/to//200"), Outcome::Passed),
        (
            http(HTTP, "/to//500"),
            failed("HTTP probe failed with statuscode: 500"),
        ),
        (
            http(HTTP, "/to/http://example.com/"),
            Outcome::Warned("Probe terminated redirects, Response body: body".to_owned()),
        ),
        (
            http(HTTP, "/to/loop"),
            get(":80/to/loop\": stopped after 10 redirects"),
        ),
        (
            http(CLOSED, "/"),
            get(":1/\": dial tcp 10.0.0.1:1: connect: connection refused"),
        ),
        (http(FAR, "/"), get(&format!(":3/\": {late}"))),
        (http(DEAF, "/a?b"), get(&format!(":2/a?b\": {late}"))),
        (http(HTTP, "/silent"), get(&format!(":80/silent\": {late}"))),
        (http(SHORT, "/"), get(":4/\": EOF")),
        (
            http(NONSENSE, "/"),
            get(":5/\": net/http: HTTP/1.x transport connection broken: malformed HTTP response"),
        ),
    ];
    for (action, wanted) in rows {
        assert_eq!(check(&action).await, wanted, "{action:?}");
    }
    let plain = Action::Http {
        host: None,
        port: NONSENSE,
        path: "/".to_owned(),
        tls: true,
        headers: Vec::new(),
    };
    let wanted = "Get \"https://10.0.0.1:5/\": http: server gave HTTP response to HTTPS client";
    assert_eq!(check(&plain).await, failed(wanted));
}

#[tokio::test(start_paused = true)]
async fn requests_look_like_those_of_a_kubelet() {
    let (checks, requests) = checks();
    let secs = Duration::from_secs(1);
    let mut action = http(HTTP, "/a?b=c");
    checks.check("pod", "c", &action, secs).await.unwrap();
    checks.hook("pod", "c", &action, secs).await.unwrap();
    if let Action::Http { headers, .. } = &mut action {
        let own = [
            ("Host", "shop.test"),
            ("X-A", "1"),
            ("X-A", "2"),
            ("Accept", ""),
            ("User-Agent", "me"),
        ];
        *headers = own
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    }
    checks.check("pod", "c", &action, secs).await.unwrap();
    let requests = requests.lock().unwrap().clone();
    assert_eq!(
        requests,
        [
            "/a?b=c accept: */*, connection: close, host: 10.0.0.1:80, user-agent: kube-probe/1.33",
            "/a?b=c accept: */*, connection: close, host: 10.0.0.1:80, user-agent: kube-lifecycle/1.33",
            "/a?b=c connection: close, host: shop.test, user-agent: me, x-a: 1, x-a: 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_that_is_not_of_the_cluster() {
    let refused = "the address is not one of the cluster, and the server calls no others";
    let rows = [
        (tcp(None, HTTP), Outcome::Passed),
        (tcp(Some("10.0.0.1"), HTTP), Outcome::Passed),
        (
            tcp(None, CLOSED),
            failed("dial tcp 10.0.0.1:1: connect: connection refused"),
        ),
        (tcp(None, FAR), failed("dial tcp 10.0.0.1:3: i/o timeout")),
        (
            tcp(Some("169.254.169.254"), 80),
            failed(&format!("dial tcp 169.254.169.254:80: {refused}")),
        ),
        (
            tcp(Some("127.0.0.1"), HTTP),
            failed("dial tcp 127.0.0.1:80: connect: connection refused"),
        ),
        (
            tcp(Some("example.com"), 80),
            failed("dial tcp: lookup example.com: no such host"),
        ),
    ];
    for (action, wanted) in rows {
        assert_eq!(check(&action).await, wanted, "{action:?}");
    }
    let (checks, _) = checks();
    let action = tcp(None, 80);
    let gone = checks.check("gone", "c", &action, Duration::from_secs(1));
    assert!(matches!(gone.await, Err(Error::NoSuchPod)));
}

#[tokio::test(start_paused = true)]
async fn grpc_probes_say_what_a_kubelet_says() {
    let within = "within 1s: context deadline exceeded";
    let none =
        "error: this server does not implement the grpc health protocol (grpc.health.v1.Health):";
    let rows = [
        (grpc(GRPC, ""), Outcome::Passed),
        (
            grpc(GRPC, "down"),
            failed("service unhealthy (responded with \"NOT_SERVING\")"),
        ),
        (
            grpc(GRPC, "slow"),
            failed("timeout: health rpc did not complete within 1s"),
        ),
        (grpc(GRPC, "12"), failed(&format!("{none} because of it"))),
        (
            grpc(GRPC, "404"),
            failed(&format!(
                "{none} unexpected HTTP status code received from server: 404 (Not Found)"
            )),
        ),
        (
            grpc(GRPC, "5"),
            failed(
                "error: health rpc probe failed: rpc error: code = NotFound desc = because of it",
            ),
        ),
        (
            grpc(CLOSED, ""),
            failed(&format!(
                "timeout: failed to connect service \"10.0.0.1:1\" {within}"
            )),
        ),
        (
            grpc(DEAF, ""),
            failed(&format!(
                "timeout: failed to connect service \"10.0.0.1:2\" {within}"
            )),
        ),
        (
            grpc(SHORT, ""),
            failed(&format!(
                "timeout: failed to connect service \"10.0.0.1:4\" {within}"
            )),
        ),
    ];
    for (action, wanted) in rows {
        assert_eq!(check(&action).await, wanted, "{action:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn commands_fail_with_the_beginning_of_what_they_wrote() {
    let long = "x".repeat(20_000);
    let rows = [
        (exec(&["0", "fine"]), Outcome::Passed),
        (exec(&["1", "out", "err"]), failed("outerr")),
        (exec(&["1", &long, "err"]), failed(&"x".repeat(10 * 1024))),
        (
            exec(&["hang", "-c", "\"a\""]),
            failed("command timed out: \"hang -c \\\"a\\\"\" timed out after 1s"),
        ),
    ];
    for (action, wanted) in rows {
        assert_eq!(check(&action).await, wanted, "{action:?}");
    }
    let (checks, _) = checks();
    let lost = exec(&["lost"]);
    let lost = checks.check("pod", "c", &lost, Duration::from_secs(1));
    assert!(lost.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn hooks_want_an_answer_and_no_certain_one() {
    let mut mixed = http(HTTP, "/200");
    if let Action::Http { tls, .. } = &mut mixed {
        *tls = true;
    }
    let rows = [
        (http(HTTP, "/503"), Outcome::Passed),
        (Action::Sleep(Duration::from_secs(5)), Outcome::Passed),
        (
            Action::Sleep(Duration::from_secs(61)),
            failed("container terminated before sleep hook finished"),
        ),
        (
            http(CLOSED, "/x"),
            failed("Get \"http://10.0.0.1:1/x\": dial tcp 10.0.0.1:1: connect: connection refused"),
        ),
        (tcp(None, HTTP), failed("invalid handler: tcpSocket")),
        // In HTTP after all.
        (mixed, Outcome::Passed),
    ];
    for (action, wanted) in rows {
        assert_eq!(hook(&action).await, wanted, "{action:?}");
    }
}
