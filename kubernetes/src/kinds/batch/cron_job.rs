//! Cron jobs: jobs by the clock.
use serde_json::{Value, json};

use super::super::workload::{keep_status, start_status};
use super::super::{Kind, Subresource};
use super::job::{default_job_spec, validate_job_template};
use crate::cron::{Schedule, find_zone};
use crate::table::cells::{
    AGE, NAME, container_images, container_names, integer, selector, text, wide,
};
use crate::table::{Column, duration};
use crate::validation::{dns_subdomain, not_negative, validate_metadata, validate_metadata_update};
use crate::{Errors, Path, fields};

/// Eleven characters follow the name in those of its jobs.
const NAME_BYTES: usize = 52;

pub(super) const CRON_JOB: Kind = Kind {
    short: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        text("Schedule", |o, _| {
            fields::text(&o["spec"], "schedule").into()
        }),
        text("Timezone", |o, _| {
            o["spec"]["timeZone"].as_str().unwrap_or("<none>").into()
        }),
        Column {
            kind: "boolean",
            ..text("Suspend", |o, _| match o["spec"]["suspend"].as_bool() {
                Some(true) => "True".into(),
                Some(false) => "False".into(),
                None => "<unset>".into(),
            })
        },
        integer("Active", |o, _| {
            fields::list(&o["status"], "active").len().into()
        }),
        text("Last Schedule", |o, now| {
            let last = &o["status"]["lastScheduleTime"];
            if last.is_null() {
                return "<none>".into();
            }
            duration::since(last, now).into()
        }),
        AGE,
        wide("Containers", |o, _| container_names(pod(o))),
        wide("Images", |o, _| container_images(pod(o))),
        wide("Selector", |o, _| {
            selector(&o["spec"]["jobTemplate"]["spec"]["selector"])
        }),
    ],
    default,
    prepare_create: |object| start_status(object, json!({})),
    prepare_update: keep_status,
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        "batch",
        "v1",
        "CronJob",
        "cronjobs",
        "cronjob",
        "io.k8s.api.batch.v1.CronJob",
    )
};

fn pod(object: &Value) -> &Value {
    &object["spec"]["jobTemplate"]["spec"]["template"]["spec"]
}

fn default(object: &mut Value) {
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    if let Some(template) = fields::ensure(spec, "jobTemplate") {
        fields::ensure(template, "metadata");
        if let Some(job) = fields::ensure(template, "spec") {
            default_job_spec(job);
        }
    }
    fields::default_plain(spec, "concurrencyPolicy", "Allow");
    fields::default_pointer(spec, "suspend", false);
    fields::default_pointer(spec, "successfulJobsHistoryLimit", 3);
    fields::default_pointer(spec, "failedJobsHistoryLimit", 1);
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    validate_schedule(spec, &path.field("schedule"), errors);
    not_negative(spec, "startingDeadlineSeconds", &path, errors);
    if let Some(zone) = spec["timeZone"].as_str() {
        validate_zone(zone, &path.field("timeZone"), errors);
    }
    let policies = ["Allow", "Forbid", "Replace"];
    let policy = fields::text(spec, "concurrencyPolicy");
    if policy.is_empty() {
        errors.required(&path.field("concurrencyPolicy"), "");
    } else if !policies.contains(&policy) {
        errors.not_supported(&path.field("concurrencyPolicy"), &policy.into(), &policies);
    }
    validate_job_template(&spec["jobTemplate"], &path.field("jobTemplate"), errors);
    not_negative(spec, "successfulJobsHistoryLimit", &path, errors);
    not_negative(spec, "failedJobsHistoryLimit", &path, errors);
    let metadata = &object["metadata"];
    let name = fields::text(metadata, "name");
    let new = fields::text(metadata, "resourceVersion").is_empty();
    if new && name.len() > NAME_BYTES {
        let here = Path::new("metadata").field("name");
        errors.invalid(&here, &name.into(), "must be no more than 52 characters");
    }
}

fn validate_schedule(spec: &Value, path: &Path, errors: &mut Errors) {
    let schedule = fields::text(spec, "schedule");
    if schedule.is_empty() {
        errors.required(path, "");
        return;
    }
    if schedule.contains("TZ") {
        let why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.invalid(path, &schedule.into(), why);
    } else if let Err(why) = schedule.parse::<Schedule>() {
        errors.invalid(path, &schedule.into(), &why.to_string());
    }
}

fn validate_zone(zone: &str, path: &Path, errors: &mut Errors) {
    if zone.is_empty() {
        let why = "timeZone must be nil or non-empty string";
        errors.invalid(path, &zone.into(), why);
    } else if zone.eq_ignore_ascii_case("local") {
        let why =
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.invalid(path, &zone.into(), why);
    } else if find_zone(zone).is_none() {
        errors.invalid(path, &zone.into(), &format!("unknown time zone {zone}"));
    }
}
