//! Objects of custom resources: defaults and validation.
use serde_json::Value;
use wharf_kubernetes_schema::structural;

use super::problems;
use crate::cluster::Custom;
use crate::selector::LabelSelector;
use crate::validation::{dns_subdomain, validate_metadata, validate_metadata_update};
use crate::{Errors, Path, fields};

/// Fills in what the schema has defaults for. Unknown fields are gone already.
pub(crate) fn default(custom: &Custom, object: &mut Value) {
    // What is said of the metadata in a schema does not count.
    let metadata = object.get("metadata").cloned();
    structural::default(&custom.definition, object);
    match metadata {
        Some(metadata) => fields::set(object, "metadata", metadata),
        None => drop(fields::remove(object, "metadata")),
    }
}

/// What is wrong with an object.
pub(crate) fn validate(custom: &Custom, object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    problems::report(structural::validate(&custom.definition, object), errors);
    validate_scale(custom, object, errors);
}

/// What is wrong with a change.
pub(crate) fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
}

fn validate_scale(custom: &Custom, object: &Value, errors: &mut Errors) {
    for key in ["specReplicasPath", "statusReplicasPath"] {
        let path = fields::text(&custom.scale, key);
        let value = super::scale::at(object, path);
        if value.as_i64().is_some_and(|replicas| replicas < 0) {
            let path = Path::new(path.trim_start_matches('.'));
            errors.invalid(&path, value, "should be a non-negative integer");
        }
    }
    let path = fields::text(&custom.scale, "labelSelectorPath");
    let selector = super::scale::at(object, path);
    if let Some(text) = selector.as_str()
        && let Err(status) = LabelSelector::parse(text)
    {
        let path = Path::new(path.trim_start_matches('.'));
        errors.invalid(&path, selector, &status.message);
    }
}
