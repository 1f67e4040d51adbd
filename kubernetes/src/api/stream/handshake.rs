//! How a client asks for another protocol, and how it is answered.
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::websocket;
use crate::Status;

const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const ACCEPTED: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");

/// What a client wants to speak, and in which of its protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    WebSocket {
        /// What answers its key.
        accept: String,
        protocols: Vec<String>,
    },
    Spdy {
        protocols: Vec<String>,
    },
}

/// All values of a header, where each may be a list.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let all = headers.get_all(name).iter();
    let texts = all.filter_map(|value| value.to_str().ok());
    let parts = texts.flat_map(|text| text.split(','));
    let parts = parts.map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

fn has(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let all = list(headers, name);
    all.iter().any(|one| one.eq_ignore_ascii_case(wanted))
}

/// Reads the wish of a request.
pub(super) fn read(method: &Method, headers: &HeaderMap) -> Result<Wanted, Status> {
    let upgrades = has(headers, &header::CONNECTION, "upgrade");
    if upgrades && has(headers, &header::UPGRADE, "SPDY/3.1") {
        let protocols = list(headers, &STREAM_PROTOCOL);
        return Ok(Wanted::Spdy { protocols });
    }
    if !upgrades || !has(headers, &header::UPGRADE, "websocket") {
        return Err(Status::bad_request("Upgrade request required"));
    }
    if *method != Method::GET || !has(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(Status::bad_request(
            "a WebSocket is asked for by GET, in version 13",
        ));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.and_then(|key| key.to_str().ok());
    let accept = key.and_then(websocket::accept);
    let accept = accept.ok_or_else(|| Status::bad_request("Sec-WebSocket-Key: not a key"))?;
    Ok(Wanted::WebSocket {
        accept,
        protocols: list(headers, &header::SEC_WEBSOCKET_PROTOCOL),
    })
}

/// The first protocol of the client that we speak.
pub(super) fn choose<'a, P>(
    wanted: &[String],
    ours: &'a [P],
    name: impl Fn(&P) -> &str,
) -> Result<&'a P, Response> {
    let find = |wanted: &str| ours.iter().find(|one| name(one) == wanted);
    let found = match wanted {
        // Who names none gets the first one of all.
        [] => find("").or_else(|| find("channel.k8s.io")).or(ours.first()),
        some => some.iter().find_map(|one| find(one)),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = ours.iter().map(&name).filter(|name| !name.is_empty()).collect();
        let text = format!(
            "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
            wanted.join(" "),
            names.join(" ")
        );
        let mut response = plain(StatusCode::FORBIDDEN, text);
        for name in names {
            if let Ok(value) = HeaderValue::from_str(name) {
                response.headers_mut().append(ACCEPTED, value);
            }
        }
        response
    })
}

/// Words, as the kubelet answers.
pub(super) fn plain(code: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = code;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn switching(protocol: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(protocol));
    response
}

/// The answer after which a WebSocket begins.
pub(super) fn websocket(accept: &str, protocol: &str) -> Response {
    let mut response = switching("websocket");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, value);
    }
    if let Ok(value) = HeaderValue::from_str(protocol)
        && !protocol.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    response
}

/// The answer after which SPDY begins.
pub(super) fn spdy(protocol: &str) -> Response {
    let mut response = switching("SPDY/3.1");
    if let Ok(value) = HeaderValue::from_str(protocol) {
        response.headers_mut().insert(STREAM_PROTOCOL, value);
    }
    response
}
