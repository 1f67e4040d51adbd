//! The Kubernetes API of a cluster, reached as a kubeconfig of `aws eks update-kubeconfig` says.
use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::Value;

use super::TIMEOUT;
use crate::commands::client::{Client, read};

pub(super) struct Kubernetes<'a> {
    client: &'a Client,
    http: reqwest::Client,
    name: String,
    endpoint: String,
}

impl<'a> Kubernetes<'a> {
    /// Of what `DescribeCluster` says.
    pub(super) fn of(client: &'a Client, cluster: &Value) -> anyhow::Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let ca = text(&cluster["certificateAuthority"]["data"]);
        let ca = STANDARD.decode(ca.context("the cluster has no certificate")?)?;
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            client,
            http,
            name: text(&cluster["name"]).context("the cluster has no name")?,
            endpoint: text(&cluster["endpoint"]).context("the cluster has no endpoint")?,
        })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, &Value::Null).await
    }

    pub(super) async fn create(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, object).await
    }

    pub(super) async fn delete(&self, path: &str, options: &Value) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, options).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        // It is good for some minutes, and the demo may be kept for longer.
        let token = self.client.cluster_token(&self.name)?;
        let what = format!("{method} {path}");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.endpoint))
            .bearer_auth(token);
        if !body.is_null() {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await;
        let response = response.with_context(|| format!("no cluster answers at {what}"))?;
        read(&what, response).await
    }
}
