//! What controllers know of pods, and how they make and delete them.
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::owners::{Claim, Owner, claim, orphans, owner_term, settle};
use super::{Index, Key, Seen};
use crate::Status;
use crate::cluster::{Actor, Cluster, Deletion, EventType};
use crate::store::Object;
use crate::views::PodView;

/// Which pod is to go first: a smaller one before a larger one.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The terms of pods in an index of owners.
pub(crate) fn pod_terms(object: &Object) -> Vec<String> {
    let pod = object.view::<PodView>();
    owner_term(&object.namespace, pod.metadata.controller())
}

/// The objects of a kind to which a change of a pod may matter: those that control it, before or after,
/// and, once nobody does, those that might adopt it.
pub(crate) fn concerned(
    seen: &Seen<'_>,
    (api_version, kind): (&str, &str),
    adopters: impl FnOnce(&Object) -> Vec<Key>,
) -> Vec<Key> {
    let mut keys = Vec::new();
    for pod in seen.states() {
        let view = pod.view::<PodView>();
        let owner = view.metadata.controller();
        if let Some(owner) = owner.filter(|one| one.kind == kind && one.api_version == api_version)
        {
            keys.push(Key::new(&pod.namespace, &owner.name));
        }
    }
    let is_orphan = |pod: &Object| pod.view::<PodView>().metadata.controller().is_none();
    let Some(pod) = seen.new.filter(|pod| is_orphan(pod)) else {
        return keys;
    };
    let was = seen.old.filter(|old| is_orphan(old));
    if was.is_none_or(|old| old.labels != pod.labels) {
        keys.extend(adopters(pod));
    }
    keys
}

/// The pods that an owner has, or could have because nobody else does.
pub(crate) fn candidates(index: &Index, owner: &Owner) -> Vec<Arc<Object>> {
    let mut pods = index.of(&owner.uid);
    pods.extend(index.of(&orphans(&owner.namespace)));
    pods
}

/// Those of the candidates that are the owner's, once those that match are adopted and its others
/// are let go.
pub(crate) async fn claimed(
    cluster: &Cluster,
    by: &Actor,
    owner: &Owner,
    candidates: Vec<Arc<Object>>,
    matches: impl Fn(&Object) -> bool + Send,
) -> Result<Vec<Arc<PodView>>, Status> {
    let mut pods = Vec::new();
    for pod in candidates {
        let view = pod.view::<PodView>();
        let claim = claim(owner, &view.metadata, matches(&pod));
        if claim == Claim::Keep {
            pods.push(view);
            continue;
        }
        let settled = settle(cluster, by, owner, "pods", pod, claim);
        pods.extend(settled.await?.map(|pod| pod.view::<PodView>()));
    }
    Ok(pods)
}

pub(crate) fn is_finished(pod: &PodView) -> bool {
    matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
}

/// Whether a pod runs, will run, and is meant to.
pub(crate) fn is_active(pod: &PodView) -> bool {
    !is_finished(pod) && !pod.metadata.is_deleting()
}

pub(crate) fn is_ready(pod: &PodView) -> bool {
    pod.condition("Ready")
        .is_some_and(|ready| ready.status == "True")
}

/// Whether a pod has been ready for long enough.
pub(crate) fn is_available(pod: &PodView, min_ready_secs: i64, now: Timestamp) -> bool {
    is_ready(pod) && available_in(pod, min_ready_secs, now).is_none()
}

/// How long a ready pod has to stay so to be available; none if it is.
pub(crate) fn available_in(pod: &PodView, min_ready_secs: i64, now: Timestamp) -> Option<Duration> {
    let secs = u64::try_from(min_ready_secs).unwrap_or(0);
    if secs == 0 {
        return None;
    }
    let wait = Duration::from_secs(secs);
    let Some(since) = pod.condition("Ready").and_then(|ready| ready.since()) else {
        return Some(wait);
    };
    let left = (since + wait).since(now);
    (!left.is_zero()).then_some(left)
}

/// When the next of the pods that are ready but not available will be.
pub(crate) fn next_available<'a>(
    pods: impl Iterator<Item = &'a PodView>,
    min_ready_secs: i64,
    now: Timestamp,
) -> Option<Duration> {
    pods.filter(|pod| is_ready(pod))
        .filter_map(|pod| available_in(pod, min_ready_secs, now))
        .min()
}

/// Sorts pods so that those to be deleted first are first. `related` are the pods with which each
/// shares its node: doubled up ones go first.
pub(crate) fn sort_for_deletion(
    pods: &mut [Arc<PodView>],
    related: &[Arc<PodView>],
    now: Timestamp,
) {
    let mut on_node: HashMap<&str, usize> = HashMap::new();
    for pod in related.iter().filter(|pod| is_active(pod)) {
        *on_node.entry(pod.spec.node_name.as_str()).or_default() += 1;
    }
    let rank = |pod: &PodView| {
        on_node
            .get(pod.spec.node_name.as_str())
            .copied()
            .unwrap_or(0)
    };
    pods.sort_by(|a, b| by_worth(a, b, rank(a), rank(b), now));
}

