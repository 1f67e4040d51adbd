//! Replica sets.
use serde_json::{Value, json};

use super::super::workload::{
    immutable_in_spec, keep_status, start_status, validate_running_template,
    validate_selected_template,
};
use super::super::{Kind, Subresource};
use crate::defaults::default_template;
use crate::table::cells::{AGE, CONTAINERS, CURRENT, DESIRED, IMAGES, NAME, READY, selector, wide};
use crate::validation::{dns_subdomain, not_negative, validate_metadata, validate_metadata_update};
use crate::{Errors, Path, fields};

pub(super) const REPLICA_SET: Kind = Kind {
    short: &["rs"],
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
        wide("Selector", |o, _| selector(&o["spec"]["selector"])),
    ],
    fields: &["status.replicas"],
    default,
    prepare_create: |object| start_status(object, json!({ "replicas": 0 })),
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
        "ReplicaSet",
        "replicasets",
        "replicaset",
        "io.k8s.api.apps.v1.ReplicaSet",
    )
};

fn default(object: &mut Value) {
    if let Some(spec) = fields::ensure(object, "spec") {
        default_template(spec, "template");
        fields::default_pointer(spec, "replicas", 1);
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    not_negative(spec, "replicas", &path, errors);
    not_negative(spec, "minReadySeconds", &path, errors);
    validate_selected_template(spec, "deployment", errors);
    validate_running_template(&spec["template"], "ReplicaSet", errors);
}
