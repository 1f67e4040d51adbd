//! What autoscalers have to be like.
use serde_json::Value;

use crate::validation::{
    NOT_POSITIVE, Quantity, complain, dns_label, dns_subdomain, one_of, path_segment,
    validate_metadata, validate_metadata_update, validate_quantity,
};
use crate::{Errors, Path, fields};

const MOST_SECONDS: i64 = 3600;
const MOST_PERIOD: i64 = 1800;
const INFORMATION: &str = "must populate information for the given metric source";

/// The types of metrics, sorted, and the fields that hold them.
const TYPES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

pub(super) fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let (spec, path) = (&object["spec"], Path::new("spec"));
    let least = fields::number(&spec["minReplicas"]);
    let most = fields::integer(spec, "maxReplicas");
    let most_path = path.field("maxReplicas");
    if let Some(least) = least
        && least < 1
    {
        let why = "must be greater than or equal to 1";
        errors.invalid(&path.field("minReplicas"), &least.into(), why);
    }
    if most < 1 {
        errors.invalid(&most_path, &most.into(), "must be greater than 0");
    }
    if least.is_some_and(|least| most < least) {
        let why = "must be greater than or equal to `minReplicas`";
        errors.invalid(&most_path, &most.into(), why);
    }
    let (target, here) = (&spec["scaleTargetRef"], path.field("scaleTargetRef"));
    validate_reference(target, &here, errors);
    // What was stored once has a resource version.
    if fields::text(&object["metadata"], "resourceVersion").is_empty() {
        validate_group(target, &here, errors);
    }
    for (i, metric) in fields::list(spec, "metrics").iter().enumerate() {
        validate_metric(metric, &path.field("metrics").index(i), errors);
    }
    for key in ["scaleUp", "scaleDown"] {
        let rules = &spec["behavior"][key];
        if !rules.is_null() {
            validate_rules(rules, &path.field("behavior").field(key), errors);
        }
    }
}

fn validate_segment(parent: &Value, key: &str, none: &str, path: &Path, errors: &mut Errors) {
    let value = fields::text(parent, key);
    if value.is_empty() {
        errors.required(&path.field(key), none);
    } else {
        complain(errors, &path.field(key), value, &path_segment(value));
    }
}

fn validate_reference(target: &Value, path: &Path, errors: &mut Errors) {
    validate_segment(target, "kind", "", path, errors);
    validate_segment(target, "name", "", path, errors);
    let version = fields::text(target, "apiVersion");
    if version.split('/').count() > 2 {
        let why = format!("unexpected GroupVersion string: {version}");
        errors.invalid(&path.field("apiVersion"), &version.into(), &why);
    }
}

/// What is scaled has a group; only replication controllers are so old that they have none.
fn validate_group(target: &Value, path: &Path, errors: &mut Errors) {
    let version = fields::text(target, "apiVersion");
    let group = version.split_once('/').map_or("", |(group, _)| group);
    if group.is_empty() && fields::text(target, "kind") != "ReplicationController" {
        let why = "apiVersion must specify API group";
        errors.invalid(&path.field("apiVersion"), &version.into(), why);
    }
}

pub(super) fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let (new, old) = (
        &new["spec"]["scaleTargetRef"],
        &old["spec"]["scaleTargetRef"],
    );
    if ["kind", "apiVersion"]
        .iter()
        .any(|key| fields::text(new, key) != fields::text(old, key))
    {
        validate_group(new, &Path::new("spec").field("scaleTargetRef"), errors);
    }
}

fn validate_metric(metric: &Value, path: &Path, errors: &mut Errors) {
    let kind = fields::text(metric, "type");
    let types = TYPES.map(|(kind, _)| kind);
    if kind.is_empty() {
        errors.required(&path.field("type"), "must specify a metric source type");
    }
    let expected = TYPES
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, key)| *key);
    if expected.is_none() {
        errors.not_supported(&path.field("type"), &kind.into(), &types);
    }
    let order = [
        "object",
        "external",
        "pods",
        "resource",
        "containerResource",
    ];
    let present: Vec<&str> = order
        .into_iter()
        .filter(|key| fields::has(metric, key))
        .collect();
    if let Some(first) = present.first() {
        validate_source(first, &metric[*first], &path.field(first), errors);
    }
    if let Some(expected) = expected
        && !present.contains(&expected)
    {
        errors.required(&path.field(expected), INFORMATION);
    }
    if present.len() != 1 {
        for key in present.into_iter().filter(|key| Some(*key) != expected) {
            errors.forbidden(
                &path.field(key),
                "must populate the given metric source only",
            );
        }
    }
}

