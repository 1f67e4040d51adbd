//! What can go wrong outside the two protocols, which have [`SigError`](crate::SigError) and
//! [`TokenError`](crate::TokenError).

/// A key, a header or a file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a signing key has 32 bytes, this one has {0}")]
    KeyLength(usize),
    #[error("the signing key is all zeros")]
    KeyIsZero,
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    #[error("cannot make a registry password")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("malformed Authorization header: {0}")]
    Basic(&'static str),
    #[error("credentials file, line {line}: {problem}")]
    CredentialsFile { line: usize, problem: &'static str },
    #[error("credentials file, line {line}: policy {path}: {problem}")]
    PolicyFile {
        line: usize,
        path: String,
        problem: String,
    },
    #[error("cannot sign a request without a valid host and access key")]
    Unsignable,
    #[error("cannot make or use a key of service accounts")]
    ServiceAccountKey(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the file with the key of service accounts is not PEM of a PKCS#8 RSA key")]
    ServiceAccountKeyFile,
    #[error("not a certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}
