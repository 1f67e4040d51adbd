//! What jobs have to be like.
use serde_json::Value;

use super::super::super::workload::immutable_in_spec;
use super::failure::validate_failure_policy;
use super::success::validate_success_policy;
use super::{NAME_LABELS, UID_LABELS};
use crate::validation::{
    Selector, dns_label, dns_subdomain, immutable, not_negative, one_of, validate_metadata,
    validate_metadata_update, validate_selector, validate_template,
};
use crate::{Errors, Path, fields};

const INDEXED_PARALLELISM: i64 = 100_000;
const INDEXED_FAILURES: i64 = 100_000;
const MANAGER_BYTES: usize = 63;

pub(super) fn validate(job: &Value, errors: &mut Errors) {
    validate_metadata(job, dns_subdomain, errors);
    let (spec, path) = (&job["spec"], Path::new("spec"));
    validate_generated(job, errors);
    validate_spec(spec, &path, errors);
    let selector = &spec["selector"];
    if selector.is_null() {
        errors.required(&path.field("selector"), "");
    }
    validate_selector(selector, &path.field("selector"), errors);
    let labels = &spec["template"]["metadata"]["labels"];
    let parsed = Selector::parse(selector);
    if selector.is_null() || parsed.is_some_and(|selector| !selector.matches(labels)) {
        let here = path.field("template").field("metadata").field("labels");
        let why = "`selector` does not match template `labels`";
        errors.invalid(&here, labels, why);
    }
    let completions = fields::integer(spec, "completions");
    if fields::text(spec, "completionMode") == "Indexed" && completions > 0 {
        let name = fields::text(&job["metadata"], "name");
        let host = format!("{name}-{}", completions - 1);
        if !dns_label(&host).is_empty() {
            let why = format!("will not able to create pod with invalid DNS label: {host}");
            let here = Path::new("metadata").field("name");
            errors.invalid(&here, &name.into(), &why);
        }
    }
}

/// Selector and labels are those that were generated.
fn validate_generated(job: &Value, errors: &mut Errors) {
    let (spec, metadata) = (&job["spec"], &job["metadata"]);
    let selector = &spec["selector"];
    if fields::flag(spec, "manualSelector") || selector.is_null() {
        return;
    }
    let (uid, name) = (
        fields::text(metadata, "uid"),
        fields::text(metadata, "name"),
    );
    if uid.is_empty() {
        errors.required(&Path::new("metadata").field("uid"), "");
    }
    let labels = &spec["template"]["metadata"]["labels"];
    let path = Path::new("spec")
        .field("template")
        .field("metadata")
        .field("labels");
    let mut expected = serde_json::Map::new();
    let names = NAME_LABELS.map(|label| (label, name));
    let uids = UID_LABELS.map(|label| (label, uid));
    for (label, value) in uids.into_iter().chain(names) {
        expected.insert(label.to_owned(), value.into());
        match labels[label].as_str() {
            None => {
                let why = format!("must be '{value}'");
                errors.required(&path.key(label), &why);
            }
            Some(other) if other != value => {
                let why = format!("must be '{value}'");
                errors.invalid(&path.key(label), &labels.clone(), &why);
            }
            Some(_) => {}
        }
    }
    if Selector::parse(selector).is_some_and(|s| !s.matches(&Value::Object(expected))) {
        let here = Path::new("spec").field("selector");
        errors.invalid(&here, selector, "`selector` not auto-generated");
    }
}

/// The template of a cron job's jobs: their selector is generated later.
pub(in super::super) fn validate_job_template(template: &Value, path: &Path, errors: &mut Errors) {
    let (spec, path) = (&template["spec"], path.field("spec"));
    validate_spec(spec, &path, errors);
    if fields::flag(spec, "manualSelector") {
        let supported = ["nil", "false"];
        errors.not_supported(&path.field("manualSelector"), &true.into(), &supported);
    }
    if fields::has(spec, "selector") {
        let why = "`selector` will be auto-generated";
        errors.invalid(&path.field("selector"), &spec["selector"], why);
    }
}

fn validate_spec(spec: &Value, path: &Path, errors: &mut Errors) {
    for key in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        not_negative(spec, key, path, errors);
    }
    if fields::has(spec, "maxFailedIndexes") && !fields::has(spec, "backoffLimitPerIndex") {
        let why = "when maxFailedIndexes is specified";
        errors.required(&path.field("backoffLimitPerIndex"), why);
    }
    if let Some(manager) = spec["managedBy"].as_str() {
        validate_manager(manager, &path.field("managedBy"), errors);
    }
    one_of(
        spec,
        "completionMode",
        &["NonIndexed", "Indexed"],
        path,
        errors,
    );
    if fields::text(spec, "completionMode") == "Indexed" {
        validate_indexed(spec, path, errors);
    } else {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if fields::has(spec, key) {
                let why = "requires indexed completion mode";
                errors.invalid(&path.field(key), &spec[key], why);
            }
        }
    }
    let fails = fields::has(spec, "podFailurePolicy");
    if fails {
        validate_failure_policy(spec, path, errors);
    }
    if fields::has(spec, "successPolicy") {
        validate_success_policy(spec, path, errors);
    }
    let replacements: &[&str] = if fails {
        &["Failed"]
    } else {
        &["Failed", "TerminatingOrFailed"]
    };
    one_of(spec, "podReplacementPolicy", replacements, path, errors);
    validate_template(&spec["template"], &path.field("template"), errors);
    validate_restarts(spec, path, errors);
}

