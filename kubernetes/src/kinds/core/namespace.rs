//! Namespaces.
use serde_json::{Value, json};

use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME},
    },
    validation::{
        complain, dns_label, qualified_name, validate_metadata, validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["ns"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status, Subresource::Finalize],
    fields: &["status.phase"],
    columns: &[
        NAME,
        cells::text("Status", |object, _| {
            fields::text(&object["status"], "phase").into()
        }),
        AGE,
    ],
    default,
    prepare_create,
    prepare_update: |new, old| {
        let finalizers = &old["spec"]["finalizers"];
        if let Some(spec) = fields::ensure(new, "spec") {
            if finalizers.is_null() {
                fields::remove(spec, "finalizers");
            } else {
                fields::set(spec, "finalizers", finalizers.clone());
            }
        }
    },
    validate,
    validate_update: validate_metadata_update,
    ..Kind::new(
        "",
        "v1",
        "Namespace",
        "namespaces",
        "namespace",
        "io.k8s.api.core.v1.Namespace",
    )
};

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
const FINALIZER: &str = "kubernetes";

fn default(object: &mut Value) {
    let name = fields::text(&object["metadata"], "name").to_owned();
    if !name.is_empty()
        && let Some(metadata) = fields::child(object, "metadata")
        && let Some(labels) = fields::ensure(metadata, "labels")
    {
        fields::set(labels, NAME_LABEL, name);
    }
    if let Some(status) = fields::ensure(object, "status") {
        fields::default_plain(status, "phase", "Active");
    }
}

fn prepare_create(object: &mut Value) {
    fields::set(object, "status", json!({ "phase": "Active" }));
    let Some(spec) = fields::ensure(object, "spec") else {
        return;
    };
    let mut finalizers = fields::list(spec, "finalizers").to_vec();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.into());
        fields::set(spec, "finalizers", finalizers);
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_label, errors);
    let path = Path::new("spec").field("finalizers");
    for finalizer in fields::list(&object["spec"], "finalizers") {
        let name = finalizer.as_str().unwrap_or_default();
        complain(errors, &path, name, &qualified_name(name));
        if !name.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&path, finalizer, why);
        }
    }
}
