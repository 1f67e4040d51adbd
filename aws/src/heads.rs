//! What the head of a request says, before anyone knows which operation it is.
use http::{HeaderName, header, request::Parts};

use crate::protocol::query;

/// Names an operation of a JSON service.
pub(crate) const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Whether a request is for this door: it is signed, or names a target.
pub fn is_aws(parts: &Parts) -> bool {
    let signed = parts
        .headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    signed
        || parts.headers.contains_key(TARGET)
        || parts
            .uri
            .query()
            .is_some_and(|q| q.contains("X-Amz-Signature="))
}

/// Whether a request may be one of the few that need no signature, because they carry a token: a form
/// that is not below any path.
pub fn is_unsigned_form(parts: &Parts) -> bool {
    let form = content_type(parts) == Some(query::CONTENT_TYPE);
    form && parts.method == http::Method::POST && parts.uri.path() == "/" && !is_aws(parts)
}

/// A request of a pod that came to the address that stands for AWS there: what it calls the server is no
/// name that others could use.
#[derive(Clone, Copy, Debug)]
pub struct FromPod;

/// The type of a body, without what comes after it.
pub(crate) fn content_type(parts: &Parts) -> Option<&str> {
    let text = parts.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    text.split(';').next().map(str::trim)
}
