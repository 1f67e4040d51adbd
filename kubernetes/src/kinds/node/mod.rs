//! Group `node.k8s.io`: one file a kind, one row below.
use super::Kind;

mod runtimeclass;

const GROUP: &str = "node.k8s.io";

pub(super) const ROWS: &[Kind] = &[runtimeclass::ROW];
