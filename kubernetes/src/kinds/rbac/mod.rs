//! Group `rbac.authorization.k8s.io`: one file for two kinds of the same form, one row each below.
use super::Kind;

mod binding;
mod role;
#[cfg(test)]
mod tests;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) const ROWS: &[Kind] = &[
    role::ROW,
    role::CLUSTER_ROW,
    binding::ROW,
    binding::CLUSTER_ROW,
];
