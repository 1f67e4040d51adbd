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
pub(crate) use volumes::{Claim, StorageClass, Volume, selector};
