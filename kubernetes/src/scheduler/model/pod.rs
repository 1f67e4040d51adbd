//! Pods: what they ask of a node.
use serde::Deserialize as _;
use serde_json::Value;

use super::volumes::selector;
use super::{Amounts, Labels, NodeSelector, NodeTerm, Selector, Toleration};
use crate::fields;

#[derive(Clone, Debug, Default)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) labels: Labels,
    /// The uid of its controller, or empty.
    pub(crate) controller: String,
    pub(crate) created: String,
    pub(crate) started: String,
    pub(crate) deleting: bool,
    pub(crate) finished: bool,
    pub(crate) scheduler: String,
    pub(crate) node: String,
    pub(crate) nominated: String,
    pub(crate) gates: Vec<String>,
    pub(crate) priority: i64,
    pub(crate) preempts: bool,
    pub(crate) request: Amounts,
    /// Thousandths of a CPU and bytes of memory that it counts for when nodes are compared.
    pub(crate) counted: (i64, i64),
    pub(crate) ports: Vec<Port>,
    pub(crate) tolerations: Vec<Toleration>,
    pub(crate) node_selector: Labels,
    pub(crate) node_affinity: Option<NodeSelector>,
    pub(crate) preferred_nodes: Vec<(i64, NodeTerm)>,
    pub(crate) affinity: Vec<PodTerm>,
    pub(crate) anti_affinity: Vec<PodTerm>,
    pub(crate) preferred_pods: Vec<Preferred>,
    pub(crate) spread: Vec<Spread>,
    pub(crate) volumes: Vec<VolumeUse>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) address: String,
    pub(crate) protocol: String,
    pub(crate) number: i64,
}

/// A term of an affinity to other pods.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodTerm {
    pub(crate) key: String,
    /// One that is not there matches nothing.
    pub(crate) selector: Option<Selector>,
    pub(crate) namespaces: Vec<String>,
    pub(crate) namespace_selector: Option<Selector>,
}

/// A wish; a negative weight is an aversion.
#[derive(Clone, Debug)]
pub(crate) struct Preferred {
    pub(crate) weight: i64,
    pub(crate) term: PodTerm,
}

#[derive(Clone, Debug)]
pub(crate) struct Spread {
    pub(crate) key: String,
    pub(crate) max_skew: i64,
    pub(crate) min_domains: i64,
    pub(crate) required: bool,
    pub(crate) selector: Option<Selector>,
    pub(crate) honor_affinity: bool,
    pub(crate) honor_taints: bool,
}

/// A volume that is a claim.
#[derive(Clone, Debug)]
pub(crate) struct VolumeUse {
    pub(crate) claim: String,
    /// Made for this pod alone.
    pub(crate) ephemeral: bool,
}

impl Pod {
    pub(crate) fn read(value: &Value) -> Self {
        let (metadata, spec, status) = (&value["metadata"], &value["spec"], &value["status"]);
        let text = |value: &Value, key: &str| fields::text(value, key).to_owned();
        let labels = Labels::deserialize(&metadata["labels"]).unwrap_or_default();
        let affinity = &spec["affinity"];
        let node_affinity = &affinity["nodeAffinity"];
        let namespace = text(metadata, "namespace");
        let owners = fields::list(metadata, "ownerReferences").iter();
        let controller = owners
            .clone()
            .find(|owner| fields::flag(owner, "controller"));
        let gates = fields::list(spec, "schedulingGates").iter();
        let terms = |kind: &str| required_terms(&affinity[kind], &namespace, &labels);
        Self {
            name: text(metadata, "name"),
            uid: text(metadata, "uid"),
            controller: controller.map_or_else(String::new, |owner| text(owner, "uid")),
            created: text(metadata, "creationTimestamp"),
            started: text(status, "startTime"),
            deleting: fields::is_set(&metadata["deletionTimestamp"]),
            finished: matches!(fields::text(status, "phase"), "Succeeded" | "Failed"),
            scheduler: text(spec, "schedulerName"),
            node: text(spec, "nodeName"),
            nominated: text(status, "nominatedNodeName"),
            gates: gates.map(|gate| text(gate, "name")).collect(),
            priority: fields::integer(spec, "priority"),
            preempts: fields::text(spec, "preemptionPolicy") != "Never",
            request: Amounts::requested(spec),
            counted: Amounts::counted(spec),
            ports: ports(spec),
            tolerations: Vec::deserialize(&spec["tolerations"]).unwrap_or_default(),
            node_selector: Labels::deserialize(&spec["nodeSelector"]).unwrap_or_default(),
            node_affinity: NodeSelector::deserialize(
                &node_affinity["requiredDuringSchedulingIgnoredDuringExecution"],
            )
            .ok(),
            preferred_nodes: preferred_nodes(node_affinity),
            affinity: terms("podAffinity"),
            anti_affinity: terms("podAntiAffinity"),
            preferred_pods: preferred_pods(affinity, &namespace, &labels),
            spread: spread(spec, &labels),
            volumes: volumes(spec, fields::text(metadata, "name")),
            namespace,
            labels,
        }
    }

