//! Claims that pods use, and volumes that claims have, stay until that ends.
use std::sync::Arc;

use super::super::{Frame, Key, Outcome, Seen, WORKERS};
use super::{
    CLAIM_PROTECTION, CLAIMS, VOLUME_PROTECTION, VOLUMES, claims_of, is_kept_by, keep_by, let_go,
    pods_by_claim,
};
use crate::Status;
use crate::cluster::{Actor, Cluster, Part};
use crate::store::Object;
use crate::views::PodView;

/// `pvc-protection-controller`. Works until it is dropped.
pub(in crate::controllers) async fn run_claims(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("persistentvolumeclaim-protection", &cluster);
    frame.on(cluster.shelf(CLAIMS)?, own_key);
    frame.on(cluster.shelf("pods")?, |seen| {
        // Only a pod that goes, or is another one now, lets a claim go.
        let gone = seen.old.filter(|old| {
            seen.new
                .is_none_or(|new| new.uid != old.uid || new.deleting)
        });
        let terms = gone.map(|pod| claims_of(pod)).unwrap_or_default();
        let keys = terms.iter().filter_map(|term| term.split_once('/'));
        keys.map(|(namespace, name)| Key::new(namespace, name))
            .collect()
    });
    let pods = Arc::new(pods_by_claim(&cluster)?);
    let by = Actor::controller("pvc-protection-controller");
    frame
        .run(WORKERS, move |key| {
            let (cluster, by, pods) = (cluster.clone(), by.clone(), Arc::clone(&pods));
            async move {
                let used = || {
                    let pods = pods.of(&format!("{}/{}", key.namespace, key.name));
                    pods.iter().any(|pod| uses(pod, &key.name))
                };
                protect(&cluster, &by, CLAIMS, &key, CLAIM_PROTECTION, used).await
            }
        })
        .await;
    Ok(())
}

/// `pv-protection-controller`. Works until it is dropped.
pub(in crate::controllers) async fn run_volumes(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("persistentvolume-protection", &cluster);
    frame.on(cluster.shelf(VOLUMES)?, own_key);
    let by = Actor::controller("pv-protection-controller");
    frame
        .run(WORKERS, move |key| {
            let (cluster, by) = (cluster.clone(), by.clone());
            async move {
                let used = || {
                    let volume = cluster.get(VOLUMES, "", &key.name);
                    volume.is_some_and(|volume| volume.value()["status"]["phase"] == "Bound")
                };
                protect(&cluster, &by, VOLUMES, &key, VOLUME_PROTECTION, used).await
            }
        })
        .await;
    Ok(())
}

fn own_key(seen: &Seen<'_>) -> Vec<Key> {
    seen.new.map(|object| Key::of(object)).into_iter().collect()
}

/// A pod uses its claims once it has a node, and until it is gone: also when it has finished.
fn uses(pod: &Object, claim: &str) -> bool {
    let value = pod.value();
    let metadata = &value["metadata"];
    // The kubelet is done with it; the claim of an ephemeral volume goes with its pod.
    let shut_down = !metadata["deletionTimestamp"].is_null()
        && metadata["deletionGracePeriodSeconds"].as_i64() == Some(0);
    let view = pod.view::<PodView>();
    let mut volumes = view.spec.volumes.iter();
    let named = volumes.any(|volume| {
        let named = volume.persistent_volume_claim.as_ref();
        named.is_some_and(|named| named.claim_name == claim)
    });
    !view.spec.node_name.is_empty() && (named || !shut_down)
}

/// Keeps what lives and is not protected yet, and lets go what is being deleted and is not used.
async fn protect(
    cluster: &Cluster,
    by: &Actor,
    resource: &str,
    key: &Key,
    finalizer: &str,
    used: impl Fn() -> bool + Send + Sync,
) -> Outcome {
    let Some(object) = cluster.get(resource, &key.namespace, &key.name) else {
        return Ok(None);
    };
    let kept = is_kept_by(&object.value(), finalizer);
    if kept != object.deleting || (object.deleting && used()) {
        return Ok(None);
    }
    let change = |value: &mut serde_json::Value| {
        if value["metadata"]["uid"] != *object.uid {
            return Ok(());
        }
        if value["metadata"]["deletionTimestamp"].is_null() {
            keep_by(value, finalizer);
        } else if !used() {
            let_go(value, finalizer);
        }
        Ok(())
    };
    let (namespace, name) = (&key.namespace, &key.name);
    let done = cluster.modify(resource, namespace, name, Part::Main, by, change);
    match done.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::super::super::testing::running;
    use super::*;
    use crate::cluster::Deletion;

    #[tokio::test]
    async fn a_claim_stays_while_a_pod_with_a_node_names_it() {
        let here = running(&[|cluster| run_claims(cluster).boxed()]).await;
        let claim = json!({
            "metadata": { "name": "data", "namespace": "default" },
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                "resources": { "requests": { "storage": "1Gi" } },
            },
        });
        let made = here.create(CLAIMS, claim).await;
        assert!(is_kept_by(&made.value(), CLAIM_PROTECTION));
        let pod = json!({
            "metadata": { "name": "p", "namespace": "default" },
            "spec": {
                "nodeName": "n",
                "containers": [{ "name": "c", "image": "a:1" }],
                "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }],
            },
        });
        here.create("pods", pod).await;
        let (cluster, by) = (here.cluster(), &here.test.by);
        let how = Deletion {
            grace_secs: Some(0),
            ..Deletion::default()
        };
        cluster
            .delete(CLAIMS, "default", "data", &how, by)
            .await
            .unwrap();
        let key = Key::new("default", "data");
        let pods = pods_by_claim(cluster).unwrap();
        let used = || pods.of("default/data").iter().any(|pod| uses(pod, "data"));
        protect(cluster, by, CLAIMS, &key, CLAIM_PROTECTION, used)
            .await
            .unwrap();
        assert!(cluster.get(CLAIMS, "default", "data").unwrap().deleting);
        cluster
            .delete("pods", "default", "p", &how, by)
            .await
            .unwrap();
        here.until(CLAIMS, "the claim is gone", |all| {
            all.is_empty().then_some(())
        })
        .await;
    }
}
