//! The status of a deployment: counters, and whether it gets on.
use std::time::Duration;

use wharf_types::Timestamp;

use super::revisions::Limits;
use super::rollout::{Sets, total};
use crate::cluster::time::{parse_rfc3339, rfc3339};
use crate::views::{DeploymentCondition, DeploymentStatus, DeploymentView};

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const REPLICA_FAILURE: &str = "ReplicaFailure";

const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";

fn condition(
    kind: &str,
    status: &str,
    reason: &str,
    message: impl Into<String>,
    now: Timestamp,
) -> DeploymentCondition {
    DeploymentCondition {
        r#type: kind.to_owned(),
        status: status.to_owned(),
        last_update_time: rfc3339(now),
        last_transition_time: rfc3339(now),
        reason: reason.to_owned(),
        message: message.into(),
    }
}

fn find<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a DeploymentCondition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.r#type == kind)
}

fn remove(status: &mut DeploymentStatus, kind: &str) {
    status
        .conditions
        .retain(|condition| condition.r#type != kind);
}

/// Sets a condition; one with the same status and reason stays as it is.
fn set(status: &mut DeploymentStatus, mut new: DeploymentCondition) {
    if let Some(old) = find(status, &new.r#type) {
        if old.status == new.status && old.reason == new.reason {
            return;
        }
        if old.status == new.status {
            new.last_transition_time
                .clone_from(&old.last_transition_time);
        }
    }
    remove(status, &new.r#type);
    status.conditions.push(new);
}

fn progress_deadline(deployment: &DeploymentView) -> Option<Duration> {
    let secs = deployment.spec.progress_deadline_seconds?;
    if secs == i64::from(i32::MAX) {
        return None;
    }
    Some(Duration::from_secs(u64::try_from(secs).unwrap_or(0)))
}

/// Notes that a deployment was paused or resumed, so that the time between does not count.
pub(super) fn pause(deployment: &DeploymentView, status: &mut DeploymentStatus, now: Timestamp) {
    if progress_deadline(deployment).is_none() {
        return;
    }
    let reason = find(status, PROGRESSING).map(|condition| condition.reason.as_str());
    let was_paused = reason == Some(PAUSED);
    if reason == Some(TIMED_OUT) || was_paused == deployment.spec.paused {
        return;
    }
    let (reason, message) = if deployment.spec.paused {
        (PAUSED, "Deployment is paused")
    } else {
        ("DeploymentResumed", "Deployment is resumed")
    };
    set(
        status,
        condition(PROGRESSING, "Unknown", reason, message, now),
    );
}

/// Notes that there is a replica set of the template already.
pub(super) fn found(
    deployment: &DeploymentView,
    set_name: &str,
    status: &mut DeploymentStatus,
    now: Timestamp,
) {
    if progress_deadline(deployment).is_some() && find(status, PROGRESSING).is_none() {
        let message = format!("Found new replica set \"{set_name}\"");
        set(
            status,
            condition(PROGRESSING, "True", "FoundNewReplicaSet", message, now),
        );
    }
}

/// Notes that a replica set is made of the template.
pub(super) fn created(
    deployment: &DeploymentView,
    set_name: &str,
    status: &mut DeploymentStatus,
    now: Timestamp,
) {
    if progress_deadline(deployment).is_some() {
        let message = format!("Created new replica set \"{set_name}\"");
        set(
            status,
            condition(PROGRESSING, "True", "NewReplicaSetCreated", message, now),
        );
    }
}

/// Notes that it could not be made.
pub(super) fn not_created(
    deployment: &DeploymentView,
    message: &str,
    status: &mut DeploymentStatus,
    now: Timestamp,
) {
    if progress_deadline(deployment).is_some() {
        set(
            status,
            condition(PROGRESSING, "False", "ReplicaSetCreateError", message, now),
        );
    }
}

/// Counts, and tells whether enough are available.
pub(super) fn summarize(
    deployment: &DeploymentView,
    sets: &Sets,
    limits: &Limits,
    status: &mut DeploymentStatus,
    now: Timestamp,
) {
    let sum = |count: fn(&crate::views::ReplicaSetStatus) -> i64| -> i64 {
        sets.all().map(|set| count(&set.status)).sum()
    };
    status.observed_generation = deployment.metadata.generation;
    status.replicas = sum(|set| set.replicas);
    status.ready_replicas = sum(|set| set.ready_replicas);
    status.available_replicas = sum(|set| set.available_replicas);
    status.updated_replicas = sets.new.as_ref().map_or(0, |set| set.status.replicas);
    status.unavailable_replicas = (total(sets.all()) - status.available_replicas).max(0);
    let enough = status.available_replicas >= deployment.spec.replicas - limits.unavailable;
    let available = if enough {
        let message = "Deployment has minimum availability.";
        condition(AVAILABLE, "True", "MinimumReplicasAvailable", message, now)
    } else {
        let message = "Deployment does not have minimum availability.";
        condition(
            AVAILABLE,
            "False",
            "MinimumReplicasUnavailable",
            message,
            now,
        )
    };
    set(status, available);
}

/// Whether all pods are of the template and available.
pub(super) fn is_complete(deployment: &DeploymentView, status: &DeploymentStatus) -> bool {
    let wanted = deployment.spec.replicas;
    status.updated_replicas == wanted
        && status.replicas == wanted
        && status.available_replicas == wanted
        && status.observed_generation >= deployment.metadata.generation
}

/// Whether there is more of what is wanted, or less of what is not, than last time.
fn has_moved(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    new.updated_replicas > old.updated_replicas
        || new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

fn has_timed_out(deadline: Duration, status: &DeploymentStatus, now: Timestamp) -> bool {
    match find(status, PROGRESSING) {
        None => false,
        Some(current) if current.reason == COMPLETE => false,
        Some(current) if current.reason == TIMED_OUT => true,
        Some(current) => {
            parse_rfc3339(&current.last_update_time).is_some_and(|updated| updated + deadline < now)
        }
    }
}

/// Tells whether a rollout gets on, is done, or takes too long.
pub(super) fn estimate(
    deployment: &DeploymentView,
    sets: &Sets,
    status: &mut DeploymentStatus,
    now: Timestamp,
) {
    let deadline = progress_deadline(deployment);
    if deadline.is_none() {
        remove(status, PROGRESSING);
    }
    let current = find(status, PROGRESSING).cloned();
    let was_complete = status.replicas == status.updated_replicas
        && current
            .as_ref()
            .is_some_and(|current| current.reason == COMPLETE);
    let name = match &sets.new {
        Some(new) => format!("ReplicaSet \"{}\"", new.metadata.name),
        None => format!("Deployment \"{}\"", deployment.metadata.name),
    };
    if let Some(deadline) = deadline
        && !was_complete
    {
        if is_complete(deployment, status) {
            let message = format!("{name} has successfully progressed.");
            set(
                status,
                condition(PROGRESSING, "True", COMPLETE, message, now),
            );
        } else if has_moved(&deployment.status, status) {
            let message = format!("{name} is progressing.");
            let mut moved = condition(PROGRESSING, "True", "ReplicaSetUpdated", message, now);
            if let Some(current) = current.filter(|current| current.status == "True") {
                moved.last_transition_time = current.last_transition_time;
            }
            // Each step counts, even if the condition says the same.
            remove(status, PROGRESSING);
            set(status, moved);
        } else if has_timed_out(deadline, status, now) {
            let message = format!("{name} has timed out progressing.");
            set(
                status,
                condition(PROGRESSING, "False", TIMED_OUT, message, now),
            );
        }
    }
    match failure(sets) {
        Some(failure) => set(status, failure),
        None => remove(status, REPLICA_FAILURE),
    }
}

/// Why pods of a set cannot be created; the new set's reason first.
fn failure(sets: &Sets) -> Option<DeploymentCondition> {
    let mut conditions = sets
        .new
        .iter()
        .chain(&sets.old)
        .flat_map(|set| &set.status.conditions);
    let found = conditions.find(|condition| condition.r#type == REPLICA_FAILURE)?;
    Some(DeploymentCondition {
        r#type: found.r#type.clone(),
        status: found.status.clone(),
        last_update_time: found.last_transition_time.clone(),
        last_transition_time: found.last_transition_time.clone(),
        reason: found.reason.clone(),
        message: found.message.clone(),
    })
}

/// When to look whether the deadline has passed.
pub(super) fn deadline(
    deployment: &DeploymentView,
    status: &DeploymentStatus,
    now: Timestamp,
) -> Option<Duration> {
    let deadline = progress_deadline(deployment)?;
    let current = find(status, PROGRESSING)?;
    if is_complete(deployment, status) || current.reason == TIMED_OUT || current.reason == COMPLETE
    {
        return None;
    }
    let updated = parse_rfc3339(&current.last_update_time)?;
    // A second more, because times are in whole seconds.
    Some((updated + deadline).since(now) + Duration::from_secs(1))
}
