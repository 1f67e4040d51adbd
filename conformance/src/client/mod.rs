//! HTTP as the cases speak it: one request, one whole and bounded answer.
mod answer;
mod auth;
mod challenge;
pub(crate) mod link;
mod trace;

use std::error::Error as _;

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{HeaderMap, HeaderValue, header};
use reqwest::{Method, Url};

pub use self::trace::{Exchange, Message};
pub(crate) use self::{
    answer::{Answer, Errors, Stop, Verdict},
    trace::{Trace, address},
};
pub(crate) use challenge::Challenge;

use self::auth::{Auth, Scope};
use crate::{Error, Options};

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// A request that is ready to be sent, and to be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Whether the credentials go with it.
    pub(crate) authorized: bool,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    /// With a `Content-Length`.
    Sized(Bytes),
    /// With `Transfer-Encoding: chunked`.
    Streamed(Bytes),
}

impl Body {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Sized(bytes) | Self::Streamed(bytes) => bytes,
        }
    }
}

/// A connection pool to one registry.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    registry: Url,
    auth: Auth,
}

impl Client {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self {
            http: http_client(options)?,
            registry: options.registry.clone(),
            auth: Auth::new(options.credentials.clone()),
        })
    }

    /// An absolute address, or a path of the registry.
    pub(crate) fn resolve(&self, target: &str) -> Result<Url, String> {
        self.registry
            .join(target)
            .map_err(|e| format!("{target:?} is no address: {e}"))
    }

    /// Sends a request, with what the registry demands as authorization. The error is a sentence.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, String> {
        // An upload may lead elsewhere, where the credentials have no business.
        let ours = request.url.origin() == self.registry.origin();
        if !(request.authorized && ours) {
            return self.attempt(request, None).await;
        }
        let scope = Scope::of(&request.method, &request.url);
        let first = self.attempt(request, self.auth.header(&scope)).await?;
        if first.status != 401 {
            return Ok(first);
        }
        let challenge = (&request.url, &first.headers);
        match self.auth.answer(&self.http, challenge, &scope).await? {
            Some(header) => self.attempt(request, Some(header)).await,
            None => Ok(first),
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, String> {
        let Request {
            method,
            url,
            headers,
            body,
            ..
        } = request.clone();
        let mut builder = self.http.request(method, url).headers(headers);
        if let Some(value) = authorization {
            builder = builder.header(header::AUTHORIZATION, value);
        }
        builder = match body {
            Body::None => builder,
            Body::Sized(bytes) => builder.body(bytes),
            Body::Streamed(bytes) => builder.body(streamed(&bytes)),
        };
        let answer = builder.send().await.map_err(transport)?;
        let (status, url) = (answer.status().as_u16(), answer.url().clone());
        let headers = answer.headers().clone();
        let body = whole(answer)
            .await
            .map_err(|e| format!("answered {status}, then: {e}"))?;
        Ok(Answer {
            method: request.method.clone(),
            url,
            status,
            headers,
            body,
        })
    }
}

fn http_client(options: &Options) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("wharf-conformance/", env!("CARGO_PKG_VERSION")))
        .timeout(options.timeout)
        .tls_danger_accept_invalid_certs(options.insecure);
    if let Some(pem) = &options.ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(Error::Client)?;
        if certificates.is_empty() {
            return Err(Error::NoCertificate);
        }
        builder = builder.tls_certs_merge(certificates);
    } else if options.registry.scheme() == "http" && no_system_certificates() {
        // TLS cannot be set up with the system's certificates where there are none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(Error::Client)
}

fn no_system_certificates() -> bool {
    reqwest::Client::builder().build().is_err()
}

async fn whole(mut answer: reqwest::Response) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(format!("the answer is larger than {MAX_ANSWER} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Several pieces of unknown number, as a client sends that compresses while it uploads.
fn streamed(bytes: &Bytes) -> reqwest::Body {
    let half = bytes.len() / 2;
    let pieces = [bytes.slice(..half), bytes.slice(half..)];
    reqwest::Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)))
}

/// An error with all its causes, which are what tells one failed connection from another, and
/// without the address, which may hold a secret.
pub(crate) fn transport(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
