//! Daemon sets.
use serde_json::{Value, json};

use super::super::workload::{
    immutable_in_spec, keep_status, start_status, validate_running_template,
};
use super::super::{Kind, Subresource};
use crate::defaults::default_template;
use crate::table::cells::{AGE, CONTAINERS, IMAGES, NAME, integer, labels, selector, text, wide};
use crate::validation::{
    Selector, amount, dns_subdomain, not_negative, validate_at_most_all, validate_int_or_percent,
    validate_metadata, validate_metadata_update, validate_selector,
};
use crate::{Errors, Path, fields};

/// Counts the versions of the template.
const GENERATION: &str = "deprecated.daemonset.template.generation";

pub(super) const DAEMON_SET: Kind = Kind {
    short: &["ds"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        integer("Desired", |o, _| status(o, "desiredNumberScheduled")),
        integer("Current", |o, _| status(o, "currentNumberScheduled")),
        integer("Ready", |o, _| status(o, "numberReady")),
        integer("Up-to-date", |o, _| status(o, "updatedNumberScheduled")),
        integer("Available", |o, _| status(o, "numberAvailable")),
        text("Node Selector", |o, _| {
            labels(&o["spec"]["template"]["spec"]["nodeSelector"])
        }),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", |o, _| selector(&o["spec"]["selector"])),
    ],
    default,
    prepare_create,
    prepare_update,
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        immutable_in_spec(new, old, "selector", errors);
    },
    generation: true,
    ..Kind::new(
        "apps",
        "v1",
        "DaemonSet",
        "daemonsets",
        "daemonset",
        "io.k8s.api.apps.v1.DaemonSet",
    )
};

fn status(object: &Value, key: &str) -> Value {
    fields::integer(&object["status"], key).into()
}

fn default(object: &mut Value) {
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    default_template(spec, "template");
    if let Some(strategy) = fields::ensure(spec, "updateStrategy") {
        fields::default_plain(strategy, "type", "RollingUpdate");
        if fields::text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = fields::ensure(strategy, "rollingUpdate")
        {
            fields::default_pointer(rolling, "maxUnavailable", 1);
            fields::default_pointer(rolling, "maxSurge", 0);
        }
    }
    fields::default_pointer(spec, "revisionHistoryLimit", 10);
}

fn prepare_create(object: &mut Value) {
    let first = json!({
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    });
    start_status(object, first);
    let given = generation(object).max(1);
    set_generation(object, given);
}

fn prepare_update(object: &mut Value, old: &Value) {
    keep_status(object, old);
    let before = generation(old);
    let changed = !fields::same(&object["spec"]["template"], &old["spec"]["template"]);
    set_generation(object, before.saturating_add(i64::from(changed)));
}

fn generation(object: &Value) -> i64 {
    let text = fields::text(&object["metadata"]["annotations"], GENERATION);
    text.parse().unwrap_or_default()
}

fn set_generation(object: &mut Value, generation: i64) {
    if let Some(metadata) = fields::ensure(object, "metadata")
        && let Some(annotations) = fields::ensure(metadata, "annotations")
    {
        fields::set(annotations, GENERATION, generation.to_string());
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let selector = &spec["selector"];
    let here = path.field("selector");
    validate_selector(selector, &here, errors);
    let parsed = Selector::parse(selector);
    let template = &spec["template"];
    let labels = &template["metadata"]["labels"];
    // Without a selector no pod is selected.
    if selector.is_null() || parsed.is_some_and(|selector| !selector.matches(labels)) {
        let here = path.field("template").field("metadata").field("labels");
        let why = "`selector` does not match template `labels`";
        errors.invalid(&here, labels, why);
    }
    if !selector.is_null() && parsed.is_some_and(Selector::is_empty) {
        errors.invalid(&here, selector, "empty selector is invalid for daemonset");
    }
    validate_running_template(template, "DaemonSet", errors);
    not_negative(spec, "minReadySeconds", &path, errors);
    validate_strategy(
        &spec["updateStrategy"],
        &path.field("updateStrategy"),
        errors,
    );
    not_negative(spec, "revisionHistoryLimit", &path, errors);
}

fn validate_strategy(strategy: &Value, path: &Path, errors: &mut Errors) {
    let rolling = &strategy["rollingUpdate"];
    let path_of = |key: &str| path.field("rollingUpdate").field(key);
    match fields::text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" if rolling.is_null() => errors.required(&path.field("rollingUpdate"), ""),
        "RollingUpdate" => {
            for key in ["maxUnavailable", "maxSurge"] {
                validate_int_or_percent(&rolling[key], &path_of(key), errors);
                validate_at_most_all(&rolling[key], &path_of(key), errors);
            }
            let (down, up) = (&rolling["maxUnavailable"], &rolling["maxSurge"]);
            match (amount(down) != 0, amount(up) != 0) {
                (true, true) => {
                    let why = "may not be set when maxUnavailable is non-zero";
                    errors.invalid(&path_of("maxSurge"), up, why);
                }
                (false, false) => {
                    let why = "cannot be 0 when maxSurge is 0";
                    errors.required(&path_of("maxUnavailable"), why);
                }
                _ => {}
            }
        }
        _ => errors.not_supported(path, strategy, &["RollingUpdate", "OnDelete"]),
    }
}
