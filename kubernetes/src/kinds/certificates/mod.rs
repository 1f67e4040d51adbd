//! Group `certificates.k8s.io`: one file a kind, one row below.
use super::Kind;

mod certificatesigningrequest;
#[cfg(test)]
mod tests;

const GROUP: &str = "certificates.k8s.io";

pub(super) const ROWS: &[Kind] = &[certificatesigningrequest::ROW];
