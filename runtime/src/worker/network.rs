//! Where a pod's network comes from.
use std::fmt;

use crate::engine::Sandbox;
use crate::{Later, PodSpec};

/// Joins pods to their cluster.
pub trait Network: Send + Sync + fmt::Debug {
    /// Called when the sandbox of a pod is ready, and again whenever that was looked at. Containers
    /// start after its answer: then the pod knows its cluster.
    fn join<'a>(&'a self, pod: &'a PodSpec, sandbox: Sandbox) -> Later<'a, ()>;

    /// The pod is being removed.
    fn leave(&self, pod: &str);
}

/// Pods are alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone;

impl Network for Alone {
    fn join<'a>(&'a self, _pod: &'a PodSpec, _sandbox: Sandbox) -> Later<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn leave(&self, _pod: &str) {}
}
