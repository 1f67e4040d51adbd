//! The names of resources that are measured: what is standard, native, whole.
use serde_json::Value;

use crate::{
    Errors, Path,
    validation::{Quantity, complain, is_huge_pages, is_native, qualified_name, validate_quantity},
};

const QUOTA: [&str; 19] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "services.nodeports",
    "services.loadbalancers",
];

/// Things that are counted, never in parts.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// A resource of a device, such as `nvidia.com/gpu`.
pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && qualified_name(&format!("requests.{name}")).is_empty()
}

fn is_quota_huge_pages(name: &str) -> bool {
    is_huge_pages(name) || name.starts_with("requests.hugepages-")
}

pub(super) fn is_standard_for_quota(name: &str) -> bool {
    QUOTA.contains(&name) || is_quota_huge_pages(name)
}

/// A name of a resource of any kind.
pub(super) fn validate_name(name: &str, path: &Path, errors: &mut Errors) {
    let faults = qualified_name(name);
    complain(errors, path, name, &faults);
    let standard = name == "storage" || is_standard_for_quota(name);
    if faults.is_empty() && !name.contains('/') && !standard {
        let why = "must be a standard resource type or fully qualified";
        errors.invalid(path, &name.into(), why);
    }
}

/// A name of a resource that quotas limit.
pub(super) fn validate_quota_name(name: &str, path: &Path, errors: &mut Errors) {
    validate_name(name, path, errors);
    if !name.contains('/') && !is_standard_for_quota(name) {
        let why = "must be a standard resource for quota";
        errors.invalid(path, &name.into(), why);
    }
}

/// A name of a resource that containers ask for.
pub(super) fn validate_container_name(name: &str, path: &Path, errors: &mut Errors) {
    let faults = qualified_name(name);
    complain(errors, path, name, &faults);
    if !faults.is_empty() {
        return;
    }
    let standard = ["cpu", "memory", "ephemeral-storage"].contains(&name) || is_huge_pages(name);
    if !name.contains('/') {
        if !standard {
            let why = "must be a standard resource for containers";
            errors.invalid(path, &name.into(), why);
        }
    } else if !is_native(name) && !is_extended(name) {
        let why = "doesn't follow extended resource name standard";
        errors.invalid(path, &name.into(), why);
    }
}

/// An amount of a resource: not negative, and whole if it counts things.
pub(super) fn validate_amount(
    name: &str,
    value: &Value,
    path: &Path,
    errors: &mut Errors,
) -> Option<Quantity> {
    let amount = validate_quantity(value, path, errors)?;
    if (COUNTED.contains(&name) || is_extended(name)) && !amount.is_whole() {
        errors.invalid(path, &amount.to_string().into(), "must be an integer");
    }
    Some(amount)
}
