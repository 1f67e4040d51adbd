//! What runs pods: one task set that is the kubelet of every node.
pub mod translate;
