//! Which nodes a pod can go to, and why it cannot go to the others.
use std::borrow::Cow;

mod affinity;
mod resources;
mod simple;
mod spread;
mod volumes;

pub(crate) use affinity::Neighbours;
pub(super) use affinity::selects;
pub(crate) use simple::{matches_node, named_nodes, untolerated};
pub(crate) use spread::Spreading;
pub(super) use spread::matching as spread_count;
pub(crate) use volumes::Claims;

use super::model::Pod;
use super::state::{NodeInfo, State};

/// Why a pod cannot go to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reasons: Vec<Cow<'static, str>>,
    /// Whether the pod could fit if others went away.
    pub(crate) preemptible: bool,
    /// Whether other pods that come can change it.
    pub(crate) by_pods: bool,
}

impl Refusal {
    /// Without other pods it could be different.
    fn crowded(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reasons: vec![reason.into()],
            preemptible: true,
            by_pods: false,
        }
    }

    /// It is the node that does not fit.
    pub(super) fn hopeless(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            preemptible: false,
            ..Self::crowded(reason)
        }
    }
}

/// What is worked out once for a pod before nodes are looked at.
#[derive(Debug)]
pub(crate) struct Cycle {
    claims: Claims,
    spreading: Spreading,
    neighbours: Neighbours,
}

impl Cycle {
    /// An error is what is wrong whatever the node.
    pub(crate) fn begin(pod: &Pod, state: &State) -> Result<Self, String> {
        Ok(Self {
            claims: Claims::of(pod, state)?,
            spreading: Spreading::of(pod, state),
            neighbours: Neighbours::of(pod, state),
        })
    }

    /// Whether a pod can go to a node, in the order of upstream's plugins.
    pub(crate) fn check(&self, pod: &Pod, info: &NodeInfo, state: &State) -> Result<(), Refusal> {
        simple::unschedulable(pod, info)?;
        simple::node_name(pod, info)?;
        simple::taints(pod, info)?;
        simple::node_affinity(pod, info)?;
        simple::ports(pod, info)?;
        resources::fits(pod, info)?;
        self.claims.check(info, state)?;
        self.spreading.check(pod, info)?;
        self.neighbours.check(pod, info)
    }

    /// Notes that a pod was put on a node, or taken away, since the cycle began: only what is counted
    /// over nodes is worked out again.
    pub(crate) fn refresh(&mut self, pod: &Pod, state: &State) {
        if !self.spreading.is_empty() {
            self.spreading = Spreading::of(pod, state);
        }
        if !self.neighbours.is_empty() {
            self.neighbours = Neighbours::of(pod, state);
        }
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }
}
