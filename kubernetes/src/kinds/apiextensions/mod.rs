//! Group `apiextensions.k8s.io`: one file a kind, one row below.
use super::Kind;

mod customresourcedefinition;
#[cfg(test)]
mod tests;
mod validate;

const GROUP: &str = "apiextensions.k8s.io";

pub(super) const ROWS: &[Kind] = &[customresourcedefinition::ROW];
