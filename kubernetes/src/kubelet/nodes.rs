//! Heartbeats of nodes: leases every ten seconds, conditions when they change and every five minutes.
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::Kubelet;
use super::events::actor;
use crate::cluster::time::{parse_rfc3339, rfc3339, rfc3339_micro};
use crate::cluster::{Part, Reference};
use crate::store::Object;
use crate::{Status, fields};

const LEASES: &str = "leases.coordination.k8s.io";
const NAMESPACE: &str = "kube-node-lease";
const LEASE_SECS: i64 = 40;

/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// How often the status is written although nothing changed.
const REPORT: Duration = Duration::from_mins(5);

/// How often the cluster's clock is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How many nodes write at a time.
const AT_ONCE: usize = 64;

/// Type, status, reason and message of what a healthy node says.
const HEALTHY: [(&str, &str, &str, &str); 4] = [
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    (
        "DiskPressure",
        "False",
        "KubeletHasNoDiskPressure",
        "kubelet has no disk pressure",
    ),
    (
        "PIDPressure",
        "False",
        "KubeletHasSufficientPID",
        "kubelet has sufficient PID available",
    ),
    (
        "Ready",
        "True",
        "KubeletReady",
        "kubelet is posting ready status",
    ),
];

/// Of a node's last beat: when it was, and of which revision of the node, if all went well.
type Beat = (Timestamp, u64);

impl Kubelet {
    /// Speaks for all nodes.
    pub(super) async fn run_nodes(self) {
        let Some(shelf) = self.0.cluster.store().find("nodes") else {
            return;
        };
        let mut told = shelf.subscribe();
        let mut beats: HashMap<String, Beat> = HashMap::new();
        loop {
            told.mark_unchanged();
            let nodes = shelf.objects(None);
            let there: HashSet<&str> = nodes.iter().map(|node| node.uid.as_str()).collect();
            beats.retain(|uid, _| there.contains(uid.as_str()));
            let due = nodes
                .iter()
                .map(|node| self.beat(node, beats.get(&node.uid).copied()));
            let due = due.collect::<Vec<_>>();
            // Together, so that they share transactions.
            let done: Vec<Option<Beat>> = stream::iter(due).buffered(AT_ONCE).collect().await;
            for (node, beat) in nodes.iter().zip(done) {
                if let Some(beat) = beat {
                    beats.insert(node.uid.clone(), beat);
                }
            }
            tokio::select! {
                _changed = told.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Does what is due; the conditions are looked at when the node has changed or its lease is due.
    async fn beat(&self, node: &Object, last: Option<Beat>) -> Option<Beat> {
        if !self.0.addresses.is_up(&node.name) {
            return None;
        }
        let now = self.0.cluster.now();
        let lease_due = last.is_none_or(|(last, _)| now.since(last) >= RENEWAL);
        if !lease_due && last.is_some_and(|(_, revision)| revision == node.revision) {
            return None;
        }
        let value = node.value();
        let mut done = Ok(());
        if !is_healthy(&value, now) {
            done = self.report(node, &value, now).await;
        }
        if lease_due {
            done = done.and(self.renew(node, now).await);
        }
        let revision = if done.is_ok() { node.revision } else { 0 };
        match done {
            Err(status) if !status.is_not_found() && !status.is_conflict() => {
                tracing::warn!(node = node.name, %status, "a node could not report");
            }
            _ => {}
        }
        let renewed = last.map(|(last, _)| last).filter(|_| !lease_due);
        Some((renewed.unwrap_or(now), revision))
    }

    async fn report(&self, node: &Object, value: &Value, now: Timestamp) -> Result<(), Status> {
        let by = actor(&node.name);
        let version = self.0.cluster.settings().version.clone();
        let change = |node: &mut Value| {
            let Some(status) = fields::ensure(node, "status") else {
                return Ok(());
            };
            let conditions = conditions(status, now);
            fields::set(status, "conditions", conditions);
            describe(status, &version);
            Ok(())
        };
        let cluster = &self.0.cluster;
        cluster
            .modify("nodes", "", &node.name, Part::Status, &by, change)
            .await?;
        if !is_ready(value) {
            let about = Reference::to("v1", "Node", node);
            self.0
                .events
                .normal(&about, "Starting", "Starting kubelet.".to_owned());
            let message = format!("Node {} status is now: NodeReady", node.name);
            self.0.events.normal(&about, "NodeReady", message);
        }
        Ok(())
    }

    async fn renew(&self, node: &Object, now: Timestamp) -> Result<(), Status> {
        let by = actor(&node.name);
        let cluster = &self.0.cluster;
        let time = rfc3339_micro(now);
        let owner = json!([{
            "apiVersion": "v1",
            "kind": "Node",
            "name": node.name,
            "uid": node.uid,
        }]);
        let spec = json!({
            "holderIdentity": node.name,
            "leaseDurationSeconds": LEASE_SECS,
            "renewTime": time,
        });
        if cluster.get(LEASES, NAMESPACE, &node.name).is_some() {
            let change = |lease: &mut Value| {
                // A node of the same name may have come after another.
                lease["metadata"]["ownerReferences"] = owner.clone();
                fields::set(lease, "spec", spec.clone());
                Ok(())
            };
            let name = &node.name;
            let renewed = cluster.modify(LEASES, NAMESPACE, name, Part::Main, &by, change);
            return renewed.await.map(drop);
        }
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": node.name, "namespace": NAMESPACE, "ownerReferences": owner },
            "spec": spec,
        });
        cluster.create(LEASES, lease, &by).await.map(drop)
    }
}

fn find<'a>(list: &'a [Value], kind: &str) -> Option<&'a Value> {
    list.iter()
        .find(|condition| fields::text(condition, "type") == kind)
}

