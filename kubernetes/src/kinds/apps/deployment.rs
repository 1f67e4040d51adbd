//! Deployments.
use serde_json::{Value, json};

use super::super::workload::{
    immutable_in_spec, keep_status, start_status, validate_running_template,
    validate_selected_template,
};
use super::super::{Kind, Subresource};
use crate::defaults::default_template;
use crate::table::cells::{AGE, CONTAINERS, IMAGES, NAME, READY_OF_REPLICAS, text, wide};
use crate::validation::{
    Selector, amount, dns_subdomain, not_negative, validate_at_most_all, validate_int_or_percent,
    validate_metadata, validate_metadata_update,
};
use crate::{Errors, Path, fields};

pub(super) const DEPLOYMENT: Kind = Kind {
    short: &["deploy"],
    categories: &["all"],
    subresources: &[Subresource::Status, Subresource::Scale],
    columns: &[
        NAME,
        READY_OF_REPLICAS,
        text("Up-to-date", |o, _| {
            fields::integer(&o["status"], "updatedReplicas").into()
        }),
        text("Available", |o, _| {
            fields::integer(&o["status"], "availableReplicas").into()
        }),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", |o, _| {
            match Selector::parse(&o["spec"]["selector"]) {
                Some(selector) => selector.show().into(),
                None => "<invalid>".into(),
            }
        }),
    ],
    default,
    prepare_create: |object| start_status(object, json!({})),
    prepare_update: keep_status,
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        immutable_in_spec(new, old, "selector", errors);
    },
    generation: true,
    ..Kind::new(
        "apps",
        "v1",
        "Deployment",
        "deployments",
        "deployment",
        "io.k8s.api.apps.v1.Deployment",
    )
};

fn default(object: &mut Value) {
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    default_template(spec, "template");
    fields::default_pointer(spec, "replicas", 1);
    if let Some(strategy) = fields::ensure(spec, "strategy") {
        fields::default_plain(strategy, "type", "RollingUpdate");
        if fields::text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = fields::ensure(strategy, "rollingUpdate")
        {
            fields::default_pointer(rolling, "maxUnavailable", "25%");
            fields::default_pointer(rolling, "maxSurge", "25%");
        }
    }
    fields::default_pointer(spec, "revisionHistoryLimit", 10);
    fields::default_pointer(spec, "progressDeadlineSeconds", 600);
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    not_negative(spec, "replicas", &path, errors);
    validate_selected_template(spec, "deployment", errors);
    validate_running_template(&spec["template"], "ReplicaSet", errors);
    validate_strategy(&spec["strategy"], &path.field("strategy"), errors);
    not_negative(spec, "minReadySeconds", &path, errors);
    not_negative(spec, "revisionHistoryLimit", &path, errors);
    not_negative(spec, "progressDeadlineSeconds", &path, errors);
    if let Some(seconds) = fields::number(&spec["progressDeadlineSeconds"])
        && seconds <= fields::integer(spec, "minReadySeconds")
    {
        let here = path.field("progressDeadlineSeconds");
        errors.invalid(
            &here,
            &seconds.into(),
            "must be greater than minReadySeconds",
        );
    }
}

fn validate_strategy(strategy: &Value, path: &Path, errors: &mut Errors) {
    let rolling = &strategy["rollingUpdate"];
    let here = path.field("rollingUpdate");
    match fields::text(strategy, "type") {
        "Recreate" => {
            if !rolling.is_null() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                errors.forbidden(&here, why);
            }
        }
        "RollingUpdate" if rolling.is_null() => {
            errors.required(&here, "this should be defaulted and never be nil");
        }
        "RollingUpdate" => {
            let (down, up) = (&rolling["maxUnavailable"], &rolling["maxSurge"]);
            let down_path = here.field("maxUnavailable");
            validate_int_or_percent(down, &down_path, errors);
            validate_int_or_percent(up, &here.field("maxSurge"), errors);
            if amount(down) == 0 && amount(up) == 0 {
                errors.invalid(&down_path, down, "may not be 0 when `maxSurge` is 0");
            }
            validate_at_most_all(down, &down_path, errors);
        }
        _ => errors.not_supported(path, strategy, &["Recreate", "RollingUpdate"]),
    }
}
