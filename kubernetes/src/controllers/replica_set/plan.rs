//! What a replica set needs: a function of the set and its pods.
use std::sync::Arc;
use std::time::Duration;

use wharf_types::Timestamp;

use crate::cluster::time::rfc3339;
use crate::controllers::pod_control as pods;
use crate::views::ReplicaSetCondition;
use crate::views::{PodView, ReplicaSetStatus, ReplicaSetView};

/// How many pods are created or deleted in one step.
pub(super) const BURST: usize = 500;

/// What is to be done about the number of pods.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Nothing,
    Create(usize),
    Delete(Vec<Arc<PodView>>),
}

/// Compares the pods that there are with those that there should be. `related` are the pods of all
/// sets of the same deployment.
pub(super) fn step(
    set: &ReplicaSetView,
    active: &[Arc<PodView>],
    related: &[Arc<PodView>],
    now: Timestamp,
) -> Step {
    let wanted = usize::try_from(set.spec.replicas).unwrap_or(0);
    if set.metadata.is_deleting() || active.len() == wanted {
        return Step::Nothing;
    }
    if active.len() < wanted {
        return Step::Create((wanted - active.len()).min(BURST));
    }
    let surplus = (active.len() - wanted).min(BURST);
    let mut pods = active.to_vec();
    if surplus < pods.len() {
        pods::sort_for_deletion(&mut pods, related, now);
    }
    pods.truncate(surplus);
    Step::Delete(pods)
}

/// The status, and when it will be another one just because time passes. `failure` is why pods could
/// not be created or deleted.
pub(super) fn status(
    set: &ReplicaSetView,
    active: &[Arc<PodView>],
    failure: Option<&str>,
    now: Timestamp,
) -> (ReplicaSetStatus, Option<Duration>) {
    let secs = set.spec.min_ready_seconds;
    let count = |test: &dyn Fn(&PodView) -> bool| {
        let found = active.iter().filter(|pod| test(pod)).count();
        i64::try_from(found).unwrap_or(i64::MAX)
    };
    let template = set.spec.template["metadata"]["labels"].as_object();
    let labeled = |pod: &PodView| {
        let mut wanted = template.into_iter().flatten();
        wanted
            .all(|(key, value)| pod.metadata.labels.get(key).map(String::as_str) == value.as_str())
    };
    let status = ReplicaSetStatus {
        replicas: count(&|_| true),
        fully_labeled_replicas: count(&labeled),
        ready_replicas: count(&pods::is_ready),
        available_replicas: count(&|pod| pods::is_available(pod, secs, now)),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, active.len(), failure, now),
    };
    let next = pods::next_available(active.iter().map(|pod| &**pod), secs, now);
    (status, next)
}

fn conditions(
    set: &ReplicaSetView,
    active: usize,
    failure: Option<&str>,
    now: Timestamp,
) -> Vec<ReplicaSetCondition> {
    const FAILURE: &str = "ReplicaFailure";
    let mut conditions = set.status.conditions.clone();
    let told = conditions
        .iter()
        .any(|condition| condition.r#type == FAILURE);
    match failure {
        None => conditions.retain(|condition| condition.r#type != FAILURE),
        Some(_) if told => {}
        Some(message) => {
            let active = i64::try_from(active).unwrap_or(i64::MAX);
            let reason = if active < set.spec.replicas {
                "FailedCreate"
            } else {
                "FailedDelete"
            };
            conditions.push(ReplicaSetCondition {
                r#type: FAILURE.to_owned(),
                status: "True".to_owned(),
                last_transition_time: rfc3339(now),
                reason: reason.to_owned(),
                message: message.to_owned(),
            });
        }
    }
    conditions
}
