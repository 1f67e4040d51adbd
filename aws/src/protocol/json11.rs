//! AWS JSON 1.1: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>.
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::Exception;

/// The only body that is accepted: a web page cannot send it without asking first.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

pub(crate) fn answer(output: &Value) -> Response {
    (content_type(), output.to_string()).into_response()
}

pub(crate) fn error(e: Exception) -> Response {
    let Exception {
        kind,
        status,
        message,
        members,
    } = e;
    let mut body = json!({ "__type": kind, "message": message });
    if let Some(body) = body.as_object_mut() {
        body.extend(members);
    }
    let mut response = (status, content_type(), body.to_string()).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn content_type() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))]
}
