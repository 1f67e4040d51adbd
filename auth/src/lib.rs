//! Who is asking, and what they may: SigV4 signatures, ECR passwords, the principals they stand for,
//! and the policies that are about these.
//!
//! Everything here is a function of bytes, keys and a given time. Nothing does I/O, keeps state or
//! knows a status code; the callers own files, clocks and HTTP.

mod access;
pub mod basic;
pub mod certificate;
pub mod challenge;
mod credentials;
pub mod eks_token;
mod error;
pub mod link;
pub mod policy;
mod principal;
pub mod role_session;
mod roles;
mod secret;
pub mod service_account;
pub mod sigv4;
pub mod token;

pub use access::Auth;
pub use basic::Credentials;
pub use credentials::{Key, Keys};
pub use error::Error;
pub use policy::Policy;
pub use principal::Principal;
pub use role_session::{RoleSession, SessionContext, TemporaryCredentials};
pub use secret::Secret;
pub use sigv4::{Payload, Scope, SigError, Signed, Signer};
pub use token::{Issued, Session, SigningKey, TokenError};
