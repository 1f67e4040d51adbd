//! Persistent volumes: who gets which, who makes them, and when they may go.
//!
//! What is a volume's data is the engine's: it keeps a directory for each volume that a pod used
//! (`kubelet/translate/volumes.rs`), by the handle of the volume. Nothing tells it yet when that volume
//! is deleted; whoever adds that does it where [`ebs`] deletes one.
mod binder;
mod ebs;
mod ephemeral;
mod nodes;
mod protection;

pub(crate) use binder::keep_volume;
pub(super) use binder::run as run_binder;
pub(super) use ebs::run as run_ebs;
pub(super) use ephemeral::run as run_ephemeral;
pub(super) use nodes::run as run_nodes;
pub(super) use protection::{
    run_claims as run_claim_protection, run_volumes as run_volume_protection,
};
use serde_json::Value;

use super::Index;
use crate::cluster::{Actor, Cluster, EventType, Reference};
use crate::fields;
use crate::store::Object;
use crate::views::PodView;

const CLAIMS: &str = "persistentvolumeclaims";
const VOLUMES: &str = "persistentvolumes";
const CLASSES: &str = "storageclasses.storage.k8s.io";

/// The finalizer of claims that keeps them while a pod uses them.
pub(crate) const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// The finalizer of volumes that keeps them while a claim has them.
pub(crate) const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

/// The driver of EBS, and what it was when it was built into Kubernetes.
const EBS: &str = "ebs.csi.aws.com";
const EBS_IN_TREE: &str = "kubernetes.io/aws-ebs";
const EFS: &str = "efs.csi.aws.com";

/// The driver that makes volumes where a class names this provisioner.
fn driver_of(provisioner: &str) -> &str {
    if provisioner == EBS_IN_TREE {
        EBS
    } else {
        provisioner
    }
}

/// Writes an annotation.
pub(crate) fn note(object: &mut Value, key: &str, text: &str) {
    if let Some(metadata) = fields::ensure(object, "metadata")
        && let Some(notes) = fields::ensure(metadata, "annotations")
    {
        fields::set(notes, key, text);
    }
}

/// Takes an annotation away.
fn forget(object: &mut Value, key: &str) {
    let Some(metadata) = fields::child(object, "metadata") else {
        return;
    };
    if let Some(notes) = fields::child(metadata, "annotations") {
        fields::remove(notes, key);
    }
    if fields::count(&metadata["annotations"]) == 0 {
        fields::remove(metadata, "annotations");
    }
}

/// Whether an object has a finalizer.
pub(crate) fn is_kept_by(object: &Value, finalizer: &str) -> bool {
    let mut all = fields::list(&object["metadata"], "finalizers").iter();
    all.any(|one| one == finalizer)
}

/// Adds a finalizer that is not there yet.
pub(crate) fn keep_by(object: &mut Value, finalizer: &str) {
    if is_kept_by(object, finalizer) {
        return;
    }
    let mut all = fields::list(&object["metadata"], "finalizers").to_vec();
    all.push(finalizer.into());
    if let Some(metadata) = fields::ensure(object, "metadata") {
        fields::set(metadata, "finalizers", all);
    }
}

/// Takes a finalizer away.
pub(crate) fn let_go(object: &mut Value, finalizer: &str) {
    let mut all = fields::list(&object["metadata"], "finalizers").to_vec();
    all.retain(|one| one != finalizer);
    if let Some(metadata) = fields::child(object, "metadata") {
        fields::set(metadata, "finalizers", all);
    }
}

/// Something to be told of a claim or volume.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    kind: EventType,
    reason: &'static str,
    message: String,
}

impl Told {
    fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind: EventType::Normal,
            reason,
            message,
        }
    }

    fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: EventType::Warning,
            ..Self::normal(reason, message)
        }
    }
}

async fn tell_claim(cluster: &Cluster, by: &Actor, claim: &Object, told: &Told) {
    let about = Reference::to("v1", "PersistentVolumeClaim", claim);
    let Told {
        kind,
        reason,
        message,
    } = told;
    cluster.event(by, &about, *kind, reason, message).await;
}

async fn tell_volume(cluster: &Cluster, by: &Actor, volume: &Object, told: &Told) {
    let about = Reference::to("v1", "PersistentVolume", volume);
    let Told {
        kind,
        reason,
        message,
    } = told;
    cluster.event(by, &about, *kind, reason, message).await;
}

/// Pods by the claims that they name, as `namespace/claim`.
fn pods_by_claim(cluster: &Cluster) -> Result<Index, crate::Status> {
    Ok(Index::new(
        cluster.store(),
        cluster.shelf("pods")?,
        claims_of,
    ))
}

/// The claims of a pod, as `namespace/claim`.
fn claims_of(pod: &Object) -> Vec<String> {
    let view = pod.view::<PodView>();
    let volumes = view.spec.volumes.iter();
    let names = volumes.filter_map(|volume| volume.claim(&pod.name));
    names
        .map(|name| format!("{}/{name}", pod.namespace))
        .collect()
}
