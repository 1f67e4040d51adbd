//! A cluster as its clients see it: requests, and watches that are read event by event.
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, Connection};

/// The token of `aws eks get-token`; with `--auth=local` any signature of the right form will do.
pub(crate) fn token(port: u16) -> String {
    let now = jiff::Timestamp::now();
    let (day, at) = (now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ"));
    let signature = "0".repeat(64);
    let url = format!(
        "http://localhost:{port}/?Action=GetCallerIdentity&Version=2011-06-15\
         &X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=test%2F{day}%2Fus-east-1%2Fsts%2Faws4_request\
         &X-Amz-Date={at}&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
         &X-Amz-Signature={signature}"
    );
    format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
}

/// Asks, and reads the whole answer.
pub(crate) async fn ask(
    connection: &mut Connection,
    method: Method,
    path: &str,
    body: Option<(&str, Value)>,
) -> Result<Value> {
    let reply = connection.json(method, path, body).await?;
    let bytes = reply.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&bytes)?)
}

pub(crate) async fn create(
    connection: &mut Connection,
    path: &str,
    object: Value,
) -> Result<Value> {
    let body = Some(("application/json", object));
    ask(connection, Method::POST, path, body).await
}

/// What is read of an event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    pub(crate) what: String,
    pub(crate) object: Seen,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Seen {
    pub(crate) metadata: Metadata,
    pub(crate) status: Phase,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) resource_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Phase {
    pub(crate) phase: String,
}

/// A watch on a connection of its own.
#[derive(Debug)]
pub(crate) struct Watch {
    body: Incoming,
    buffer: Vec<u8>,
    read: usize,
    /// The connection lives as long as it.
    _connection: Connection,
}

impl Watch {
    pub(crate) async fn open(client: &Client, path: &str, from: &str) -> Result<Self> {
        let mut connection = client.connect().await?;
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}watch=true&resourceVersion={from}");
        let reply = connection.json(Method::GET, &path, None).await?;
        Ok(Self {
            body: reply.into_body(),
            buffer: Vec::new(),
            read: 0,
            _connection: connection,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            let rest = self.buffer.get(self.read..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest.get(..length).unwrap_or_default();
                let event = serde_json::from_slice(line)?;
                self.read += length + 1;
                return Ok(event);
            }
            self.buffer.drain(..self.read);
            self.read = 0;
            let frame = self.body.frame().await.context("the watch has ended")?;
            if let Ok(data) = frame?.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
