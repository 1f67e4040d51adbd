//! Docker's HTTP interface: one connection a request, over its socket.
//!
//! Our own and not a library's, because what comes over it is partly a pod's: a terminal's bytes must
//! not be taken for frames, nothing may wait in memory for the end of a line, and no body may be logged.
mod body;
mod frames;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};

pub(crate) use body::{BodyReader, Pieces, pieces};
pub(crate) use frames::{Frames, Joined};

use crate::Error;
use body::Body;

/// How long an answer may take that is no stream.
const ANSWER: Duration = Duration::from_mins(2);

/// The largest answer that is read whole.
const ANSWER_BYTES: usize = 64 << 20;

/// A connection that was taken over: bytes in both directions.
pub(crate) type Raw = TokioIo<Upgraded>;

/// Where Docker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(String),
}

impl Address {
    /// Reads what `DOCKER_HOST` holds.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", host)) if !host.is_empty() => {
                Ok(Self::Tcp(host.trim_end_matches('/').to_owned()))
            }
            _ => Err(Error::Address(text.to_owned())),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(host) => f.write_str(host),
        }
    }
}

/// Speaks one version of the interface.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: Address,
    /// As `/v1.41`; empty before it is known.
    prefix: String,
}

impl Client {
    pub(crate) const fn new(address: Address) -> Self {
        Self {
            address,
            prefix: String::new(),
        }
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn speaking(mut self, version: crate::version::Api) -> Self {
        self.prefix = format!("/v{version}");
        self
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::GET, path.into())
    }

    pub(crate) fn head(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::HEAD, path.into())
    }

    pub(crate) fn post(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::POST, path.into())
    }

    pub(crate) fn put(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::PUT, path.into())
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Call<'_> {
        self.call(Method::DELETE, path.into())
    }

    fn call(&self, method: Method, path: String) -> Call<'_> {
        Call {
            client: self,
            method,
            path,
            query: String::new(),
            kind: "application/json",
            body: Body::empty(),
            upgrade: false,
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Incoming>, Error> {
        let unreachable = |source| Error::Unreachable {
            at: self.address.to_string(),
            source,
        };
        match &self.address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(unreachable)?;
                converse(TokioIo::new(stream), request).await
            }
            Address::Tcp(host) => {
                let stream = TcpStream::connect(host).await.map_err(unreachable)?;
                converse(TokioIo::new(stream), request).await
            }
        }
    }
}

async fn converse(
    io: impl hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    request: Request<Body>,
) -> Result<Response<Incoming>, Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .map_err(Error::Http)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to Docker broke");
        }
    });
    sender.send_request(request).await.map_err(Error::Http)
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    /// With the mark before it.
    query: String,
    kind: &'static str,
    body: Body,
    upgrade: bool,
}

impl Call<'_> {
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        let mut pair = form_urlencoded::Serializer::new(String::new());
        pair.append_pair(name, value);
        self.query
            .push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(&pair.finish());
        self
    }

    /// Only what bears all these labels (`key=value`).
    pub(crate) fn labelled(self, labels: &[String]) -> Self {
        let filters = serde_json::json!({ "label": labels });
        self.query("filters", &filters.to_string())
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body).map_err(Error::Answer)?;
        self.body = Body::full(bytes.into());
        Ok(self)
    }

    pub(crate) fn archive(mut self, archive: Vec<u8>) -> Self {
        self.kind = "application/x-tar";
        self.body = Body::full(archive.into());
        self
    }

    pub(crate) fn streamed(mut self, pieces: Pieces) -> Self {
        self.kind = "application/x-tar";
        self.body = Body::streamed(pieces);
        self
    }

    /// Sends it; answers whatever is no error. A refusal becomes [`Error::Answered`].
    pub(crate) async fn send(self) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("{}{}{}", self.client.prefix, self.path, self.query))
            .header(http::header::HOST, "docker")
            .header(http::header::CONTENT_TYPE, self.kind);
        if self.upgrade {
            request = request
                .header(http::header::CONNECTION, "Upgrade")
                .header(http::header::UPGRADE, "tcp");
        }
        let request = request
            .body(self.body)
            .map_err(|error| Error::Refused(format!("no request: {error}")))?;
        let response = self.client.exchange(request).await?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            let bytes = whole(response).await.unwrap_or_default();
            return Err(refusal(status, &bytes));
        }
        Ok(response)
    }

    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let bytes = soon(async { whole(self.send().await?).await }).await?;
        serde_json::from_slice(&bytes).map_err(Error::Answer)
    }

    /// As [`Self::json`]; None if there is no such thing.
    pub(crate) async fn find<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        match self.json().await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn done(self) -> Result<(), Error> {
        soon(async { whole(self.send().await?).await.map(drop) }).await
    }

    /// The answer as it comes.
    pub(crate) async fn stream(self) -> Result<BodyReader, Error> {
        soon(async { Ok(BodyReader::new(self.send().await?.into_body())) }).await
    }

    /// Takes the connection over.
    pub(crate) async fn upgrade(mut self) -> Result<Raw, Error> {
        self.upgrade = true;
        soon(async {
            let response = self.send().await?;
            let upgraded = hyper::upgrade::on(response).await.map_err(Error::Http)?;
            Ok(TokioIo::new(upgraded))
        })
        .await
    }
}

