//! The driver of EBS, `ebs.csi.aws.com`: makes, grows and deletes volumes.
//!
//! It works while the object `CSIDriver` of that name is there, which the add-on
//! `aws-ebs-csi-driver` brings, or the chart that it is made of. Without it a claim waits as it does at
//! AWS, and is told what to do.
mod places;
mod provision;
mod resize;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::{Frame, Index, Key, Outcome, Seen, WORKERS};
use super::nodes::DRIVERS;
use super::{
    CLAIMS, CLASSES, EBS, EBS_IN_TREE, EFS, Told, VOLUMES, claims_of, forget, is_kept_by, let_go,
    pods_by_claim, tell_claim,
};
use crate::cluster::{Actor, Cluster, Deletion, Part};
use crate::scheduler::model::{Claim, SELECTED_NODE, StorageClass, Volume};
use crate::store::Object;
use crate::views::PodView;
use crate::{Status, fields};

/// Keeps a volume until what it stands for is deleted.
const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";

/// When a volume that could not be made is tried again.
const AGAIN: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Driver {
    cluster: Cluster,
    by: Actor,
    resizer: Actor,
    /// Says what the real one cannot say, because it is not there.
    wharf: Actor,
    pods: Index,
}

/// Works until it is dropped.
pub(in crate::controllers) async fn run(cluster: Cluster) -> Result<(), Status> {
    let account = "system:serviceaccount:kube-system:ebs-csi-controller-sa";
    let actor = |component| Actor::system(account, "csi-provisioner", component);
    let driver = Arc::new(Driver {
        by: actor("ebs.csi.aws.com_ebs-csi-controller"),
        resizer: actor("external-resizer ebs.csi.aws.com"),
        wharf: actor("wharf"),
        pods: pods_by_claim(&cluster)?,
        cluster: cluster.clone(),
    });
    let mut frame = Frame::of("ebs-csi-driver", &cluster);
    frame.on(cluster.shelf(CLAIMS)?, |seen| {
        seen.new.map(|claim| Key::of(claim)).into_iter().collect()
    });
    frame.on(cluster.shelf(VOLUMES)?, |seen| {
        seen.new.map(|volume| Key::of(volume)).into_iter().collect()
    });
    frame.on(cluster.shelf("pods")?, started);
    let all = cluster.clone();
    frame.on(cluster.shelf(DRIVERS)?, move |seen| {
        if seen.new.is_none_or(|driver| driver.name != EBS) {
            return Vec::new();
        }
        let keys = [CLAIMS, VOLUMES].into_iter().flat_map(|resource| {
            let objects = all.list(resource, None);
            objects
                .iter()
                .map(|object| Key::of(object))
                .collect::<Vec<_>>()
        });
        keys.collect()
    });
    frame
        .run(WORKERS, move |key| {
            let driver = Arc::clone(&driver);
            async move {
                if key.namespace.is_empty() {
                    driver.volume(&key.name).await
                } else {
                    driver.claim(&key).await
                }
            }
        })
        .await;
    Ok(())
}

/// The claims of a pod that came to a node: their file systems can grow now.
fn started(seen: &Seen<'_>) -> Vec<Key> {
    let has_node = |pod: &&Arc<Object>| !pod.view::<PodView>().spec.node_name.is_empty();
    let came = seen
        .new
        .filter(|new| has_node(new) && !seen.old.is_some_and(|old| has_node(&old)));
    let terms = came.map(|pod| claims_of(pod)).unwrap_or_default();
    let keys = terms.iter().filter_map(|term| term.split_once('/'));
    keys.map(|(namespace, name)| Key::new(namespace, name))
        .collect()
}

/// Whether a volume is one of EBS, under its name of today or of old.
fn is_ours(volume: &Value) -> bool {
    let spec = &volume["spec"];
    spec["csi"]["driver"] == EBS || fields::has(spec, "awsElasticBlockStore")
}

impl Driver {
    fn is_installed(&self) -> bool {
        self.cluster.get(DRIVERS, "", EBS).is_some()
    }

