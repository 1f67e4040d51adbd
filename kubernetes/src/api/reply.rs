//! Answers: JSON, warnings, errors.
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::Status;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const WARNING: HeaderName = HeaderName::from_static("warning");

/// The longest warning that is sent.
const WARNING_MAX: usize = 1024;

/// An answer of JSON.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: StatusCode,
    pub(super) body: Bytes,
    pub(super) warnings: Vec<String>,
}

impl Reply {
    pub(super) fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            code: StatusCode::OK,
            body: body.into(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn value(value: &Value) -> Self {
        Self::ok(value.to_string())
    }

    /// With another body.
    pub(super) fn with_body(self, body: Body) -> Response {
        let mut response = self.into_response();
        *response.body_mut() = body;
        response
    }

    #[must_use]
    pub(super) fn created(self) -> Self {
        Self {
            code: StatusCode::CREATED,
            ..self
        }
    }

    #[must_use]
    pub(super) fn warn(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.code;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        for warning in self.warnings {
            let short: String = warning.chars().take(WARNING_MAX).collect();
            let quoted = short.replace('\\', "\\\\").replace('"', "\\\"");
            let text = quoted.replace(|c: char| c.is_control(), " ");
            if let Ok(value) = HeaderValue::try_from(format!("299 - \"{text}\"")) {
                headers.append(WARNING, value);
            }
        }
        response
    }
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let retry = self.details["retryAfterSeconds"].as_u64();
        let mut response = Reply {
            code: self.code,
            body: self.to_json().to_string().into(),
            warnings: Vec::new(),
        }
        .into_response();
        if let Some(seconds) = retry {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
