//! Pushing to another registry, and the signed calls that go before it.
//!
//! Connects to the one origin that was configured and to nothing else: no redirects, no proxies, no
//! location on another host. Every request has an end in time and every answer an end in length.
use std::{fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, StatusCode, header, request::Parts};
use reqwest::{Body, Client as Http, Method, Url};
use serde_json::Value;
use wharf_types::{Digest, RepoName};

/// Marks a manifest as a replica, which is not replicated further.
pub const REPLICA: http::HeaderName = http::HeaderName::from_static("wharf-replica");

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a request without much of a body may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a body gets in addition, by its size: slower than this is as good as broken.
const BYTES_PER_SEC: u64 = 64 * 1024;

/// The longest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// Where a registry is: scheme, host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(Url);

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Origin {
    /// Reads a URL, which may be plain HTTP on this machine only.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn secure(url: &str) -> Result<Self, &'static str> {
        let origin = Self::insecure(url)?;
        if origin.0.scheme() == "https" || origin.is_loopback() {
            Ok(origin)
        } else {
            Err("plain HTTP must be allowed with allow-http = true")
        }
    }

    /// Reads a URL, which may be plain HTTP.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn insecure(url: &str) -> Result<Self, &'static str> {
        let url: Url = url.parse().map_err(|_malformed| "is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("is not an http or https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not have a user or password");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("must be scheme, host and port only");
        }
        Ok(Self(url))
    }

    fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The address of a path of this origin.
    pub fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }

    /// The URL that a `Location` stands for, if it is of this origin.
    fn locate(&self, location: &str) -> Option<Url> {
        let url = self.0.join(location).ok()?;
        (url.origin() == self.0.origin()).then_some(url)
    }
}

/// Why something could not be pushed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no answer: trying again may help.
    #[error("the registry cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The registry has trouble of its own, or asks to wait: trying again may help.
    #[error("the registry is unavailable (status {0})")]
    Unavailable(StatusCode),
    /// The password is not, or no longer, accepted.
    #[error("the registry does not accept the login")]
    LoggedOut,
    /// The registry does not want it.
    #[error("the registry refused with status {status}: {code} {message}")]
    Refused {
        status: StatusCode,
        code: String,
        message: String,
    },
    /// The answer is none that a registry gives.
    #[error("the registry's answer makes no sense: {0}")]
    Nonsense(&'static str),
}

/// A client of one origin. A cheap handle.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
    origin: Origin,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A repository of the other registry, and the password for it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The value of `Authorization`.
    pub authorization: &'a str,
    pub name: &'a RepoName,
}

impl Client {
    /// A client that trusts the certificates of the system and those in `ca_pem`.
    ///
    /// # Errors
    ///
    /// There is no certificate in `ca_pem`, or the TLS library cannot be set up.
    pub fn new(origin: Origin, ca_pem: Option<&str>) -> Result<Self, Error> {
        let mut builder = Http::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("wharf");
        if let Some(pem) = ca_pem {
            let bundle = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            for certificate in bundle.map_err(Error::Unreachable)? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let http = builder.build().map_err(Error::Unreachable)?;
        Ok(Self { http, origin })
    }

    /// Where it connects to.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Sends a request that was signed: its URI and headers stay as they are. Any status is an
    /// answer.
    pub async fn call(&self, parts: Parts, body: Bytes) -> Result<Answer, Error> {
        let url: Url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|_malformed| Error::Nonsense("the request has no URL"))?;
        if url.origin() != self.origin.0.origin() {
            return Err(Error::Nonsense("the request is for another origin"));
        }
        let request = self.http.request(parts.method, url).headers(parts.headers);
        read(request.body(body).timeout(PATIENCE)).await
    }

    /// Whether the repository has a blob.
    pub async fn has_blob(&self, to: Target<'_>, digest: &Digest) -> Result<bool, Error> {
        let path = format!("/v2/{}/blobs/{digest}", to.name);
        let answer = self.ask(to, Method::HEAD, &path).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.refused()),
        }
    }

    /// The digest that a tag or digest stands for, if there is such a manifest.
    pub async fn manifest(&self, to: Target<'_>, reference: &str) -> Result<Option<String>, Error> {
        let path = format!("/v2/{}/manifests/{reference}", to.name);
        let answer = self.ask(to, Method::HEAD, &path).await?;
        match answer.status {
            StatusCode::OK => {
                let digest = answer.header("docker-content-digest");
                let digest = digest.ok_or(Error::Nonsense("a manifest without a digest"))?;
                Ok(Some(digest.to_owned()))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.refused()),
        }
    }

    /// Uploads a blob from a stream of exactly `size` bytes.
    pub async fn push_blob<S, E>(
        &self,
        to: Target<'_>,
        digest: &Digest,
        size: u64,
        bytes: S,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = format!("/v2/{}/blobs/uploads/", to.name);
        let begun = self.ask(to, Method::POST, &path).await?;
        if begun.status != StatusCode::ACCEPTED {
            return Err(begun.refused());
        }
        let location = begun.header("location").unwrap_or_default();
        let mut url = self
            .origin
            .locate(location)
            .ok_or(Error::Nonsense("an upload elsewhere"))?;
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let patience = PATIENCE + Duration::from_secs(size / BYTES_PER_SEC);
        let request = self
            .http
            .put(url)
            .header(header::AUTHORIZATION, to.authorization)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, size)
            .body(Body::wrap_stream(bytes))
            .timeout(patience);
        created(&read(request).await?)
    }

    /// Puts a manifest, as a replica, under a tag or its digest.
    pub async fn put_manifest(
        &self,
        to: Target<'_>,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), Error> {
        let path = format!("/v2/{}/manifests/{reference}", to.name);
        let request = self
            .http
            .put(self.origin.uri(&path))
            .header(header::AUTHORIZATION, to.authorization)
            .header(header::CONTENT_TYPE, media_type)
            .header(REPLICA, "1")
            .body(bytes)
            .timeout(PATIENCE);
        created(&read(request).await?)
    }

    async fn ask(&self, to: Target<'_>, method: Method, path: &str) -> Result<Answer, Error> {
        let request = self
            .http
            .request(method, self.origin.uri(path))
            .header(header::AUTHORIZATION, to.authorization)
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_LENGTH, 0)
            .timeout(PATIENCE);
        read(request).await
    }
}

fn created(answer: &Answer) -> Result<(), Error> {
    if answer.status == StatusCode::CREATED {
        Ok(())
    } else {
        Err(answer.refused())
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Answer, Error> {
    let mut response = request.send().await.map_err(Error::Unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = bytes::BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Error::Unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Error::Nonsense("an answer without an end"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error that an answer is which nobody wanted: the registry's envelope or AWS's.
    pub fn refused(&self) -> Error {
        match self.status {
            StatusCode::UNAUTHORIZED => return Error::LoggedOut,
            StatusCode::TOO_MANY_REQUESTS => return Error::Unavailable(self.status),
            status if status.is_server_error() => return Error::Unavailable(status),
            _ => {}
        }
        let body = self.json();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let envelope = body.pointer("/errors/0").unwrap_or(&body);
        let code = envelope.get("code").or_else(|| body.get("__type"));
        Error::Refused {
            status: self.status,
            code: code.and_then(text).unwrap_or_default(),
            message: envelope.get("message").and_then(text).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
