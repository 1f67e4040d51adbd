//! A small client of our own AWS door, for commands.
use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharf_auth::{Secret, Signer, eks_token};
use wharf_types::{Clock, Region};

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";

/// What a server refuses.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {status} {kind}: {message}")]
pub(super) struct Refused {
    what: String,
    pub(super) status: StatusCode,
    kind: String,
    message: String,
}

/// Reads an answer of AWS or Kubernetes, which both say what they refuse.
pub(super) async fn read(what: &str, response: reqwest::Response) -> anyhow::Result<Value> {
    let status = response.status();
    let bytes = response.bytes().await?;
    let output: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(output);
    }
    let kind = output["__type"].as_str().or(output["reason"].as_str());
    let refused = Refused {
        what: what.to_owned(),
        status,
        kind: kind.unwrap_or("error").to_owned(),
        message: output["message"].as_str().unwrap_or_default().to_owned(),
    };
    Err(refused.into())
}

/// Keys and endpoint of a server.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) endpoint: String,
    pub(super) access_key: String,
    pub(super) secret: Secret,
    pub(super) region: Region,
    pub(super) http: reqwest::Client,
}

impl Client {
    /// A client with the caller's own keys, or with any where keys are not checked.
    #[expect(
        clippy::disallowed_methods,
        reason = "the keys of AWS clients, which no setting of ours repeats"
    )]
    pub(super) fn from_environment(endpoint: String) -> anyhow::Result<Self> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = var("AWS_REGION").or_else(|| var("AWS_DEFAULT_REGION"));
        Ok(Self {
            endpoint,
            access_key: var("AWS_ACCESS_KEY_ID").unwrap_or_else(|| "test".into()),
            secret: Secret::new(var("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| "test".into())),
            region: region.as_deref().unwrap_or("us-east-1").parse()?,
            http: reqwest::Client::new(),
        })
    }

    /// Calls an operation of ECR.
    pub(super) async fn ecr(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let request = http::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{TARGET}.{operation}"))
            .body(input.to_string())?;
        self.send("ecr", operation, request).await
    }

    /// Calls an operation of EKS, which is a method and a path.
    pub(super) async fn eks(
        &self,
        method: Method,
        path: &str,
        input: &Value,
    ) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        let body = if input.is_null() {
            String::new()
        } else {
            input.to_string()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("content-type", "application/json")
            .body(body)?;
        self.send("eks", &what, request).await
    }

    /// A token for the API server of a cluster, as `aws eks get-token` makes it.
    pub(super) fn cluster_token(&self, cluster: &str) -> anyhow::Result<String> {
        let signer = self.signer("sts");
        let now = Clock::System.now();
        Ok(eks_token::make(&signer, &self.endpoint, cluster, now)?)
    }

    fn signer<'a>(&'a self, service: &'a str) -> Signer<'a> {
        Signer {
            access_key: &self.access_key,
            secret: &self.secret,
            region: &self.region,
            service,
        }
    }

    async fn send(
        &self,
        service: &str,
        what: &str,
        request: http::Request<String>,
    ) -> anyhow::Result<Value> {
        let (mut parts, body) = request.into_parts();
        let now = Clock::System.now();
        self.signer(service)
            .sign(&mut parts, body.as_bytes(), now)?;
        let response = self
            .http
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body)
            .send()
            .await
            .with_context(|| format!("no server answers at {}", self.endpoint))?;
        read(what, response).await
    }

    /// The password for the registry, and the host it is for.
    pub(super) async fn password(&self) -> anyhow::Result<(String, String)> {
        let output = self.ecr("GetAuthorizationToken", &json!({})).await?;
        let data = &output["authorizationData"][0];
        let token = data["authorizationToken"]
            .as_str()
            .context("the server gave no token")?;
        let decoded = String::from_utf8(STANDARD.decode(token)?)?;
        let (_, password) = decoded
            .split_once(':')
            .context("the server gave a malformed token")?;
        let endpoint = data["proxyEndpoint"].as_str().unwrap_or_default();
        let host = endpoint
            .trim_start_matches("http://")
            .trim_start_matches("https://");
        Ok((password.to_owned(), host.to_owned()))
    }
}
