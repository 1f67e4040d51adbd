//! AWS query: a form in, XML out: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>.
use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use crate::Exception;

/// The body of a request.
pub(crate) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of a form as the members of an object.
pub(crate) fn members(body: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(body)
        .map(|(k, v)| (k.into_owned(), Value::String(v.into_owned())))
        .collect()
}

pub(crate) fn answer(namespace: &str, action: &str, request_id: &str, output: &Value) -> Response {
    let mut xml = format!("<{action}Response xmlns=\"{namespace}\"><{action}Result>");
    write_members(&mut xml, output);
    let _infallible = write!(
        xml,
        "</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    );
    (content_type(), xml).into_response()
}

pub(crate) fn error(namespace: &str, request_id: &str, e: &Exception) -> Response {
    let fault = if e.status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let (code, status) = code(e);
    let xml = format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(&e.message)
    );
    (status, content_type(), xml).into_response()
}

/// Query services call these errors otherwise than JSON services do.
fn code(e: &Exception) -> (&'static str, StatusCode) {
    match e.kind {
        "MissingAuthenticationTokenException" => {
            ("MissingAuthenticationToken", StatusCode::FORBIDDEN)
        }
        "UnrecognizedClientException" => ("InvalidClientTokenId", StatusCode::FORBIDDEN),
        "InvalidSignatureException" => ("SignatureDoesNotMatch", StatusCode::FORBIDDEN),
        "IncompleteSignatureException" => ("IncompleteSignature", StatusCode::BAD_REQUEST),
        "UnknownOperationException" => ("InvalidAction", StatusCode::BAD_REQUEST),
        kind => (kind, e.status),
    }
}

fn write_members(xml: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let _infallible = write!(xml, "<{name}>");
                write_members(xml, value);
                let _infallible = write!(xml, "</{name}>");
            }
        }
        Value::Array(items) => {
            for item in items {
                xml.push_str("<member>");
                write_members(xml, item);
                xml.push_str("</member>");
            }
        }
        Value::String(text) => xml.push_str(&escape(text)),
        Value::Null => {}
        other => xml.push_str(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn content_type() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"))]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_become_elements_and_text_is_escaped() {
        let mut xml = String::new();
        write_members(&mut xml, &json!({ "Arn": "a<b>&\"c", "List": [1, "x"] }));
        assert_eq!(
            xml,
            "<Arn>a&lt;b&gt;&amp;&quot;c</Arn><List><member>1</member><member>x</member></List>"
        );
    }
}
