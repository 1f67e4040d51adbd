//! The core group, which has no name: one file a kind, one row below.
use super::Kind;

mod binding;
pub(super) mod pod;
mod pod_template;
mod replication_controller;

pub(super) const ROWS: &[Kind] = &[
    binding::BINDING,
    pod::POD,
    pod_template::POD_TEMPLATE,
    replication_controller::REPLICATION_CONTROLLER,
];
