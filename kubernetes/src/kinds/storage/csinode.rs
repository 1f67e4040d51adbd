//! Which drivers of the container storage interface a node has.
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
        core::validate_driver_name,
    },
    validation::{
        complain, dns_subdomain, immutable, not_negative, qualified_name, required,
        validate_metadata, validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    columns: &[
        NAME,
        cells::integer("Drivers", |object, _| {
            cells::count(&object["spec"]["drivers"])
        }),
        AGE,
    ],
    validate,
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "CSINode",
        "csinodes",
        "csinode",
        "io.k8s.api.storage.v1.CSINode",
    )
};

const NODE_ID_MAX: usize = 256;

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let mut names = HashSet::new();
    let drivers = fields::list(&object["spec"], "drivers");
    for (i, driver) in drivers.iter().enumerate() {
        let path = Path::new("spec").field("drivers").index(i);
        validate_driver_name(driver, "name", &path, errors);
        required(driver, "nodeID", &path, errors);
        let id = fields::text(driver, "nodeID");
        if id.len() > NODE_ID_MAX {
            let why = format!("must be {NODE_ID_MAX} characters or less");
            errors.invalid(&path.field("nodeID"), &id.into(), &why);
        }
        let allocatable = &driver["allocatable"];
        not_negative(allocatable, "count", &path.field("allocatable"), errors);
        let name = fields::text(driver, "name");
        if !names.insert(name) {
            errors.duplicate(&path.field("name"), &name.into());
        }
        let mut keys = HashSet::new();
        for key in fields::list(driver, "topologyKeys") {
            let text = key.as_str().unwrap_or_default();
            if text.is_empty() {
                errors.required(&path, "");
            }
            if !keys.insert(text) {
                errors.duplicate(&path, key);
            }
            complain(errors, &path, text, &qualified_name(text));
        }
    }
}

/// Drivers come and go, but do not change.
fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let before: HashMap<&str, &Value> = fields::list(&old["spec"], "drivers")
        .iter()
        .map(|driver| (fields::text(driver, "name"), driver))
        .collect();
    for driver in fields::list(&new["spec"], "drivers") {
        if let Some(was) = before.get(fields::text(driver, "name")) {
            let path = Path::new("spec").field("drivers");
            immutable(driver, was, &path, errors);
        }
    }
}
