//! A small client of our own AWS door, for commands.
use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wharf_auth::{Secret, Signer};
use wharf_types::{Clock, Region};

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";

/// Keys and endpoint of a server.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) endpoint: String,
    pub(super) access_key: String,
    pub(super) secret: Secret,
    pub(super) region: Region,
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
        })
    }

    /// Calls an operation of ECR.
    pub(super) async fn ecr(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let body = input.to_string();
        let request = http::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{TARGET}.{operation}"))
            .body(())?;
        let (mut parts, ()) = request.into_parts();
        let signer = Signer {
            access_key: &self.access_key,
            secret: &self.secret,
            region: &self.region,
            service: "ecr",
        };
        signer.sign(&mut parts, body.as_bytes(), Clock::System.now())?;
        let response = reqwest::Client::new()
            .post(format!("{}/", self.endpoint))
            .headers(parts.headers)
            .body(body)
            .send()
            .await
            .with_context(|| format!("no server answers at {}", self.endpoint))?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let output: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !status.is_success() {
            let kind = output["__type"].as_str().unwrap_or("error");
            bail!(
                "{operation}: {status} {kind}: {}",
                output["message"].as_str().unwrap_or_default()
            );
        }
        Ok(output)
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
