//! Volumes grow: first the volume, then, once a pod uses it, its file system.
use serde_json::{Value, json};

use super::super::super::Outcome;
use super::super::{CLAIMS, EBS, EBS_IN_TREE, Told, VOLUMES, note, tell_claim};
use super::provision::gib;
use super::{Driver, gone_is_fine, is_ours};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Part};
use crate::controllers::pod_control::is_finished;
use crate::scheduler::model::Claim;
use crate::store::Object;
use crate::validation::Quantity;
use crate::views::PodView;
use crate::{Status, fields};

const RESIZER: &str = "volume.kubernetes.io/storage-resizer";
const PENDING: &str = "FileSystemResizePending";
const PENDING_TEXT: &str =
    "Waiting for user to (re-)start a pod to finish file system resize of volume on node.";

impl Driver {
    /// Makes the volume of a bound claim as large as the claim, if it is smaller.
    pub(super) async fn grow(&self, object: &Object, claim: &Claim) -> Outcome {
        let cluster = &self.cluster;
        let Some(volume) = cluster.get(VOLUMES, "", &claim.volume) else {
            return Ok(None);
        };
        let (claim_value, mut volume) = (object.value(), volume.value());
        let bound = claim_value["status"]["phase"] == "Bound";
        if !bound || !is_ours(&volume) || !self.is_installed() {
            return Ok(None);
        }
        let size = |value: &Value| Quantity::of(value).map_or(0, Quantity::units);
        if claim.size > size(&volume["spec"]["capacity"]["storage"]) {
            volume = self.grow_volume(object, claim, &volume).await?;
        }
        let capacity = &volume["spec"]["capacity"]["storage"];
        let wanted = claim.size.min(size(capacity));
        if wanted > size(&claim_value["status"]["capacity"]["storage"]) {
            self.grow_file_system(object, claim, capacity).await?;
        }
        Ok(None)
    }

    /// Returns what the volume is then.
    async fn grow_volume(
        &self,
        object: &Object,
        claim: &Claim,
        volume: &Value,
    ) -> Result<Value, Status> {
        let cluster = &self.cluster;
        let expander = Actor::controller("volume_expand");
        let by_old_name = volume["metadata"]["annotations"]
            [crate::scheduler::model::PROVISIONED_BY]
            == EBS_IN_TREE;
        let text = if by_old_name {
            "CSI migration enabled for kubernetes.io/aws-ebs; waiting for external resizer to expand the pvc"
        } else {
            "waiting for an external controller to expand this PVC"
        };
        let told = Told::normal("ExternalExpanding", text);
        tell_claim(cluster, &expander, object, &told).await;
        let text = format!("External resizer is resizing volume {}", claim.volume);
        let told = Told::normal("Resizing", text);
        tell_claim(cluster, &self.resizer, object, &told).await;
        let change = |value: &mut Value| {
            note(value, RESIZER, EBS);
            Ok(())
        };
        let (namespace, name, by) = (&claim.namespace, &claim.name, &self.resizer);
        let noted = cluster.modify(CLAIMS, namespace, name, Part::Main, by, change);
        gone_is_fine(noted.await.map(drop))?;
        let capacity = format!("{}Gi", gib(&object.value()));
        let change = |value: &mut Value| {
            value["spec"]["capacity"]["storage"] = capacity.as_str().into();
            Ok(())
        };
        let grown = cluster.modify(VOLUMES, "", &claim.volume, Part::Main, by, change);
        Ok(grown.await?.value())
    }

    async fn grow_file_system(
        &self,
        object: &Object,
        claim: &Claim,
        capacity: &Value,
    ) -> Result<(), Status> {
        let cluster = &self.cluster;
        let blocks = claim.volume_mode == "Block";
        let pods = self.pods.of(&format!("{}/{}", claim.namespace, claim.name));
        let used = pods.iter().any(|pod| {
            let pod = pod.view::<PodView>();
            !pod.spec.node_name.is_empty() && !is_finished(&pod)
        });
        let done = blocks || used;
        let now = rfc3339(cluster.now());
        let value = object.value();
        if !done && is_pending(fields::list(&value["status"], "conditions")) {
            return Ok(());
        }
        let change = |value: &mut Value| {
            if value["metadata"]["uid"] == *object.uid {
                set_capacity(value, done.then_some(capacity), &now);
            }
            Ok(())
        };
        let (namespace, name, by) = (&claim.namespace, &claim.name, &self.resizer);
        let saved = cluster.modify(CLAIMS, namespace, name, Part::Status, by, change);
        gone_is_fine(saved.await.map(drop))?;
        let (by, told) = if blocks {
            let told = Told::normal("VolumeResizeSuccessful", "Resize volume succeeded");
            (self.resizer.clone(), told)
        } else if done {
            let volume = &claim.volume;
            let text = format!("MountVolume.NodeExpandVolume succeeded for volume {volume:?} ");
            let told = Told::normal("FileSystemResizeSuccessful", text);
            (Actor::system("system:node", "kubelet", "kubelet"), told)
        } else {
            let text = "Require file system resize of volume on node";
            let told = Told::normal("FileSystemResizeRequired", text);
            (self.resizer.clone(), told)
        };
        tell_claim(cluster, &by, object, &told).await;
        Ok(())
    }
}

fn is_pending(conditions: &[Value]) -> bool {
    conditions
        .iter()
        .any(|condition| condition["type"] == PENDING)
}

/// Sets what the claim has now, or says what it waits for.
fn set_capacity(claim: &mut Value, capacity: Option<&Value>, now: &str) {
    let Some(status) = fields::ensure(claim, "status") else {
        return;
    };
    let mut conditions = fields::list(status, "conditions").to_vec();
    conditions.retain(|condition| condition["type"] != PENDING);
    if let Some(capacity) = capacity {
        fields::set(status, "capacity", json!({ "storage": capacity }));
    } else {
        conditions.push(json!({
            "type": PENDING,
            "status": "True",
            "lastProbeTime": null,
            "lastTransitionTime": now,
            "message": PENDING_TEXT,
        }));
    }
    if conditions.is_empty() {
        fields::remove(status, "conditions");
    } else {
        fields::set(status, "conditions", conditions);
    }
}
