//! The rules that many kinds share, worded as in Kubernetes.
use serde_json::Value;

use crate::{Errors, Path, fields};

mod claim;
mod labels;
mod metadata;
mod names;
mod percentages;
mod pod_requests;
mod pod_spec;
mod quantity;
mod resources;

pub(crate) use claim::validate_claim_spec;
pub(crate) use labels::{
    Selector, validate_annotations, validate_label_name, validate_labels, validate_selector,
};
pub(crate) use metadata::{
    validate_metadata, validate_metadata_update, validate_template_metadata,
};
pub(crate) use names::{
    config_map_key, dns_label, dns_label_1035, dns_search, dns_subdomain, env_var_name,
    http_header_name, in_range, label_value, path_segment, percent, port_name, port_number,
    qualified_name, wildcard_subdomain,
};
pub(crate) use percentages::{amount, validate_at_most_all, validate_int_or_percent};
pub use pod_requests::container_amounts;
pub(crate) use pod_spec::{
    VOLUME_SOURCES, validate_image_space, validate_pod_spec, validate_template,
    validate_tolerations,
};
pub use quantity::Quantity;
pub(crate) use quantity::validate_quantity;
pub(crate) use resources::{
    is_huge_pages, is_native, may_overcommit, validate_pod_resources, validate_resize_policy,
    validate_resources,
};

pub(crate) const IMMUTABLE: &str = "field is immutable";
pub(crate) const NEGATIVE: &str = "must be greater than or equal to 0";
pub(crate) const NOT_POSITIVE: &str = "must be greater than zero";

/// Adds what a rule for texts found.
pub(crate) fn complain(errors: &mut Errors, path: &Path, value: &str, messages: &[String]) {
    for message in messages {
        errors.invalid(path, &value.into(), message);
    }
}

/// A number that is there is not negative.
pub(crate) fn not_negative(parent: &Value, key: &str, path: &Path, errors: &mut Errors) {
    if fields::number(&parent[key]).is_some_and(|n| n < 0) {
        errors.invalid(&path.field(key), &parent[key], NEGATIVE);
    }
}

/// A number that is there is more than 0.
pub(crate) fn positive(parent: &Value, key: &str, path: &Path, errors: &mut Errors) {
    if fields::number(&parent[key]).is_some_and(|n| n <= 0) {
        errors.invalid(&path.field(key), &parent[key], NOT_POSITIVE);
    }
}

/// A text that is there is one of these.
pub(crate) fn one_of(
    parent: &Value,
    key: &str,
    supported: &[&str],
    path: &Path,
    errors: &mut Errors,
) {
    if let Some(text) = parent[key].as_str()
        && !supported.contains(&text)
    {
        errors.not_supported(&path.field(key), &parent[key], supported);
    }
}

/// A text has to be there.
pub(crate) fn required(parent: &Value, key: &str, path: &Path, errors: &mut Errors) {
    if fields::text(parent, key).is_empty() {
        errors.required(&path.field(key), "");
    }
}

/// A field keeps its value.
pub(crate) fn immutable(new: &Value, old: &Value, path: &Path, errors: &mut Errors) {
    if !fields::same(new, old) {
        errors.invalid(path, new, IMMUTABLE);
    }
}
