//! On which nodes the pods of a daemon set belong.
use serde_json::{Value, json};

use crate::fields;
use crate::views::{NodeView, Taint};

/// Fargate runs one pod a node, and never that of a daemon set.
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";

/// What every pod of a daemon set tolerates.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// What it also tolerates if it uses the network of its node.
const NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// What a daemon set does on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fit {
    /// It starts a pod.
    pub run: bool,
    /// It leaves a pod that is there.
    pub stay: bool,
}

/// Decides about a node. `spec` is that of the set's template.
pub(super) fn fit(spec: &Value, node: &NodeView) -> Fit {
    let name = fields::text(spec, "nodeName");
    let labels = &node.metadata.labels;
    let fargate = labels
        .get(COMPUTE_TYPE)
        .is_some_and(|kind| kind == "fargate");
    if fargate || !(name.is_empty() || name == node.metadata.name) || !is_wanted(spec, node) {
        return Fit::default();
    }
    let tolerations = tolerations(spec);
    let bad = |effects: &[&str]| {
        let mut taints = node.spec.taints.iter();
        taints.any(|taint| {
            effects.contains(&taint.effect.as_str())
                && !tolerations
                    .iter()
                    .any(|toleration| tolerates(toleration, taint))
        })
    };
    Fit {
        run: !bad(&["NoSchedule", "NoExecute"]),
        stay: !bad(&["NoExecute"]),
    }
}

/// Whether node selector and required affinity take a node.
fn is_wanted(spec: &Value, node: &NodeView) -> bool {
    let labels = &node.metadata.labels;
    let selected = fields::entries(spec, "nodeSelector")
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let required = &spec["affinity"]["nodeAffinity"];
    let required = &required["requiredDuringSchedulingIgnoredDuringExecution"];
    if required.is_null() {
        return selected;
    }
    let mut terms = fields::list(required, "nodeSelectorTerms").iter();
    selected && terms.any(|term| takes(term, node))
}

/// Whether all parts of a term take a node; a term without any takes none.
fn takes(term: &Value, node: &NodeView) -> bool {
    let expressions = fields::list(term, "matchExpressions");
    let by_field = fields::list(term, "matchFields");
    let label = |part: &Value| {
        let key = fields::text(part, "key");
        holds(part, node.metadata.labels.get(key).map(String::as_str))
    };
    let field = |part: &Value| {
        let known = fields::text(part, "key") == "metadata.name";
        known && holds(part, Some(&node.metadata.name))
    };
    !(expressions.is_empty() && by_field.is_empty())
        && expressions.iter().all(label)
        && by_field.iter().all(field)
}

fn holds(part: &Value, has: Option<&str>) -> bool {
    let values = fields::list(part, "values");
    let listed = has.is_some_and(|has| values.iter().any(|value| value == has));
    let numbers = || -> Option<(i64, i64)> {
        Some((has?.parse().ok()?, values.first()?.as_str()?.parse().ok()?))
    };
    match fields::text(part, "operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => has.is_some(),
        "DoesNotExist" => has.is_none(),
        "Gt" => numbers().is_some_and(|(has, than)| has > than),
        "Lt" => numbers().is_some_and(|(has, than)| has < than),
        _ => false,
    }
}

fn tolerates(toleration: &Value, taint: &Taint) -> bool {
    let effect = fields::text(toleration, "effect");
    let key = fields::text(toleration, "key");
    if !(effect.is_empty() || effect == taint.effect) || !(key.is_empty() || key == taint.key) {
        return false;
    }
    match fields::text(toleration, "operator") {
        "" | "Equal" => fields::text(toleration, "value") == taint.value,
        "Exists" => true,
        _ => false,
    }
}

/// The tolerations of a template with those that daemons have.
fn tolerations(spec: &Value) -> Vec<Value> {
    let mut all = fields::list(spec, "tolerations").to_vec();
    let network = fields::flag(spec, "hostNetwork").then_some(NETWORK);
    for (key, effect) in TOLERATED.into_iter().chain(network) {
        let wanted = json!({ "key": key, "operator": "Exists", "effect": effect });
        let same = |other: &&mut Value| {
            let members = ["key", "operator", "effect"];
            let equal = members.iter().all(|name| other[*name] == wanted[*name]);
            equal && fields::text(other, "value").is_empty()
        };
        match all.iter_mut().find(same) {
            // Whatever it said of seconds, a daemon stays.
            Some(there) => *there = wanted,
            None => all.push(wanted),
        }
    }
    all
}

/// Fits the spec of a template to a node: the pod can go nowhere else.
pub(super) fn pin(spec: &mut Value, node: &str) {
    spec["tolerations"] = tolerations(spec).into();
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({
        "nodeSelectorTerms": [{
            "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }],
        }],
    });
}

/// The node for which a pod is meant, whether it is there yet or not.
pub(super) fn target(pod: &crate::views::PodView) -> Option<&str> {
    if !pod.spec.node_name.is_empty() {
        return Some(&pod.spec.node_name);
    }
    let required = &pod.spec.affinity["nodeAffinity"];
    let required = &required["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = fields::list(required, "nodeSelectorTerms").iter();
    let parts = terms.flat_map(|term| fields::list(term, "matchFields"));
    let mut names = parts.filter(|part| {
        fields::text(part, "key") == "metadata.name" && fields::text(part, "operator") == "In"
    });
    names.find_map(|part| fields::list(part, "values").first()?.as_str())
}
