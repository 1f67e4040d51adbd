//! A small HTTP client, for plain HTTP and for wharf's TLS: a connection, and requests on it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::payload::{Blob, Payload, hex};
use crate::pods::image::{Image, MANIFEST};

/// What a client of ECR signs with; with `--auth=local` only the shape is looked at.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecr/aws4_request, \
    SignedHeaders=host, \
    Signature=0000000000000000000000000000000000000000000000000000000000000000";
const EKS_SIGNATURE: &str = "AWS4-HMAC-SHA256 \
    Credential=test/20260101/us-east-1/eks/aws4_request, SignedHeaders=host, \
    Signature=0000000000000000000000000000000000000000000000000000000000000000";
const SIGNED_AT: &str = "20260101T000000Z";
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";

/// Where a server is, and how to be let in.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    tls: Option<Certificates>,
    authorization: Option<String>,
}

#[derive(Clone)]
struct Certificates(Arc<ClientConfig>);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

impl Client {
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            authorization: None,
        }
    }

    /// The same server over TLS, trusting the authority in `ca`.
    pub(crate) fn with_tls(mut self, ca: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(ca)
            .with_context(|| format!("no certificate in {}", ca.display()))?;
        roots.add(certificate)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.tls = Some(Certificates(Arc::new(config)));
        Ok(self)
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let (send, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.dial().await?)).await?;
        tokio::spawn(connection);
        Ok(Connection {
            send,
            host: self.host(),
            authorization: self.authorization.clone(),
        })
    }

    /// A connection on which nothing was asked yet.
    pub(crate) async fn dial(&self) -> Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(Certificates(config)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from("localhost")?;
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Box::new(connector.connect(name, stream).await?))
    }

    /// What a request to it says in `Host`.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The same server, with these credentials.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    pub(crate) fn token(&self) -> &str {
        let token = self.authorization.as_deref().unwrap_or_default();
        token.trim_start_matches("Bearer ")
    }

    /// Logs in as the aws command and docker do, and creates a repository.
    pub(crate) async fn log_in(&mut self, repository: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        let reply = connection.aws("GetAuthorizationToken", json!({})).await?;
        let token = reply["authorizationData"][0]["authorizationToken"].as_str();
        self.authorization = Some(format!("Basic {}", token.context("no authorizationToken")?));
        connection
            .aws("CreateRepository", json!({ "repositoryName": repository }))
            .await?;
        Ok(())
    }
}

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type AnyBody = http_body_util::Either<Payload, http_body_util::Full<Bytes>>;

/// An open connection; one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    send: SendRequest<AnyBody>,
    host: String,
    authorization: Option<String>,
}

impl Connection {
    /// Whether `path` answers 200.
    pub(crate) async fn is_ok(&mut self, path: &str) -> Result<bool> {
        let reply = self.request(Method::GET, path, Payload::empty()).await?;
        let status = reply.status();
        reply.into_body().collect().await?;
        Ok(status == StatusCode::OK)
    }

