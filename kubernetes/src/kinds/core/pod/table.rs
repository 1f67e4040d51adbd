//! The table of pods.
use serde_json::Value;

use super::summary::Summary;
use crate::fields;
use crate::table::Column;
use crate::table::cells::{AGE, NAME, text, wide};

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    text("Ready", |pod, _| Summary::of(pod).ready().into()),
    text("Status", |pod, _| Summary::of(pod).reason.into()),
    text("Restarts", |pod, now| Summary::of(pod).restarts(now).into()),
    AGE,
    wide("IP", |pod, _| {
        let first = pod["status"]["podIPs"].get(0).unwrap_or(&Value::Null);
        or_none(fields::text(first, "ip"))
    }),
    wide("Node", |pod, _| {
        or_none(fields::text(&pod["spec"], "nodeName"))
    }),
    wide("Nominated Node", |pod, _| {
        or_none(fields::text(&pod["status"], "nominatedNodeName"))
    }),
    wide("Readiness Gates", |pod, _| readiness_gates(pod).into()),
];

fn or_none(shown: &str) -> Value {
    if shown.is_empty() { "<none>" } else { shown }.into()
}

fn readiness_gates(pod: &Value) -> String {
    let gates = fields::list(&pod["spec"], "readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let mut states = std::collections::BTreeMap::new();
    for condition in fields::list(&pod["status"], "conditions") {
        let state = fields::text(condition, "status");
        // The first one of a type counts.
        states
            .entry(fields::text(condition, "type"))
            .or_insert(state);
    }
    let met = gates
        .iter()
        .filter(|gate| states.get(fields::text(gate, "conditionType")) == Some(&"True"))
        .count();
    format!("{met}/{}", gates.len())
}
