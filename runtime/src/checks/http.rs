//! `httpGet`: <https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>.
use std::error::Error as _;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{
    ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::target::Target;
use super::{Outcome, go, tls};
use crate::Error;

/// What is read of a body: `maxRespBodyLength` of the kubelet.
const BODY: usize = 10 * 1024;
/// Redirects to the same host that are followed.
const REDIRECTS: usize = 10;

pub(super) struct Get<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) port: u16,
    /// With a query.
    pub(super) path: &'a str,
    pub(super) tls: bool,
    pub(super) headers: &'a [(String, String)],
    pub(super) agent: &'a str,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    tls: bool,
    host: String,
    port: u16,
    /// Whether the port is to be shown: not if a redirect left it out.
    shown: bool,
    path: String,
}

impl Place {
    fn authority(&self) -> String {
        if self.shown {
            return go::join(&self.host, self.port);
        }
        if self.host.contains(':') {
            return format!("[{}]", self.host);
        }
        self.host.clone()
    }

    fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }
}

/// What a server answered, after redirects.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

/// Why there is no answer.
enum Trouble {
    /// In the words of Go's client.
    Said(String),
    TimedOut,
}

pub(super) async fn probe(target: &Target<'_>, get: &Get<'_>) -> Result<Outcome, Error> {
    let answer = match run(target, get, get.tls).await? {
        Ok(answer) => answer,
        Err(said) => return Ok(Outcome::Failed(said)),
    };
    let status = answer.status.as_u16();
    Ok(match status {
        200..300 => Outcome::Passed,
        300..400 => {
            let body = String::from_utf8_lossy(&answer.body);
            Outcome::Warned(format!("Probe terminated redirects, Response body: {body}"))
        }
        _ => Outcome::Failed(format!("HTTP probe failed with statuscode: {status}")),
    })
}

/// Any answer will do; and one in HTTP to a question in HTTPS is asked for again without TLS.
pub(super) async fn hook(target: &Target<'_>, get: &Get<'_>) -> Result<Outcome, Error> {
    let Err(said) = run(target, get, get.tls).await? else {
        return Ok(Outcome::Passed);
    };
    if get.tls
        && said.contains("server gave HTTP response to HTTPS client")
        && run(target, get, false).await?.is_ok()
    {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Failed(said))
}

/// Asks, and follows redirects; an error is told as Go's client does.
async fn run(
    target: &Target<'_>,
    get: &Get<'_>,
    tls: bool,
) -> Result<Result<Answer, String>, Error> {
    let host = match get.host {
        Some(host) => host.to_owned(),
        None => target.own().await?,
    };
    let mut place = Place {
        tls,
        host,
        port: get.port,
        shown: true,
        path: path(get.path),
    };
    let headers = headers(get).map_err(|error| Error::Failed(error.into()))?;
    for turn in 0.. {
        let asked = timeout_at(target.until, ask(target, &place, &headers)).await;
        let trouble = match asked {
            Ok(Ok((answer, None))) => return Ok(Ok(answer)),
            Ok(Ok((answer, Some(next)))) => {
                if next.host != place.host {
                    return Ok(Ok(answer));
                }
                place = next;
                if turn + 1 < REDIRECTS {
                    continue;
                }
                Trouble::Said("stopped after 10 redirects".to_owned())
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => Trouble::TimedOut,
        };
        let said = match trouble {
            Trouble::Said(said) => said,
            Trouble::TimedOut => {
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                    .to_owned()
            }
        };
        return Ok(Err(format!("Get {}: {said}", go::quoted(&place.url()))));
    }
    Err(Error::Failed("redirects have no end".into()))
}

/// The path of a URL, as Go reads and writes it: with a slash in front, without a fragment, and with
/// what must not be in a URL escaped.
fn path(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let mut path = String::from(if text.starts_with('/') { "" } else { "/" });
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _written = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// The headers of the probe: those that are given, and the kubelet's where none is.
fn headers(get: &Get<'_>) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in get.headers {
        let name = HeaderName::try_from(name.as_str())?;
        headers.append(name, HeaderValue::try_from(value.as_str())?);
    }
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::try_from(get.agent)?);
    }
    match headers.get(ACCEPT) {
        None => {
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        }
        Some(value) if value.is_empty() => {
            headers.remove(ACCEPT);
        }
        Some(_) => {}
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(headers)
}

/// Asks once; answers with where it is redirected to, if it is.
async fn ask(
    target: &Target<'_>,
    place: &Place,
    headers: &HeaderMap,
) -> Result<(Answer, Option<Place>), Trouble> {
    let stream = target.connect(&place.host, place.port).await;
    let stream = stream.map_err(|said| {
        if said.ends_with("i/o timeout") {
            Trouble::TimedOut
        } else {
            Trouble::Said(said)
        }
    })?;
    let mut request = Request::builder()
        .uri(&place.path)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Trouble::Said(error.to_string()))?;
    *request.headers_mut() = headers.clone();
    if !headers.contains_key(HOST) {
        let host = HeaderValue::try_from(place.authority());
        let host = host.map_err(|error| Trouble::Said(error.to_string()))?;
        request.headers_mut().insert(HOST, host);
    }
    let io = if place.tls {
        let stream = tls::wrap(stream, &place.host).await;
        Io::Tls(Box::new(stream.map_err(Trouble::Said)?))
    } else {
        Io::Plain(stream)
    };
    let at = go::join(&place.host, place.port);
    let answer = exchange(io, request).await;
    let (answer, location) = answer.map_err(|error| Trouble::Said(said(&error, &at)))?;
    let next = location.and_then(|location| redirected(place, &answer, &location));
    Ok((answer, next))
}