    /// Whether other pods can be better or worse neighbours for it.
    pub(crate) fn has_affinity(&self) -> bool {
        !(self.affinity.is_empty()
            && self.anti_affinity.is_empty()
            && self.preferred_pods.is_empty())
    }
}

fn ports(spec: &Value) -> Vec<Port> {
    let sidecars = fields::list(spec, "initContainers").iter();
    let sidecars = sidecars.filter(|one| fields::text(one, "restartPolicy") == "Always");
    let containers = fields::list(spec, "containers").iter().chain(sidecars);
    let all = containers.flat_map(|container| fields::list(container, "ports"));
    let used = all.filter(|port| fields::integer(port, "hostPort") > 0);
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    used.map(|port| Port {
        address: or(fields::text(port, "hostIP"), "0.0.0.0"),
        protocol: or(fields::text(port, "protocol"), "TCP"),
        number: fields::integer(port, "hostPort"),
    })
    .collect()
}

fn preferred_nodes(affinity: &Value) -> Vec<(i64, NodeTerm)> {
    let wishes = fields::list(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
    let term = |wish: &Value| NodeTerm::deserialize(&wish["preference"]).ok();
    let read = |wish: &Value| Some((fields::integer(wish, "weight"), term(wish)?));
    wishes.iter().filter_map(read).collect()
}

fn required_terms(affinity: &Value, namespace: &str, labels: &Labels) -> Vec<PodTerm> {
    let terms = fields::list(affinity, "requiredDuringSchedulingIgnoredDuringExecution").iter();
    terms
        .map(|term| PodTerm::read(term, namespace, labels))
        .collect()
}

fn preferred_pods(affinity: &Value, namespace: &str, labels: &Labels) -> Vec<Preferred> {
    let mut all = Vec::new();
    for (kind, sign) in [("podAffinity", 1), ("podAntiAffinity", -1)] {
        let key = "preferredDuringSchedulingIgnoredDuringExecution";
        all.extend(
            fields::list(&affinity[kind], key)
                .iter()
                .map(|wish| Preferred {
                    weight: sign * fields::integer(wish, "weight"),
                    term: PodTerm::read(&wish["podAffinityTerm"], namespace, labels),
                }),
        );
    }
    all
}

impl PodTerm {
    fn read(term: &Value, namespace: &str, labels: &Labels) -> Self {
        let keys = |key: &str| -> Vec<String> { Vec::deserialize(&term[key]).unwrap_or_default() };
        let mut selected = selector(&term["labelSelector"]);
        if let Some(selected) = &mut selected {
            selected.add_keys(&keys("matchLabelKeys"), labels, "In");
            selected.add_keys(&keys("mismatchLabelKeys"), labels, "NotIn");
        }
        let namespace_selector = selector(&term["namespaceSelector"]);
        let mut namespaces = keys("namespaces");
        if namespaces.is_empty() && namespace_selector.is_none() {
            namespaces.push(namespace.to_owned());
        }
        Self {
            key: fields::text(term, "topologyKey").to_owned(),
            selector: selected,
            namespaces,
            namespace_selector,
        }
    }
}

fn spread(spec: &Value, labels: &Labels) -> Vec<Spread> {
    let all = fields::list(spec, "topologySpreadConstraints").iter();
    all.map(|one| {
        let keys: Vec<String> = Vec::deserialize(&one["matchLabelKeys"]).unwrap_or_default();
        let mut selected = selector(&one["labelSelector"]);
        if let Some(selected) = &mut selected {
            selected.add_keys(&keys, labels, "In");
        }
        Spread {
            key: fields::text(one, "topologyKey").to_owned(),
            max_skew: fields::integer(one, "maxSkew"),
            min_domains: fields::number(&one["minDomains"]).unwrap_or(1),
            required: fields::text(one, "whenUnsatisfiable") != "ScheduleAnyway",
            selector: selected,
            honor_affinity: fields::text(one, "nodeAffinityPolicy") != "Ignore",
            honor_taints: fields::text(one, "nodeTaintsPolicy") == "Honor",
        }
    })
    .collect()
}

fn volumes(spec: &Value, pod: &str) -> Vec<VolumeUse> {
    let all = fields::list(spec, "volumes").iter();
    all.filter_map(|volume| {
        let ephemeral = volume["ephemeral"].is_object();
        let claim = if ephemeral {
            format!("{pod}-{}", fields::text(volume, "name"))
        } else {
            volume["persistentVolumeClaim"]["claimName"]
                .as_str()?
                .to_owned()
        };
        Some(VolumeUse { claim, ephemeral })
    })
    .collect()
}
