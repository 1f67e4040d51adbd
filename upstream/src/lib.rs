//! A client of other registries, which trusts nothing that they say.
//!
//! # Guarantees
//! * It connects to the origin that it was made for, and to public addresses that this one refers to
//!   over TLS. Names are resolved once: the addresses that were checked are those connected to.
//! * Credentials go to that origin and to its token service, nowhere else; a redirect to another
//!   host gets neither them nor a token.
//! * Every answer has a largest size and every fetch a deadline.
//! * There are no cookies and no proxies, whatever the environment says.
//!
//! What is fetched is only counted here: the caller compares it with its digest.

mod address;
mod body;
mod challenge;
mod client;
mod error;
mod origin;
pub mod push;
mod token;

use std::{fmt, time::Duration};

pub use body::Body;
pub use client::{Fetched, Upstream};
pub use error::Error;
pub use origin::Origin;

/// A user name and the password or token that goes with it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// What an upstream is, and whom it may refer to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the registry is.
    pub origin: Origin,
    /// Origins that may be anywhere, also in private networks and without TLS: those that the
    /// operator named. Empty if the upstream's own is not one of them.
    pub anywhere: Vec<Origin>,
    /// Token services of another name that the upstream is known to use.
    pub token_services: Vec<Origin>,
    pub credentials: Option<Credentials>,
    /// How long a fetch may take in all.
    pub timeout: Duration,
}