fn validate_restarts(spec: &Value, path: &Path, errors: &mut Errors) {
    let here = path.field("template").field("spec").field("restartPolicy");
    let policy = fields::text(&spec["template"]["spec"], "restartPolicy");
    match policy {
        "" | "Always" => errors.required(&here, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if fields::has(spec, "podFailurePolicy") => {
            let why = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.invalid(&here, &policy.into(), why);
        }
        "OnFailure" | "Never" => {}
        _ => errors.not_supported(&here, &policy.into(), &["OnFailure", "Never"]),
    }
}

/// Such as `acme.io/foo`.
fn validate_manager(manager: &str, path: &Path, errors: &mut Errors) {
    if manager.is_empty() {
        errors.required(path, "");
    } else {
        match manager.split_once('/') {
            Some((host, rest)) if !host.is_empty() && !rest.is_empty() => {
                for message in dns_subdomain(host) {
                    errors.invalid(path, &host.into(), &message);
                }
                let allowed =
                    |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
                if !rest.bytes().all(allowed) {
                    let why = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                    errors.invalid(path, &rest.into(), why);
                }
            }
            _ => {
                let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
                errors.invalid(path, &manager.into(), why);
            }
        }
    }
    if manager.len() > MANAGER_BYTES {
        errors.too_long(path, MANAGER_BYTES);
    }
}

fn validate_indexed(spec: &Value, path: &Path, errors: &mut Errors) {
    let completions = fields::number(&spec["completions"]);
    let parallelism = fields::integer(spec, "parallelism");
    let failures = fields::number(&spec["maxFailedIndexes"]);
    let mut limit = |key: &str, value: i64, why: &str| {
        errors.invalid(&path.field(key), &value.into(), why);
    };
    if parallelism > INDEXED_PARALLELISM {
        let why = "must be less than or equal to 100000 when completion mode is Indexed";
        limit("parallelism", parallelism, why);
    }
    if let (Some(completions), Some(failures)) = (completions, failures)
        && failures > completions
    {
        limit(
            "maxFailedIndexes",
            failures,
            "must be less than or equal to completions",
        );
    }
    if let Some(failures) = failures
        && failures > INDEXED_FAILURES
    {
        limit(
            "maxFailedIndexes",
            failures,
            "must be less than or equal to 100000",
        );
    }
    let many = completions.is_some_and(|n| n > 100_000);
    if many && fields::has(spec, "backoffLimitPerIndex") {
        let why = "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index";
        if parallelism > 10_000 {
            limit("parallelism", parallelism, why);
        }
        match failures {
            Some(failures) if failures > 10_000 => limit("maxFailedIndexes", failures, why),
            Some(_) => {}
            None => {
                let why = "must be specified when completions is above 100000";
                errors.required(&path.field("maxFailedIndexes"), why);
            }
        }
    }
    if completions.is_none() {
        errors.required(
            &path.field("completions"),
            "when completion mode is Indexed",
        );
    }
}

pub(super) fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec");
    let completions = &new["spec"]["completions"];
    if fields::text(&new["spec"], "completionMode") != "Indexed" {
        immutable_in_spec(new, old, "completions", errors);
    } else if *completions != old["spec"]["completions"]
        && !completions.is_null()
        && *completions != new["spec"]["parallelism"]
    {
        let why = "can only be modified in tandem with spec.parallelism";
        errors.invalid(&path.field("completions"), completions, why);
    }
    immutable_in_spec(new, old, "selector", errors);
    let before = scheduled_template(new, old);
    let template = &new["spec"]["template"];
    immutable(template, &before, &path.field("template"), errors);
    for key in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        immutable_in_spec(new, old, key, errors);
    }
}

/// The old template; for a job that has never started, with the new ideas of where it runs.
fn scheduled_template(new: &Value, old: &Value) -> Value {
    let mut template = old["spec"]["template"].clone();
    let idle = fields::flag(&old["spec"], "suspend") && !fields::has(&old["status"], "startTime");
    if !idle {
        return template;
    }
    let copy = |to: &mut Value, from: &Value, key: &str| match &from[key] {
        Value::Null => drop(fields::remove(to, key)),
        value => fields::set(to, key, value.clone()),
    };
    let from = &new["spec"]["template"];
    if let Some(metadata) = fields::ensure(&mut template, "metadata") {
        copy(metadata, &from["metadata"], "labels");
        copy(metadata, &from["metadata"], "annotations");
    }
    if let Some(spec) = fields::ensure(&mut template, "spec") {
        for key in ["nodeSelector", "tolerations", "schedulingGates"] {
            copy(spec, &from["spec"], key);
        }
        if let Some(affinity) = fields::ensure(spec, "affinity") {
            copy(affinity, &from["spec"]["affinity"], "nodeAffinity");
        }
    }
    template
}
