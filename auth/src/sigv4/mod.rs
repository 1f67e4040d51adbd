//! Signature Version 4, as [AWS documents it] for every service but S3.
//!
//! [AWS documents it]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
mod canonical;
mod error;
mod parse;
mod sign;
mod time;
mod verify;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use error::SigError;
pub use parse::parse;
pub(crate) use parse::parse_presigned;
pub use sign::Signer;
pub use verify::{Payload, verify};
use wharf_types::{Region, Timestamp};

use crate::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// What a signature is good for: `<access key>/<date>/<region>/<service>/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub access_key: String,
    /// Eight digits.
    pub date: String,
    pub region: Region,
    /// The name under which the service signs, such as `ecr` or `sts`.
    pub service: String,
}

impl Scope {
    /// The scope without the access key, as it is signed.
    fn credential(&self) -> String {
        let Self {
            date,
            region,
            service,
            ..
        } = self;
        format!("{date}/{region}/{service}/{TERMINATOR}")
    }
}

/// A request's claim to be signed. Only [`verify()`] says whether it is.
#[derive(Clone, Debug)]
pub struct Signed {
    pub scope: Scope,
    /// When the client says that it signed.
    pub at: Timestamp,
    /// The `X-Amz-Security-Token` of temporary credentials.
    pub session_token: Option<Secret>,
    /// How long a presigned URL is valid; `None` for a signature in the header.
    pub expires: Option<Duration>,
    /// In lower case, in the client's order.
    headers: Vec<String>,
    signature: String,
}

impl Signed {
    /// Whether a header, in lower case, is covered.
    pub(crate) fn covers(&self, header: &str) -> bool {
        self.headers.iter().any(|name| name == header)
    }

    /// Whether the signature could be one: 32 bytes in lower-case hexadecimal.
    pub(crate) fn has_form(&self) -> bool {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        self.signature.len() == 64 && self.signature.bytes().all(digit)
    }
}
