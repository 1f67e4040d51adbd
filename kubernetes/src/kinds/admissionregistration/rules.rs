//! Which requests a webhook or policy is about.
use std::collections::HashSet;

use serde_json::Value;

use crate::{
    Errors, Path, fields,
    validation::{complain, one_of, qualified_name, validate_selector},
};

/// Rules are of any scope if they do not say.
pub(super) fn default_rules(parent: &mut Value, key: &str) {
    for rule in fields::each(parent, key) {
        fields::default_pointer(rule, "scope", "*");
    }
}

/// What webhooks and match resources have in common.
pub(super) fn default_matching(value: &mut Value) {
    fields::default_pointer(value, "matchPolicy", "Equivalent");
    for key in ["namespaceSelector", "objectSelector"] {
        fields::default_pointer(value, key, serde_json::Map::new());
    }
}

/// The selectors and the policy of matching.
pub(super) fn validate_matching(value: &Value, path: &Path, errors: &mut Errors) {
    one_of(value, "matchPolicy", &["Equivalent", "Exact"], path, errors);
    for key in ["namespaceSelector", "objectSelector"] {
        validate_selector(&value[key], &path.field(key), errors);
    }
}

/// Operations, groups, versions and resources.
pub(super) fn validate_rule(rule: &Value, path: &Path, errors: &mut Errors) {
    let known = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    let at = path.field("operations");
    let operations = fields::list(rule, "operations");
    if operations.is_empty() {
        errors.required(&at, "");
    }
    let star = |list: &[Value]| list.len() > 1 && list.iter().any(|one| one == "*");
    if star(operations) {
        let why = "if '*' is present, must not specify other operations";
        errors.invalid(&at, &rule["operations"], why);
    }
    for (i, operation) in operations.iter().enumerate() {
        if !operation.as_str().is_some_and(|name| known.contains(&name)) {
            errors.not_supported(&at.index(i), operation, &known);
        }
    }
    for (key, what) in [("apiGroups", "groups"), ("apiVersions", "versions")] {
        let list = fields::list(rule, key);
        let at = path.field(key);
        if list.is_empty() {
            errors.required(&at, "");
        }
        if star(list) {
            let why = format!("if '*' is present, must not specify other API {what}");
            errors.invalid(&at, &rule[key], &why);
        }
        for (i, _) in list.iter().enumerate().filter(|(_, one)| *one == "") {
            if key == "apiVersions" {
                errors.required(&at.index(i), "");
            }
        }
    }
    validate_resources(rule, &path.field("resources"), errors);
    let scopes = ["*", "Cluster", "Namespaced"];
    one_of(rule, "scope", &scopes, path, errors);
}

fn validate_resources(rule: &Value, path: &Path, errors: &mut Errors) {
    let list = fields::list(rule, "resources");
    if list.is_empty() {
        errors.required(path, "");
    }
    let (mut any_sub, mut any_resource) = (HashSet::new(), HashSet::new());
    let (mut double, mut single, mut plain) = (false, false, false);
    for (i, one) in list.iter().enumerate() {
        let text = one.as_str().unwrap_or_default();
        let at = path.index(i);
        if text.is_empty() {
            errors.required(&at, "");
            continue;
        }
        double |= text == "*/*";
        single |= text == "*";
        let Some((resource, sub)) = text.split_once('/') else {
            plain = text != "*";
            continue;
        };
        if any_sub.contains(resource) {
            let why = format!("if '{resource}/*' is present, must not specify {text}");
            errors.invalid(&at, one, &why);
        }
        if any_resource.contains(sub) {
            let why = format!("if '*/{sub}' is present, must not specify {text}");
            errors.invalid(&at, one, &why);
        }
        if sub == "*" {
            any_sub.insert(resource);
        }
        if resource == "*" {
            any_resource.insert(sub);
        }
    }
    let all = &rule["resources"];
    if list.len() > 1 && double {
        let why = "if '*/*' is present, must not specify other resources";
        errors.invalid(path, all, why);
    }
    if single && plain {
        let why = "if '*' is present, must not specify other resources without subresources";
        errors.invalid(path, all, why);
    }
}

/// Expressions that have to be true, each with a name.
pub(super) fn validate_conditions(parent: &Value, path: &Path, errors: &mut Errors) {
    const MOST: usize = 64;
    let path = path.field("matchConditions");
    let conditions = fields::list(parent, "matchConditions");
    if conditions.len() > MOST {
        errors.too_many(&path, conditions.len(), MOST);
    }
    let mut names = HashSet::new();
    for (i, condition) in conditions.iter().enumerate() {
        let path = path.index(i);
        if fields::text(condition, "expression").trim().is_empty() {
            errors.required(&path.field("expression"), "");
        }
        let name = fields::text(condition, "name");
        if name.is_empty() {
            errors.required(&path.field("name"), "");
            continue;
        }
        complain(errors, &path.field("name"), name, &qualified_name(name));
        if !names.insert(name) {
            errors.duplicate(&path.field("name"), &name.into());
        }
    }
}
