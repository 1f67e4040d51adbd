//! Config maps.
use serde_json::Value;

use crate::{
    Errors, Path, fields,
    kinds::{
        Kind,
        cells::{self, AGE, NAME},
    },
    validation::{
        complain, config_map_key, dns_subdomain, validate_metadata, validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["cm"],
    columns: &[
        NAME,
        cells::text("Data", |object, _| {
            (fields::count(&object["data"]) + fields::count(&object["binaryData"])).into()
        }),
        AGE,
    ],
    validate,
    validate_update,
    ..Kind::new(
        "",
        "v1",
        "ConfigMap",
        "configmaps",
        "configmap",
        "io.k8s.api.core.v1.ConfigMap",
    )
};

/// The data of a config map or secret may have as many bytes.
pub(super) const DATA_MAX_BYTES: usize = 1024 * 1024;

const FIXED: &str = "field is immutable when `immutable` is set";

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let binary = Path::new("binaryData");
    let path = Path::new("data");
    let mut size = 0usize;
    for (key, value) in fields::entries(object, "data") {
        complain(errors, &path.key(key), key, &config_map_key(key));
        if fields::has(&object["binaryData"], key) {
            let why = "duplicate of key present in binaryData";
            errors.invalid(&path.key(key), &key.into(), why);
        }
        size = size.saturating_add(value.as_str().map_or(0, str::len));
    }
    for (key, value) in fields::entries(object, "binaryData") {
        complain(errors, &binary.key(key), key, &config_map_key(key));
        size = size.saturating_add(decoded_len(value));
    }
    if size > DATA_MAX_BYTES {
        // The path of the API server is empty, which it shows so.
        errors.too_long(&Path::new("[]"), DATA_MAX_BYTES);
    }
}

/// How many bytes a text in base64 stands for.
pub(super) fn decoded_len(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    text.trim_end_matches('=').len() / 4 * 3 + (text.trim_end_matches('=').len() % 4) * 3 / 4
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    validate_immutable(new, old, &["data", "binaryData"], errors);
}

/// What may not change once `immutable` is set.
pub(super) fn validate_immutable(new: &Value, old: &Value, keys: &[&str], errors: &mut Errors) {
    if !fields::flag(old, "immutable") {
        return;
    }
    if !fields::flag(new, "immutable") {
        errors.forbidden(&Path::new("immutable"), FIXED);
    }
    for key in keys {
        if !fields::same(&new[*key], &old[*key]) {
            errors.forbidden(&Path::new(key), FIXED);
        }
    }
}
