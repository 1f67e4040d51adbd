use std::error::Error as _;

use crate::address::Private;

/// Why nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the upstream registry denied access")]
    AccessDenied,
    #[error("the upstream registry had too many requests")]
    TooManyRequests,
    #[error("the upstream registry does not have it")]
    NotFound,
    #[error("the upstream registry could not be reached: {0}")]
    Unavailable(String),
    /// It answered what must not be followed or believed.
    #[error("the answer of the upstream registry was refused: {0}")]
    Refused(String),
}

impl Error {
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

impl From<reqwest::Error> for Error {
    fn from(e: reqwest::Error) -> Self {
        // A URL may be signed: it is a secret.
        let e = e.without_url();
        if e.is_timeout() {
            return Self::Unavailable("it took too long".into());
        }
        let mut text = e.to_string();
        let mut cause = e.source();
        while let Some(error) = cause {
            if let Some(private) = error.downcast_ref::<Private>() {
                return Self::Refused(private.to_string());
            }
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Unavailable(text)
    }
}
