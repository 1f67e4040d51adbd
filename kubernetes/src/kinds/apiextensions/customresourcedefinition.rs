//! Definitions of custom resources.
use serde_json::{Value, json};

use super::{GROUP, validate};
use crate::{
    fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{CREATED_AT, NAME},
        webhook,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["crd", "crds"],
    categories: &["api-extensions"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    generation: true,
    columns: &[NAME, CREATED_AT],
    default,
    prepare_create: |object| {
        let stored: Vec<Value> = storage_versions(object).take(1).collect();
        let status = json!({ "storedVersions": stored });
        fields::set(object, "status", status);
    },
    prepare_update: |new, _| add_stored_version(new),
    validate: validate::validate,
    validate_update: validate::validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "customresourcedefinition",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    )
};

fn default(object: &mut Value) {
    let Some(spec) = fields::child(object, "spec") else {
        return;
    };
    if let Some(names) = fields::child(spec, "names") {
        let kind = fields::text(names, "kind").to_owned();
        if !kind.is_empty() {
            fields::default_plain(names, "singular", kind.to_lowercase());
            fields::default_plain(names, "listKind", format!("{kind}List"));
        }
    }
    fields::default_pointer(spec, "conversion", json!({ "strategy": "None" }));
    let conversion = fields::child(spec, "conversion");
    let hook = conversion.and_then(|conversion| fields::child(conversion, "webhook"));
    if let Some(client) = hook.and_then(|hook| fields::child(hook, "clientConfig")) {
        webhook::default_client(client);
    }
}

fn storage_versions(object: &Value) -> impl Iterator<Item = Value> {
    fields::list(&object["spec"], "versions")
        .iter()
        .filter(|version| fields::flag(version, "storage"))
        .map(|version| version["name"].clone())
}

/// A version in which objects are stored from now on is remembered.
fn add_stored_version(object: &mut Value) {
    let Some(version) = storage_versions(object).next() else {
        return;
    };
    let Some(status) = fields::ensure(object, "status") else {
        return;
    };
    let mut stored = fields::list(status, "storedVersions").to_vec();
    if !stored.contains(&version) {
        stored.push(version);
        fields::set(status, "storedVersions", stored);
    }
}
