//! What a daemon set needs: a function of it, the nodes and its pods.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wharf_types::Timestamp;

use super::fit::{Fit, fit, target};
use super::rolling;
use crate::controllers::amount::rounded_up;
use crate::controllers::pod_control as pods;
use crate::views::{DaemonSetStatus, DaemonSetView, NodeView, PodView};

/// How many pods are created, and how many are deleted, in one step.
const BURST: usize = 250;

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Nodes that get a pod.
    pub create: Vec<String>,
    pub delete: Vec<Arc<PodView>>,
    /// Pods that failed or ended, to be deleted as soon as their node may have another one.
    pub finished: Vec<(String, Arc<PodView>)>,
    /// When to look again although nothing changed.
    pub again: Option<Duration>,
}

/// A daemon set, where its pods are and where they should be.
pub(super) struct View<'a> {
    pub set: &'a DaemonSetView,
    /// The hash of the latest template.
    pub hash: &'a str,
    pub now: Timestamp,
    pub nodes: BTreeMap<&'a str, Fit>,
    /// The pods of each node, whether it is there or not.
    pub pods: BTreeMap<String, Vec<Arc<PodView>>>,
}

impl<'a> View<'a> {
    pub(super) fn new(
        set: &'a DaemonSetView,
        hash: &'a str,
        nodes: &'a [Arc<NodeView>],
        pods: &[Arc<PodView>],
        now: Timestamp,
    ) -> Self {
        let spec = &set.spec.template["spec"];
        let nodes = nodes
            .iter()
            .map(|node| (node.metadata.name.as_str(), fit(spec, node)));
        let mut by_node: BTreeMap<String, Vec<Arc<PodView>>> = BTreeMap::new();
        for pod in pods {
            let over = pod.metadata.is_deleting() && pods::is_finished(pod);
            if let Some(node) = target(pod).filter(|_| !over) {
                by_node
                    .entry(node.to_owned())
                    .or_default()
                    .push(Arc::clone(pod));
            }
        }
        for pods in by_node.values_mut() {
            pods.sort_by_cached_key(|pod| {
                let waiting = pod.spec.node_name.is_empty();
                (waiting, pod.metadata.created(), pod.metadata.name.clone())
            });
        }
        Self {
            set,
            hash,
            now,
            nodes: nodes.collect(),
            pods: by_node,
        }
    }

    pub(super) fn is_available(&self, pod: &PodView) -> bool {
        pods::is_available(pod, self.set.spec.min_ready_seconds, self.now)
    }

    /// Whether a pod is of the latest template.
    pub(super) fn is_updated(&self, pod: &PodView) -> bool {
        let label = |key: &str| pod.metadata.labels.get(key);
        let generation = self.set.metadata.annotations.get(super::GENERATION);
        label(super::HASH).is_some_and(|hash| hash == self.hash)
            || (generation.is_some() && label(super::GENERATION_LABEL) == generation)
    }

    pub(super) fn is_rolling(&self) -> bool {
        self.set.spec.update_strategy.r#type == "RollingUpdate"
    }

    fn surges(&self) -> bool {
        let surge = &self.set.spec.update_strategy.rolling_update.max_surge;
        self.is_rolling() && rounded_up(surge, 1) > 0
    }
}

/// Plans.
pub(super) fn plan(view: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    for (node, fit) in &view.nodes {
        place(view, node, *fit, &mut plan);
    }
    for (node, pods) in &view.pods {
        if !view.nodes.contains_key(node.as_str()) {
            let waiting = pods.iter().filter(|pod| pod.spec.node_name.is_empty());
            plan.delete.extend(waiting.cloned());
        }
    }
    if view.is_rolling() && plan.create.is_empty() && plan.delete.is_empty() {
        rolling::roll(view, &mut plan);
    }
    // A pod is deleted once.
    let mut seen = BTreeSet::new();
    plan.delete
        .retain(|pod| !pod.metadata.is_deleting() && seen.insert(pod.metadata.uid.clone()));
    plan.create.truncate(BURST);
    plan.delete.truncate(BURST);
    let all = view.pods.values().flatten();
    let secs = view.set.spec.min_ready_seconds;
    plan.again = pods::next_available(all.map(|pod| &**pod), secs, view.now);
    plan
}

/// Sees to it that a node has one pod, or none.
fn place(view: &View<'_>, node: &str, fit: Fit, plan: &mut Plan) {
    let Some(pods) = view.pods.get(node) else {
        if fit.run {
            plan.create.push(node.to_owned());
        }
        return;
    };
    if !fit.stay {
        plan.delete.extend(pods.iter().cloned());
        return;
    }
    let mut running: Vec<&Arc<PodView>> = Vec::new();
    for pod in pods.iter().filter(|pod| !pod.metadata.is_deleting()) {
        if pods::is_finished(pod) {
            plan.finished.push((node.to_owned(), Arc::clone(pod)));
        } else {
            running.push(pod);
        }
    }
    if !view.surges() {
        plan.delete.extend(running.into_iter().skip(1).cloned());
        return;
    }
    if running.is_empty() && fit.run {
        // A pod that ends leaves its place at once.
        plan.create.push(node.to_owned());
    }
    if running.len() > 1 {
        surged(view, &running, plan);
    }
}

/// Of several pods on a node one of the old and one of the new template may stay, until the new one
/// takes over.
fn surged(view: &View<'_>, running: &[&Arc<PodView>], plan: &mut Plan) {
    let (mut new, mut old) = (None, None);
    for &pod in running {
        let place = if pod
            .metadata
            .labels
            .get(super::HASH)
            .is_some_and(|hash| hash == view.hash)
        {
            &mut new
        } else {
            &mut old
        };
        if place.is_none() {
            *place = Some(pod);
        } else {
            plan.delete.push(Arc::clone(pod));
        }
    }
    if let (Some(new), Some(old)) = (new, old)
        && (!pods::is_ready(old) || view.is_available(new))
    {
        plan.delete.push(Arc::clone(old));
    }
}

/// The status.
pub(super) fn status(view: &View<'_>, collisions: Option<i64>) -> DaemonSetStatus {
    let mut status = DaemonSetStatus {
        observed_generation: view.set.metadata.generation,
        collision_count: collisions,
        ..DaemonSetStatus::default()
    };
    for (node, fit) in &view.nodes {
        let first = view.pods.get(*node).and_then(|pods| pods.first());
        if !fit.run {
            status.number_misscheduled += i64::from(first.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(pod) = first else { continue };
        status.current_number_scheduled += 1;
        status.number_ready += i64::from(pods::is_ready(pod));
        status.number_available += i64::from(view.is_available(pod));
        status.updated_number_scheduled += i64::from(view.is_updated(pod));
    }
    status.number_unavailable = status.desired_number_scheduled - status.number_available;
    status
}
