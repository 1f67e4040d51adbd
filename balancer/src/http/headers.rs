//! What a proxy changes of headers.
use std::net::IpAddr;

use http::header::{
    CONNECTION, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    pub(super) from: IpAddr,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Came {
    pub(super) const fn scheme(self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// The protocol that both ends are to change to. HTTP/2 is between a client and us only.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut options = headers.get_all(CONNECTION).iter();
    let asked = options.any(|value| {
        let text = value.to_str().unwrap_or_default();
        let mut all = text.split(',');
        all.any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    });
    let protocol = headers.get(UPGRADE).filter(|_| asked)?;
    let own = protocol.as_bytes().eq_ignore_ascii_case(b"h2c");
    (!own).then(|| protocol.clone())
}

/// Takes away what is between a client and us only
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>).
pub(super) fn end_to_end(headers: &mut HeaderMap) {
    let mut named = Vec::new();
    for value in headers.get_all(CONNECTION) {
        let options = value.to_str().unwrap_or_default().split(',');
        named.extend(options.filter_map(|one| one.trim().parse::<HeaderName>().ok()));
    }
    let always = [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    for name in named.into_iter().chain(always) {
        headers.remove(name);
    }
}

/// Both ends change to a protocol.
pub(super) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Says to a pod who asks, and how.
pub(super) fn forwarded(headers: &mut HeaderMap, came: Came, host: &str) {
    // The body is sent without being asked for.
    headers.remove(EXPECT);
    let mut from: Vec<String> = Vec::new();
    for value in headers.get_all(FOR) {
        from.extend(value.to_str().ok().map(str::to_owned));
    }
    from.push(came.from.to_string());
    let set = [
        (FOR, from.join(", ")),
        (PROTO, came.scheme().to_owned()),
        (PORT, came.port.to_string()),
        (FORWARDED_HOST, host.to_owned()),
        (REAL_IP, came.from.to_string()),
        (HOST, host.to_owned()),
    ];
    for (name, text) in set {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
    // HTTP/2 may send a cookie a header, HTTP/1 may not (RFC 9113, 8.2.3).
    let cookies: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if cookies.len() > 1
        && let Ok(one) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, one);
    }
}
