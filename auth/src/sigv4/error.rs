//! Why a signature is refused, in the words of AWS's JSON services.

/// A missing, malformed or wrong signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// The request carries no signature at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// The signature does not have its form.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody has this access key.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The credentials are of a session that has ended.
    #[error("The security token included in the request is expired")]
    Expired,
    /// The signature is well-formed, but for another time, scope or set of headers.
    #[error("{0}")]
    OutOfScope(String),
    /// The signature is not the one that the secret makes.
    #[error(
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method. \
         Consult the service documentation for details."
    )]
    Mismatch,
}

impl SigError {
    /// The name of AWS's exception.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::Expired => "ExpiredTokenException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::OutOfScope(_) | Self::Mismatch => "InvalidSignatureException",
        }
    }

    /// The text that goes with [`code`](Self::code). It repeats parts of the request, but not
    /// the signature of a well-formed one, nor a token.
    pub fn message(&self) -> String {
        self.to_string()
    }
}
