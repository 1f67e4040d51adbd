//! Nodes of which nothing is heard any more.
use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::cluster::time::rfc3339;
use crate::fields;
use crate::store::Object;

/// After so long without a sign of life nobody knows how a node is.
const GRACE: Duration = Duration::from_secs(50);

/// How often a node is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(10);

/// As much as this counts between two looks, whatever the clock says: a machine that slept did not
/// miss anything.
const MOST: Duration = Duration::from_secs(15);

const CONDITIONS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What was heard of nodes, by uid.
#[derive(Debug, Default)]
pub(super) struct Heard(HashMap<String, Silence>);

#[derive(Debug)]
struct Silence {
    /// What changes with every sign of life.
    sign: (u64, String),
    looked: Timestamp,
    lasts: Duration,
}

impl Heard {
    /// Whether a node has been silent for too long.
    pub(super) fn look(&mut self, node: &Object, lease: Option<&Object>, now: Timestamp) -> bool {
        let value = node.value();
        let mut conditions = fields::list(&value["status"], "conditions").iter();
        let ready = conditions.find(|one| fields::text(one, "type") == "Ready");
        let beat = ready.map_or("", |ready| fields::text(ready, "lastHeartbeatTime"));
        let sign = (lease.map_or(0, |lease| lease.revision), beat.to_owned());
        let fresh = || Silence {
            sign: sign.clone(),
            looked: now,
            lasts: Duration::ZERO,
        };
        let known = self.0.entry(node.uid.clone()).or_insert_with(fresh);
        if known.sign == sign {
            known.lasts += now.since(known.looked).min(MOST);
            known.looked = now;
        } else {
            *known = fresh();
        }
        known.lasts > GRACE
    }

    pub(super) fn forget(&mut self, uid: &str) {
        self.0.remove(uid);
    }
}

/// Says of a silent node that nobody knows how it is; whether it was ready before.
pub(super) fn mark(node: &mut Value, now: Timestamp) -> bool {
    let mut was_ready = false;
    for kind in CONDITIONS {
        let there = fields::list(&node["status"], "conditions").iter();
        let there = there.clone().find(|one| fields::text(one, "type") == kind);
        let status = there.map_or("", |one| fields::text(one, "status"));
        if status == "Unknown" {
            continue;
        }
        was_ready |= kind == "Ready" && status == "True";
        let (reason, message) = if there.is_some() {
            ("NodeStatusUnknown", "Kubelet stopped posting node status.")
        } else {
            (
                "NodeStatusNeverUpdated",
                "Kubelet never posted node status.",
            )
        };
        let beat = there.map_or(
            &node["metadata"]["creationTimestamp"],
            |one| &one["lastHeartbeatTime"],
        );
        let condition = json!({
            "type": kind,
            "status": "Unknown",
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": beat,
            "lastTransitionTime": rfc3339(now),
        });
        crate::scheduler::set_condition(node, condition);
    }
    was_ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_node_is_unknown() {
        let now = Timestamp::from_secs(1_700_000_000);
        let mut node = json!({ "status": { "conditions": [
            { "type": "Ready", "status": "True", "lastHeartbeatTime": "2023-01-01T00:00:00Z" },
        ] } });
        assert!(mark(&mut node, now));
        let ready = &node["status"]["conditions"][0];
        assert_eq!(ready["status"], "Unknown");
        assert_eq!(ready["message"], "Kubelet stopped posting node status.");
        assert_eq!(ready["lastHeartbeatTime"], "2023-01-01T00:00:00Z");
        assert_eq!(ready["lastTransitionTime"], rfc3339(now));
        let other = &node["status"]["conditions"][1];
        assert_eq!(other["reason"], "NodeStatusNeverUpdated");
        let before = node.clone();
        assert!(!mark(&mut node, now + LOOK));
        assert_eq!(node, before);
    }
}
