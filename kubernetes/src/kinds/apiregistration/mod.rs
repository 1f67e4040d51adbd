//! Group `apiregistration.k8s.io`: one file a kind, one row below.
use super::Kind;

mod apiservice;

const GROUP: &str = "apiregistration.k8s.io";

pub(super) const ROWS: &[Kind] = &[apiservice::ROW];
