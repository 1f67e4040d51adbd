//! Claims, volumes and storage classes.
use serde::Deserialize as _;
use serde_json::Value;

use super::{Labels, NodeSelector, NodeTerm, Selector};
use crate::{Quantity, fields};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) uid: String,
    pub(crate) deleting: bool,
    pub(crate) lost: bool,
    /// Empty while it is not bound.
    pub(crate) volume: String,
    pub(crate) class: String,
    pub(crate) modes: Vec<String>,
    pub(crate) size: i64,
    /// `volume.kubernetes.io/selected-node`.
    pub(crate) selected_node: String,
    /// The uid of the pod that owns it, if one does.
    pub(crate) owner: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) available: bool,
    pub(crate) class: String,
    pub(crate) modes: Vec<String>,
    pub(crate) size: i64,
    pub(crate) affinity: Option<NodeSelector>,
    /// The claim for which it is, if it says so: namespace and name.
    pub(crate) claim: Option<(String, String)>,
    /// The CSI driver, if it has one.
    pub(crate) driver: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct StorageClass {
    pub(crate) delayed: bool,
    pub(crate) provisioner: String,
    pub(crate) topologies: Vec<NodeTerm>,
}

impl Claim {
    pub(crate) fn read(value: &Value) -> Self {
        let (metadata, spec) = (&value["metadata"], &value["spec"]);
        let annotations = &metadata["annotations"];
        let old_class = fields::text(annotations, "volume.beta.kubernetes.io/storage-class");
        let class = fields::text(spec, "storageClassName");
        let pods = fields::list(metadata, "ownerReferences");
        let pod = pods
            .iter()
            .find(|owner| fields::text(owner, "kind") == "Pod");
        Self {
            uid: fields::text(metadata, "uid").to_owned(),
            deleting: fields::is_set(&metadata["deletionTimestamp"]),
            lost: fields::text(&value["status"], "phase") == "Lost",
            volume: fields::text(spec, "volumeName").to_owned(),
            class: if old_class.is_empty() {
                class
            } else {
                old_class
            }
            .to_owned(),
            modes: Vec::deserialize(&spec["accessModes"]).unwrap_or_default(),
            size: size(&spec["resources"]["requests"]["storage"]),
            selected_node: fields::text(annotations, "volume.kubernetes.io/selected-node")
                .to_owned(),
            owner: pod.map_or("", |pod| fields::text(pod, "uid")).to_owned(),
        }
    }
}

impl Volume {
    pub(crate) fn read(value: &Value) -> Self {
        let (metadata, spec) = (&value["metadata"], &value["spec"]);
        let claim = &spec["claimRef"];
        let text = |key: &str| fields::text(claim, key).to_owned();
        Self {
            name: fields::text(metadata, "name").to_owned(),
            labels: Labels::deserialize(&metadata["labels"]).unwrap_or_default(),
            available: fields::text(&value["status"], "phase") == "Available",
            class: fields::text(spec, "storageClassName").to_owned(),
            modes: Vec::deserialize(&spec["accessModes"]).unwrap_or_default(),
            size: size(&spec["capacity"]["storage"]),
            affinity: NodeSelector::deserialize(&spec["nodeAffinity"]["required"]).ok(),
            claim: claim.is_object().then(|| (text("namespace"), text("name"))),
            driver: fields::text(&spec["csi"], "driver").to_owned(),
        }
    }

    /// Whether pods on a node can use it.
    pub(crate) fn is_near(&self, node: &str, labels: &Labels) -> bool {
        let affinity = self.affinity.as_ref();
        affinity.is_none_or(|affinity| affinity.matches(node, labels))
    }
}

impl StorageClass {
    pub(crate) fn read(value: &Value) -> Self {
        let terms = fields::list(value, "allowedTopologies").iter().map(|term| {
            let wanted = fields::list(term, "matchLabelExpressions").iter();
            NodeTerm {
                match_expressions: wanted
                    .map(|one| super::Requirement {
                        key: fields::text(one, "key").to_owned(),
                        operator: "In".to_owned(),
                        values: Vec::deserialize(&one["values"]).unwrap_or_default(),
                    })
                    .collect(),
                match_fields: Vec::new(),
            }
        });
        Self {
            delayed: fields::text(value, "volumeBindingMode") == "WaitForFirstConsumer",
            provisioner: fields::text(value, "provisioner").to_owned(),
            topologies: terms.collect(),
        }
    }
}

fn size(value: &Value) -> i64 {
    Quantity::of(value).map_or(0, Quantity::units)
}

/// Reads a selector; one that is not there matches nothing.
pub(crate) fn selector(value: &Value) -> Option<Selector> {
    value
        .is_object()
        .then(|| Selector::deserialize(value).unwrap_or_default())
}
