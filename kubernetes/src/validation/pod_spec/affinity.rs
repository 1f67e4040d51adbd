//! Where pods want to be.
use std::collections::BTreeSet;

use serde_json::Value;

use crate::validation::{
    complain, dns_label, dns_subdomain, label_value, validate_label_name, validate_selector,
};
use crate::{Errors, Path, fields};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const WEIGHT: &str = "must be in the range 1-100";
const NO_SELECTOR: &str = "must not be specified when labelSelector is not set";

pub(super) fn validate_affinity(affinity: &Value, path: &Path, errors: &mut Errors) {
    validate_node_affinity(
        &affinity["nodeAffinity"],
        &path.field("nodeAffinity"),
        errors,
    );
    for key in ["podAffinity", "podAntiAffinity"] {
        let (of, path) = (&affinity[key], path.field(key));
        for (i, term) in fields::list(of, REQUIRED).iter().enumerate() {
            validate_pod_term(term, &path.field(REQUIRED).index(i), errors);
        }
        for (i, term) in fields::list(of, PREFERRED).iter().enumerate() {
            let path = path.field(PREFERRED).index(i);
            validate_weight(term, &path, errors);
            let here = path.field("podAffinityTerm");
            validate_pod_term(&term["podAffinityTerm"], &here, errors);
        }
    }
}

fn validate_weight(term: &Value, path: &Path, errors: &mut Errors) {
    let weight = fields::integer(term, "weight");
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.field("weight"), &weight.into(), WEIGHT);
    }
}

fn validate_node_affinity(affinity: &Value, path: &Path, errors: &mut Errors) {
    if fields::has(affinity, REQUIRED) {
        let terms = fields::list(&affinity[REQUIRED], "nodeSelectorTerms");
        let path = path.field(REQUIRED).field("nodeSelectorTerms");
        if terms.is_empty() {
            errors.required(&path, "must have at least one node selector term");
        }
        for (i, term) in terms.iter().enumerate() {
            validate_node_term(term, &path.index(i), errors);
            validate_values(term, &path.index(i), errors);
        }
    }
    for (i, term) in fields::list(affinity, PREFERRED).iter().enumerate() {
        let path = path.field(PREFERRED).index(i);
        validate_weight(term, &path, errors);
        validate_node_term(&term["preference"], &path.field("preference"), errors);
    }
}

fn validate_node_term(term: &Value, path: &Path, errors: &mut Errors) {
    for (i, one) in fields::list(term, "matchExpressions").iter().enumerate() {
        let path = path.field("matchExpressions").index(i);
        let values = fields::list(one, "values");
        let here = path.field("values");
        let operator = fields::text(one, "operator");
        match operator {
            "In" | "NotIn" if values.is_empty() => errors.required(
                &here,
                "must be specified when `operator` is 'In' or 'NotIn'",
            ),
            "Exists" | "DoesNotExist" if !values.is_empty() => errors.forbidden(
                &here,
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
            "Gt" | "Lt" if values.len() != 1 => errors.required(
                &here,
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            ),
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            _ => {
                let why = "not a valid selector operator";
                errors.invalid(&path.field("operator"), &operator.into(), why);
            }
        }
        validate_label_name(fields::text(one, "key"), &path.field("key"), errors);
    }
    for (i, one) in fields::list(term, "matchFields").iter().enumerate() {
        validate_node_field(one, &path.field("matchFields").index(i), errors);
    }
}

/// Values are labels where they are required; what is only preferred may be anything.
fn validate_values(term: &Value, path: &Path, errors: &mut Errors) {
    for (i, one) in fields::list(term, "matchExpressions").iter().enumerate() {
        let here = path.field("matchExpressions").index(i).field("values");
        for (n, value) in fields::list(one, "values").iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            complain(errors, &here.index(n), value, &label_value(value));
        }
    }
}

fn validate_node_field(one: &Value, path: &Path, errors: &mut Errors) {
    let values = fields::list(one, "values");
    match fields::text(one, "operator") {
        "In" | "NotIn" if values.len() != 1 => errors.required(
            &path.field("values"),
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        ),
        "In" | "NotIn" => {}
        other => {
            let why = "not a valid selector operator";
            errors.invalid(&path.field("operator"), &other.into(), why);
        }
    }
    let key = fields::text(one, "key");
    if key == "metadata.name" {
        for (n, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            let here = path.field("values").index(n);
            complain(errors, &here, value, &dns_subdomain(value));
        }
    } else {
        let why = "not a valid field selector key";
        errors.invalid(&path.field("key"), &key.into(), why);
    }
}

fn validate_pod_term(term: &Value, path: &Path, errors: &mut Errors) {
    for key in ["labelSelector", "namespaceSelector"] {
        validate_selector(&term[key], &path.field(key), errors);
    }
    for name in fields::list(term, "namespaces") {
        let name = name.as_str().unwrap_or_default();
        complain(errors, &path.field("namespace"), name, &dns_label(name));
    }
    validate_label_keys(term, path, errors);
    let key = fields::text(term, "topologyKey");
    if key.is_empty() {
        errors.required(&path.field("topologyKey"), "can not be empty");
    }
    validate_label_name(key, &path.field("topologyKey"), errors);
}

/// `matchLabelKeys` and `mismatchLabelKeys`.
pub(super) fn validate_label_keys(term: &Value, path: &Path, errors: &mut Errors) {
    let selector = &term["labelSelector"];
    for list in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = fields::list(term, list);
        if keys.is_empty() {
            continue;
        }
        if selector.is_null() {
            errors.forbidden(&path.field(list), NO_SELECTOR);
            continue;
        }
        for (i, key) in keys.iter().enumerate() {
            let key = key.as_str().unwrap_or_default();
            validate_label_name(key, &path.field(list).index(i), errors);
        }
    }
    let texts = |list: &str| -> BTreeSet<String> {
        let list = fields::list(term, list).iter();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (wanted, unwanted) = (texts("matchLabelKeys"), texts("mismatchLabelKeys"));
    let mut seen: BTreeSet<&str> = fields::entries(selector, "matchLabels")
        .map(|(key, _)| key)
        .collect();
    for one in fields::list(selector, "matchExpressions") {
        let key = fields::text(one, "key");
        // The server itself adds one term for each key; a second one is the user's.
        if !seen.insert(key) && wanted.contains(key) {
            let why = "exists in both matchLabelKeys and labelSelector";
            errors.invalid(&path.field("matchLabelKeys"), &key.into(), why);
        }
    }
    for (i, key) in fields::list(term, "matchLabelKeys").iter().enumerate() {
        if key.as_str().is_some_and(|key| unwanted.contains(key)) {
            let why = "exists in both matchLabelKeys and mismatchLabelKeys";
            errors.invalid(&path.field("matchLabelKeys").index(i), key, why);
        }
    }
}
