//! `podFailurePolicy`: which failures count.
use std::collections::BTreeSet;

use serde_json::Value;

use crate::validation::{complain, qualified_name};
use crate::{Errors, Path, fields};

const RULES: usize = 20;
const CODES: usize = 255;
const PATTERNS: usize = 20;
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const STATES: [&str; 3] = ["False", "True", "Unknown"];

pub(super) fn validate_failure_policy(spec: &Value, path: &Path, errors: &mut Errors) {
    let rules = fields::list(&spec["podFailurePolicy"], "rules");
    let path = path.field("podFailurePolicy").field("rules");
    if rules.len() > RULES {
        errors.too_many(&path, rules.len(), RULES);
    }
    let pod = &spec["template"]["spec"];
    let names: BTreeSet<&str> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| fields::list(pod, list))
        .map(|container| fields::text(container, "name"))
        .collect();
    for (i, rule) in rules.iter().enumerate() {
        let path = path.index(i);
        let action = fields::text(rule, "action");
        choose(action, &ACTIONS, &path.field("action"), errors);
        if action == "FailIndex" && !fields::has(spec, "backoffLimitPerIndex") {
            let why = "requires the backoffLimitPerIndex to be set";
            errors.invalid(&path.field("action"), &action.into(), why);
        }
        let (codes, conditions) = (&rule["onExitCodes"], fields::list(rule, "onPodConditions"));
        if !codes.is_null() {
            validate_codes(codes, &names, &path.field("onExitCodes"), errors);
        }
        validate_conditions(conditions, &path.field("onPodConditions"), errors);
        match (codes.is_null(), conditions.is_empty()) {
            (false, false) => {
                let why = "specifying both OnExitCodes and OnPodConditions is not supported";
                errors.invalid_without_value(&path, why);
            }
            (true, true) => {
                let why = "specifying one of OnExitCodes and OnPodConditions is required";
                errors.invalid_without_value(&path, why);
            }
            _ => {}
        }
    }
}

/// One of some words; it has to be there.
fn choose(word: &str, known: &[&str], path: &Path, errors: &mut Errors) {
    if word.is_empty() {
        let quoted: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
        errors.required(path, &format!("valid values: [{}]", quoted.join(" ")));
    } else if !known.contains(&word) {
        errors.not_supported(path, &word.into(), known);
    }
}

fn validate_conditions(patterns: &[Value], path: &Path, errors: &mut Errors) {
    if patterns.len() > PATTERNS {
        errors.too_many(path, patterns.len(), PATTERNS);
    }
    for (i, pattern) in patterns.iter().enumerate() {
        let path = path.index(i);
        let kind = fields::text(pattern, "type");
        complain(errors, &path.field("type"), kind, &qualified_name(kind));
        let state = fields::text(pattern, "status");
        choose(state, &STATES, &path.field("status"), errors);
    }
}

fn validate_codes(codes: &Value, names: &BTreeSet<&str>, path: &Path, errors: &mut Errors) {
    let operator = fields::text(codes, "operator");
    choose(operator, &OPERATORS, &path.field("operator"), errors);
    if let Some(name) = codes["containerName"].as_str()
        && !names.contains(name)
    {
        let why = "must be one of the container or initContainer names in the pod template";
        errors.invalid(&path.field("containerName"), &name.into(), why);
    }
    let values = fields::list(codes, "values");
    let here = path.field("values");
    if values.is_empty() {
        errors.invalid(&here, &codes["values"], "at least one value is required");
    } else if values.len() > CODES {
        errors.too_many(&here, values.len(), CODES);
    }
    let mut seen = BTreeSet::new();
    let mut last = i64::MIN;
    let mut ordered = true;
    for (i, value) in values.iter().enumerate() {
        let code = fields::number(value).unwrap_or_default();
        if operator == "In" && code == 0 {
            let why = "must not be 0 for the In operator";
            errors.invalid(&here.index(i), &code.into(), why);
        }
        if !seen.insert(code) {
            errors.duplicate(&here.index(i), &code.into());
        }
        ordered &= last <= code;
        last = code;
    }
    if !ordered {
        errors.invalid(&here, &codes["values"], "must be ordered");
    }
}
