//! The life of nodes: their conditions and their being cordoned become taints, pods leave nodes that
//! they do not tolerate, and pods of nodes that are gone go too.
mod heartbeat;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plan::Leave;
use serde::Deserialize as _;
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::{Frame, Key, Outcome, Seen};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, Deletion, EventType, Part, Reference};
use crate::scheduler::model::{Node, Taint, Toleration};
use crate::scheduler::set_condition;
use crate::store::Object;
use crate::{Status, fields};

/// How long a node may be gone before its pods are: it may come back under its name.
const QUARANTINE: Duration = Duration::from_secs(40);

const WORKERS: usize = 4;

const LEASES: &str = "leases.coordination.k8s.io";

struct Life {
    cluster: Cluster,
    nodes: Actor,
    taints: Actor,
    garbage: Actor,
    /// Since when pods wait to leave, by uid.
    waiting: Mutex<HashMap<String, Timestamp>>,
    heard: Mutex<heartbeat::Heard>,
    /// Since when nodes are gone that pods name.
    gone: Mutex<HashMap<String, Timestamp>>,
}

/// Runs for ever.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let life = Arc::new(Life {
        cluster: cluster.clone(),
        nodes: Actor::controller("node-controller"),
        taints: Actor::controller("taint-eviction-controller"),
        garbage: Actor::controller("pod-garbage-collector"),
        waiting: Mutex::default(),
        heard: Mutex::default(),
        gone: Mutex::default(),
    });
    let frame = |name| {
        let clock = cluster.clone();
        Frame::new(name, cluster.store(), move || clock.now())
    };
    let (mut nodes, mut pods) = (frame("node-life"), frame("taint-eviction"));
    nodes.on(cluster.shelf("nodes")?, |seen| seen.keys());
    let known = Arc::clone(&life);
    pods.on(cluster.shelf("nodes")?, move |seen| known.pods_of(seen));
    let known = Arc::clone(&life);
    pods.on(cluster.shelf("pods")?, move |seen| known.pod(seen));
    let (for_nodes, for_pods) = (Arc::clone(&life), life);
    let on_node = move |key: Key| {
        let life = Arc::clone(&for_nodes);
        async move { life.node(&key).await }
    };
    let on_pod = move |key: Key| {
        let life = Arc::clone(&for_pods);
        async move { life.leave(&key).await }
    };
    tokio::select! {
        () = nodes.run(WORKERS, on_node) => {}
        () = pods.run(WORKERS, on_pod) => {}
    }
    Ok(())
}

/// The taints of a node that drive pods away.
fn driving(node: &Object) -> Vec<Taint> {
    let mut taints = Node::read(&node.value()).taints;
    taints.retain(|taint| taint.effect == "NoExecute");
    taints
}

impl Life {
    /// The pods of a node that may have to leave, or may stay now.
    fn pods_of(&self, seen: &Seen<'_>) -> Vec<Key> {
        let Some(node) = seen.latest() else {
            return Vec::new();
        };
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.new {
            Some(_) => gone.remove(&node.name),
            None => gone.insert(node.name.clone(), self.cluster.now()),
        };
        drop(gone);
        if seen.new.is_none() {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.forget(&node.uid);
        }
        let (old, new) = (
            seen.old.map(|old| driving(old)),
            seen.new.map(|new| driving(new)),
        );
        if old.is_some() && old == new {
            return Vec::new();
        }
        let pods = self.cluster.list("pods", None);
        let here = pods
            .iter()
            .filter(|pod| node_of(pod, &self.cluster) == node.name);
        here.map(|pod| Key::of(pod)).collect()
    }

    /// A pod is looked at when it gets its node and when it goes.
    fn pod(&self, seen: &Seen<'_>) -> Vec<Key> {
        let of = |object: &Arc<Object>| node_of(object, &self.cluster);
        let (old, new) = (seen.old.map(of), seen.new.map(of));
        if seen.new.is_none()
            && let Some(pod) = seen.old
        {
            self.forget(&pod.uid);
        }
        let came = new.as_ref().is_some_and(|node| !node.is_empty()) && old != new;
        let pod = seen.new.filter(|_| came);
        pod.map(|pod| Key::of(pod)).into_iter().collect()
    }