async fn soon<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let answer = tokio::time::timeout(ANSWER, answer).await;
    answer.unwrap_or(Err(Error::Silent(ANSWER)))
}

/// Reads an answer to its end.
pub(crate) async fn whole(response: Response<Incoming>) -> Result<Bytes, Error> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES);
    let read = body.collect().await;
    let read = read.map_err(|error| Error::Io(std::io::Error::other(error)))?;
    Ok(read.to_bytes())
}

fn refusal(status: http::StatusCode, bytes: &[u8]) -> Error {
    let said: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = || String::from_utf8_lossy(bytes).trim().to_owned();
    let message = said["message"].as_str().map_or_else(text, str::to_owned);
    Error::Answered {
        status: status.as_u16(),
        message: if message.is_empty() {
            format!("Docker answers {status}")
        } else {
            message
        },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn addresses_are_those_of_docker_host() {
        let unix = Address::parse("unix:///var/run/docker.sock").unwrap();
        assert_eq!(unix, Address::Unix("/var/run/docker.sock".into()));
        let tcp = Address::parse("tcp://127.0.0.1:2375").unwrap();
        assert_eq!(tcp, Address::Tcp("127.0.0.1:2375".to_owned()));
        for bad in [
            "",
            "/var/run/docker.sock",
            "ssh://me@there",
            "unix://",
            "tcp://",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    /// A daemon that answers each connection so, or never.
    async fn ask(answer: Option<&'static [u8]>) -> Error {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let daemon = tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                let _read = stream.read(&mut head).await;
                match answer {
                    Some(answer) => drop(stream.write_all(answer).await),
                    None => open.push(stream),
                }
            }
        });
        let client = Client::new(Address::Unix(path));
        let asked = client.get("/version").json::<Value>().await;
        daemon.abort();
        asked.unwrap_err()
    }

    #[tokio::test]
    async fn a_daemon_that_talks_nonsense_is_an_error() {
        for answer in [
            &b""[..],
            b"\0\xff\xfe",
            b"HTTP/1.1 200 OK\r\n\r\n<html>",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{",
            b"HTTP/1.1 999999 OK\r\n\r\n",
        ] {
            let error = ask(Some(answer)).await;
            let is_told = matches!(error, Error::Answer(_) | Error::Http(_) | Error::Io(_));
            assert!(is_told, "{answer:?}: {error:?}");
        }
        let broken = ask(Some(
            b"HTTP/1.1 500 no\r\nconnection: close\r\n\r\n{\"message\": \"disk full\"}",
        ))
        .await;
        assert_eq!(broken.to_string(), "disk full");
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_says_nothing_is_not_waited_for_for_ever() {
        let error = ask(None).await;
        assert!(matches!(error, Error::Silent(ANSWER)), "{error:?}");
    }
}