fn by_worth(a: &PodView, b: &PodView, rank_a: usize, rank_b: usize, now: Timestamp) -> Ordering {
    let phase = |pod: &PodView| match pod.status.phase.as_str() {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    };
    let ready_since = |pod: &PodView| {
        let ready = pod
            .condition("Ready")
            .filter(|ready| ready.status == "True");
        ready.and_then(|ready| ready.since())
    };
    let assigned = |pod: &PodView| !pod.spec.node_name.is_empty();
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
        .then_with(|| rank_b.cmp(&rank_a))
        .then_with(|| younger(ready_since(a), ready_since(b), a, b, now))
        .then_with(|| Reverse(restarts(a)).cmp(&Reverse(restarts(b))))
        .then_with(|| younger(a.metadata.created(), b.metadata.created(), a, b, now))
        .then_with(|| a.metadata.uid.cmp(&b.metadata.uid))
}

fn deletion_cost(pod: &PodView) -> i32 {
    let cost = pod.metadata.annotations.get(DELETION_COST);
    cost.and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

/// The most restarts of a container, and of an init container.
fn restarts(pod: &PodView) -> i64 {
    let all = pod.status.container_statuses.iter();
    let all = all.chain(&pod.status.init_container_statuses);
    all.map(|container| container.restart_count)
        .max()
        .unwrap_or(0)
}

/// Unknown times first, then later ones. Ages are compared by their magnitude only, and at random
/// (by uid) within one, so that not always the same pods go.
fn younger(
    a: Option<Timestamp>,
    b: Option<Timestamp>,
    pod_a: &PodView,
    pod_b: &PodView,
    now: Timestamp,
) -> Ordering {
    match (a, b) {
        (a, b) if a == b => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(a), Some(b)) => {
            let magnitude = |at: Timestamp| now.since(at).as_millis().checked_ilog2();
            let by_age = magnitude(a).cmp(&magnitude(b));
            by_age.then_with(|| pod_a.metadata.uid.cmp(&pod_b.metadata.uid))
        }
    }
}

/// The pod of a template, with a name that is made up when it is created.
pub(crate) fn of_template(template: &Value, owner: &Owner) -> Value {
    let metadata = &template["metadata"];
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", owner.name),
            "namespace": owner.namespace,
            "ownerReferences": [owner.to_json()],
        },
        "spec": template["spec"],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if !metadata[field].is_null() {
            pod["metadata"][field] = metadata[field].clone();
        }
    }
    pod
}

/// Creates a pod and says so in an event of its owner.
pub(crate) async fn create(
    cluster: &Cluster,
    by: &Actor,
    owner: &Owner,
    pod: Value,
) -> Result<Arc<Object>, Status> {
    match cluster.create("pods", pod, by).await {
        Ok(pod) => {
            let message = format!("Created pod: {}", pod.name);
            let about = owner.reference();
            cluster
                .event(by, &about, EventType::Normal, "SuccessfulCreate", &message)
                .await;
            Ok(pod)
        }
        Err(status) => {
            if !is_namespace_ending(&status) {
                let message = format!("Error creating: {status}");
                let about = owner.reference();
                cluster
                    .event(by, &about, EventType::Warning, "FailedCreate", &message)
                    .await;
            }
            Err(status)
        }
    }
}

/// Whether nothing can be created because the namespace is being deleted.
pub(crate) fn is_namespace_ending(status: &Status) -> bool {
    let causes = status.details["causes"].as_array();
    let mut causes = causes.into_iter().flatten();
    causes.any(|cause| cause["reason"] == "NamespaceTerminating")
}

/// Deletes a pod and says so in an event of its owner. One that is gone already is fine.
pub(crate) async fn delete(
    cluster: &Cluster,
    by: &Actor,
    owner: &Owner,
    pod: &PodView,
) -> Result<(), Status> {
    let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
    let how = Deletion {
        uid: Some(pod.metadata.uid.clone()),
        ..Deletion::default()
    };
    let about = owner.reference();
    match cluster.delete("pods", namespace, name, &how, by).await {
        Ok(()) => {
            let message = format!("Deleted pod: {name}");
            cluster
                .event(by, &about, EventType::Normal, "SuccessfulDelete", &message)
                .await;
            Ok(())
        }
        Err(status) if status.is_not_found() || status.reason == "Conflict" => Ok(()),
        Err(status) => {
            let message = format!("Error deleting: {status}");
            cluster
                .event(by, &about, EventType::Warning, "FailedDelete", &message)
                .await;
            Err(status)
        }
    }
}
