//! Storage classes.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
    },
    validation::{
        complain, dns_subdomain, immutable, one_of, qualified_name, validate_metadata,
        validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["sc"],
    scope: Scope::Cluster,
    columns: &[
        crate::Column {
            cell: |object, _| {
                let name = fields::text(&object["metadata"], "name");
                if is_default(object) {
                    format!("{name} (default)").into()
                } else {
                    name.into()
                }
            },
            ..NAME
        },
        cells::text("Provisioner", |object, _| {
            fields::text(object, "provisioner").into()
        }),
        cells::text("ReclaimPolicy", |object, _| {
            cells::pointer(&object["reclaimPolicy"], "Delete")
        }),
        cells::text("VolumeBindingMode", |object, _| {
            cells::pointer(&object["volumeBindingMode"], "Immediate")
        }),
        cells::text("AllowVolumeExpansion", |object, _| {
            fields::flag(object, "allowVolumeExpansion").into()
        }),
        AGE,
    ],
    default: |object| {
        fields::default_pointer(object, "reclaimPolicy", "Delete");
        fields::default_pointer(object, "volumeBindingMode", "Immediate");
    },
    validate,
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "StorageClass",
        "storageclasses",
        "storageclass",
        "io.k8s.api.storage.v1.StorageClass",
    )
};

const PARAMETERS_MAX: usize = 512;
const PARAMETERS_MAX_BYTES: usize = 256 * 1024;

/// Whether claims without a class get this one.
pub(crate) fn is_default(object: &Value) -> bool {
    let annotations = &object["metadata"]["annotations"];
    [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ]
    .into_iter()
    .any(|key| annotations[key] == "true")
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    validate_provisioner(object, "provisioner", errors);
    validate_parameters(object, errors);
    let path = Path::default();
    let policies = ["Delete", "Retain"];
    if fields::has(object, "reclaimPolicy") {
        one_of(object, "reclaimPolicy", &policies, &path, errors);
    }
    if fields::has(object, "volumeBindingMode") {
        let modes = ["Immediate", "WaitForFirstConsumer"];
        one_of(object, "volumeBindingMode", &modes, &path, errors);
    } else {
        errors.required(&Path::new("volumeBindingMode"), "");
    }
}

/// The name of what makes the volumes.
pub(super) fn validate_provisioner(object: &Value, key: &str, errors: &mut Errors) {
    let name = fields::text(object, key).to_lowercase();
    if name.is_empty() {
        errors.required(&Path::new(key), "");
    } else {
        complain(errors, &Path::new(key), &name, &qualified_name(&name));
    }
}

/// Not too many, and not too long.
pub(super) fn validate_parameters(object: &Value, errors: &mut Errors) {
    let path = Path::new("parameters");
    if fields::count(&object["parameters"]) > PARAMETERS_MAX {
        errors.too_long(&path, PARAMETERS_MAX);
        return;
    }
    let mut size = 0usize;
    for (key, value) in fields::entries(object, "parameters") {
        if key.is_empty() {
            errors.invalid(&path, &key.into(), "field can not be empty.");
        }
        size = size.saturating_add(key.len() + value.as_str().map_or(0, str::len));
    }
    if size > PARAMETERS_MAX_BYTES {
        errors.too_long(&path, PARAMETERS_MAX_BYTES);
    }
}

/// What can never be changed, in the words of storage.
pub(super) fn forbid_changes(new: &Value, old: &Value, keys: &[&str], errors: &mut Errors) {
    for key in keys {
        if !fields::same(&new[*key], &old[*key]) {
            let why = format!("updates to {key} are forbidden.");
            errors.forbidden(&Path::new(key), &why);
        }
    }
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let fixed = ["parameters", "provisioner", "reclaimPolicy"];
    forbid_changes(new, old, &fixed, errors);
    let (mode, before) = (&new["volumeBindingMode"], &old["volumeBindingMode"]);
    immutable(mode, before, &Path::new("volumeBindingMode"), errors);
}
