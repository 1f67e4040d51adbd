//! EC2's own query protocol: <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>.
use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;

use super::query::{content_type, escape, write_members};
use crate::Exception;

pub(crate) fn answer(namespace: &str, action: &str, request_id: &str, output: &Value) -> Response {
    let mut xml =
        format!("<{action}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>");
    write_members(&mut xml, output, "item");
    let _infallible = write!(xml, "</{action}Response>");
    (content_type(), xml).into_response()
}

pub(crate) fn error(request_id: &str, e: &Exception) -> Response {
    let (code, status) = code(e);
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>",
        escape(&e.message)
    );
    (status, content_type(), xml).into_response()
}

/// EC2 calls these errors otherwise than JSON services do.
fn code(e: &Exception) -> (&'static str, StatusCode) {
    match e.kind {
        "MissingAuthenticationTokenException" => ("AuthFailure", StatusCode::UNAUTHORIZED),
        "UnrecognizedClientException" | "InvalidSignatureException" => {
            ("AuthFailure", StatusCode::UNAUTHORIZED)
        }
        "IncompleteSignatureException" => ("IncompleteSignature", StatusCode::BAD_REQUEST),
        "UnknownOperationException" => ("InvalidAction", StatusCode::BAD_REQUEST),
        "AccessDeniedException" => ("UnauthorizedOperation", StatusCode::FORBIDDEN),
        "SerializationException" | "InvalidParameterException" => {
            ("InvalidParameterValue", StatusCode::BAD_REQUEST)
        }
        "ServerException" => ("InternalError", e.status),
        kind => (kind, e.status),
    }
}
