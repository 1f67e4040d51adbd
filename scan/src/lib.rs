//! Finds known vulnerabilities in the operating-system packages of an image.
//!
//! Four steps, each a function over bytes: [`Files`] picks the few files that say what is installed
//! out of an image's layers, [`Inventory`] reads them, [`Database`] knows advisories in the OSV
//! format, and [`Database::findings`] puts the two together with the version order of the
//! distribution.
//!
//! # Guarantees
//! * Nothing proportional to a layer is held in memory, and every loop over foreign bytes has a
//!   bound of [`Limits`].
//! * No input makes it panic. What cannot be read is an [`Error`], never an empty answer.

mod error;
mod files;
mod layers;
mod osv;
mod packages;
mod versions;

pub use error::Error;
pub use files::Files;
pub use layers::Limits;
pub use osv::{Cvss, Database, Finding, Fingerprint, Problem, Severity, Vulnerable};
pub use packages::{Distribution, Inventory, Manager, Package};
pub use versions::Scheme;
