//! The group policy: one file a kind, one row below.
use super::Kind;

pub(super) mod eviction;
mod pod_disruption_budget;
#[cfg(test)]
mod tests;

pub(super) const ROWS: &[Kind] = &[pod_disruption_budget::POD_DISRUPTION_BUDGET];
