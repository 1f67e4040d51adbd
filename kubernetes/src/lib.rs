//! The Kubernetes API of a cluster: objects, watch, patch, tables, controllers, schedulers.
//!
//! # Guarantees
//! * Readers and watchers see a change only after it is on the disk.
//! * `resourceVersion` is one counter a cluster and never goes back, restarts included.
//! * Whoever writes, controllers included, goes through the same admission, defaulting and
//!   validation.

mod cron;
mod defaults;
mod errors;
mod fields;
mod kinds;
mod status;
mod table;
mod validation;

pub use cron::{BadSchedule, Schedule, find_zone};
pub use errors::{Errors, Path};
pub use kinds::{KINDS, Keep, Kind, SUBRESOURCE_KINDS, Scope, Subresource, Verbs};
pub use status::Status;
pub use table::Column;
