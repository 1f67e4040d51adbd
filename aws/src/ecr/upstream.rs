//! Images that may have to be fetched from the upstream of a pull through cache rule first.
use wharf_registry::{
    Error,
    pull_through::{self, Puller, UpstreamError},
};
use wharf_types::RepoName;

use super::model::{Failure, ImageId};
use crate::{Cx, Exception};

/// Fetches what is asked for and not here. Returns the ids to look for, and what became of those
/// that the upstream failed on.
pub(super) async fn fetch(
    cx: &Cx,
    name: &RepoName,
    ids: Vec<ImageId>,
) -> Result<(Vec<ImageId>, Vec<Failure>), Exception> {
    let puller = Puller {
        caller: &cx.caller(),
        origin: cx.origin,
    };
    let (mut left, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        let reference = id.parse().ok().and_then(|wanted| wanted.reference());
        let fetched = match &reference {
            Some(reference) => pull_through::fetch_image(&cx.domain, puller, name, reference).await,
            None => Ok(()),
        };
        match fetched {
            Ok(()) => left.push(id),
            Err(e) => failures.push(failure(&id, e)?),
        }
    }
    Ok((left, failures))
}

/// The error of an operation that got something else than images from an upstream.
pub(super) fn exception(e: Error, kind: &'static str, text: &str) -> Exception {
    match e {
        Error::Store(_) => e.into(),
        // Why is in the log: addresses and names of networks are not for clients.
        Error::Upstream(_) => Exception::client(kind, text),
        e => Exception::client(kind, e.to_string()),
    }
}

/// The failure of one image. Those that every image would have are of the whole call.
fn failure(id: &ImageId, e: Error) -> Result<Failure, Exception> {
    let (code, reason) = match e {
        Error::Upstream(UpstreamError::AccessDenied) => (
            "UpstreamAccessDenied",
            "The upstream registry denied access to the image",
        ),
        Error::Upstream(UpstreamError::TooManyRequests) => (
            "UpstreamTooManyRequests",
            "The upstream registry had too many requests",
        ),
        Error::Upstream(_) => (
            "UpstreamUnavailable",
            "The upstream registry could not be reached, or its answer could not be trusted",
        ),
        Error::Secret { .. } | Error::UnsupportedUpstream { .. } => {
            let text = e.to_string();
            return Err(Exception::client("UnableToGetUpstreamImageException", text));
        }
        e => return Err(e.into()),
    };
    Ok(id.failed(code, reason))
}
