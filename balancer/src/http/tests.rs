use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Empty, Full};
use hyper::body::Incoming;
use hyper::client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use wharf_runtime::Stream;
use wharf_runtime::network::{DialError, Dialled, Reach};

use super::{
    Backend, BadCertificate, Certificate, Certificates, HttpListener, PathMatch, Route, Routes,
};
use crate::Targets;

/// A server in every pod, but for those at port 1: it says which pod it is and what it was asked.
#[derive(Debug)]
struct Pods;

impl Reach for Pods {
    fn reach(&self, to: SocketAddr) -> Dialled<'_> {
        Box::pin(async move {
            if to.port() == 1 {
                return Err(DialError::Refused);
            }
            let (near, far) = tokio::io::duplex(64 * 1024);
            let service = service_fn(move |request| ready(Ok::<_, Infallible>(echo(to, request))));
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(far), service)
                .with_upgrades();
            tokio::spawn(served);
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

fn echo(
    pod: SocketAddr,
    mut request: Request<Incoming>,
) -> Response<Either<Incoming, Full<Bytes>>> {
    if request.headers().contains_key(UPGRADE) {
        let mut answer = Response::new(Either::Right(Full::default()));
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let protocol = request.headers()[UPGRADE].clone();
        answer.headers_mut().insert(UPGRADE, protocol);
        let upgrade = "upgrade".parse().unwrap();
        answer.headers_mut().insert(CONNECTION, upgrade);
        let on = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = TokioIo::new(on.await.unwrap());
            let mut line = [0; 4];
            io.read_exact(&mut line).await.unwrap();
            io.write_all(&line).await.unwrap();
        });
        return answer;
    }
    if request.uri().path() == "/stream" {
        // The answer begins before the request has ended.
        return Response::new(Either::Left(request.into_body()));
    }
    let mut text = format!("{pod} {} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    Response::new(Either::Right(text.into()))
}

fn backend(name: &str, ports: &[u16]) -> Arc<Backend> {
    let endpoints = ports
        .iter()
        .map(|port| SocketAddr::from(([10, 0, 0, 1], *port)));
    let targets = Targets {
        endpoints: endpoints.collect(),
        affinity: None,
    };
    Arc::new(Backend::new(name.to_owned(), targets))
}

fn route(host: &str, path: &str, backend: &Arc<Backend>) -> Route {
    Route {
        host: Some(host.to_owned()),
        path: Some(PathMatch::Prefix(path.to_owned())),
        backend: Arc::clone(backend),
        rewrite: None,
        to_https: false,
    }
}

fn certificates() -> Certificates {
    Certificates {
        by_host: HashMap::new(),
        otherwise: Certificate::self_signed(vec!["localhost".to_owned()]).unwrap(),
    }
}

async fn serve(routes: Routes, certificates: Certificates) -> HttpListener {
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = TcpListener::bind("127.0.0.1:0").await.unwrap();
    HttpListener::serve(http, https, routes, certificates, Arc::new(Pods)).unwrap()
}

async fn usual() -> HttpListener {
    let mut secure = route("secure.test", "/", &backend("default/web:80", &[8080]));
    secure.to_https = true;
    let routes = Routes::new([
        route("web.test", "/", &backend("default/web:80", &[8080])),
        route("web.test", "/api", &backend("default/api:80", &[1, 9090])),
        route("web.test", "/none", &backend("default/none:80", &[])),
        route("web.test", "/down", &backend("default/down:80", &[1])),
        secure,
    ]);
    serve(routes, certificates()).await
}

async fn ask(at: SocketAddr, request: Request<Empty<Bytes>>) -> (Response<()>, String) {
    let stream = TcpStream::connect(at).await.unwrap();
    let stream = TokioIo::new(stream);
    let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (Response::from_parts(head, ()), text)
}

fn get(host: &str, path: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(path).header(HOST, host);
    request.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_pod_is_told_who_asks_and_nothing_that_is_between_two_only() {
    let proxy = usual().await;
    let mut request = get("web.test:81", "/a?b=c");
    let headers = request.headers_mut();
    let options = "x-secret, close, upgrade, http2-settings";
    headers.insert(CONNECTION, options.parse().unwrap());
    headers.insert(UPGRADE, "h2c".parse().unwrap());
    headers.insert("http2-settings", "AAMAAABkAAQAAP__".parse().unwrap());
    headers.insert("x-secret", "1".parse().unwrap());
    headers.insert("x-forwarded-for", "10.9.8.7".parse().unwrap());
    headers.insert("x-forwarded-proto", "https".parse().unwrap());
    let (answer, text) = ask(proxy.http(), request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let port = proxy.http().port();
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.remove(0), "10.0.0.1:8080 GET /a?b=c");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "host: web.test:81",
            "x-forwarded-for: 10.9.8.7, 127.0.0.1",
            "x-forwarded-host: web.test:81",
            &format!("x-forwarded-port: {port}"),
            "x-forwarded-proto: http",
            "x-real-ip: 127.0.0.1",
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_answered_is_said_in_clear_text() {
    let proxy = usual().await;
    let cases = [
        ("web.test", "/api/x", 200, "10.0.0.1:9090 GET /api/x\n"),
        (
            "web.test",
            "/none",
            503,
            "the service default/none:80 has no endpoint that is ready\n",
        ),
        (
            "web.test",
            "/down",
            502,
            "no endpoint of the service default/down:80 answers: connect: connection refused\n",
        ),
        (
            "other.test",
            "/x",
            404,
            "no rule of an Ingress is for other.test/x\n",
        ),
    ];
    for (host, path, status, begin) in cases {
        let (answer, text) = ask(proxy.http(), get(host, path)).await;
        assert_eq!(answer.status().as_u16(), status, "{host}{path}");
        assert!(text.starts_with(begin), "{host}{path}: {text}");
    }
    let routes = [route("other.test", "/", &backend("default/web:80", &[7]))];
    proxy.change(Routes::new(routes), certificates());
    let (_, text) = ask(proxy.http(), get("other.test", "/x")).await;
    assert!(text.starts_with("10.0.0.1:7 "), "{text}");
}

#[tokio::test]
async fn who_must_come_by_tls_is_sent_there() {
    let proxy = usual().await;
    let (answer, _) = ask(proxy.http(), get("secure.test:8080", "/a?b")).await;
    assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
    let to = format!("https://secure.test:{}/a?b", proxy.https().port());
    assert_eq!(answer.headers()["location"], to);
}

#[tokio::test]
async fn an_answer_begins_while_the_request_is_being_sent() {
    let proxy = usual().await;
    let mut stream = TcpStream::connect(proxy.http()).await.unwrap();
    let head = "POST /stream HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"4\r\nping\r\n") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    stream.write_all(b"4\r\npong\r\n0\r\n\r\n").await.unwrap();
    while !seen.ends_with(b"4\r\npong\r\n0\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_websocket_is_carried_through_and_ends_with_the_port() {
    let proxy = usual().await;
    let mut stream = TcpStream::connect(proxy.http()).await.unwrap();
    let head = "GET /ws HTTP/1.1\r\nHost: web.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    let seen = String::from_utf8(seen).unwrap().to_lowercase();
    assert!(seen.starts_with("http/1.1 101 "), "{seen}");
    assert!(seen.contains("upgrade: websocket\r\n"), "{seen}");
    stream.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"ping");
    proxy.close().await;
    // An end or a reset: it does not stay open.
    let _over = stream.read(&mut back).await;
}

fn signed(name: &str) -> (rcgen::CertifiedKey<rcgen::KeyPair>, Certificate) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let shown = Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    (made, shown)
}

async fn connect(
    at: SocketAddr,
    trusted: &rcgen::CertifiedKey<rcgen::KeyPair>,
    name: &str,
) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

#[tokio::test]
async fn a_name_gets_its_certificate_and_http2_becomes_http1() {
    let (exact, one) = signed("web.test");
    let (wild, two) = signed("*.wild.test");
    let mut all = certificates();
    all.by_host.insert("web.test".to_owned(), one);
    all.by_host.insert("*.wild.test".to_owned(), two);
    let routes = [route("web.test", "/", &backend("default/web:80", &[8080]))];
    let proxy = serve(Routes::new(routes), all).await;
    let at = proxy.https();
    drop(connect(at, &wild, "a.wild.test").await.unwrap());
    assert!(connect(at, &exact, "other.test").await.is_err());
    let stream = connect(at, &exact, "web.test").await.unwrap();
    let opened = client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = opened.await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://web.test/a")
        .header("cookie", "a=1")
        .header("cookie", "b=2");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("\nhost: web.test\n"), "{text}");
    assert!(text.contains("\ncookie: a=1; b=2\n"), "{text}");
    assert!(text.contains("\nx-forwarded-proto: https\n"), "{text}");
}

#[test]
fn what_is_no_certificate_is_refused() {
    let (made, _) = signed("web.test");
    let other = signed("web.test").0.signing_key.serialize_pem();
    let chain = made.cert.pem();
    let read = |chain: &str, key: &str| Certificate::from_pem(chain.as_bytes(), key.as_bytes());
    let none = read("", &other).unwrap_err();
    assert!(matches!(none, BadCertificate::NoCertificate));
    assert!(matches!(
        read(&chain, "").unwrap_err(),
        BadCertificate::NoKey
    ));
    assert!(matches!(
        read(&chain, &other).unwrap_err(),
        BadCertificate::Key(_)
    ));
}
