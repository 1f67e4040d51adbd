//! A machine that is to end: its node is cordoned, its pods are deleted, and then it may.
use serde_json::Value;
use wharf_compute::{
    groups::{self, Hook, Outcome, Waiting, Which},
    instances::Instance,
};
use wharf_kubernetes::{
    Cluster,
    cluster::{Actor, Deletion, Part},
};
use wharf_types::Registry;

use super::ignore_missing;
use crate::{Cx, Error, running::Running};

/// Goes on with draining a machine; lets it end when nothing is left on it.
pub(super) async fn step(
    cx: &Cx,
    running: &Running,
    place: &Registry,
    instances: &[Instance],
    waiting: &Waiting,
) -> Result<(), Error> {
    let mut all = instances.iter();
    let Some(instance) = all.find(|instance| instance.id == waiting.instance) else {
        return Ok(());
    };
    let (cluster, node) = (running.cluster(), instance.private_dns_name(&place.region));
    let by = Actor::system("eks:node-manager", "node-manager", "node-manager");
    if cluster.get("nodes", "", &node).is_some() {
        cordon(cluster, &node, &by).await?;
        if !evict(cluster, &node, &by).await? {
            return Ok(());
        }
    }
    let which = (
        Hook::DRAIN.to_owned(),
        Which::Instance(waiting.instance.clone()),
    );
    let group = &waiting.group;
    groups::complete(&cx.compute, place, group, which, Outcome::Continue).await?;
    Ok(())
}

async fn cordon(cluster: &Cluster, node: &str, by: &Actor) -> Result<(), Error> {
    let cordoned = cluster.modify("nodes", "", node, Part::Main, by, |node| {
        node["spec"]["unschedulable"] = true.into();
        Ok(())
    });
    ignore_missing(cordoned.await.map(drop))
}

/// Deletes the pods of a node; whether there is none left to wait for.
async fn evict(cluster: &Cluster, node: &str, by: &Actor) -> Result<bool, Error> {
    let Ok(pods) = cluster.shelf("pods") else {
        return Ok(true);
    };
    let at = pods.field("spec.nodeName");
    let mut empty = true;
    for pod in pods.objects(None) {
        let own = at.and_then(|at| pod.fields.get(at));
        if own.is_none_or(|own| own != node) || stays(&pod.value()) {
            continue;
        }
        empty = false;
        if !pod.deleting {
            let how = Deletion {
                uid: Some(pod.uid.clone()),
                ..Deletion::default()
            };
            let (namespace, name) = (&pod.namespace, &pod.name);
            ignore_missing(cluster.delete("pods", namespace, name, &how, by).await)?;
        }
    }
    Ok(empty)
}

/// Whether nobody waits for a pod: a daemon's would come back, a mirror's is not ours, and what has
/// ended holds nothing.
fn stays(pod: &Value) -> bool {
    let metadata = &pod["metadata"];
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let mut owners = owners.filter(|owner| owner["controller"] == true);
    let daemon = owners.any(|owner| owner["kind"] == "DaemonSet");
    let mirror = !metadata["annotations"]["kubernetes.io/config.mirror"].is_null();
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    daemon || mirror || matches!(phase, "Succeeded" | "Failed")
}