    async fn claim(&self, key: &Key) -> Outcome {
        let Some(object) = self.cluster.get(CLAIMS, &key.namespace, &key.name) else {
            return Ok(None);
        };
        let claim = Claim::read(&object.value());
        if claim.bind_completed {
            return self.grow(&object, &claim).await;
        }
        let asked = claim.volume.is_empty() && !claim.deleting;
        match claim.provisioner.as_str() {
            EBS if asked => self.make(&object, &claim).await,
            EFS if asked => {
                let why = "Volumes of EFS are not made here, because there is no EFS: make a PersistentVolume with the CSI driver efs.csi.aws.com and a volumeHandle of your own (any fs-... will do), and this claim is bound to it";
                let told = Told::warning("ProvisioningFailed", why);
                tell_claim(&self.cluster, &self.wharf, &object, &told).await;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Makes the volume of a claim, if it is time for that.
    async fn make(&self, object: &Object, claim: &Claim) -> Outcome {
        let cluster = &self.cluster;
        let Some(class) = cluster.get(CLASSES, "", &claim.class) else {
            return Ok(None);
        };
        let class = class.value();
        if StorageClass::read(&class).delayed && claim.selected_node.is_empty() {
            return Ok(None);
        }
        if !self.is_installed() {
            let name = &cluster.settings().name;
            let why = format!(
                "The driver of EBS is not installed in this cluster, so nobody makes this volume. Install it: aws eks create-addon --cluster-name {name} --addon-name aws-ebs-csi-driver"
            );
            let told = Told::warning("DriverNotInstalled", why);
            tell_claim(cluster, &self.wharf, object, &told).await;
            return Ok(None);
        }
        let name = format!("pvc-{}", claim.uid);
        if cluster.get(VOLUMES, "", &name).is_some() {
            return Ok(None);
        }
        let text = format!(
            "External provisioner is provisioning volume for claim \"{}/{}\"",
            claim.namespace, claim.name
        );
        let told = Told::normal("Provisioning", text);
        tell_claim(cluster, &self.by, object, &told).await;
        match self.volume_of(object, claim, &class) {
            Ok(volume) => {
                match cluster.create(VOLUMES, volume, &self.by).await {
                    Err(status) if !status.is_already_exists() => return Err(status),
                    _ => {}
                }
                let text = format!("Successfully provisioned volume {name}");
                let told = Told::normal("ProvisioningSucceeded", text);
                tell_claim(cluster, &self.by, object, &told).await;
                Ok(None)
            }
            Err(why) => {
                let class = &claim.class;
                let why = format!("failed to provision volume with StorageClass {class:?}: {why}");
                let told = Told::warning("ProvisioningFailed", why);
                tell_claim(cluster, &self.by, object, &told).await;
                self.reschedule(claim).await?;
                Ok(Some(AGAIN))
            }
        }
    }

    fn volume_of(&self, object: &Object, claim: &Claim, class: &Value) -> Result<Value, String> {
        let zones = self.node_zones(&claim.selected_node)?;
        let zone = places::zone(claim, &StorageClass::read(class), &zones)?;
        provision::volume(&object.value(), class, &zone)
    }

    /// The zones of the node that was selected, or of all machines.
    fn node_zones(&self, selected: &str) -> Result<Vec<String>, String> {
        let zone = |node: &Object| node.label(super::nodes::ZONE).map(str::to_owned);
        if selected.is_empty() {
            let all = self.cluster.list("nodes", None);
            let machines = all
                .iter()
                .filter(|node| node.label("eks.amazonaws.com/compute-type") != Some("fargate"));
            return Ok(machines.filter_map(|node| zone(node)).collect());
        }
        let node = self.cluster.get("nodes", "", selected);
        let node = node
            .ok_or_else(|| format!("error getting selected node: node {selected:?} not found"))?;
        Ok(zone(&node).into_iter().collect())
    }

    /// Asks for another node where the one that was selected is gone.
    async fn reschedule(&self, claim: &Claim) -> Result<(), Status> {
        let selected = &claim.selected_node;
        if selected.is_empty() || self.cluster.get("nodes", "", selected).is_some() {
            return Ok(());
        }
        let change = |value: &mut Value| {
            if value["metadata"]["annotations"][SELECTED_NODE] == **selected {
                forget(value, SELECTED_NODE);
            }
            Ok(())
        };
        let (namespace, name) = (&claim.namespace, &claim.name);
        let done = self
            .cluster
            .modify(CLAIMS, namespace, name, Part::Main, &self.by, change);
        done.await.map(drop)
    }

    /// Deletes a volume that is released, if that is what is to become of it.
    async fn volume(&self, name: &str) -> Outcome {
        let Some(object) = self.cluster.get(VOLUMES, "", name) else {
            return Ok(None);
        };
        let value = object.value();
        let volume = Volume::read(&value);
        let made_here = [EBS, EBS_IN_TREE].contains(&volume.provisioned_by.as_str());
        if !made_here || !is_ours(&value) || !self.is_installed() {
            return Ok(None);
        }
        let deletes = volume.policy == "Delete";
        let goes = deletes && (volume.phase == "Released" || volume.deleting);
        let free = volume.phase != "Bound" && goes;
        if is_kept_by(&value, FINALIZER) && (free || !deletes) {
            let change = |value: &mut Value| {
                let phase = value["status"]["phase"] == "Bound";
                let policy = &value["spec"]["persistentVolumeReclaimPolicy"];
                if value["metadata"]["uid"] == *object.uid && (*policy != "Delete" || !phase) {
                    let_go(value, FINALIZER);
                }
                Ok(())
            };
            let done = self
                .cluster
                .modify(VOLUMES, "", name, Part::Main, &self.by, change);
            gone_is_fine(done.await.map(drop))?;
        }
        if free && !volume.deleting {
            let how = Deletion {
                uid: Some(object.uid.clone()),
                ..Deletion::default()
            };
            let done = self.cluster.delete(VOLUMES, "", name, &how, &self.by);
            gone_is_fine(done.await)?;
        }
        Ok(None)
    }
}

fn gone_is_fine(done: Result<(), Status>) -> Result<(), Status> {
    match done {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}
