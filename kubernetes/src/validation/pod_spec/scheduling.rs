//! Tolerations, gates and spreading.
use std::collections::BTreeSet;

use serde_json::Value;

use super::affinity::validate_label_keys;
use crate::validation::{
    complain, label_value, one_of, positive, qualified_name, validate_label_name, validate_selector,
};
use crate::{Errors, Path, fields};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// The tolerations of a spec; they are at `path`.
pub(crate) fn validate_tolerations(spec: &Value, path: &Path, errors: &mut Errors) {
    for (i, toleration) in fields::list(spec, "tolerations").iter().enumerate() {
        let path = path.index(i);
        let key = fields::text(toleration, "key");
        let operator = fields::text(toleration, "operator");
        let effect = fields::text(toleration, "effect");
        let value = fields::text(toleration, "value");
        let here = path.field("operator");
        if !key.is_empty() {
            validate_label_name(key, &path.field("key"), errors);
        }
        if key.is_empty() && operator != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(&here, &operator.into(), why);
        }
        if fields::has(toleration, "tolerationSeconds") && effect != "NoExecute" {
            let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(&path.field("effect"), &effect.into(), why);
        }
        match operator {
            "Equal" | "" => {
                let faults = label_value(value);
                if !faults.is_empty() {
                    errors.invalid(&here, &value.into(), &faults.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                let why = "value must be empty when `operator` is 'Exists'";
                errors.invalid(&here, &value.into(), why);
            }
            "Exists" => {}
            _ => errors.not_supported(&here, &operator.into(), &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            one_of(toleration, "effect", &EFFECTS, &path, errors);
        }
    }
}

/// What has to be true before a pod is scheduled, and before it is ready.
pub(super) fn validate_gates(spec: &Value, path: &Path, errors: &mut Errors) {
    for (i, gate) in fields::list(spec, "readinessGates").iter().enumerate() {
        let name = fields::text(gate, "conditionType");
        let path = path.field("readinessGates").index(i).field("conditionType");
        complain(errors, &path, name, &qualified_name(name));
    }
    let mut seen = BTreeSet::new();
    for (i, gate) in fields::list(spec, "schedulingGates").iter().enumerate() {
        let name = fields::text(gate, "name");
        let path = path.field("schedulingGates").index(i);
        complain(errors, &path, name, &qualified_name(name));
        if !seen.insert(name) {
            errors.duplicate(&path, &name.into());
        }
    }
}

pub(super) fn validate_spread(spec: &Value, path: &Path, errors: &mut Errors) {
    let list = fields::list(spec, "topologySpreadConstraints");
    let pair = |constraint: &Value| {
        let key = fields::text(constraint, "topologyKey");
        let action = fields::text(constraint, "whenUnsatisfiable");
        format!("{{{key}, {action}}}")
    };
    // The server blames the first of two that are the same.
    let mut later = BTreeSet::new();
    let mut repeated: Vec<bool> = list.iter().rev().map(|c| !later.insert(pair(c))).collect();
    repeated.reverse();
    for (i, (constraint, repeated)) in list.iter().zip(repeated).enumerate() {
        let path = path.index(i);
        if fields::has(constraint, "maxSkew") {
            positive(constraint, "maxSkew", &path, errors);
        } else {
            let why = crate::validation::NOT_POSITIVE;
            errors.invalid(&path.field("maxSkew"), &0.into(), why);
        }
        if fields::text(constraint, "topologyKey").is_empty() {
            errors.required(&path.field("topologyKey"), "can not be empty");
        }
        let action = fields::text(constraint, "whenUnsatisfiable");
        let actions = ["DoNotSchedule", "ScheduleAnyway"];
        if !actions.contains(&action) {
            errors.not_supported(&path.field("whenUnsatisfiable"), &action.into(), &actions);
        }
        if repeated {
            let here = path.field("{topologyKey, whenUnsatisfiable}");
            errors.duplicate(&here, &pair(constraint).into());
        }
        positive(constraint, "minDomains", &path, errors);
        if fields::has(constraint, "minDomains") && action != "DoNotSchedule" {
            let why =
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            let here = path.field("minDomains");
            errors.invalid(&here, &constraint["minDomains"], &why);
        }
        for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            one_of(constraint, key, &["Honor", "Ignore"], &path, errors);
        }
        validate_label_keys(constraint, &path, errors);
        let here = path.field("labelSelector");
        validate_selector(&constraint["labelSelector"], &here, errors);
    }
}
