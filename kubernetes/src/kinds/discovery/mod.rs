//! Group `discovery.k8s.io`: one file a kind, one row below.
use super::Kind;

mod endpointslice;

const GROUP: &str = "discovery.k8s.io";

pub(super) const ROWS: &[Kind] = &[endpointslice::ROW];
