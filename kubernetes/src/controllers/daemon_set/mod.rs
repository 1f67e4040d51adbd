//! Daemon sets: one pod on every node that fits.
mod backoff;
mod fit;
mod plan;
mod rolling;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use backoff::Backoff;
use fit::fit;
use futures::future::join_all;
use plan::{Plan, View, plan, status};
use serde_json::Value;

use super::history::History;
use super::owners::{Owner, fitting, selects};
use super::{Frame, Index, Key, Outcome, Seen, pod_control as pods, save_status};
use crate::Status;
use crate::cluster::{Actor, Cluster, EventType};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{ControllerRevisionView, DaemonSetView, NodeView, PodView};

const DAEMON_SETS: &str = "daemonsets.apps";

/// The hash of a pod's template.
const HASH: &str = "controller-revision-hash";
/// The generation of a pod's template, from before there were hashes.
const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION: &str = "deprecated.daemonset.template.generation";

struct Work {
    cluster: Cluster,
    by: Actor,
    pods: Index,
    history: History,
    failures: Backoff,
}

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let pods = cluster.shelf("pods")?;
    let mut frame = Frame::of("daemonset-controller", &cluster);
    frame.on(cluster.shelf(DAEMON_SETS)?, |seen| seen.keys());
    let all = cluster.clone();
    frame.on(Arc::clone(&pods), move |seen| concerned(&all, seen));
    let all = cluster.clone();
    frame.on(cluster.shelf("nodes")?, move |seen| of_node(&all, seen));
    let user = "system:serviceaccount:kube-system:daemon-set-controller";
    let by = Actor::system(user, "kube-controller-manager", "daemonset-controller");
    let work = Work {
        pods: Index::new(cluster.store(), pods, pods::pod_terms),
        history: History::new(&cluster, &by, HASH)?,
        failures: Backoff::default(),
        by,
        cluster,
    };
    frame
        .run_on(work, |work, key| async move { work.sync(key).await })
        .await;
    Ok(())
}