    /// Pushes a blob as docker does: POST, one PATCH of unknown length, PUT.
    pub(crate) async fn push(&mut self, repository: &str, blob: &Blob) -> Result<()> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let at = self
            .step(Method::POST, &path, Payload::empty(), StatusCode::ACCEPTED)
            .await?;
        let at = self
            .step(Method::PATCH, &at, blob.stream(), StatusCode::ACCEPTED)
            .await?;
        let mark = if at.contains('?') { '&' } else { '?' };
        let path = format!("{at}{mark}digest={}", blob.digest);
        self.step(Method::PUT, &path, Payload::empty(), StatusCode::CREATED)
            .await?;
        Ok(())
    }

    /// Pushes a blob to the bare loop.
    pub(crate) async fn push_bare(&mut self, blob: &Blob) -> Result<()> {
        self.step(Method::PUT, "/", blob.stream(), StatusCode::CREATED)
            .await?;
        Ok(())
    }

    /// Pulls and counts; what the client does with the bytes is not measured.
    pub(crate) async fn pull(&mut self, path: &str) -> Result<u64> {
        let mut count = 0;
        self.receive(path, |data| count += data.len() as u64)
            .await?;
        Ok(count)
    }

    /// Pulls and hashes.
    pub(crate) async fn pull_digest(&mut self, path: &str) -> Result<String> {
        let mut hash = Sha256::new();
        self.receive(path, |data| hash.update(data)).await?;
        Ok(format!("sha256:{}", hex(&hash.finalize())))
    }

    async fn receive(&mut self, path: &str, mut take: impl FnMut(&Bytes) + Send) -> Result<()> {
        let reply = self.request(Method::GET, path, Payload::empty()).await?;
        if reply.status() != StatusCode::OK {
            return Err(unexpected(&Method::GET, path, reply).await);
        }
        let mut body = reply.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                take(&data);
            }
        }
        Ok(())
    }

    /// A request with the only status that it may have; answers the path of its Location.
    async fn step(
        &mut self,
        method: Method,
        path: &str,
        body: Payload,
        expected: StatusCode,
    ) -> Result<String> {
        let reply = self.request(method.clone(), path, body).await?;
        if reply.status() != expected {
            return Err(unexpected(&method, path, reply).await);
        }
        let location = location(&reply)?;
        reply.into_body().collect().await?;
        Ok(location)
    }

    async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: Payload,
    ) -> Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(AnyBody::Left(body))?;
        self.send.ready().await?;
        Ok(self.send.send_request(request).await?)
    }

    /// Asks for JSON; what is sent, if anything, comes with its type. Whatever is no success is an
    /// error.
    pub(crate) async fn json(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(&str, Value)>,
    ) -> Result<Response<Incoming>> {
        let body = body.map(|(kind, value)| (kind, value.to_string().into()));
        let reply = self.send_bytes(&method, path, body).await?;
        if !reply.status().is_success() {
            return Err(unexpected(&method, path, reply).await);
        }
        Ok(reply)
    }

    /// Whether there is nothing at `path`; what it answers is no JSON of interest.
    pub(crate) async fn is_gone(&mut self, method: Method, path: &str) -> Result<bool> {
        let reply = self.send_bytes(&method, path, None).await?;
        let status = reply.status();
        if !status.is_success() && status != StatusCode::NOT_FOUND {
            return Err(unexpected(&method, path, reply).await);
        }
        reply.into_body().collect().await?;
        Ok(status == StatusCode::NOT_FOUND)
    }

    /// Pushes an image of one layer, all in memory.
    pub(crate) async fn push_image(&mut self, place: &str, tag: &str, image: &Image) -> Result<()> {
        for (digest, bytes) in [
            (&image.layer_digest, &image.layer),
            (&image.config_digest, &image.config),
        ] {
            let path = format!("/v2/{place}/blobs/uploads/");
            let begun = self.send_bytes(&Method::POST, &path, None).await?;
            let at = location(&begun)?;
            begun.into_body().collect().await?;
            let mark = if at.contains('?') { '&' } else { '?' };
            let at = format!("{at}{mark}digest={digest}");
            let body = ("application/octet-stream", bytes.clone());
            self.created(&at, body).await?;
        }
        let body = (MANIFEST, image.manifest().into());
        self.created(&format!("/v2/{place}/manifests/{tag}"), body)
            .await
    }

    async fn created(&mut self, path: &str, body: (&str, Bytes)) -> Result<()> {
        let reply = self.send_bytes(&Method::PUT, path, Some(body)).await?;
        if reply.status() != StatusCode::CREATED {
            return Err(unexpected(&Method::PUT, path, reply).await);
        }
        reply.into_body().collect().await?;
        Ok(())
    }

    async fn send_bytes(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Response<Incoming>> {
        let authorization = self.authorization.as_deref().unwrap_or(EKS_SIGNATURE);
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, authorization)
            .header("X-Amz-Date", SIGNED_AT);
        let mut sent = Bytes::new();
        if let Some((kind, bytes)) = body {
            request = request.header(CONTENT_TYPE, kind);
            sent = bytes;
        }
        self.send.ready().await?;
        let request = request.body(AnyBody::Right(sent.into()))?;
        Ok(self.send.send_request(request).await?)
    }

    async fn aws(&mut self, operation: &str, body: Value) -> Result<Value> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header(HOST, &self.host)
            .header(AUTHORIZATION, SIGNATURE)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("X-Amz-Date", SIGNED_AT)
            .header("X-Amz-Target", format!("{TARGET}.{operation}"))
            .body(AnyBody::Right(body.to_string().into()))?;
        self.send.ready().await?;
        let reply = self.send.send_request(request).await?;
        if reply.status() != StatusCode::OK {
            return Err(unexpected(&Method::POST, operation, reply).await);
        }
        Ok(serde_json::from_slice(
            &reply.into_body().collect().await?.to_bytes(),
        )?)
    }
}

/// The path of a reply's `Location`; empty if it has none.
fn location(reply: &Response<Incoming>) -> Result<String> {
    let Some(value) = reply.headers().get(LOCATION) else {
        return Ok(String::new());
    };
    let uri: Uri = value.to_str()?.parse()?;
    Ok(uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default())
}

async fn unexpected(method: &Method, path: &str, reply: Response<Incoming>) -> anyhow::Error {
    let status = reply.status();
    let body = match reply.into_body().collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(error) => error.to_string(),
    };
    anyhow::anyhow!("{method} {path}: {status} {body}")
}
