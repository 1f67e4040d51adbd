//! Role-based access control, as kube-apiserver decides it.
mod aggregate;
mod covers;
mod escalation;
mod index;
mod model;
mod rules;

#[cfg(test)]
mod tests;

pub use aggregate::aggregated_rules;
pub use covers::{compact, covers, describe};
pub use escalation::{changes_only_gc_fields, check_binding, check_role, full_authority};
pub use index::{Cache, Index};
pub use model::{AggregationRule, Binding, ClusterRole, Role, RoleRef, Rule, Subject};
