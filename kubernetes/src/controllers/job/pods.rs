//! The pods of a job: what is written on them, and how they are counted.
use serde_json::{Value, json};

use super::super::owners::Owner;
use super::super::pod_control as pods;
use super::policy::{Verdict, verdict};
use crate::fields;
use crate::views::{JobView, PodView};

/// A pod that has it was not counted yet, and stays until it was.
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// An annotation and a label.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// How often pods of the same index failed before, and how often that did not count.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// The longest beginning of a name to which random letters are added.
const LONGEST_BASE: usize = 58;

pub(super) fn is_tracked(pod: &PodView) -> bool {
    pod.metadata.finalizers.iter().any(|own| own == TRACKING)
}

/// Which part of the work a pod does, if it says so.
pub(super) fn index(pod: &PodView) -> Option<i64> {
    let index = pod.metadata.annotations.get(INDEX)?.parse().ok()?;
    (0..=i64::from(i32::MAX)).contains(&index).then_some(index)
}

/// The same if the job has that part.
pub(super) fn valid_index(job: &JobView, pod: &PodView) -> Option<i64> {
    let completions = job.spec.completions.unwrap_or(0);
    index(pod).filter(|index| *index < completions)
}

/// Pods that are being deleted have failed too, where they are replaced at once: some never get to
/// the phase.
pub(super) fn is_failed(job: &JobView, pod: &PodView) -> bool {
    let phase = pod.status.phase.as_str();
    phase == "Failed"
        || (!job.replaces_ended_only() && pod.metadata.is_deleting() && phase != "Succeeded")
}

pub(super) fn is_succeeded(pod: &PodView) -> bool {
    pod.status.phase == "Succeeded"
}

pub(super) fn is_terminating(pod: &PodView) -> bool {
    pod.metadata.is_deleting() && !pods::is_finished(pod)
}

fn number(pod: &PodView, annotation: &str) -> i64 {
    let text = pod.metadata.annotations.get(annotation);
    let number = text.and_then(|text| text.parse::<i32>().ok());
    i64::from(number.unwrap_or(0).max(0))
}

/// How many earlier pods of its index failed.
pub(super) fn failures(pod: &PodView) -> i64 {
    number(pod, FAILURES)
}

/// The same with those that do not count.
pub(super) fn all_failures(pod: &PodView) -> i64 {
    number(pod, FAILURES) + number(pod, IGNORED)
}

/// A new pod. One of an index goes on from the failures of the one that it replaces.
pub(super) fn new(
    job: &JobView,
    owner: &Owner,
    index: Option<i64>,
    replaced: Option<&PodView>,
) -> Value {
    let mut pod = pods::of_template(&job.spec.template, owner);
    let metadata = &mut pod["metadata"];
    let mut finalizers = fields::list(metadata, "finalizers").to_vec();
    if !finalizers.iter().any(|own| own == TRACKING) {
        finalizers.push(TRACKING.into());
    }
    fields::set(metadata, "finalizers", finalizers);
    let Some(index) = index else {
        return pod;
    };
    let text = index.to_string();
    metadata["labels"][INDEX] = text.as_str().into();
    metadata["annotations"][INDEX] = text.as_str().into();
    if job.spec.backoff_limit_per_index.is_some() {
        let (counted, ignored) = replaced.map_or((0, 0), |pod| failures_with(job, pod));
        metadata["annotations"][FAILURES] = counted.to_string().into();
        if ignored > 0 {
            metadata["annotations"][IGNORED] = ignored.to_string().into();
        }
    }
    let suffix = format!("-{text}-");
    let base: String = owner
        .name
        .chars()
        .take(LONGEST_BASE - suffix.len())
        .collect();
    metadata["generateName"] = format!("{base}{suffix}").into();
    pod["spec"]["hostname"] = format!("{}-{text}", owner.name).into();
    for list in ["containers", "initContainers"] {
        for container in fields::each(&mut pod["spec"], list) {
            tell_index(container);
        }
    }
    pod
}

/// The failures of an index with those of a pod that failed.
fn failures_with(job: &JobView, pod: &PodView) -> (i64, i64) {
    let (counted, ignored) = (number(pod, FAILURES), number(pod, IGNORED));
    match verdict(job.spec.pod_failure_policy.as_ref(), pod) {
        Verdict::Ignore => (counted, ignored + 1),
        _ => (counted + 1, ignored),
    }
}

fn tell_index(container: &mut Value) {
    let mut variables = fields::list(container, "env").to_vec();
    if variables
        .iter()
        .any(|variable| variable["name"] == INDEX_VARIABLE)
    {
        return;
    }
    let path = format!("metadata.labels['{INDEX}']");
    variables.push(json!({
        "name": INDEX_VARIABLE,
        "valueFrom": { "fieldRef": { "fieldPath": path } },
    }));
    fields::set(container, "env", variables);
}
