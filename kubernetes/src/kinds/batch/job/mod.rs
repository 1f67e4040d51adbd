//! Jobs: pods that end.
use serde_json::{Value, json};

use super::super::workload::{keep_status, start_status};
use super::super::{Kind, Subresource};
use crate::defaults::default_template;
use crate::fields;

mod failure;
mod success;
mod table;
mod validate;

pub(super) use validate::validate_job_template;

/// Labels that tell whose a pod is; the old names and the new ones.
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

pub(super) const JOB: Kind = Kind {
    categories: &["all"],
    subresources: &[Subresource::Status],
    columns: table::COLUMNS,
    fields: &["status.successful"],
    default: default_job,
    prepare_create,
    prepare_update: keep_status,
    validate: validate::validate,
    validate_update: validate::validate_update,
    generation: true,
    ..Kind::new(
        "batch",
        "v1",
        "Job",
        "jobs",
        "job",
        "io.k8s.api.batch.v1.Job",
    )
};

pub(super) fn default_job(job: &mut Value) {
    let Some(spec) = fields::ensure(job, "spec") else {
        return;
    };
    default_job_spec(spec);
    let labels = spec["template"]["metadata"]["labels"].clone();
    if labels.is_object()
        && fields::count(&job["metadata"]["labels"]) == 0
        && let Some(metadata) = fields::ensure(job, "metadata")
    {
        fields::set(metadata, "labels", labels);
    }
    let Some(spec) = fields::child(job, "spec") else {
        return;
    };
    if !fields::has(spec, "completions") && !fields::has(spec, "parallelism") {
        fields::set(spec, "completions", 1);
    }
    fields::default_pointer(spec, "parallelism", 1);
    let tries = if fields::has(spec, "backoffLimitPerIndex") {
        i32::MAX
    } else {
        6
    };
    fields::default_pointer(spec, "backoffLimit", tries);
    fields::default_pointer(spec, "completionMode", "NonIndexed");
    fields::default_pointer(spec, "suspend", false);
    let replacement = if fields::has(spec, "podFailurePolicy") {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    fields::default_pointer(spec, "podReplacementPolicy", replacement);
    fields::default_pointer(spec, "manualSelector", false);
}

/// What is filled in for the jobs of cron jobs, too.
pub(super) fn default_job_spec(spec: &mut Value) {
    default_template(spec, "template");
    if let Some(policy) = fields::child(spec, "podFailurePolicy") {
        for rule in fields::each(policy, "rules") {
            for pattern in fields::each(rule, "onPodConditions") {
                fields::default_plain(pattern, "status", "True");
            }
        }
    }
}

fn prepare_create(job: &mut Value) {
    start_status(job, json!({}));
    if fields::flag(&job["spec"], "manualSelector") {
        return;
    }
    let name = fields::text(&job["metadata"], "name").to_owned();
    let uid = fields::text(&job["metadata"], "uid").to_owned();
    let Some(spec) = fields::ensure(job, "spec") else {
        return;
    };
    if let Some(template) = fields::ensure(spec, "template")
        && let Some(metadata) = fields::ensure(template, "metadata")
        && let Some(labels) = fields::ensure(metadata, "labels")
    {
        for label in NAME_LABELS {
            fields::default_pointer(labels, label, name.as_str());
        }
        for label in UID_LABELS {
            fields::default_pointer(labels, label, uid.as_str());
        }
    }
    if let Some(selector) = fields::ensure(spec, "selector")
        && let Some(labels) = fields::ensure(selector, "matchLabels")
    {
        fields::default_pointer(labels, "batch.kubernetes.io/controller-uid", uid);
    }
}
