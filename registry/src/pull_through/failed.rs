//! Failures that all who wait for the same work are told.
use wharf_storage::Error as StoreError;
use wharf_types::RepoName;
use wharf_upstream::Error as UpstreamError;

use super::SecretError;
use crate::Error;

/// An [`Error`] that can be told to many.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    Upstream(UpstreamError),
    Unsupported { url: String },
    Secret { arn: String, reason: SecretError },
    TooManyUploads,
    Full,
    Unavailable,
}

impl Failed {
    /// Notes a failure, once for all who wait, and keeps what they are told.
    pub(super) fn of(error: Error, name: &RepoName) -> Self {
        match error {
            Error::Upstream(UpstreamError::NotFound) => Self::Upstream(UpstreamError::NotFound),
            error => {
                let shown: &dyn std::error::Error = &error;
                tracing::warn!(error = shown, repository = %name, "an upstream registry could not be used");
                error.into()
            }
        }
    }
}

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        match e {
            Error::Upstream(e) => Self::Upstream(e),
            Error::UnsupportedUpstream { url } => Self::Unsupported { url },
            Error::Secret { arn, reason } => Self::Secret { arn, reason },
            Error::TooManyUploads => Self::TooManyUploads,
            Error::Store(StoreError::Full) => Self::Full,
            Error::Store(_) => Self::Unavailable,
            // What it sent cannot be stored.
            other => Self::Upstream(UpstreamError::Refused(other.to_string())),
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Upstream(e) => Self::Upstream(e),
            Failed::Unsupported { url } => Self::UnsupportedUpstream { url },
            Failed::Secret { arn, reason } => Self::Secret { arn, reason },
            Failed::TooManyUploads => Self::TooManyUploads,
            Failed::Full => Self::Store(StoreError::Full),
            Failed::Unavailable => Self::Store(StoreError::Unavailable),
        }
    }
}
