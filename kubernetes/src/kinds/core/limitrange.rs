//! Limit ranges.
use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::{
    Errors, Path,
    defaults::round_resources,
    fields,
    kinds::{
        Kind,
        cells::{CREATED_AT, NAME},
        resources,
    },
    validation::{
        Quantity, complain, dns_subdomain, may_overcommit, qualified_name, validate_metadata,
        validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["limits"],
    columns: &[NAME, CREATED_AT],
    default: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            for limit in fields::each(spec, "limits") {
                default_item(limit);
                for key in ["max", "min", "default", "defaultRequest", RATIO] {
                    round_resources(limit, key);
                }
            }
        }
    },
    validate,
    validate_update: validate_metadata_update,
    ..Kind::new(
        "",
        "v1",
        "LimitRange",
        "limitranges",
        "limitrange",
        "io.k8s.api.core.v1.LimitRange",
    )
};

/// `max` is the default limit, which is the default request, as is `min`.
fn default_item(limit: &mut Value) {
    if fields::text(limit, "type") != "Container" {
        return;
    }
    for (from, to) in [
        ("max", "default"),
        ("default", "defaultRequest"),
        ("min", "defaultRequest"),
    ] {
        let Value::Object(source) = limit[from].clone() else {
            continue;
        };
        let Some(target) = fields::ensure(limit, to) else {
            continue;
        };
        for (name, amount) in source {
            fields::default_pointer(target, &name, amount);
        }
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let mut types = HashSet::new();
    let limits = fields::list(&object["spec"], "limits");
    for (i, limit) in limits.iter().enumerate() {
        let path = Path::new("spec").field("limits").index(i);
        let kind = fields::text(limit, "type");
        validate_type(kind, &path.field("type"), errors);
        if !types.insert(kind) {
            errors.duplicate(&path.field("type"), &kind.into());
        }
        validate_names(limit, kind, &path, errors);
        let names: BTreeSet<&str> = ["max", "min", "default", "defaultRequest", RATIO]
            .into_iter()
            .filter(|key| kind != "Pod" || !key.starts_with("default"))
            .flat_map(|key| fields::entries(limit, key))
            .map(|(name, _)| name)
            .collect();
        for name in names {
            validate_order(limit, name, kind, &path, errors);
            validate_ratio(limit, name, &path, errors);
        }
    }
}

const RATIO: &str = "maxLimitRequestRatio";

fn validate_type(kind: &str, path: &Path, errors: &mut Errors) {
    let faults = qualified_name(kind);
    complain(errors, path, kind, &faults);
    let known = ["Pod", "Container", "PersistentVolumeClaim"].contains(&kind);
    if faults.is_empty() && !kind.contains('/') && !known {
        let why = "must be a standard limit type or fully qualified";
        errors.invalid(path, &kind.into(), why);
    }
}

fn validate_names(limit: &Value, kind: &str, path: &Path, errors: &mut Errors) {
    for key in ["max", "min", "default", "defaultRequest", RATIO] {
        let path = path.field(key);
        if kind == "Pod" && key.starts_with("default") {
            if fields::count(&limit[key]) > 0 {
                errors.forbidden(&path, "may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        for (name, amount) in fields::entries(limit, key) {
            if ["Pod", "Container"].contains(&kind) {
                resources::validate_container_name(name, &path.key(name), errors);
            } else {
                resources::validate_name(name, &path.key(name), errors);
            }
            if let Err(why) = Quantity::of(amount) {
                errors.invalid(&path.key(name), amount, why);
            }
        }
    }
    let storage = |key: &str| fields::has(&limit[key], "storage");
    if kind == "PersistentVolumeClaim" && !storage("min") && !storage("max") {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        errors.required(&path.field("limits"), why);
    }
}

/// `min`, `defaultRequest`, `default` and `max` are in this order.
fn validate_order(limit: &Value, name: &str, kind: &str, path: &Path, errors: &mut Errors) {
    const PAIRS: [(&str, &str, &str, &str); 6] = [
        ("min", "max", "min", "min"),
        ("min", "defaultRequest", "defaultRequest", "defaultRequest"),
        ("defaultRequest", "max", "defaultRequest", "defaultRequest"),
        (
            "defaultRequest",
            "default",
            "defaultRequest",
            "defaultRequest",
        ),
        ("min", "default", "default", "min"),
        ("default", "max", "default", "max"),
    ];
    let of = |key: &str| match key {
        key if kind == "Pod" && key.starts_with("default") => None,
        key => Quantity::of(&limit[key][name]).ok(),
    };
    for (low, high, field, shown) in PAIRS {
        let (Some(less), Some(more)) = (of(low), of(high)) else {
            continue;
        };
        if less <= more {
            continue;
        }
        let word = |key: &str| match (low, high, key) {
            (_, _, "defaultRequest") => "default request",
            ("defaultRequest", "default", "default") => "default limit",
            (_, _, "default") => "default",
            (_, _, "min") => "min",
            _ => "max",
        };
        let why = format!(
            "{} value {less} is greater than {} value {more}",
            word(low),
            word(high)
        );
        let value = if shown == low { less } else { more };
        let value = value.to_string().into();
        errors.invalid(&path.field(field).key(name), &value, &why);
    }
    if !may_overcommit(name)
        && let (Some(limit), Some(request)) = (of("default"), of("defaultRequest"))
        && limit != request
    {
        let why =
            format!("default value {limit} must equal to defaultRequest value {request} in {name}");
        let path = path.field("defaultRequest").key(name);
        errors.invalid(&path, &request.to_string().into(), &why);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the API server compares floats")]
fn validate_ratio(limit: &Value, name: &str, path: &Path, errors: &mut Errors) {
    let Ok(ratio) = Quantity::of(&limit[RATIO][name]) else {
        return;
    };
    let path = path.field(RATIO).key(name);
    let value = ratio.to_string().into();
    if ratio < Quantity::from_units(1) {
        errors.invalid(&path, &value, &format!("ratio {ratio} is less than 1"));
    }
    let of = |key: &str| Quantity::of(&limit[key][name]).ok();
    if let (Some(min), Some(max)) = (of("min"), of("max")) {
        let most = max.milli() as f64 / min.milli() as f64;
        if ratio.milli() as f64 / 1000.0 > most {
            let why = format!("ratio {ratio} is greater than max/min = {most:.6}");
            errors.invalid(&path, &value, &why);
        }
    }
}
