//! `matchLabelKeys`: selectors that follow the labels of the pod itself.
use serde_json::{Value, json};

use crate::fields;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Writes what `matchLabelKeys` and `mismatchLabelKeys` mean into the selectors of a new pod.
pub(super) fn apply_label_keys(pod: &mut Value) {
    let labels = pod["metadata"]["labels"].clone();
    let Some(spec) = fields::child(pod, "spec") else {
        return;
    };
    fields::each(spec, "topologySpreadConstraints").for_each(|term| apply(term, &labels));
    let Some(affinity) = fields::child(spec, "affinity") else {
        return;
    };
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(of) = fields::child(affinity, key) else {
            continue;
        };
        fields::each(of, REQUIRED).for_each(|term| apply(term, &labels));
        for weighted in fields::each(of, PREFERRED) {
            if let Some(term) = fields::child(weighted, "podAffinityTerm") {
                apply(term, &labels);
            }
        }
    }
}

fn apply(term: &mut Value, labels: &Value) {
    let mut added = Vec::new();
    for (list, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in fields::list(term, list) {
            if let Some(value) = key.as_str().and_then(|key| labels.get(key)) {
                added.push(json!({ "key": key, "operator": operator, "values": [value] }));
            }
        }
    }
    if added.is_empty() {
        return;
    }
    if let Some(selector) = fields::child(term, "labelSelector") {
        fields::default_pointer(selector, "matchExpressions", Vec::<Value>::new());
        if let Some(Value::Array(list)) = selector.get_mut("matchExpressions") {
            list.extend(added);
        }
    }
}
