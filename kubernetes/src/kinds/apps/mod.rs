//! Group `apps`: one file a kind, one row below.
use super::Kind;

pub(super) const ROWS: &[Kind] = &[];
