//! The metadata that the server sets, and what clients may not.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::Write;
use crate::Status;
use crate::cluster::time::rfc3339;
use crate::cluster::{Resource, What};

pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"][name].as_str().unwrap_or_default()
}

pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert(name.to_owned(), value);
    }
}

pub(super) fn remove(object: &mut Value, name: &str) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove(name);
    }
}

/// Whether nothing holds a deleted object back.
pub(super) fn has_finalizers(object: &Value) -> bool {
    let list = object["metadata"]["finalizers"].as_array();
    let held = list.is_some_and(|list| !list.is_empty());
    // Namespaces have finalizers of their own besides.
    let own = object["kind"] == "Namespace"
        && object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
    held || own
}

/// Fits a new object to its request: kind, namespace, name.
pub(super) fn fit(write: &Write<'_>, object: &mut Value) -> Result<(), Status> {
    let resource = write.resource;
    let Some(members) = object.as_object_mut() else {
        return Err(Status::bad_request("the object must be a JSON object"));
    };
    members.insert("apiVersion".to_owned(), resource.api_version().into());
    members.insert("kind".to_owned(), resource.kind.clone().into());
    if !members.get("metadata").is_some_and(Value::is_object) {
        members.insert("metadata".to_owned(), json!({}));
    }
    let given = text(object, "namespace");
    if !given.is_empty() && given != write.namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if resource.is_namespaced() {
        set(object, "namespace", write.namespace.into());
    } else {
        remove(object, "namespace");
    }
    let given = text(object, "name");
    if !write.name.is_empty() {
        if !given.is_empty() && given != write.name {
            return Err(Status::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({})",
                write.name
            )));
        }
        set(object, "name", write.name.into());
    }
    Ok(())
}

/// What every new object has.
pub(super) fn begin(resource: &Resource, object: &mut Value, now: Timestamp) {
    for name in [
        "resourceVersion",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ] {
        remove(object, name);
    }
    set(object, "uid", uuid::Uuid::new_v4().to_string().into());
    set(object, "creationTimestamp", rfc3339(now).into());
    if counts_generations(resource) {
        set(object, "generation", 1.into());
    }
}

pub(super) fn counts_generations(resource: &Resource) -> bool {
    match &resource.what {
        What::Builtin(row) => row.generation,
        What::Custom(_) => true,
    }
}

/// What a change leaves as it was.
pub(super) fn keep(old: &Value, new: &mut Value) {
    for name in [
        "uid",
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
    ] {
        match old["metadata"].get(name) {
            Some(value) => set(new, name, value.clone()),
            None => remove(new, name),
        }
    }
    remove(new, "selfLink");
}

/// Moves the generation if anything but metadata and status is different.
pub(super) fn count(resource: &Resource, old: &Value, new: &mut Value) {
    if !counts_generations(resource) {
        return;
    }
    if !rest(old).eq(rest(new)) {
        next_generation(new);
    }
}

fn rest(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let members = object.as_object().into_iter().flatten();
    members.filter(|(name, _)| *name != "metadata" && *name != "status")
}

pub(super) fn next_generation(object: &mut Value) {
    if let Some(generation) = object["metadata"]["generation"].as_i64() {
        set(object, "generation", (generation + 1).into());
    }
}
