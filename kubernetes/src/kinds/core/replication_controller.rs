//! Replication controllers, the elders of replica sets.
use serde_json::{Value, json};

use super::super::workload::{keep_status, start_status, validate_running_template};
use super::super::{Kind, Subresource};
use crate::defaults::default_template;
use crate::table::cells::{AGE, CONTAINERS, CURRENT, DESIRED, IMAGES, NAME, READY, labels, wide};
use crate::validation::{
    Selector, dns_subdomain, not_negative, validate_metadata, validate_metadata_update,
};
use crate::{Errors, Path, fields};

pub(super) const REPLICATION_CONTROLLER: Kind = Kind {
    short: &["rc"],
    categories: &["all"],
    subresources: &[Subresource::Status, Subresource::Scale],
    columns: &[
        NAME,
        DESIRED,
        CURRENT,
        READY,
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", |o, _| labels(&o["spec"]["selector"])),
    ],
    fields: &["status.replicas"],
    default,
    prepare_create: |object| start_status(object, json!({ "replicas": 0 })),
    prepare_update: keep_status,
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        "",
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        "replicationcontroller",
        "io.k8s.api.core.v1.ReplicationController",
    )
};

fn default(object: &mut Value) {
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    fields::default_pointer(spec, "replicas", 1);
    if !fields::has(spec, "template") {
        return;
    }
    default_template(spec, "template");
    let labels = spec["template"]["metadata"]["labels"].clone();
    if !labels.is_object() {
        return;
    }
    if fields::count(&spec["selector"]) == 0 {
        fields::set(spec, "selector", labels.clone());
    }
    if fields::count(&object["metadata"]["labels"]) == 0
        && let Some(metadata) = fields::ensure(object, "metadata")
    {
        fields::set(metadata, "labels", labels);
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    not_negative(spec, "minReadySeconds", &path, errors);
    let selector = Selector::of_labels(&spec["selector"]);
    if selector.is_empty() {
        errors.required(&path.field("selector"), "");
    }
    if !fields::has(spec, "replicas") {
        errors.required(&path.field("replicas"), "");
    }
    not_negative(spec, "replicas", &path, errors);
    if !fields::has(spec, "template") {
        errors.required(&path.field("template"), "");
        return;
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if !selector.is_empty() && !selector.matches(labels) {
        let here = path.field("template").field("metadata").field("labels");
        let why = "`selector` does not match template `labels`";
        errors.invalid(&here, labels, why);
    }
    validate_running_template(&spec["template"], "ReplicationController", errors);
}
