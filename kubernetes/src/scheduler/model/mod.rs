//! Pods, nodes and claims as the schedulers see them.
mod amounts;
mod labels;
mod node;
mod pod;
mod volumes;

pub(crate) use amounts::Amounts;
pub(crate) use labels::{Labels, NodeSelector, NodeTerm, Requirement, Selector};
pub(crate) use node::{Node, Taint, Toleration, tolerated};
pub(crate) use pod::{Pod, PodTerm, Port, Spread};
pub(crate) use volumes::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, Claim, MIGRATED_TO, PROVISIONED_BY, PROVISIONER,
    SELECTED_NODE, StorageClass, Volume, choose, selector,
};
