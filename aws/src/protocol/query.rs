//! AWS query: a form in, XML out: <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>.
use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::Exception;

/// The body of a request.
pub(crate) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The operation that a form names; empty if it names none.
pub(crate) fn action(body: &[u8]) -> String {
    let mut all = form_urlencoded::parse(body);
    let found = all.find(|(name, _)| name == "Action");
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

pub(crate) fn answer(namespace: &str, action: &str, request_id: &str, output: &Value) -> Response {
    let mut xml = format!("<{action}Response xmlns=\"{namespace}\">");
    // An operation without an output has no result either.
    if !output.is_null() {
        let _infallible = write!(xml, "<{action}Result>");
        write_members(&mut xml, output, "member");
        let _infallible = write!(xml, "</{action}Result>");
    }
    let _infallible = write!(
        xml,
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
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
        "ExpiredTokenException" if e.status == StatusCode::FORBIDDEN => {
            ("ExpiredToken", StatusCode::FORBIDDEN)
        }
        "UnrecognizedClientException" => ("InvalidClientTokenId", StatusCode::FORBIDDEN),
        "InvalidSignatureException" => ("SignatureDoesNotMatch", StatusCode::FORBIDDEN),
        "IncompleteSignatureException" => ("IncompleteSignature", StatusCode::BAD_REQUEST),
        "UnknownOperationException" => ("InvalidAction", StatusCode::BAD_REQUEST),
        "AccessDeniedException" => ("AccessDenied", StatusCode::FORBIDDEN),
        "SerializationException" => ("MalformedInput", StatusCode::BAD_REQUEST),
        "ServerException" => ("InternalFailure", e.status),
        kind => (kind, e.status),
    }
}

/// Before the name of a member: its list has no element of its own, each item is an element of the name.
pub(crate) const EACH: &str = "*";

fn write_items(xml: &mut String, items: &[Value], name: &str, item: &str) {
    for value in items {
        let _infallible = write!(xml, "<{name}>");
        write_members(xml, value, item);
        let _infallible = write!(xml, "</{name}>");
    }
}

/// Writes a value; `item` is what the items of lists are called. Members that are null are left out.
pub(super) fn write_members(xml: &mut String, value: &Value, item: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                if let (Some(name), Value::Array(items)) = (name.strip_prefix(EACH), value) {
                    write_items(xml, items, name, item);
                    continue;
                }
                let _infallible = write!(xml, "<{name}>");
                write_members(xml, value, item);
                let _infallible = write!(xml, "</{name}>");
            }
        }
        Value::Array(items) => {
            write_items(xml, items, item, item);
        }
        Value::String(text) => xml.push_str(&escape(text)),
        Value::Null => {}
        other => xml.push_str(&other.to_string()),
    }
}

pub(super) fn escape(text: &str) -> String {
    // XML has no other way to carry most control characters than to leave them out.
    let shown = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let text: String = text.chars().filter(shown).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(super) fn content_type() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"))]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_become_elements_and_text_is_escaped() {
        let mut xml = String::new();
        let value = json!({ "Arn": "a<b>&\"c\u{0}", "List": [1, "x"], "None": null });
        write_members(&mut xml, &value, "member");
        assert_eq!(
            xml,
            "<Arn>a&lt;b&gt;&amp;&quot;c</Arn><List><member>1</member><member>x</member></List>"
        );
    }
}