fn is_ready(node: &Value) -> bool {
    let conditions = fields::list(&node["status"], "conditions");
    find(conditions, "Ready").is_some_and(|ready| fields::text(ready, "status") == "True")
}

/// Whether it says so itself, and not long ago.
fn is_healthy(node: &Value, now: Timestamp) -> bool {
    let conditions = fields::list(&node["status"], "conditions");
    HEALTHY.iter().all(|(kind, status, ..)| {
        find(conditions, kind).is_some_and(|condition| {
            let beat = parse_rfc3339(fields::text(condition, "lastHeartbeatTime"));
            fields::text(condition, "status") == *status
                && beat.is_some_and(|beat| now.since(beat) < REPORT)
        })
    })
}

/// The conditions of a healthy node; those of others stay.
fn conditions(status: &Value, now: Timestamp) -> Vec<Value> {
    let old = fields::list(status, "conditions");
    let own = |condition: &&Value| {
        let kind = fields::text(condition, "type");
        HEALTHY.iter().any(|(own, ..)| *own == kind)
    };
    let mut all: Vec<Value> = old.iter().filter(|one| !own(one)).cloned().collect();
    for (kind, status, reason, message) in HEALTHY {
        let before = find(old, kind).filter(|before| fields::text(before, "status") == status);
        let since = before.map(|before| before["lastTransitionTime"].clone());
        all.push(json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": rfc3339(now),
            "lastTransitionTime": since.unwrap_or_else(|| rfc3339(now).into()),
        }));
    }
    all
}

/// Fills in what whoever made the node did not say.
fn describe(status: &mut Value, version: &str) {
    let kubelet = format!("v{version}.0-eks-wharf");
    let Some(info) = fields::ensure(status, "nodeInfo") else {
        return;
    };
    for (key, value) in [
        ("architecture", "amd64"),
        ("bootID", ""),
        ("containerRuntimeVersion", "containerd://1.7.27"),
        ("kernelVersion", "6.1.141-155.222.amzn2023.x86_64"),
        ("kubeProxyVersion", kubelet.as_str()),
        ("kubeletVersion", kubelet.as_str()),
        ("machineID", ""),
        ("operatingSystem", "linux"),
        ("osImage", "Amazon Linux 2023.7.20250623"),
        ("systemUUID", ""),
    ] {
        fields::default_pointer(info, key, value);
    }
    if let Some(endpoints) = fields::ensure(status, "daemonEndpoints") {
        fields::default_pointer(endpoints, "kubeletEndpoint", json!({ "Port": 10250 }));
    }
}
