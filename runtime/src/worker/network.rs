//! Where a pod's network comes from.
use std::fmt;

use crate::engine::Sandbox;
use crate::{Later, PodSpec};

/// Joins pods to their cluster.
pub trait Network: Send + Sync + fmt::Debug {
    /// Begins to join. Called when the sandbox of a pod is ready, and again whenever that was looked
    /// at.
    fn join(&self, pod: &PodSpec, sandbox: Sandbox);

    /// Waits until a pod knows its cluster. Containers start after its answer.
    fn joined<'a>(&'a self, pod: &'a str) -> Later<'a, ()>;

    /// The pod is being removed.
    fn leave(&self, pod: &str);
}

/// Pods are alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone;

impl Network for Alone {
    fn join(&self, _pod: &PodSpec, _sandbox: Sandbox) {}

    fn joined<'a>(&'a self, _pod: &'a str) -> Later<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn leave(&self, _pod: &str) {}
}
