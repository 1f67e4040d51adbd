//! What the scheduler knows of the cluster, kept up to date change by change.
//!
//! # Guarantees
//! * A pod counts on the node that was decided for it from the moment of the decision.
//! * What a node has left is a sum that is kept, not computed.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::model::{Amounts, Claim, Labels, Node, Pod, Selector, StorageClass, Volume, selector};
use crate::fields;

/// A node and what is on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeInfo {
    pub(crate) node: Node,
    pub(crate) pods: Vec<Arc<Pod>>,
    pub(crate) used: Amounts,
    /// As `used`, with something for pods that ask for nothing.
    pub(crate) counted: (i64, i64),
}

/// A budget for disruptions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    pub(crate) namespace: String,
    pub(crate) selector: Option<Selector>,
    pub(crate) allowed: i64,
    /// Names of pods whose disruption is already counted.
    pub(crate) disrupted: Vec<String>,
}

pub(crate) fn budget_of(value: &Value) -> Budget {
    let status = &value["status"];
    let disrupted = fields::entries(status, "disruptedPods").map(|(name, _)| name.to_owned());
    Budget {
        namespace: fields::text(&value["metadata"], "namespace").to_owned(),
        selector: selector(&value["spec"]["selector"]),
        allowed: fields::integer(status, "disruptionsAllowed"),
        disrupted: disrupted.collect(),
    }
}

/// Namespace and name.
pub(crate) type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct State {
    /// By name.
    nodes: Vec<NodeInfo>,
    /// By uid; the pod's `node` is where it is.
    placed: HashMap<String, Arc<Pod>>,
    /// Those of them that care for others, by uid.
    choosy: BTreeMap<String, Arc<Pod>>,
    /// How many pods of a controller are on a node.
    replicas: HashMap<String, HashMap<String, i64>>,
    /// Pods for which room was made, by uid.
    pub(crate) nominated: BTreeMap<String, Arc<Pod>>,
    pub(crate) namespaces: HashMap<String, Labels>,
    pub(crate) claims: HashMap<Key, Claim>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) classes: HashMap<String, StorageClass>,
    pub(crate) budgets: BTreeMap<Key, Budget>,
}

impl State {
    pub(crate) fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    pub(crate) fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.find(name).ok().and_then(|at| self.nodes.get(at))
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.nodes
            .binary_search_by(|info| info.node.name.as_str().cmp(name))
    }

    fn node_mut(&mut self, name: &str) -> Option<&mut NodeInfo> {
        let at = self.find(name).ok()?;
        self.nodes.get_mut(at)
    }

    /// Adds a node or changes it; whether something is different now.
    pub(crate) fn put_node(&mut self, node: Node) -> bool {
        match self.find(&node.name) {
            Ok(at) => self.nodes.get_mut(at).is_some_and(|info| {
                let different = info.node != node;
                info.node = node;
                different
            }),
            Err(at) => {
                let mut info = NodeInfo::default();
                // Pods may be known before their node is.
                for pod in self.placed.values().filter(|pod| pod.node == node.name) {
                    info.add(pod);
                }
                info.node = node;
                self.nodes.insert(at, info);
                true
            }
        }
    }

    pub(crate) fn remove_node(&mut self, name: &str) {
        if let Ok(at) = self.find(name) {
            self.nodes.remove(at);
        }
    }

    /// The pod that is placed under a uid.
    pub(crate) fn placed(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.placed.get(uid)
    }

    pub(crate) fn all_placed(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.placed.values()
    }

    pub(crate) fn choosy(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.choosy.values()
    }

    /// How many pods of a controller are on the nodes.
    pub(crate) fn replicas(&self, controller: &str) -> Option<&HashMap<String, i64>> {
        self.replicas.get(controller)
    }

    /// Places a pod on its node, instead of where it was.
    pub(crate) fn place(&mut self, pod: &Arc<Pod>) {
        self.remove(&pod.uid);
        self.nominated.remove(&pod.uid);
        self.placed.insert(pod.uid.clone(), Arc::clone(pod));
        if pod.has_affinity() {
            self.choosy.insert(pod.uid.clone(), Arc::clone(pod));
        }
        if !pod.controller.is_empty() {
            let nodes = self.replicas.entry(pod.controller.clone()).or_default();
            *nodes.entry(pod.node.clone()).or_insert(0) += 1;
        }
        if let Some(info) = self.node_mut(&pod.node) {
            info.add(pod);
        }
    }

    /// Takes a pod away; what it was, if it was placed.
    pub(crate) fn remove(&mut self, uid: &str) -> Option<Arc<Pod>> {
        let pod = self.placed.remove(uid)?;
        self.choosy.remove(uid);
        if let Some(nodes) = self.replicas.get_mut(&pod.controller) {
            if let Some(count) = nodes.get_mut(&pod.node) {
                *count -= 1;
            }
            nodes.retain(|_, count| *count > 0);
            if nodes.is_empty() {
                self.replicas.remove(&pod.controller);
            }
        }
        if let Some(info) = self.node_mut(&pod.node) {
            info.remove(&pod);
        }
        Some(pod)
    }
}

impl NodeInfo {
    pub(crate) fn add(&mut self, pod: &Arc<Pod>) {
        self.used.add(&pod.request);
        self.counted.0 = self.counted.0.saturating_add(pod.counted.0);
        self.counted.1 = self.counted.1.saturating_add(pod.counted.1);
        self.pods.push(Arc::clone(pod));
    }

    fn remove(&mut self, pod: &Pod) {
        let Some(at) = self.pods.iter().position(|one| one.uid == pod.uid) else {
            return;
        };
        let pod = self.pods.swap_remove(at);
        self.used.subtract(&pod.request);
        self.counted.0 = self.counted.0.saturating_sub(pod.counted.0);
        self.counted.1 = self.counted.1.saturating_sub(pod.counted.1);
    }
}
