//! Which taints a node has, and when pods must leave it.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::cluster::time::{parse_rfc3339, rfc3339};
use crate::fields;
use crate::scheduler::model::{Taint, Toleration};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Conditions that keep pods away while they are true.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "node.kubernetes.io/network-unavailable",
    ),
];

/// The taints that a node should have; none if it has them.
pub(super) fn taints(node: &Value, now: Timestamp) -> Option<Vec<Value>> {
    let wanted = wanted(node);
    let there = fields::list(&node["spec"], "taints");
    let is = |taint: &Value, key: &str, effect: &str| {
        fields::text(taint, "key") == key && fields::text(taint, "effect") == effect
    };
    let ours = |taint: &Value| {
        let key = fields::text(taint, "key");
        let ready = key == NOT_READY || key == UNREACHABLE;
        let known = ready || key == UNSCHEDULABLE || PRESSURES.iter().any(|(_, own)| *own == key);
        match fields::text(taint, "effect") {
            "NoSchedule" => known,
            "NoExecute" => ready,
            _ => false,
        }
    };
    let mut taints: Vec<Value> = there
        .iter()
        .filter(|taint| !ours(taint) || wanted.iter().any(|(key, effect)| is(taint, key, effect)))
        .cloned()
        .collect();
    for (key, effect) in &wanted {
        if !there.iter().any(|taint| is(taint, key, effect)) {
            taints.push(json!({ "key": key, "effect": effect, "timeAdded": rfc3339(now) }));
        }
    }
    (taints != there).then_some(taints)
}

fn wanted(node: &Value) -> Vec<(&'static str, &'static str)> {
    let conditions = fields::list(&node["status"], "conditions");
    let status = |kind: &str| {
        let mut all = conditions.iter();
        let found = all.find(|condition| fields::text(condition, "type") == kind);
        found.map_or("", |condition| fields::text(condition, "status"))
    };
    let mut wanted = Vec::new();
    let lost = match status("Ready") {
        "True" => None,
        "Unknown" => Some(UNREACHABLE),
        // One that never said anything is not ready either.
        _ => Some(NOT_READY),
    };
    if let Some(key) = lost {
        wanted.extend([(key, "NoSchedule"), (key, "NoExecute")]);
    }
    let pressed = PRESSURES.iter().filter(|(kind, _)| status(kind) == "True");
    wanted.extend(pressed.map(|(_, key)| (*key, "NoSchedule")));
    if fields::flag(&node["spec"], "unschedulable") {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    wanted
}

/// When a pod must leave its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Never,
    Now,
    /// So long after its wait began.
    After(Duration),
}

/// Weighs the taints that drive pods away against what a pod tolerates.
pub(super) fn leave(taints: &[Taint], tolerations: &[Toleration]) -> Leave {
    let mut least: Option<i64> = None;
    for taint in taints.iter().filter(|taint| taint.effect == "NoExecute") {
        let mut fitting = tolerations.iter().filter(|one| one.tolerates(taint));
        let Some(first) = fitting.next() else {
            return Leave::Now;
        };
        if let Some(secs) = first.toleration_seconds {
            least = Some(least.map_or(secs, |least| least.min(secs)));
        }
    }
    match least {
        None => Leave::Never,
        Some(secs) => match u64::try_from(secs) {
            Ok(secs) if secs > 0 => Leave::After(Duration::from_secs(secs)),
            _ => Leave::Now,
        },
    }
}

/// Since when a pod waits: since the last of the taints was added, or since it is there.
pub(super) fn since(taints: &[Taint], created: &str, now: Timestamp) -> Timestamp {
    let driving = taints.iter().filter(|taint| taint.effect == "NoExecute");
    let added = driving.map(|taint| taint.time_added.as_deref().and_then(parse_rfc3339));
    // One that does not say when it was added was added now, as far as anybody knows.
    let added = added.map(|at| at.unwrap_or(now)).max().unwrap_or(now);
    parse_rfc3339(created).map_or(added, |created| created.max(added))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn node(ready: &str, unschedulable: bool, taints: &Value) -> Value {
        json!({
            "spec": { "unschedulable": unschedulable, "taints": taints },
            "status": { "conditions": [
                { "type": "Ready", "status": ready },
                { "type": "MemoryPressure", "status": "False" },
            ] },
        })
    }

    fn keys(taints: &[Value]) -> Vec<(&str, &str)> {
        let both = |taint| (fields::text(taint, "key"), fields::text(taint, "effect"));
        taints.iter().map(both).collect()
    }

    #[test]
    fn conditions_become_taints_and_back() {
        assert_eq!(taints(&node("True", false, &json!([])), NOW), None);
        let own = json!([{ "key": "mine", "effect": "NoExecute" }]);
        let lost = taints(&node("Unknown", true, &own), NOW).unwrap();
        let wanted = [
            ("mine", "NoExecute"),
            (UNREACHABLE, "NoSchedule"),
            (UNREACHABLE, "NoExecute"),
            (UNSCHEDULABLE, "NoSchedule"),
        ];
        assert_eq!(keys(&lost), wanted);
        assert_eq!(taints(&node("Unknown", true, &json!(lost)), NOW), None);
        let back = taints(&node("True", false, &json!(lost)), NOW).unwrap();
        assert_eq!(json!(back), own);
    }

    #[test]
    fn pods_leave_when_they_no_longer_tolerate() {
        let taint = Taint {
            key: NOT_READY.to_owned(),
            effect: "NoExecute".to_owned(),
            time_added: Some(rfc3339(NOW)),
            ..Taint::default()
        };
        let tolerates = |secs| Toleration {
            key: NOT_READY.to_owned(),
            operator: "Exists".to_owned(),
            toleration_seconds: secs,
            ..Toleration::default()
        };
        let driving = [taint];
        assert_eq!(leave(&driving, &[]), Leave::Now);
        assert_eq!(leave(&driving, &[tolerates(None)]), Leave::Never);
        assert_eq!(leave(&driving, &[tolerates(Some(0))]), Leave::Now);
        let wait = Leave::After(Duration::from_mins(5));
        assert_eq!(leave(&driving, &[tolerates(Some(300))]), wait);
        let later = NOW + Duration::from_secs(100);
        assert_eq!(since(&driving, "2020-01-01T00:00:00Z", later), NOW);
        assert_eq!(since(&driving, &rfc3339(later), later), later);
    }
}
