//! Group `coordination.k8s.io`: one file a kind, one row below.
use super::Kind;

mod lease;

const GROUP: &str = "coordination.k8s.io";

pub(super) const ROWS: &[Kind] = &[lease::ROW];
