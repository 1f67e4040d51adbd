//! What runs pods: one task set that is the kubelet of every node.
mod status;
pub mod translate;
