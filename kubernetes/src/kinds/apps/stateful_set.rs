//! Stateful sets.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::workload::{
    keep_status, start_status, validate_running_template, validate_selected_template,
};
use super::super::{Kind, Subresource};
use crate::defaults::{default_claim, default_template};
use crate::table::cells::{AGE, CONTAINERS, IMAGES, NAME, READY_OF_REPLICAS};
use crate::validation::{
    amount, complain, dns_label, not_negative, one_of, validate_at_most_all, validate_claim_spec,
    validate_int_or_percent, validate_metadata, validate_metadata_update,
};
use crate::{Errors, Path, fields};

const FORBIDDEN: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/// What may change in a spec.
const MUTABLE: [&str; 7] = [
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
];

pub(super) const STATEFUL_SET: Kind = Kind {
    short: &["sts"],
    categories: &["all"],
    subresources: &[Subresource::Status, Subresource::Scale],
    columns: &[NAME, READY_OF_REPLICAS, AGE, CONTAINERS, IMAGES],
    default,
    prepare_create: |object| {
        start_status(object, json!({ "replicas": 0, "availableReplicas": 0 }));
    },
    prepare_update: keep_status,
    validate,
    validate_update,
    generation: true,
    ..Kind::new(
        "apps",
        "v1",
        "StatefulSet",
        "statefulsets",
        "statefulset",
        "io.k8s.api.apps.v1.StatefulSet",
    )
};

fn default(object: &mut Value) {
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    default_template(spec, "template");
    fields::default_plain(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = fields::ensure(spec, "updateStrategy") {
        if fields::text(strategy, "type").is_empty() {
            fields::set(strategy, "type", "RollingUpdate");
            fields::default_pointer(strategy, "rollingUpdate", json!({}));
        }
        if fields::text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = fields::child(strategy, "rollingUpdate")
        {
            fields::default_pointer(rolling, "partition", 0);
        }
    }
    if let Some(policy) = fields::ensure(spec, "persistentVolumeClaimRetentionPolicy") {
        fields::default_plain(policy, "whenDeleted", "Retain");
        fields::default_plain(policy, "whenScaled", "Retain");
    }
    fields::default_pointer(spec, "replicas", 1);
    fields::default_pointer(spec, "revisionHistoryLimit", 10);
    // It is no pointer in Go: it always shows.
    fields::default_pointer(spec, "serviceName", "");
    fields::each(spec, "volumeClaimTemplates").for_each(default_claim);
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_label, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    match fields::text(spec, "podManagementPolicy") {
        "" => errors.required(&path.field("podManagementPolicy"), ""),
        "OrderedReady" | "Parallel" => {}
        other => {
            let why = "must be 'OrderedReady' or 'Parallel'";
            errors.invalid(&path.field("podManagementPolicy"), &other.into(), why);
        }
    }
    validate_strategy(
        &spec["updateStrategy"],
        &path.field("updateStrategy"),
        errors,
    );
    let here = path.field("persistentVolumeClaimRetentionPolicy");
    let policy = &spec["persistentVolumeClaimRetentionPolicy"];
    for key in ["whenDeleted", "whenScaled"] {
        one_of(policy, key, &["Retain", "Delete"], &here, errors);
    }
    not_negative(spec, "replicas", &path, errors);
    not_negative(spec, "minReadySeconds", &path, errors);
    let ordinals = &spec["ordinals"]["start"];
    if fields::number(ordinals).is_some_and(|n| n < 0) {
        let why = crate::validation::NEGATIVE;
        errors.invalid(&path.field("ordinals.start"), ordinals, why);
    }
    // Both never change, so that old ones stay as they are.
    if fields::text(&object["metadata"], "resourceVersion").is_empty() {
        validate_new(spec, &path, errors);
    }
    validate_selected_template(spec, "statefulset", errors);
    validate_running_template(&claimed_template(spec), "StatefulSet", errors);
}

fn validate_new(spec: &Value, path: &Path, errors: &mut Errors) {
    let templates = fields::list(spec, "volumeClaimTemplates");
    for (i, claim) in templates.iter().enumerate() {
        let here = path.field("volumeClaimTemplates").index(i).field("spec");
        validate_claim_spec(&claim["spec"], &here, errors);
    }
    let service = fields::text(spec, "serviceName");
    if !service.is_empty() {
        complain(
            errors,
            &path.field("serviceName"),
            service,
            &dns_label(service),
        );
    }
}

fn validate_strategy(strategy: &Value, path: &Path, errors: &mut Errors) {
    let rolling = &strategy["rollingUpdate"];
    let here = path.field("rollingUpdate");
    match fields::text(strategy, "type") {
        "" => errors.required(path, ""),
        "OnDelete" => {
            if !rolling.is_null() {
                let why = "only allowed for updateStrategy 'RollingUpdate'";
                errors.invalid(&here, rolling, why);
            }
        }
        "RollingUpdate" => {
            not_negative(rolling, "partition", &here, errors);
            let most = &rolling["maxUnavailable"];
            if !most.is_null() {
                let here = here.field("maxUnavailable");
                validate_int_or_percent(most, &here, errors);
                if amount(most) == 0 {
                    errors.invalid(&here, most, "cannot be 0");
                }
                validate_at_most_all(most, &here, errors);
            }
        }
        _ => errors.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"),
    }
}

/// The template as its pods will be: with a volume for each claim template.
fn claimed_template(spec: &Value) -> Value {
    let mut template = spec["template"].clone();
    let names: BTreeSet<&str> = fields::list(spec, "volumeClaimTemplates")
        .iter()
        .map(|claim| fields::text(&claim["metadata"], "name"))
        .collect();
    if let Some(pod) = fields::child(&mut template, "spec") {
        // The controller writes both for each pod.
        fields::remove(pod, "hostname");
        fields::remove(pod, "subdomain");
        if !names.is_empty() {
            let claims = names.iter().map(
                |name| json!({ "name": name, "persistentVolumeClaim": { "claimName": name } }),
            );
            let others = fields::list(pod, "volumes").iter();
            let kept = others.filter(|volume| !names.contains(fields::text(volume, "name")));
            let volumes: Vec<Value> = claims.chain(kept.cloned()).collect();
            fields::set(pod, "volumes", volumes);
        }
    }
    template
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let (mut new, mut old) = (new["spec"].clone(), old["spec"].clone());
    for key in MUTABLE {
        fields::remove(&mut new, key);
        fields::remove(&mut old, key);
    }
    if !fields::same(&new, &old) {
        errors.forbidden(&Path::new("spec"), FORBIDDEN);
    }
}