/// The sets to which a change of a pod may matter.
fn concerned(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Key> {
    pods::concerned(seen, ("apps/v1", "DaemonSet"), |pod| {
        fitting(cluster, DAEMON_SETS, pod, |set: &DaemonSetView| {
            Selector::parse(&set.spec.selector)
        })
    })
}

/// The sets for which a node is now another one. Nodes report often, and mostly nothing new.
fn of_node(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Key> {
    let sets = cluster.list(DAEMON_SETS, None);
    let (old, new) = (
        seen.old.map(|node| node.view()),
        seen.new.map(|node| node.view()),
    );
    let same = |a: &NodeView, b: &NodeView| {
        a.metadata.labels == b.metadata.labels && a.spec.taints == b.spec.taints
    };
    if let (Some(old), Some(new)) = (&old, &new)
        && same(old, new)
    {
        return Vec::new();
    }
    let concerned = sets.iter().filter(|set| {
        let view = set.view::<DaemonSetView>();
        let spec = &view.spec.template["spec"];
        let fits = |node: &Option<Arc<NodeView>>| node.as_ref().map(|node| fit(spec, node));
        fits(&old) != fits(&new)
    });
    concerned.map(|set| Key::of(set)).collect()
}

impl Work {
    async fn sync(&self, key: Key) -> Outcome {
        let found = self.cluster.get(DAEMON_SETS, &key.namespace, &key.name);
        let Some(object) = found.filter(|object| !object.deleting) else {
            return Ok(None);
        };
        let set = object.view::<DaemonSetView>();
        let owner = Owner::of(DAEMON_SETS, "apps/v1", "DaemonSet", &object);
        let Some(selector) = Selector::parse(&set.spec.selector) else {
            return Ok(None);
        };
        let revisions = self.history.of(&owner, selector).await?;
        let (meta, template) = (&set.metadata, &set.spec.template);
        let collisions = set.status.collision_count;
        let latest = self
            .history
            .latest(&owner, meta, template, collisions, &revisions)
            .await?;
        let hash = latest
            .revision
            .metadata
            .labels
            .get(HASH)
            .map_or("", String::as_str);
        let nodes = self.cluster.list("nodes", None);
        let nodes: Vec<Arc<NodeView>> = nodes.iter().map(|node| node.view()).collect();
        let candidates = pods::candidates(&self.pods, &owner);
        let matches = |pod: &Object| selects(selector, pod);
        let pods = pods::claimed(&self.cluster, &self.by, &owner, candidates, matches).await?;
        let now = self.cluster.now();
        let mut plan = plan(&View::new(&set, hash, &nodes, &pods, now));
        self.replace_finished(&owner, &set, &mut plan).await;
        let acted = self.act(&owner, &set, hash, &plan).await;
        let pods: Vec<Arc<PodView>> = self
            .pods
            .of(&owner.uid)
            .iter()
            .map(|pod| pod.view())
            .collect();
        let view = View::new(&set, hash, &nodes, &pods, now);
        let collided = collisions.is_some() || latest.collisions > 0;
        let collisions = collided.then_some(latest.collisions);
        let status = status(&view, collisions);
        if status != set.status {
            save_status(&self.cluster, &self.by, DAEMON_SETS, &object, &status).await?;
        }
        acted?;
        let live = pods.iter().filter_map(|pod| pod.metadata.labels.get(HASH));
        let live: HashSet<&str> = live.map(String::as_str).chain([hash]).collect();
        let is_live = |revision: &ControllerRevisionView| {
            let hash = revision.metadata.labels.get(HASH);
            hash.is_some_and(|hash| live.contains(hash.as_str()))
        };
        let limit = set.spec.revision_history_limit;
        self.history
            .trim(&owner, &revisions, is_live, limit)
            .await?;
        Ok(plan.again)
    }

    /// Pods that ended make room for others; after a failure not at once.
    async fn replace_finished(&self, owner: &Owner, set: &DaemonSetView, plan: &mut Plan) {
        let about = owner.reference();
        for (node, pod) in std::mem::take(&mut plan.finished) {
            let failed = pod.status.phase == "Failed";
            if failed {
                let key = (
                    owner.uid.clone(),
                    set.status.observed_generation,
                    node.clone(),
                );
                if let Err(pause) = self.failures.fail(key, self.cluster.now()) {
                    let again = plan.again.map_or(pause, |again| again.min(pause));
                    plan.again = Some(again);
                    continue;
                }
            }
            let (kind, reason, how, what) = if failed {
                (EventType::Warning, "FailedDaemonPod", "failed", "kill")
            } else {
                (
                    EventType::Normal,
                    "SucceededDaemonPod",
                    "succeeded",
                    "delete",
                )
            };
            let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
            let message = format!(
                "Found {how} daemon pod {namespace}/{name} on node {node}, will try to {what} it"
            );
            self.cluster
                .event(&self.by, &about, kind, reason, &message)
                .await;
            plan.delete.push(pod);
        }
    }

    async fn act(
        &self,
        owner: &Owner,
        set: &DaemonSetView,
        hash: &str,
        plan: &Plan,
    ) -> Result<(), Status> {
        let mut failure = None;
        let (mut left, mut batch) = (plan.create.as_slice(), 1);
        while !left.is_empty() && failure.is_none() {
            let (now, later) = left.split_at(batch.min(left.len()));
            let created = now.iter().map(|node| {
                let pod = pod(set, owner, hash, node);
                pods::create(&self.cluster, &self.by, owner, pod)
            });
            let failures = join_all(created).await.into_iter().filter_map(Result::err);
            failure = failures
                .filter(|status| !pods::is_namespace_ending(status))
                .last();
            (left, batch) = (later, batch * 2);
        }
        let deleted = plan
            .delete
            .iter()
            .map(|pod| pods::delete(&self.cluster, &self.by, owner, pod));
        let deleted: Result<(), Status> = join_all(deleted).await.into_iter().collect();
        failure.map_or(deleted, Err)
    }
}

/// The pod of a node.
fn pod(set: &DaemonSetView, owner: &Owner, hash: &str, node: &str) -> Value {
    let mut pod = pods::of_template(&set.spec.template, owner);
    fit::pin(&mut pod["spec"], node);
    let labels = &mut pod["metadata"]["labels"];
    labels[HASH] = hash.into();
    if let Some(generation) = set.metadata.annotations.get(GENERATION) {
        labels[GENERATION_LABEL] = generation.as_str().into();
    }
    pod
}
