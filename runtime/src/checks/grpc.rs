//! `grpc`: the health protocol, <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.
//!
//! Its two messages have one field each, which is read and written here by hand.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::HeaderMap;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::target::Target;
use super::{Outcome, go};
use crate::{Error, Stream};

/// Between two attempts to connect: the client goes on trying until the timeout.
const RETRY: Duration = Duration::from_secs(1);
/// What is read of an answer.
const BODY: usize = 4096;

/// What became of the call.
enum Call {
    Answered(Health),
    /// A status of gRPC with its message.
    Failed(u32, String),
    /// The server never spoke.
    NotConnected,
    TimedOut,
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Health(u64);

impl Health {
    const SERVING: Self = Self(1);

    fn name(self) -> String {
        let names = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
        let known = usize::try_from(self.0).ok().and_then(|at| names.get(at));
        known.map_or_else(|| self.0.to_string(), |name| (*name).to_owned())
    }
}

const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];
const UNKNOWN: u32 = 2;
const DEADLINE_EXCEEDED: u32 = 4;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

pub(super) async fn probe(
    target: &Target<'_>,
    port: u16,
    service: &str,
    version: &str,
) -> Result<Outcome, Error> {
    let host = target.own().await?;
    let at = go::join(&host, port);
    let within = go::duration(target.timeout);
    let called = call(target, &host, port, service, version).await;
    Ok(match called {
        Call::Answered(Health::SERVING) => Outcome::Passed,
        Call::Answered(health) => Outcome::Failed(format!(
            "service unhealthy (responded with {})",
            go::quoted(&health.name())
        )),
        Call::NotConnected => Outcome::Failed(format!(
            "timeout: failed to connect service {} within {within}: context deadline exceeded",
            go::quoted(&at)
        )),
        Call::TimedOut | Call::Failed(DEADLINE_EXCEEDED, _) => Outcome::Failed(format!(
            "timeout: health rpc did not complete within {within}"
        )),
        Call::Failed(UNIMPLEMENTED, message) => Outcome::Failed(format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {message}"
        )),
        Call::Failed(code, message) => {
            let name = usize::try_from(code).ok().and_then(|at| CODES.get(at));
            let name = name.map_or_else(|| format!("Code({code})"), |name| (*name).to_owned());
            Outcome::Failed(format!(
                "error: health rpc probe failed: rpc error: code = {name} desc = {message}"
            ))
        }
    })
}

async fn call(target: &Target<'_>, host: &str, port: u16, service: &str, version: &str) -> Call {
    loop {
        if let Ok(stream) = target.connect(host, port).await {
            let heard = Arc::new(AtomicBool::new(false));
            let stream = Heard {
                stream,
                heard: Arc::clone(&heard),
            };
            let at = go::join(host, port);
            let asked = timeout_at(target.until, ask(stream, &at, service, version)).await;
            let spoke = heard.load(Ordering::Relaxed);
            match asked {
                Ok(call) if spoke => return call,
                Err(_) if spoke => return Call::TimedOut,
                Err(_) => return Call::NotConnected,
                // The server hung up: it is called again, as one that does not listen.
                Ok(_) => {}
            }
        }
        if timeout_at(target.until, sleep(RETRY)).await.is_err() || Instant::now() >= target.until {
            return Call::NotConnected;
        }
    }
}

