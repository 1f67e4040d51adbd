//! Group `scheduling.k8s.io`: one file a kind, one row below.
use super::Kind;

mod priorityclass;

const GROUP: &str = "scheduling.k8s.io";

pub(super) const ROWS: &[Kind] = &[priorityclass::ROW];