    fn forget(&self, uid: &str) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(uid).is_some()
    }

    async fn node(&self, key: &Key) -> Outcome {
        let Some(node) = self.cluster.get("nodes", "", &key.name) else {
            return Ok(None);
        };
        let now = self.cluster.now();
        self.listen(&node, now).await?;
        let Some(node) = self.cluster.get("nodes", "", &key.name) else {
            return Ok(None);
        };
        if plan::taints(&node.value(), now).is_none() {
            return Ok(Some(heartbeat::LOOK));
        }
        let taint = |node: &mut Value| {
            if let Some(taints) = plan::taints(node, now) {
                node["spec"]["taints"] = taints.into();
            }
            Ok(())
        };
        let by = &self.nodes;
        let (nodes, part) = ("nodes", Part::Main);
        let done = self.cluster.modify(nodes, "", &key.name, part, by, taint);
        match done.await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(Some(heartbeat::LOOK)),
        }
    }

    /// Says of a node that is silent that nobody knows how it is, and of its pods that they are not
    /// ready.
    async fn listen(&self, node: &Object, now: Timestamp) -> Result<(), Status> {
        let lease = self.cluster.get(LEASES, "kube-node-lease", &node.name);
        let silent = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.look(node, lease.as_deref(), now)
        };
        if !silent {
            return Ok(());
        }
        let mut value = node.value();
        let was_ready = heartbeat::mark(&mut value, now);
        let mark = |node: &mut Value| {
            heartbeat::mark(node, now);
            Ok(())
        };
        let by = &self.nodes;
        let (nodes, part) = ("nodes", Part::Status);
        let done = self.cluster.modify(nodes, "", &node.name, part, by, mark);
        accept_gone(done.await.map(drop))?;
        if !was_ready {
            return Ok(());
        }
        let text = format!("Node {} status is now: NodeNotReady", node.name);
        let about = Reference::to("v1", "Node", node);
        let (kind, reason) = (EventType::Normal, "NodeNotReady");
        self.cluster.event(by, &about, kind, reason, &text).await;
        self.unready(node, now).await
    }

    async fn unready(&self, node: &Object, now: Timestamp) -> Result<(), Status> {
        let by = &self.nodes;
        let not_ready = |pod: &mut Value| {
            let all = pod["status"]["conditions"].as_array_mut();
            for condition in all.into_iter().flatten() {
                if condition["type"] == "Ready" && condition["status"] == "True" {
                    condition["status"] = "False".into();
                    condition["lastTransitionTime"] = rfc3339(now).into();
                }
            }
            Ok(())
        };
        let pods = self.cluster.list("pods", None);
        let here = pods
            .iter()
            .filter(|pod| node_of(pod, &self.cluster) == node.name);
        for pod in here {
            let (namespace, name, part) = (&pod.namespace, &pod.name, Part::Status);
            let done = self
                .cluster
                .modify("pods", namespace, name, part, by, not_ready);
            accept_gone(done.await.map(drop))?;
            let about = Reference::to("v1", "Pod", pod);
            let (kind, reason) = (EventType::Warning, "NodeNotReady");
            self.cluster
                .event(by, &about, kind, reason, "Node is not ready")
                .await;
        }
        Ok(())
    }

    /// Whether a pod must leave its node now, later or never.
    async fn leave(&self, key: &Key) -> Outcome {
        let Some(pod) = self.cluster.get("pods", &key.namespace, &key.name) else {
            return Ok(None);
        };
        let value = pod.value();
        let node = fields::text(&value["spec"], "nodeName");
        if node.is_empty() {
            return Ok(None);
        }
        let Some(node) = self.cluster.get("nodes", "", node) else {
            return self.orphan(&pod, node).await;
        };
        let tolerations: Vec<Toleration> =
            Vec::deserialize(&value["spec"]["tolerations"]).unwrap_or_default();
        let taints = driving(&node);
        let wait = match plan::leave(&taints, &tolerations) {
            _ if pod.deleting => Leave::Never,
            Leave::Now => Leave::After(Duration::ZERO),
            other => other,
        };
        let Leave::After(wait) = wait else {
            if self.forget(&pod.uid) && !pod.deleting {
                let text = format!("Cancelling deletion of Pod {key}");
                self.event(&pod, &text).await;
            }
            return Ok(None);
        };
        let now = self.cluster.now();
        let created = fields::text(&value["metadata"], "creationTimestamp");
        let since = plan::since(&taints, created, now);
        let since = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            *waiting.entry(pod.uid.clone()).or_insert(since)
        };
        if since + wait > now {
            return Ok(Some((since + wait).since(now)));
        }
        self.forget(&pod.uid);
        let text = format!("Marking for deletion Pod {key}");
        self.event(&pod, &text).await;
        let why = (
            "DeletionByTaintManager",
            "Taint manager: deleting due to NoExecute taint",
        );
        self.delete(&pod, why, None, &self.taints).await
    }

    /// The node of a pod is gone: so is the pod, unless the node comes back soon.
    async fn orphan(&self, pod: &Object, node: &str) -> Outcome {
        let now = self.cluster.now();
        let since = {
            let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
            *gone.entry(node.to_owned()).or_insert(now)
        };
        if since + QUARANTINE > now {
            return Ok(Some((since + QUARANTINE).since(now)));
        }
        let why = ("DeletionByPodGC", "PodGC: node no longer exists");
        self.delete(pod, why, Some(0), &self.garbage).await
    }

    async fn delete(
        &self,
        pod: &Object,
        (reason, message): (&str, &str),
        grace_secs: Option<i64>,
        by: &Actor,
    ) -> Outcome {
        let now = rfc3339(self.cluster.now());
        let tell = |value: &mut Value| {
            let condition = json!({
                "type": "DisruptionTarget",
                "status": "True",
                "reason": reason,
                "message": message,
                "lastProbeTime": null,
                "lastTransitionTime": now,
            });
            set_condition(value, condition);
            // Nobody is left who could say how it ended.
            let phase = fields::text(&value["status"], "phase");
            if grace_secs == Some(0) && phase != "Succeeded" && phase != "Failed" {
                value["status"]["phase"] = "Failed".into();
            }
            Ok(())
        };
        let how = Deletion {
            grace_secs,
            uid: Some(pod.uid.clone()),
            ..Deletion::default()
        };
        let (namespace, name) = (&pod.namespace, &pod.name);
        let done = async {
            self.cluster
                .modify("pods", namespace, name, Part::Status, by, tell)
                .await?;
            self.cluster.delete("pods", namespace, name, &how, by).await
        };
        match done.await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(None),
        }
    }

    async fn event(&self, pod: &Object, text: &str) {
        let about = Reference::to("v1", "Pod", pod);
        let reason = "TaintManagerEviction";
        let kind = EventType::Normal;
        self.cluster
            .event(&self.taints, &about, kind, reason, text)
            .await;
    }
}

fn accept_gone(done: Result<(), Status>) -> Result<(), Status> {
    done.or_else(|status| {
        if status.is_not_found() {
            Ok(())
        } else {
            Err(status)
        }
    })
}

/// The node of a pod, or nothing, without reading the pod.
fn node_of(pod: &Object, cluster: &Cluster) -> String {
    let field = cluster
        .shelf("pods")
        .ok()
        .and_then(|shelf| shelf.field("spec.nodeName"));
    let value = field.and_then(|field| pod.fields.get(field));
    value.unwrap_or_default().to_owned()
}