fn validate_source(kind: &str, source: &Value, path: &Path, errors: &mut Errors) {
    let (target, here) = (&source["target"], path.field("target"));
    match kind {
        "object" | "external" | "pods" => {
            if kind == "object" {
                let described = path.field("describedObject");
                validate_reference(&source["describedObject"], &described, errors);
            }
            let metric = path.field("metric");
            let none = "must specify a metric name";
            validate_segment(&source["metric"], "name", none, &metric, errors);
        }
        _ => {
            if fields::text(source, "name").is_empty() {
                errors.required(&path.field("name"), "must specify a resource name");
            }
        }
    }
    if kind == "containerResource" {
        let container = fields::text(source, "container");
        let here = path.field("container");
        if container.is_empty() {
            errors.required(&here, "must specify a container");
        } else {
            complain(errors, &here, container, &dns_label(container));
        }
    }
    validate_target(target, &here, errors);
    let (value, average, percent) = (
        fields::has(target, "value"),
        fields::has(target, "averageValue"),
        fields::has(target, "averageUtilization"),
    );
    let mut missing = |field: &str, why: &str| errors.required(&here.field(field), why);
    match kind {
        "object" if !value && !average => {
            missing(
                "averageValue",
                "must set either a target value or averageValue",
            );
        }
        "external" if !value && !average => {
            let why = "must set either a target value for metric or a per-pod target";
            missing("averageValue", why);
        }
        "external" if value && average => {
            let why = "may not set both a target value for metric and a per-pod target";
            errors.forbidden(&here.field("value"), why);
        }
        "pods" if !average => {
            missing(
                "averageValue",
                "must specify a positive target averageValue",
            );
        }
        "resource" | "containerResource" if !percent && !average => {
            let why = "must set either a target raw value or a target utilization";
            missing("averageUtilization", why);
        }
        "resource" | "containerResource" if percent && average => {
            let why = "may not set both a target raw value and a target utilization";
            errors.forbidden(&here.field("averageValue"), why);
        }
        _ => {}
    }
}

fn validate_target(target: &Value, path: &Path, errors: &mut Errors) {
    let kind = fields::text(target, "type");
    if kind.is_empty() {
        errors.required(&path.field("type"), "must specify a metric target type");
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind) {
        let why = "must be either Utilization, Value, or AverageValue";
        errors.invalid(&path.field("type"), &kind.into(), why);
    }
    for key in ["value", "averageValue"] {
        let value = &target[key];
        if value.is_null() {
            continue;
        }
        match Quantity::of(value) {
            Ok(quantity) if quantity > Quantity::ZERO => {}
            Ok(_) => errors.invalid(&path.field(key), value, "must be positive"),
            Err(why) => errors.invalid(&path.field(key), value, why),
        }
    }
    let percent = &target["averageUtilization"];
    if fields::number(percent).is_some_and(|n| n < 1) {
        errors.invalid(
            &path.field("averageUtilization"),
            percent,
            "must be greater than 0",
        );
    }
}

fn validate_rules(rules: &Value, path: &Path, errors: &mut Errors) {
    let here = path.field("stabilizationWindowSeconds");
    if let Some(seconds) = fields::number(&rules["stabilizationWindowSeconds"]) {
        if seconds < 0 {
            errors.invalid(
                &here,
                &seconds.into(),
                "must be greater than or equal to zero",
            );
        }
        if seconds > MOST_SECONDS {
            let why = format!("must be less than or equal to {MOST_SECONDS}");
            errors.invalid(&here, &seconds.into(), &why);
        }
    }
    one_of(
        rules,
        "selectPolicy",
        &["Disabled", "Max", "Min"],
        path,
        errors,
    );
    let policies = fields::list(rules, "policies");
    let here = path.field("policies");
    if policies.is_empty() {
        errors.required(&here, "must specify at least one Policy");
    }
    for (i, policy) in policies.iter().enumerate() {
        let path = here.index(i);
        let kind = fields::text(policy, "type");
        if !["Percent", "Pods"].contains(&kind) {
            errors.not_supported(&path.field("type"), &kind.into(), &["Percent", "Pods"]);
        }
        for key in ["value", "periodSeconds"] {
            let number = fields::integer(policy, key);
            if number <= 0 {
                errors.invalid(&path.field(key), &number.into(), NOT_POSITIVE);
            }
        }
        let period = fields::integer(policy, "periodSeconds");
        if period > MOST_PERIOD {
            let why = format!("must be less than or equal to {MOST_PERIOD}");
            errors.invalid(&path.field("periodSeconds"), &period.into(), &why);
        }
    }
    if fields::has(rules, "tolerance") {
        validate_quantity(&rules["tolerance"], &path.field("tolerance"), errors);
    }
}
