//! Group `events.k8s.io`: the events of the core group under other names of their fields.
//!
//! There is one stored object, that of the core group. What comes in is converted before it is
//! stored, what goes out after it was read.
use super::Kind;

mod convert;
mod event;

pub use convert::{core_field, from_core, to_core};

const GROUP: &str = "events.k8s.io";

pub(super) const ROWS: &[Kind] = &[event::ROW];
