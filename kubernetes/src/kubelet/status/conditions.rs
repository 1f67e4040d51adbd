//! The conditions that the kubelet sets.
use serde_json::{Value, json};

use super::containers::Lists;
use super::phase::any_main_started;
use super::{Seen, is_sidecar};
use crate::cluster::time::rfc3339;
use crate::fields;

/// Those of the kubelet, after those of others.
const OWN: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

/// Whether a condition is true; else its reason and message.
type Verdict = Result<&'static str, (&'static str, String)>;

pub(super) fn conditions(pod: &Value, lists: &Lists, phase: &str, seen: &Seen<'_>) -> Vec<Value> {
    let spec = &pod["spec"];
    let old = fields::list(&pod["status"], "conditions");
    let others = old.iter().filter(|condition| {
        let kind = fields::text(condition, "type");
        !OWN.contains(&kind)
    });
    let mut all: Vec<Value> = others.cloned().collect();
    let containers = containers_ready(spec, lists, phase);
    let ready = match &containers {
        Ok(_) => gates(spec, old),
        Err(not) => Err(not.clone()),
    };
    let sandbox = if seen.sandbox {
        Ok("")
    } else {
        Err(("", String::new()))
    };
    let verdicts = [
        sandbox,
        initialized(spec, lists, phase),
        ready,
        containers,
        Ok(""),
    ];
    let generation = seen
        .generations
        .then(|| fields::integer(&pod["metadata"], "generation"));
    for (kind, verdict) in OWN.into_iter().zip(verdicts) {
        let before = old.iter().find(|one| fields::text(one, "type") == kind);
        all.push(condition(kind, verdict, before, generation, seen));
    }
    all
}

fn condition(
    kind: &str,
    verdict: Verdict,
    before: Option<&Value>,
    generation: Option<i64>,
    seen: &Seen<'_>,
) -> Value {
    let (status, reason, message) = match verdict {
        Ok(reason) => ("True", reason, String::new()),
        Err((reason, message)) => ("False", reason, message),
    };
    let same = before.filter(|before| fields::text(before, "status") == status);
    let since = same.map(|before| before["lastTransitionTime"].clone());
    let since = since.filter(|since| !since.is_null());
    let mut condition = json!({
        "type": kind,
        "status": status,
        "lastProbeTime": null,
        "lastTransitionTime": since.unwrap_or_else(|| rfc3339(seen.now).into()),
    });
    if let Some(generation) = generation {
        condition["observedGeneration"] = generation.into();
    }
    if !reason.is_empty() {
        condition["reason"] = reason.into();
    }
    if !message.is_empty() {
        condition["message"] = message.into();
    }
    condition
}

/// Names as Go prints a list.
fn listed(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}

fn containers_ready(spec: &Value, lists: &Lists, phase: &str) -> Verdict {
    let sidecars = fields::list(spec, "initContainers").iter();
    let sidecars = sidecars.filter(|container| is_sidecar(container));
    let sidecars = sidecars.map(|container| (container, &lists.init));
    let main = fields::list(spec, "containers").iter();
    let all = sidecars.chain(main.map(|container| (container, &lists.main)));
    let unready = all.filter(|(container, list)| {
        let status = Lists::find(list, container);
        !status.is_some_and(|status| fields::flag(status, "ready"))
    });
    let unready: Vec<&str> = unready.map(|(one, _)| fields::text(one, "name")).collect();
    match phase {
        "Succeeded" => Err(("PodCompleted", String::new())),
        "Failed" => Err(("PodFailed", String::new())),
        _ if unready.is_empty() => Ok(""),
        _ => {
            let message = format!("containers with unready status: {}", listed(&unready));
            Err(("ContainersNotReady", message))
        }
    }
}

fn initialized(spec: &Value, lists: &Lists, phase: &str) -> Verdict {
    if phase == "Succeeded" {
        return Ok("PodCompleted");
    }
    if any_main_started(lists) {
        return Ok("");
    }
    let incomplete = fields::list(spec, "initContainers")
        .iter()
        .filter(|container| {
            let key = if is_sidecar(container) {
                "started"
            } else {
                "ready"
            };
            let status = Lists::find(&lists.init, container);
            !status.is_some_and(|status| fields::flag(status, key))
        });
    let incomplete: Vec<&str> = incomplete.map(|one| fields::text(one, "name")).collect();
    if incomplete.is_empty() {
        return Ok("");
    }
    let message = format!("containers with incomplete status: {}", listed(&incomplete));
    Err(("ContainersNotInitialized", message))
}

/// Conditions that others must set before the pod is ready.
fn gates(spec: &Value, conditions: &[Value]) -> Verdict {
    let missing = fields::list(spec, "readinessGates")
        .iter()
        .filter_map(|gate| {
            let kind = fields::text(gate, "conditionType");
            let found = conditions
                .iter()
                .find(|one| fields::text(one, "type") == kind);
            match found.map(|condition| fields::text(condition, "status")) {
                Some("True") => None,
                Some(status) => Some(format!(
                    "the status of pod readiness gate {kind:?} is not \"True\", but {status}"
                )),
                None => Some(format!(
                    "corresponding condition of pod readiness gate {kind:?} does not exist."
                )),
            }
        });
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() {
        return Ok("");
    }
    Err(("ReadinessGatesNotReady", missing.join(", ")))
}
