//! The small program inside every pod.
//!
//! It holds the pod's network namespace (pause), answers for names, leads service addresses to
//! endpoints with `nf_tables`, and carries connections over one link to the server. It runs twice:
//! as a static program of its own in the pause container of the docker engine, and inside the wharf
//! program, which executes itself again, for the builtin engine. [`main`] serves both.
//!
//! It never listens on a service's address or port: an application in the same namespace could then
//! not bind its own. Its own listeners are at high ports of [`LOCAL_ADDRESS`], and connections reach
//! them by the same translation of addresses as services.
//!
//! A server needs [`protocol`] and [`table`] only, which work everywhere; the rest needs Linux.

#[cfg(target_os = "linux")]
mod dns;
mod error;
#[cfg(target_os = "linux")]
mod interface;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod nft;
#[cfg(target_os = "linux")]
mod pause;
pub mod protocol;
#[cfg(target_os = "linux")]
mod run;
pub mod table;

use std::net::Ipv4Addr;

pub use error::Error;
#[cfg(target_os = "linux")]
pub use nft::egress;
#[cfg(target_os = "linux")]
pub use nft::probe as probe_nf_tables;
#[cfg(target_os = "linux")]
pub use run::main;

/// Where the sandbox listens inside of the pod, on its `lo`. Of the range that AWS keeps for its own
/// agents, so that no application has a use for it.
pub const LOCAL_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 53);
