//! Resource quotas.
use std::collections::{BTreeSet, HashSet};

use serde_json::Value;
use wharf_types::Timestamp;

use crate::{
    Errors, Path,
    defaults::round_resources,
    fields,
    kinds::{
        Kind, Subresource,
        cells::{self, AGE, NAME},
        resources,
    },
    validation::{IMMUTABLE, dns_subdomain, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    short: &["quota"],
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        cells::text("Request", |object, now| amounts(object, now, false)),
        cells::text("Limit", |object, now| amounts(object, now, true)),
        AGE,
    ],
    default: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            round_resources(spec, "hard");
        }
        if let Some(status) = fields::child(object, "status") {
            round_resources(status, "hard");
            round_resources(status, "used");
        }
    },
    validate,
    validate_update,
    ..Kind::new(
        "",
        "v1",
        "ResourceQuota",
        "resourcequotas",
        "resourcequota",
        "io.k8s.api.core.v1.ResourceQuota",
    )
};

/// `pods: 1/3`, with limits apart from requests.
fn amounts(object: &Value, _now: Timestamp, limits: bool) -> Value {
    let status = &object["status"];
    let shown: Vec<String> = fields::entries(status, "hard")
        .filter(|(name, _)| name.starts_with("limits.") == limits)
        .map(|(name, hard)| {
            let used = cells::quantity(&status["used"][name]);
            format!("{name}: {used}/{}", cells::quantity(hard))
        })
        .collect();
    shown.join(", ").into()
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let spec = &object["spec"];
    let path = Path::new("spec");
    for (parent, path) in [
        (spec, path.field("hard")),
        (&object["status"], Path::new("status").field("hard")),
    ] {
        for (name, amount) in fields::entries(parent, "hard") {
            resources::validate_quota_name(name, &path.key(name), errors);
            resources::validate_amount(name, amount, &path.key(name), errors);
        }
    }
    validate_scopes(spec, &path, errors);
    if fields::has(spec, "scopeSelector") {
        validate_selector(spec, &path.field("scopeSelector"), errors);
    }
}

fn is_scope(name: &str) -> bool {
    [
        "Terminating",
        "NotTerminating",
        "BestEffort",
        "NotBestEffort",
        "PriorityClass",
        "VolumeAttributesClass",
        "CrossNamespacePodAffinity",
    ]
    .contains(&name)
}

/// Whether a scope can narrow a resource.
fn fits(scope: &str, resource: &str) -> bool {
    let compute = [
        "cpu",
        "memory",
        "limits.cpu",
        "limits.memory",
        "requests.cpu",
        "requests.memory",
    ];
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => {
            ["persistentvolumeclaims", "requests.storage"].contains(&resource)
        }
        scope if is_scope(scope) => resource == "pods" || compute.contains(&resource),
        _ => true,
    }
}

/// The standard resources of the quota that a scope cannot narrow.
fn misfits(spec: &Value, scope: &str) -> usize {
    fields::entries(spec, "hard")
        .filter(|(name, _)| resources::is_standard_for_quota(name) && !fits(scope, name))
        .count()
}

fn conflicts(scopes: &BTreeSet<&str>) -> usize {
    [
        ("BestEffort", "NotBestEffort"),
        ("Terminating", "NotTerminating"),
    ]
    .into_iter()
    .filter(|(a, b)| scopes.contains(a) && scopes.contains(b))
    .count()
}

fn validate_scopes(spec: &Value, path: &Path, errors: &mut Errors) {
    let at = path.field("scopes");
    let all = &spec["scopes"];
    let mut seen = BTreeSet::new();
    for scope in fields::list(spec, "scopes") {
        let scope = scope.as_str().unwrap_or_default();
        // Said once: the text is the same for each of them.
        if !seen.insert(scope) {
            continue;
        }
        if !is_scope(scope) {
            errors.invalid(&at, all, "unsupported scope");
        }
        if misfits(spec, scope) > 0 {
            errors.invalid(&at, all, "unsupported scope applied to resource");
        }
    }
    for _ in 0..conflicts(&seen) {
        errors.invalid(&at, all, "conflicting scopes");
    }
}

fn validate_selector(spec: &Value, path: &Path, errors: &mut Errors) {
    let at = path.field("matchExpressions");
    let mut seen = BTreeSet::new();
    for term in fields::list(&spec["scopeSelector"], "matchExpressions") {
        let scope = fields::text(term, "scopeName");
        if seen.insert(scope) && misfits(spec, scope) > 0 {
            let why = "unsupported scope applied to resource";
            errors.invalid(&at, &scope.into(), why);
        }
        if !is_scope(scope) {
            let path = at.field("scopeName");
            errors.invalid(&path, &scope.into(), "unsupported scope");
        }
        validate_operator(term, scope, &at, errors);
    }
    for _ in 0..conflicts(&seen) {
        errors.invalid(&at, &spec["scopes"], "conflicting scopes");
    }
}

fn validate_operator(term: &Value, scope: &str, path: &Path, errors: &mut Errors) {
    let operator = fields::text(term, "operator");
    let plain = is_scope(scope) && !scope.ends_with("Class");
    if plain && operator != "Exists" {
        let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
        errors.invalid(&path.field("operator"), &operator.into(), why);
    }
    let values = fields::list(term, "values");
    match operator {
        "In" | "NotIn" if values.is_empty() => errors.required(
            &path.field("values"),
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ),
        "Exists" | "DoesNotExist" if !values.is_empty() => errors.invalid(
            &path.field("values"),
            &term["values"],
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => {
            let why = "not a valid selector operator";
            errors.invalid(&path.field("operator"), &other.into(), why);
        }
    }
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let set = |object: &Value| -> HashSet<String> {
        let scopes = fields::list(&object["spec"], "scopes").iter();
        scopes
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    if set(new) != set(old) {
        let path = Path::new("spec").field("scopes");
        errors.invalid(&path, &new["spec"]["scopes"], IMMUTABLE);
    }
}
