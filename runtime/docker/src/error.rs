//! What can go wrong.
use std::io;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("Docker cannot be reached at {at}")]
    Unreachable {
        at: String,
        #[source]
        source: io::Error,
    },
    #[error("{0:?} is not where Docker can be reached: unix:///a/path or tcp://host:port")]
    Address(String),
    #[error("the connection to Docker broke")]
    Http(#[source] hyper::Error),
    #[error("Docker does not answer within {0:?}")]
    Silent(std::time::Duration),
    /// What Docker says itself.
    #[error("{message}")]
    Answered { status: u16, message: String },
    #[error("an answer of Docker is not understood")]
    Answer(#[source] serde_json::Error),
    #[error("input or output failed")]
    Io(#[source] io::Error),
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// Docker has no such thing.
    pub(crate) const fn is_missing(&self) -> bool {
        matches!(self, Self::Answered { status: 404, .. })
    }

    /// Docker has it already, or it is in another state.
    pub(crate) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Answered { status: 409, .. })
    }

    /// The error and its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        wharf_types::chain(self)
    }
}

impl From<Error> for wharf_runtime::Error {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// That something is gone already is what was wanted.
pub(crate) fn or_gone(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if error.is_missing() => Ok(()),
        other => other,
    }
}
