//! The table of jobs.
use serde_json::Value;
use wharf_types::Timestamp;

use crate::fields;
use crate::table::cells::{AGE, NAME, container_images, container_names, selector, text, wide};
use crate::table::{Column, duration};

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    text("Status", |job, _| status(job).into()),
    text("Completions", |job, _| completions(job).into()),
    text("Duration", |job, now| lasting(job, now).into()),
    AGE,
    wide("Containers", |o, _| {
        container_names(&o["spec"]["template"]["spec"])
    }),
    wide("Images", |o, _| {
        container_images(&o["spec"]["template"]["spec"])
    }),
    wide("Selector", |o, _| selector(&o["spec"]["selector"])),
];

fn status(job: &Value) -> &'static str {
    let holds = |kind: &str| {
        let mut conditions = fields::list(&job["status"], "conditions").iter();
        let found = conditions.find(|condition| fields::text(condition, "type") == kind);
        found.is_some_and(|condition| fields::text(condition, "status") == "True")
    };
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if fields::has(&job["metadata"], "deletionTimestamp") {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(job: &Value) -> String {
    let succeeded = fields::integer(&job["status"], "succeeded");
    let parallelism = fields::integer(&job["spec"], "parallelism");
    match fields::number(&job["spec"]["completions"]) {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn lasting(job: &Value, now: Timestamp) -> String {
    let status = &job["status"];
    let Some(start) = duration::seconds(&status["startTime"]) else {
        return String::new();
    };
    let end = duration::seconds(&status["completionTime"]);
    duration::human(end.unwrap_or_else(|| duration::now_seconds(now)) - start)
}
