//! Requests and limits.
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Quantity, complain, dns_label, qualified_name, validate_quantity};
use crate::{Errors, Path, fields};

/// Names without a prefix that stand for something.
const STANDARD: [&str; 27] = [
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
    "count/pods",
    "count/services",
    "count/secrets",
    "count/configmaps",
    "count/replicationcontrollers",
    "count/resourcequotas",
    "count/persistentvolumeclaims",
];

pub(crate) fn is_huge_pages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether more may be promised than there is.
pub(crate) fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_pages(name)
}

pub(crate) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// A name of a resource that a container can have.
fn validate_name(name: &str, path: &Path, errors: &mut Errors) {
    let faults = qualified_name(name);
    complain(errors, path, name, &faults);
    let mut wrong = |why: &str| errors.invalid(path, &name.into(), why);
    if !faults.is_empty() {
        return;
    }
    if !name.contains('/') {
        if !STANDARD.contains(&name) && !is_huge_pages(name) {
            wrong("must be a standard resource type or fully qualified");
        }
        if !["cpu", "memory", "ephemeral-storage"].contains(&name) && !is_huge_pages(name) {
            wrong("must be a standard resource for containers");
        }
    } else if !is_native(name) {
        let quota = format!("requests.{name}");
        if name.starts_with("requests.") || !qualified_name(&quota).is_empty() {
            wrong("doesn't follow extended resource name standard");
        }
    }
}

/// The amount of a resource, which is whole for those that cannot be split.
fn validate_resource_value(
    name: &str,
    value: &Value,
    path: &Path,
    errors: &mut Errors,
) -> Option<Quantity> {
    let quantity = validate_quantity(value, path, errors)?;
    let extended = name.contains('/') && !is_native(name);
    let counted = [
        "pods",
        "services",
        "secrets",
        "configmaps",
        "resourcequotas",
    ]
    .contains(&name);
    if (extended || counted || name.starts_with("count/")) && quantity.milli() % 1000 != 0 {
        errors.invalid(path, value, "must be an integer");
    }
    Some(quantity)
}

/// `resources` of a container; `claims` are the names of those of its pod.
pub(crate) fn validate_resources(
    resources: &Value,
    claims: &[&str],
    path: &Path,
    errors: &mut Errors,
) {
    validate_amounts(resources, validate_name, path, errors);
    validate_claims(resources, claims, &path.field("claims"), errors);
}

fn validate_amounts(
    resources: &Value,
    validate_name: fn(&str, &Path, &mut Errors),
    path: &Path,
    errors: &mut Errors,
) {
    let (limits, requests) = (path.field("limits"), path.field("requests"));
    let (mut computes, mut pages) = (false, false);
    for (name, value) in fields::entries(resources, "limits") {
        let path = limits.key(name);
        validate_name(name, &path, errors);
        validate_resource_value(name, value, &path, errors);
        computes |= ["cpu", "memory"].contains(&name);
        pages |= is_huge_pages(name);
    }
    for (name, value) in fields::entries(resources, "requests") {
        let path = requests.key(name);
        validate_name(name, &path, errors);
        let request = validate_resource_value(name, value, &path, errors);
        computes |= ["cpu", "memory"].contains(&name);
        pages |= is_huge_pages(name);
        let limit = &resources["limits"][name];
        if limit.is_null() {
            if !may_overcommit(name) {
                let why = "Limit must be set for non overcommitable resources";
                errors.required(&limits, why);
            }
            continue;
        }
        let (Some(request), Ok(limit)) = (request, Quantity::of(limit)) else {
            continue;
        };
        let shown = request.to_string().into();
        if request != limit && !may_overcommit(name) {
            let why = format!("must be equal to {name} limit of {limit}");
            errors.invalid(&requests, &shown, &why);
        } else if request > limit {
            let why = format!("must be less than or equal to {name} limit of {limit}");
            errors.invalid(&requests, &shown, &why);
        }
    }
    if pages && !computes {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
}

fn validate_claims(resources: &Value, claims: &[&str], path: &Path, errors: &mut Errors) {
    let known: BTreeSet<&str> = claims.iter().copied().collect();
    let mut taken = BTreeSet::new();
    for (i, claim) in fields::list(resources, "claims").iter().enumerate() {
        let path = path.index(i);
        let name = fields::text(claim, "name");
        if name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        let request = fields::text(claim, "request");
        if !request.is_empty() {
            complain(errors, &path.field("request"), request, &dns_label(request));
        }
        if !taken.insert((name, request)) {
            errors.duplicate(&path, &name.into());
        }
        if !known.contains(name) {
            errors.not_found(&path, &name.into());
        }
    }
}

/// `resources` of a whole pod.
pub(crate) fn validate_pod_resources(
    resources: &Value,
    spec: &Value,
    path: &Path,
    errors: &mut Errors,
) {
    fn supported(name: &str, path: &Path, errors: &mut Errors) {
        if !["cpu", "memory"].contains(&name) && !is_huge_pages(name) {
            errors.not_supported(path, &name.into(), &["cpu", "hugepages-", "memory"]);
        }
    }
    if fields::has(resources, "claims") {
        let why = "claims may not be set for Resources at pod-level";
        errors.forbidden(&path.field("claims"), why);
    }
    validate_amounts(resources, supported, path, errors);
    for (i, container) in fields::list(spec, "containers").iter().enumerate() {
        for (name, limit) in fields::entries(&container["resources"], "limits") {
            let (Ok(limit), Ok(most)) = (
                Quantity::of(limit),
                Quantity::of(&resources["limits"][name]),
            ) else {
                continue;
            };
            if limit > most {
                let path = path.field("containers").index(i).key(name).field("limits");
                let why = format!("must be less than or equal to pod limits of {most}");
                errors.invalid(&path, &limit.to_string().into(), &why);
            }
        }
    }
}

/// What happens to a container whose resources change.
pub(crate) fn validate_resize_policy(
    container: &Value,
    restart_policy: &str,
    path: &Path,
    errors: &mut Errors,
) {
    let path = path.field("resizePolicy");
    let mut seen = BTreeSet::new();
    for (i, policy) in fields::list(container, "resizePolicy").iter().enumerate() {
        let name = fields::text(policy, "resourceName");
        if !seen.insert(name) {
            errors.duplicate(&path.index(i), &name.into());
        }
        let action = fields::text(policy, "restartPolicy");
        for (value, supported) in [
            (name, ["cpu", "memory"]),
            (action, ["NotRequired", "RestartContainer"]),
        ] {
            if value.is_empty() {
                errors.required(&path, "");
            } else if !supported.contains(&value) {
                errors.not_supported(&path, &value.into(), &supported);
            }
        }
        if restart_policy == "Never" && action != "NotRequired" {
            let why = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.invalid(&path, &action.into(), why);
        }
    }
}
