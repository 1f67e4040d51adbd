//! The words that the rest of wharf speaks: digests, names, ARNs, manifests, ranges, time.
//!
//! Values are valid by construction: text from the network becomes one of these types once, where
//! it enters, and nothing inside checks it again. Nothing here does I/O.

mod arn;
mod clock;
mod digest;
mod id;
mod manifest;
pub mod media;
mod name;
mod page;
mod prefix;
mod range;

pub use arn::{AccountId, Arn, Region, Registry};
pub use clock::{Clock, Timestamp};
pub use digest::{Algorithm, Digest, Hasher};
pub use id::UploadId;
pub use manifest::{Descriptor, Manifest, ManifestError, Reference, Role};
pub use name::{ManifestRef, RepoName, Tag};
pub use page::{MAX_PAGE, PageSize};
pub use prefix::Prefix;
pub use range::{ByteRange, ContentRange, Ranges};

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Text that does not have the form its type demands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: {text:?}")]
pub struct Invalid {
    /// What the text should have been.
    pub what: &'static str,
    /// The beginning of the text.
    pub text: String,
}

impl Invalid {
    pub(crate) fn new(what: &'static str, text: &str) -> Self {
        let text = text.chars().take(300).collect();
        Self { what, text }
    }
}
