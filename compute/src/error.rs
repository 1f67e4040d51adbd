//! What can go wrong.

/// Why a call is refused: one code that each API has its own name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An argument is wrong.
    Invalid,
    /// A name is taken.
    Exists,
    /// Something still needs it.
    InUse,
    /// A scaling activity goes on.
    Scaling,
    LimitExceeded,
    TagLimitExceeded,
    InstanceNotFound,
    InstanceMalformed,
    IncorrectState,
    SubnetNotFound,
    ImageNotFound,
    InstanceTypeUnknown,
    ResourceNotFound,
    TemplateNotFound,
    TemplateNameNotFound,
    TemplateExists,
    VersionNotFound,
    GroupNotFound,
    NoAddress,
    /// The instance is protected from an API call.
    Protected,
    IdempotentMismatch,
    Conflict,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{message}")]
    Refused { code: Code, message: String },
    #[error(transparent)]
    Store(#[from] wharf_storage::Error),
}

impl Error {
    pub(crate) fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::refused(Code::Invalid, message)
    }

    /// The code, of an error that is the caller's.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Store(_) => None,
        }
    }
}