enum Io {
    Plain(Box<dyn crate::Stream>),
    Tls(Box<tokio_rustls::client::TlsStream<Box<dyn crate::Stream>>>),
}

/// Sends a request over a connection of its own and reads the beginning of the answer.
async fn exchange(
    io: Io,
    request: Request<Empty<Bytes>>,
) -> Result<(Answer, Option<String>), hyper::Error> {
    // The connection is driven by a task that ends with this.
    let mut tasks = JoinSet::new();
    let mut sender = match io {
        Io::Plain(stream) => {
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tasks.spawn(connection);
            sender
        }
        Io::Tls(stream) => {
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tasks.spawn(connection);
            sender
        }
    };
    let response = sender.send_request(request).await?;
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|location| Some(location.to_str().ok()?.to_owned()));
    Ok((read(response).await?, location))
}

async fn read(response: Response<Incoming>) -> Result<Answer, hyper::Error> {
    let status = response.status();
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    while body.len() < BODY
        && let Some(frame) = incoming.frame().await
    {
        if let Ok(data) = frame?.into_data() {
            let room = BODY - body.len();
            body.extend_from_slice(data.get(..room).unwrap_or(&data));
        }
    }
    Ok(Answer { status, body })
}

/// What Go's client says of an exchange that failed.
fn said(error: &hyper::Error, at: &str) -> String {
    // A server that speaks first, which cannot be HTTP.
    let inner = error.source().filter(|source| source.is::<hyper::Error>());
    let early = error.is_canceled() && inner.is_some();
    if error.is_incomplete_message() {
        return "EOF".to_owned();
    }
    if early || error.is_parse() {
        return "net/http: HTTP/1.x transport connection broken: malformed HTTP response"
            .to_owned();
    }
    let source = error.source().and_then(|source| source.downcast_ref());
    let broken = source.map(std::io::Error::kind);
    match broken {
        Some(std::io::ErrorKind::ConnectionReset) => {
            format!("read tcp {at}: read: connection reset by peer")
        }
        Some(std::io::ErrorKind::UnexpectedEof) => "EOF".to_owned(),
        _ => source.map_or_else(|| error.to_string(), |source| source.to_string()),
    }
}

/// Where an answer leads to. None: it is not followed.
fn redirected(from: &Place, answer: &Answer, location: &str) -> Option<Place> {
    if ![301, 302, 303, 307, 308].contains(&answer.status.as_u16()) {
        return None;
    }
    let (tls, rest) = if let Some(rest) = location.strip_prefix("http://") {
        (false, rest)
    } else if let Some(rest) = location.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = location.strip_prefix("//") {
        (from.tls, rest)
    } else {
        let path = if location.starts_with('/') {
            path(location)
        } else {
            let base = from.path.split('?').next().unwrap_or_default();
            let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
            path(&format!("{folder}/{location}"))
        };
        return Some(Place {
            path,
            ..from.clone()
        });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    let authority: http::uri::Authority = authority.parse().ok()?;
    let usual = if tls { 443 } else { 80 };
    Some(Place {
        tls,
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port: authority.port_u16().unwrap_or(usual),
        shown: authority.port_u16().is_some(),
        path: path(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_go_reads_them() {
        let table = [
            ("", "/"),
            ("healthz", "/healthz"),
            ("/healthz?full=1", "/healthz?full=1"),
            ("/a b", "/a%20b"),
            ("/ü", "/%C3%BC"),
            ("/a%20b", "/a%20b"),
            ("/a#b", "/a"),
        ];
        for (given, wanted) in table {
            assert_eq!(path(given), wanted, "{given}");
        }
    }

    #[test]
    fn redirects_lead_where_their_location_says() {
        let from = Place {
            tls: false,
            host: "10.0.0.1".to_owned(),
            port: 8080,
            shown: true,
            path: "/a/b?c".to_owned(),
        };
        let answer = Answer {
            status: StatusCode::FOUND,
            body: Vec::new(),
        };
        let table = [
            ("/x", "http://10.0.0.1:8080/x"),
            ("x", "http://10.0.0.1:8080/a/x"),
            ("https://10.0.0.1/x?y", "https://10.0.0.1/x?y"),
            ("//[fd00::1]:81", "http://[fd00::1]:81/"),
        ];
        for (location, wanted) in table {
            let place = redirected(&from, &answer, location).unwrap();
            assert_eq!(place.url(), wanted);
        }
    }
}
