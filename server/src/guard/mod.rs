//! What a request must look like before anything of ours reads it: the rules that keep a web page,
//! which the user of this machine happens to visit, away from it.
//!
//! # Guarantees
//!
//! * A name that someone else can point at this machine is refused (DNS rebinding): `Host` is an IP
//!   literal, a name that is loopback by definition, a name that only AWS can give an address, or
//!   one that the operator listed.
//! * A browser reaches us from our own pages or from its address bar and in no other way: `Origin`
//!   and `Sec-Fetch-Site` decide, preflights fail, and nothing ever answers with an
//!   `Access-Control-` header.
//! * What a form can send without a preflight is not taken for an AWS call.
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header, request::Parts};

pub use self::host::{Host, HostKind, Name};
use crate::listen::{Connection, envelope};

mod host;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// 400, 403, 415 or 421.
    pub status: StatusCode,
    /// One sentence for the client.
    pub reason: &'static str,
}

impl Rejection {
    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }

    const fn forbidden(reason: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }
}

impl IntoResponse for Rejection {
    /// The error envelope of the distribution specification, closing nothing.
    fn into_response(self) -> Response {
        let code = if self.status == StatusCode::FORBIDDEN {
            "DENIED"
        } else {
            "UNSUPPORTED"
        };
        envelope(self.status, code, self.reason)
    }
}

/// The rules, with the names that the operator added.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    public_hosts: std::sync::Arc<[String]>,
}

impl Guard {
    /// Rules that also accept `public_hosts`, names without a port.
    pub fn new(public_hosts: &[String]) -> Self {
        Self {
            public_hosts: public_hosts
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }
    }

    /// The names that the operator added, in lower case.
    pub fn public_hosts(&self) -> &[String] {
        &self.public_hosts
    }

    /// What a host is to us, whatever its port; `None` if it is not ours to answer for.
    pub fn kind(&self, host: &Host) -> Option<HostKind> {
        host.kind(&self.public_hosts)
    }

    /// What `name`, a host without a port, is to us; `None` if it is not ours to answer for.
    pub fn host_kind(&self, name: &str) -> Option<HostKind> {
        let host: Host = name.parse().ok()?;
        host.port
            .is_none()
            .then(|| host.kind(&self.public_hosts))
            .flatten()
    }

    /// Says whether a request may go on, and which of our names it was sent to.
    ///
    /// Reads the head and its [`Connection`] extension, if there is one, for the scheme.
    pub fn check(&self, parts: &Parts) -> Result<HostKind, Rejection> {
        let (host, kind) = self.host(&parts.headers)?;
        if parts.method == Method::OPTIONS {
            return Err(Rejection::forbidden(
                "requests from other origins are not served",
            ));
        }
        let tls = parts
            .extensions
            .get::<Connection>()
            .is_some_and(|connection| connection.tls);
        check_origin(&parts.headers, &host, tls)?;
        check_fetch_site(parts)?;
        check_content_type(parts)?;
        Ok(kind)
    }

    fn host(&self, headers: &HeaderMap) -> Result<(Host, HostKind), Rejection> {
        const MALFORMED: Rejection = Rejection::new(
            StatusCode::BAD_REQUEST,
            "exactly one well-formed Host header is needed",
        );
        let text = only(headers, &header::HOST)
            .map_err(|TwoOrMore| MALFORMED)?
            .ok_or(MALFORMED)?;
        let host: Host = text.parse().map_err(|_malformed| MALFORMED)?;
        let kind = host.kind(&self.public_hosts).ok_or(Rejection::new(
            StatusCode::MISDIRECTED_REQUEST,
            "this Host is not served here; add it with --public-host to have it served",
        ))?;
        Ok((host, kind))
    }
}

/// A header that may occur once has occurred again, or is not text.
#[derive(Debug)]
struct TwoOrMore;

fn only<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Result<Option<&'a str>, TwoOrMore> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(TwoOrMore),
    }
}

/// An `Origin` is that of the page itself, or the request comes from someone else's page.
fn check_origin(headers: &HeaderMap, host: &Host, tls: bool) -> Result<(), Rejection> {
    const FOREIGN: Rejection = Rejection::forbidden("requests from other origins are not served");
    let Some(origin) = only(headers, &header::ORIGIN).map_err(|TwoOrMore| FOREIGN)? else {
        return Ok(());
    };
    let (scheme, port) = if tls { ("https", 443) } else { ("http", 80) };
    let same = origin
        .split_once("://")
        .filter(|(its, _)| its.eq_ignore_ascii_case(scheme))
        .and_then(|(_, authority)| authority.parse::<Host>().ok())
        .is_some_and(|its| {
            its.name == host.name && its.port.unwrap_or(port) == host.port.unwrap_or(port)
        });
    if same { Ok(()) } else { Err(FOREIGN) }
}

/// <https://www.w3.org/TR/fetch-metadata/>: browsers say who started a request; others say nothing.
fn check_fetch_site(parts: &Parts) -> Result<(), Rejection> {
    const FOREIGN: Rejection = Rejection::forbidden("requests from other sites are not served");
    let said = |name: &'static str| {
        only(&parts.headers, &header::HeaderName::from_static(name)).map_err(|TwoOrMore| FOREIGN)
    };
    match said("sec-fetch-site")? {
        None | Some("same-origin" | "none") => Ok(()),
        // Following a link to the first page of the console shows it and changes nothing.
        Some(_)
            if parts.method == Method::GET
                && parts.uri.path() == "/"
                && said("sec-fetch-mode")? == Some("navigate")
                && said("sec-fetch-dest")? == Some("document") =>
        {
            Ok(())
        }
        Some(_) => Err(FOREIGN),
    }
}

/// The three types that a page may POST without asking first are not those of our JSON APIs. Form
/// bodies are AWS's query protocol and come signed, or from an SDK whose header no page can send; below `/v2/`, where nothing happens without
/// credentials, a blob may be called anything.
fn check_content_type(parts: &Parts) -> Result<(), Rejection> {
    if parts.method != Method::POST || parts.uri.path().starts_with("/v2/") {
        return Ok(());
    }
    let refused = Rejection::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "send application/json, application/x-amz-json-1.1, or a signed form",
    );
    let Some(value) = only(&parts.headers, &header::CONTENT_TYPE).map_err(|TwoOrMore| refused)?
    else {
        return Ok(());
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let is = |simple: &str| essence.eq_ignore_ascii_case(simple);
    let form = is("application/x-www-form-urlencoded");
    if !(form || is("text/plain") || is("multipart/form-data")) {
        return Ok(());
    }
    let signed = parts
        .headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    let sdk = ["amz-sdk-request", "amz-sdk-invocation-id"];
    let sdk = sdk.iter().any(|name| parts.headers.contains_key(*name));
    if form && (signed || sdk) {
        Ok(())
    } else {
        Err(refused)
    }
}

#[cfg(test)]
mod tests;
