//! Claims, volumes and storage classes.
use serde::Deserialize as _;
use serde_json::Value;

use super::{Labels, NodeSelector, NodeTerm, Selector};
use crate::kinds::claim_class;
use crate::{Quantity, fields};

/// The node for which a claim is to be bound.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// A claim whose binding was complete once.
pub(crate) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// A claim or volume whose binding was not asked for by a user.
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Who is to make the volume of a claim.
pub(crate) const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// Who made a volume.
pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// The driver that has taken over from one that was built in.
pub(crate) const MIGRATED_TO: &str = "pv.kubernetes.io/migrated-to";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) deleting: bool,
    pub(crate) phase: String,
    /// Empty while it is not bound.
    pub(crate) volume: String,
    pub(crate) class: String,
    /// Whether it says its class, which may be none.
    pub(crate) has_class: bool,
    pub(crate) modes: Vec<String>,
    pub(crate) size: i64,
    /// `Filesystem` or `Block`.
    pub(crate) volume_mode: String,
    pub(crate) attributes_class: String,
    pub(crate) selector: Option<Selector>,
    /// `volume.kubernetes.io/selected-node`.
    pub(crate) selected_node: String,
    /// `volume.kubernetes.io/storage-provisioner`.
    pub(crate) provisioner: String,
    pub(crate) bind_completed: bool,
    /// The uid of the pod that owns it, if one does.
    pub(crate) owner: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) deleting: bool,
    pub(crate) phase: String,
    pub(crate) class: String,
    pub(crate) modes: Vec<String>,
    pub(crate) size: i64,
    pub(crate) volume_mode: String,
    pub(crate) attributes_class: String,
    pub(crate) affinity: Option<NodeSelector>,
    /// The claim for which it is, if it says so: namespace and name.
    pub(crate) claim: Option<(String, String)>,
    /// Empty while that claim is known by its name only.
    pub(crate) claim_uid: String,
    /// The CSI driver, if it has one.
    pub(crate) driver: String,
    pub(crate) policy: String,
    pub(crate) provisioned_by: String,
    pub(crate) migrated_to: String,
    pub(crate) bound_by_controller: bool,
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
        let note = |key: &str| fields::text(annotations, key).to_owned();
        let pods = fields::list(metadata, "ownerReferences");
        let pod = pods
            .iter()
            .find(|owner| fields::text(owner, "kind") == "Pod");
        let class = claim_class(value);
        Self {
            namespace: fields::text(metadata, "namespace").to_owned(),
            name: fields::text(metadata, "name").to_owned(),
            uid: fields::text(metadata, "uid").to_owned(),
            deleting: fields::is_set(&metadata["deletionTimestamp"]),
            phase: fields::text(&value["status"], "phase").to_owned(),
            volume: fields::text(spec, "volumeName").to_owned(),
            class: class.to_owned(),
            has_class: fields::has(spec, "storageClassName") || !class.is_empty(),
            modes: Vec::deserialize(&spec["accessModes"]).unwrap_or_default(),
            size: size(&spec["resources"]["requests"]["storage"]),
            volume_mode: volume_mode(spec),
            attributes_class: fields::text(spec, "volumeAttributesClassName").to_owned(),
            selector: selector(&spec["selector"]),
            selected_node: note(SELECTED_NODE),
            provisioner: note(PROVISIONER),
            bind_completed: fields::has(annotations, BIND_COMPLETED),
            owner: pod.map_or("", |pod| fields::text(pod, "uid")).to_owned(),
        }
    }

    /// Whether a volume is large enough, of the right mode, and there to stay.
    pub(crate) fn suits(&self, volume: &Volume) -> bool {
        volume.size >= self.size
            && volume.volume_mode == self.volume_mode
            && volume.attributes_class == self.attributes_class
            && !volume.deleting
    }

    /// Whether it may have a volume that nobody asked for by name.
    pub(crate) fn accepts(&self, volume: &Volume) -> bool {
        let selector = self.selector.as_ref();
        volume.phase == "Available"
            && volume.claim.is_none()
            && volume.class == self.class
            && selector.is_none_or(|selector| selector.matches(&volume.labels))
            && self.has_modes_of(volume)
            && self.suits(volume)
    }

    /// Whether a volume can be used in all the ways that are asked for.
    pub(crate) fn has_modes_of(&self, volume: &Volume) -> bool {
        self.modes.iter().all(|mode| volume.modes.contains(mode))
    }
}

impl Volume {
    pub(crate) fn read(value: &Value) -> Self {
        let (metadata, spec) = (&value["metadata"], &value["spec"]);
        let annotations = &metadata["annotations"];
        let note = |key: &str| fields::text(annotations, key).to_owned();
        let claim = &spec["claimRef"];
        let text = |key: &str| fields::text(claim, key).to_owned();
        Self {
            name: fields::text(metadata, "name").to_owned(),
            labels: Labels::deserialize(&metadata["labels"]).unwrap_or_default(),
            deleting: fields::is_set(&metadata["deletionTimestamp"]),
            phase: fields::text(&value["status"], "phase").to_owned(),
            class: claim_class(value).to_owned(),
            modes: Vec::deserialize(&spec["accessModes"]).unwrap_or_default(),
            size: size(&spec["capacity"]["storage"]),
            volume_mode: volume_mode(spec),
            attributes_class: fields::text(spec, "volumeAttributesClassName").to_owned(),
            affinity: NodeSelector::deserialize(&spec["nodeAffinity"]["required"]).ok(),
            claim: claim.is_object().then(|| (text("namespace"), text("name"))),
            claim_uid: text("uid"),
            driver: fields::text(&spec["csi"], "driver").to_owned(),
            policy: fields::text(spec, "persistentVolumeReclaimPolicy").to_owned(),
            provisioned_by: note(PROVISIONED_BY),
            migrated_to: note(MIGRATED_TO),
            bound_by_controller: fields::has(annotations, BOUND_BY_CONTROLLER),
        }
    }

    /// Whether it says that it is for a claim.
    pub(crate) fn is_for(&self, claim: &Claim) -> bool {
        let named = self.claim.as_ref();
        named.is_some_and(|(namespace, name)| *namespace == claim.namespace && *name == claim.name)
            && (self.claim_uid.is_empty() || self.claim_uid == claim.uid)
    }

    /// Whether pods on a node can use it.
    pub(crate) fn is_near(&self, node: &str, labels: &Labels) -> bool {
        let affinity = self.affinity.as_ref();
        affinity.is_none_or(|affinity| affinity.matches(node, labels))
    }
}

/// The volume that a claim gets of those that are there: the one that names it, or the smallest of
/// those that do, where fewer ways to use it come first.
pub(crate) fn choose<'a>(
    claim: &Claim,
    all: impl Iterator<Item = &'a Volume>,
) -> Option<&'a Volume> {
    let order = |volume: &'a Volume| (volume.modes.len(), volume.size, &volume.name);
    let mut best: Option<&Volume> = None;
    for volume in all {
        if volume.is_for(claim) && claim.has_modes_of(volume) && claim.suits(volume) {
            return Some(volume);
        }
        if claim.accepts(volume) && best.is_none_or(|best| order(volume) < order(best)) {
            best = Some(volume);
        }
    }
    best
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

fn volume_mode(spec: &Value) -> String {
    match fields::text(spec, "volumeMode") {
        "" => "Filesystem".to_owned(),
        mode => mode.to_owned(),
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
