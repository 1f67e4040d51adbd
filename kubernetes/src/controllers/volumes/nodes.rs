//! What kubelets say of drivers: a `CSINode` for each node, with the driver of EBS where it is installed.
use serde_json::{Value, json};

use super::super::{Frame, Key, Outcome, WORKERS};
use super::{EBS, note};
use crate::cluster::{Actor, Cluster, Part};
use crate::store::Object;
use crate::{Status, fields};

const CSI_NODES: &str = "csinodes.storage.k8s.io";
pub(super) const DRIVERS: &str = "csidrivers.storage.k8s.io";

/// The zone of a node, in the words of the driver and in those of Kubernetes.
pub(super) const EBS_ZONE: &str = "topology.ebs.csi.aws.com/zone";
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";

/// What became drivers of their own.
const MIGRATED: &str = "kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd,kubernetes.io/portworx-volume,kubernetes.io/vsphere-volume";

/// How many volumes a machine can have: 28 attachments of most types, less its own disk and interfaces.
const VOLUMES_MAX: u32 = 25;

/// Works until it is dropped.
pub(in crate::controllers) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("csi-nodes", &cluster);
    for resource in ["nodes", CSI_NODES] {
        frame.on(cluster.shelf(resource)?, |seen| {
            seen.latest()
                .map(|node| Key::of(node))
                .into_iter()
                .collect()
        });
    }
    let all = cluster.clone();
    frame.on(cluster.shelf(DRIVERS)?, move |seen| {
        let ours = seen.latest().is_some_and(|driver| driver.name == EBS);
        let nodes = if ours {
            all.list("nodes", None)
        } else {
            Vec::new()
        };
        nodes.iter().map(|node| Key::of(node)).collect()
    });
    frame
        .run(WORKERS, move |key| {
            let cluster = cluster.clone();
            async move { sync(&cluster, &key.name).await }
        })
        .await;
    Ok(())
}

async fn sync(cluster: &Cluster, name: &str) -> Outcome {
    let node = cluster.get("nodes", "", name);
    let Some(node) = node.filter(|node| !node.deleting) else {
        return Ok(None);
    };
    let by = Actor::system(&format!("system:node:{name}"), "kubelet", "kubelet");
    let value = node.value();
    let drivers = drivers(cluster, &value);
    match cluster.get(CSI_NODES, "", name) {
        None => {
            let object = csi_node(&node, &drivers);
            match cluster.create(CSI_NODES, object, &by).await {
                Err(status) if !status.is_already_exists() => return Err(status),
                _ => {}
            }
        }
        Some(there) if !there.owners.contains(&node.uid) => {
            // It is of an earlier node of that name, and goes with it.
            return Ok(None);
        }
        Some(_) => {
            let change = |object: &mut Value| {
                merge(object, &drivers);
                Ok(())
            };
            cluster
                .modify(CSI_NODES, "", name, Part::Main, &by, change)
                .await?;
        }
    }
    if let Some(driver) = drivers.first() {
        register(cluster, &by, name, driver).await?;
    }
    Ok(None)
}

/// The drivers of a node that we know of.
fn drivers(cluster: &Cluster, node: &Value) -> Vec<Value> {
    let provider = fields::text(&node["spec"], "providerID");
    let id = provider.rsplit('/').next().unwrap_or_default();
    if !id.starts_with("i-") || cluster.get(DRIVERS, "", EBS).is_none() {
        return Vec::new();
    }
    vec![json!({
        "name": EBS,
        "nodeID": id,
        "topologyKeys": ["kubernetes.io/os", EBS_ZONE, ZONE],
        "allocatable": { "count": VOLUMES_MAX },
    })]
}

fn csi_node(node: &Object, drivers: &[Value]) -> Value {
    json!({
        "metadata": {
            "name": node.name,
            "annotations": { "storage.alpha.kubernetes.io/migrated-plugins": MIGRATED },
            "ownerReferences": [{
                "apiVersion": "v1",
                "kind": "Node",
                "name": node.name,
                "uid": node.uid,
            }],
        },
        "spec": { "drivers": drivers },
    })
}

/// Our drivers are as they should be; those of others stay.
fn merge(object: &mut Value, drivers: &[Value]) {
    let listed = fields::list(&object["spec"], "drivers");
    let ours = |driver: &&Value| fields::text(driver, "name") == EBS;
    let there: Vec<&Value> = listed.iter().filter(ours).collect();
    if there.len() == drivers.len() {
        return;
    }
    let mut all: Vec<Value> = listed.iter().filter(|one| !ours(one)).cloned().collect();
    all.extend(drivers.iter().cloned());
    if let Some(spec) = fields::ensure(object, "spec") {
        fields::set(spec, "drivers", all);
    }
}

/// What a kubelet writes into its node when a driver registers.
async fn register(cluster: &Cluster, by: &Actor, name: &str, driver: &Value) -> Result<(), Status> {
    let ids = json!({ EBS: driver["nodeID"] }).to_string();
    let change = |node: &mut Value| {
        note(node, "csi.volume.kubernetes.io/nodeid", &ids);
        let zone = node["metadata"]["labels"][ZONE].clone();
        if zone.is_string() {
            node["metadata"]["labels"][EBS_ZONE] = zone;
        }
        Ok(())
    };
    let done = cluster.modify("nodes", "", name, Part::Main, by, change);
    match done.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn a_machine_has_the_driver_of_ebs_once_it_is_installed() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let node = |name: &str, id: &str| {
            json!({
                "metadata": { "name": name, "labels": { ZONE: "us-east-1a" } },
                "spec": { "providerID": format!("aws:///us-east-1a/{id}") },
            })
        };
        for node in [node("a", "i-0abc"), node("f", "fargate-ip-10-0-0-1")] {
            cluster.create("nodes", node, by).await.unwrap();
        }
        let drivers = async || {
            let mut found = Vec::new();
            for name in ["a", "f"] {
                sync(cluster, name).await.unwrap();
                let there = cluster.get(CSI_NODES, "", name).unwrap().value();
                found.push(fields::list(&there["spec"], "drivers").len());
            }
            found
        };
        assert_eq!(drivers().await, [0, 0]);
        let driver = json!({ "metadata": { "name": EBS }, "spec": { "attachRequired": true } });
        cluster.create(DRIVERS, driver, by).await.unwrap();
        assert_eq!(drivers().await, [1, 0]);
        let node = cluster.get("nodes", "", "a").unwrap();
        assert_eq!(node.label(EBS_ZONE), Some("us-east-1a"));
        let how = crate::cluster::Deletion::default();
        cluster.delete(DRIVERS, "", EBS, &how, by).await.unwrap();
        assert_eq!(drivers().await, [0, 0]);
    }
}
