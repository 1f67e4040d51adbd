//! The specs of claims for volumes.
use serde_json::Value;

use super::{NOT_POSITIVE, Quantity, complain, dns_subdomain, validate_selector};
use crate::{Errors, Path, fields};

const MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// The spec of a claim, or of a template of one.
pub(crate) fn validate_claim_spec(spec: &Value, path: &Path, errors: &mut Errors) {
    let modes = fields::list(spec, "accessModes");
    let here = path.field("accessModes");
    if modes.is_empty() {
        errors.required(&here, "at least 1 access mode is required");
    }
    validate_selector(&spec["selector"], &path.field("selector"), errors);
    let alone = modes.iter().any(|m| m.as_str() == Some("ReadWriteOncePod"));
    for mode in modes {
        if !MODES.iter().any(|known| mode.as_str() == Some(known)) {
            errors.not_supported(&here, mode, &MODES);
        }
    }
    if alone && modes.len() > 1 {
        let why = "may not use ReadWriteOncePod with other access modes";
        errors.forbidden(&here, why);
    }
    validate_storage(spec, path, errors);
    if let Some(class) = spec["storageClassName"].as_str()
        && !class.is_empty()
    {
        let here = path.field("storageClassName");
        complain(errors, &here, class, &dns_subdomain(class));
    }
    super::one_of(spec, "volumeMode", &["Block", "Filesystem"], path, errors);
    for key in ["dataSource", "dataSourceRef"] {
        if fields::has(spec, key) {
            let (source, path) = (&spec[key], path.field(key));
            super::required(source, "name", &path, errors);
            super::required(source, "kind", &path, errors);
            let kind = fields::text(source, "kind");
            if fields::text(source, "apiGroup").is_empty() && kind != "PersistentVolumeClaim" {
                let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
                errors.invalid(&path, &kind.into(), why);
            }
        }
    }
}

fn validate_storage(spec: &Value, path: &Path, errors: &mut Errors) {
    let path = path.field("resources").key("storage");
    let storage = &spec["resources"]["requests"]["storage"];
    if storage.is_null() {
        errors.required(&path, "");
        return;
    }
    match Quantity::of(storage) {
        Ok(amount) if amount > Quantity::ZERO => {}
        Ok(amount) => {
            let shown = amount.to_string().into();
            errors.invalid(&path, &shown, NOT_POSITIVE);
        }
        Err(why) => errors.invalid(&path, storage, why),
    }
}
