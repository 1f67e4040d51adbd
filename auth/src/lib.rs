//! Who is asking: SigV4 signatures, ECR passwords, and the principals they stand for.
//!
//! Everything here is a function of bytes, keys and a given time. Nothing does I/O, keeps state or
//! knows a status code; the callers own files, clocks and HTTP.

pub mod basic;
pub mod challenge;
mod credentials;
mod error;
pub mod link;
mod principal;
mod secret;
pub mod sigv4;
pub mod token;

pub use basic::Credentials;
pub use credentials::{Key, Keys};
pub use error::Error;
pub use principal::Principal;
pub use secret::Secret;
pub use sigv4::{Payload, Scope, SigError, Signed, Signer};
pub use token::{Issued, Session, SigningKey, TokenError};
