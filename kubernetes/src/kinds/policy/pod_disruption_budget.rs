//! How many pods may be taken away at a time.
use serde_json::{Value, json};

use super::super::workload::{keep_status, start_status};
use super::super::{Kind, Subresource};
use crate::table::cells::{AGE, NAME, integer, text};
use crate::validation::{
    dns_subdomain, one_of, validate_at_most_all, validate_int_or_percent, validate_metadata,
    validate_metadata_update, validate_selector,
};
use crate::{Errors, Path, fields};

pub(super) const POD_DISRUPTION_BUDGET: Kind = Kind {
    short: &["pdb"],
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        text("Min Available", |o, _| {
            amount_cell(&o["spec"]["minAvailable"])
        }),
        text("Max Unavailable", |o, _| {
            amount_cell(&o["spec"]["maxUnavailable"])
        }),
        integer("Allowed Disruptions", |o, _| {
            fields::integer(&o["status"], "disruptionsAllowed").into()
        }),
        AGE,
    ],
    prepare_create: |object| {
        let first = json!({
            "disruptionsAllowed": 0,
            "currentHealthy": 0,
            "desiredHealthy": 0,
            "expectedPods": 0,
        });
        start_status(object, first);
    },
    prepare_update: keep_status,
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "poddisruptionbudget",
        "io.k8s.api.policy.v1.PodDisruptionBudget",
    )
};

fn amount_cell(value: &Value) -> Value {
    match value {
        Value::Null => "N/A".into(),
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let both = ["minAvailable", "maxUnavailable"];
    if both.iter().all(|key| fields::has(spec, key)) {
        let why = "minAvailable and maxUnavailable cannot be both set";
        errors.invalid(&path, spec, why);
    }
    for key in both {
        validate_int_or_percent(&spec[key], &path.field(key), errors);
        validate_at_most_all(&spec[key], &path.field(key), errors);
    }
    validate_selector(&spec["selector"], &path.field("selector"), errors);
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    one_of(spec, "unhealthyPodEvictionPolicy", &policies, &path, errors);
}
