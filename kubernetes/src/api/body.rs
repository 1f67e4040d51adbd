//! Bodies of requests: JSON, YAML and protobuf.
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use wharf_kubernetes_schema::{Schema, fields, proto};

use crate::Status;

/// The largest body.
const MAX: usize = 3 * 1024 * 1024;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// An object of a body, and the fields that were in it twice.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) value: Value,
    pub(super) duplicates: Vec<String>,
}

/// Takes a body that is not too large.
pub(super) async fn take(body: Body) -> Result<Bytes, Status> {
    match Limited::new(body, MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(e) if e.is::<http_body_util::LengthLimitError>() => Err(Status::too_large(format!(
            "Request entity too large: limit is {MAX}"
        ))),
        Err(_broken) => Err(Status::bad_request("the body ended early")),
    }
}

/// The media type, without its parameters.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Reads an object.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Read, Status> {
    match media_type(headers) {
        "" | "application/json" => json(body),
        "application/yaml" => yaml(body),
        PROTOBUF => {
            let value = proto::decode(Schema::builtin(), body);
            let value = value.map_err(|e| Status::bad_request(e.to_string()))?;
            Ok(Read {
                value,
                duplicates: Vec::new(),
            })
        }
        other => Err(Status::unsupported_media_type(format!(
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, {PROTOBUF}; not {other}"
        ))),
    }
}

pub(super) fn json(body: &[u8]) -> Result<Read, Status> {
    let (value, duplicates) =
        fields::read_json(body).map_err(|e| Status::bad_request(e.to_string()))?;
    Ok(Read {
        value,
        duplicates: duplicates.iter().map(ToString::to_string).collect(),
    })
}

pub(super) fn yaml(body: &[u8]) -> Result<Read, Status> {
    let (value, duplicates) =
        fields::read_yaml(body).map_err(|e| Status::bad_request(e.to_string()))?;
    Ok(Read {
        value,
        duplicates: duplicates.iter().map(ToString::to_string).collect(),
    })
}
