//! The group autoscaling: one file a kind, one row below.
use super::Kind;

pub(super) mod hpa;
pub(super) mod scale;

pub(super) const ROWS: &[Kind] = &[hpa::V2, hpa::V1];
