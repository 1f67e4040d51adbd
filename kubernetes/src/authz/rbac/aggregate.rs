//! The rules of a cluster role that is the sum of others.
use std::collections::HashSet;

use serde_json::Value;

use super::{AggregationRule, Role, Rule};

/// The rules of all cluster roles that the selectors select, each rule once, selector by selector and
/// by the names of roles. What the controller writes into `rules`; `None` if that is there already.
pub fn aggregated_rules<'o>(
    name: &str,
    rule: &AggregationRule,
    stored: &[Rule],
    cluster_roles: impl Iterator<Item = &'o Value>,
) -> Option<Vec<Rule>> {
    let mut roles: Vec<(&Value, Role)> = cluster_roles
        .filter_map(|object| Some((&object["metadata"]["labels"], Role::from_object(object)?)))
        // A role that selects itself adds nothing.
        .filter(|(_, role)| role.name != name)
        .collect();
    roles.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let mut seen = HashSet::new();
    let mut rules = Vec::new();
    for selector in rule.cluster_role_selectors.iter().take(MAX_SELECTORS) {
        for (_, role) in roles.iter().filter(|(labels, _)| selects(selector, labels)) {
            let new = role.rules.iter().filter(|rule| seen.insert(*rule));
            rules.extend(new.cloned());
        }
    }
    (rules != stored).then_some(rules)
}

/// More selectors than any role has; each looks at all roles.
const MAX_SELECTORS: usize = 100;

/// A label selector. One that asks nothing selects all; one that cannot be read selects nothing.
fn selects(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let matched = match &selector["matchLabels"] {
        Value::Null => true,
        Value::Object(wanted) => wanted.iter().all(|(key, v)| label(key) == v.as_str()),
        _ => false,
    };
    let expression = |wanted: &Value| {
        let Some(own) = wanted["key"].as_str().map(label) else {
            return false;
        };
        let values = wanted["values"].as_array();
        let is_in = own.is_some_and(|own| values.is_some_and(|v| v.iter().any(|v| v == own)));
        match wanted["operator"].as_str() {
            Some("In") => is_in,
            Some("NotIn") => !is_in,
            Some("Exists") => own.is_some(),
            Some("DoesNotExist") => own.is_none(),
            _ => false,
        }
    };
    let expressions = match &selector["matchExpressions"] {
        Value::Null => true,
        Value::Array(all) => all.iter().all(expression),
        _ => false,
    };
    matched && expressions
}