async fn ask(stream: Heard, at: &str, service: &str, version: &str) -> Call {
    let failed = |error: &hyper::Error| {
        Call::Failed(UNAVAILABLE, format!("error reading from server: {error}"))
    };
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = match handshake {
        Ok(connected) => connected,
        Err(error) => return failed(&error),
    };
    // The connection is driven by a task that ends with this.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{at}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", format!("kube-probe/{version} grpc-go/1.72.1"))
        .body(Full::new(question(service)));
    let request = match request {
        Ok(request) => request,
        Err(error) => return Call::Failed(INTERNAL, error.to_string()),
    };
    match sender.send_request(request).await {
        Ok(response) => read(response).await,
        Err(error) => failed(&error),
    }
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Call {
    let (head, mut incoming) = response.into_parts();
    if head.status != StatusCode::OK {
        return of_http(head.status);
    }
    let mut trailers = head.headers;
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Call::Failed(UNAVAILABLE, error.to_string()),
        };
        match frame.into_data() {
            Ok(data) => {
                body.extend_from_slice(&data);
                if body.len() > BODY {
                    return Call::Failed(8, "grpc: received message larger than max".to_owned());
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    let code = trailers
        .get("grpc-status")
        .and_then(|code| code.to_str().ok()?.parse().ok());
    match code {
        Some(0) => match health(&body) {
            Some(health) => Call::Answered(health),
            None => Call::Failed(
                INTERNAL,
                "grpc: failed to unmarshal the received message".to_owned(),
            ),
        },
        Some(code) => Call::Failed(code, message(&trailers)),
        None => Call::Failed(
            INTERNAL,
            "server closed the stream without sending trailers".to_owned(),
        ),
    }
}

/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>.
fn of_http(status: StatusCode) -> Call {
    let code = match status.as_u16() {
        400 => INTERNAL,
        401 => 16,
        403 => 7,
        404 => UNIMPLEMENTED,
        429 | 502..=504 => UNAVAILABLE,
        _ => UNKNOWN,
    };
    let reason = status.canonical_reason().unwrap_or_default();
    let status = status.as_u16();
    Call::Failed(
        code,
        format!("unexpected HTTP status code received from server: {status} ({reason})"),
    )
}

/// `grpc-message`, in which odd bytes are escaped by `%`.
fn message(trailers: &HeaderMap) -> String {
    let raw = trailers
        .get("grpc-message")
        .map_or(&b""[..], |text| text.as_bytes());
    let mut text = Vec::new();
    let mut rest = raw;
    while let [first, more @ ..] = rest {
        let escaped = (*first == b'%').then(|| more.first_chunk::<2>()).flatten();
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            text.push(byte);
            rest = more.get(2..).unwrap_or_default();
        } else {
            text.push(*first);
            rest = more;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// `HealthCheckRequest` in a frame of gRPC.
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        message.put_u8(length.to_le_bytes()[0]);
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put(message);
    frame.freeze()
}

/// The status of a `HealthCheckResponse` in a frame of gRPC. Fields of no known number are skipped.
fn health(frame: &[u8]) -> Option<Health> {
    let (&[compressed, l0, l1, l2, l3], mut rest) = frame.split_first_chunk::<5>()?;
    let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).ok()?;
    if compressed != 0 || rest.len() != length {
        return None;
    }
    let mut status = Health(0);
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        match key & 7 {
            0 => {
                let value = varint(&mut rest)?;
                if key >> 3 == 1 {
                    status = Health(value);
                }
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, more) = rest.split_first()?;
        *rest = more;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A connection that remembers whether anything came over it.
#[derive(Debug)]
struct Heard {
    stream: Box<dyn Stream>,
    heard: Arc<AtomicBool>,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = out.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, out);
        if out.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_messages_of_the_health_protocol() {
        assert_eq!(question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(question("ab")[..], [0, 0, 0, 0, 4, 10, 2, b'a', b'b']);
        let long = question(&"a".repeat(200));
        assert_eq!(long[..8], [0, 0, 0, 0, 203, 10, 200, 1]);
        assert_eq!(health(&[0, 0, 0, 0, 2, 8, 1]), Some(Health::SERVING));
        assert_eq!(health(&[0, 0, 0, 0, 0]), Some(Health(0)));
        assert_eq!(health(&[0, 0, 0, 0, 5, 18, 1, 7, 8, 2]), Some(Health(2)));
        for broken in [
            &[][..],
            &[0, 0, 0, 0, 2, 8],
            &[1, 0, 0, 0, 0],
            &[0, 0, 0, 0, 2, 18, 9],
        ] {
            assert_eq!(health(broken), None, "{broken:?}");
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-message", "a%20b%zz%e2%82%ac%".parse().unwrap());
        assert_eq!(message(&trailers), "a b%zz€%");
    }
}
