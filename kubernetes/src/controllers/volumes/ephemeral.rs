//! `ephemeral-volume-controller`: pods that want a volume of their own get a claim for it.
use serde_json::{Value, json};

use super::super::{Frame, Key, Outcome, WORKERS};
use super::CLAIMS;
use crate::cluster::{Actor, Cluster, EventType, Reference};
use crate::store::Object;
use crate::views::PodView;
use crate::{Status, fields};

/// Works until it is dropped.
pub(in crate::controllers) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("ephemeral-volume", &cluster);
    frame.on(cluster.shelf("pods")?, |seen| {
        let wants = |pod: &&std::sync::Arc<Object>| {
            let view = pod.view::<PodView>();
            let mut volumes = view.spec.volumes.iter();
            !pod.deleting && volumes.any(|volume| volume.ephemeral.is_some())
        };
        seen.new
            .filter(wants)
            .map(|pod| Key::of(pod))
            .into_iter()
            .collect()
    });
    let by = Actor::controller("ephemeral-volume-controller");
    frame
        .run(WORKERS, move |key| {
            let (cluster, by) = (cluster.clone(), by.clone());
            async move { sync(&cluster, &by, &key).await }
        })
        .await;
    Ok(())
}

async fn sync(cluster: &Cluster, by: &Actor, key: &Key) -> Outcome {
    let pod = cluster.get("pods", &key.namespace, &key.name);
    let Some(pod) = pod.filter(|pod| !pod.deleting) else {
        return Ok(None);
    };
    let value = pod.value();
    for volume in fields::list(&value["spec"], "volumes") {
        if fields::has(volume, "ephemeral")
            && let Err(status) = claim(cluster, by, &pod, volume).await
        {
            let name = fields::text(volume, "name");
            let why = format!("ephemeral volume {name}: {}", status.message);
            let about = Reference::to("v1", "Pod", &pod);
            cluster
                .event(by, &about, EventType::Warning, "FailedBinding", &why)
                .await;
            return Err(status);
        }
    }
    Ok(None)
}

/// Makes the claim of a volume. The pod owns it, so it goes with the pod.
async fn claim(cluster: &Cluster, by: &Actor, pod: &Object, volume: &Value) -> Result<(), Status> {
    let name = format!("{}-{}", pod.name, fields::text(volume, "name"));
    let namespace = &pod.namespace;
    if let Some(there) = cluster.get(CLAIMS, namespace, &name) {
        if there.owners.contains(&pod.uid) {
            return Ok(());
        }
        let why = format!(
            "PVC {namespace}/{name} was not created for pod {namespace}/{} (pod is not owner)",
            pod.name
        );
        return Err(Status::conflict(CLAIMS, "", &name, &why));
    }
    let template = &volume["ephemeral"]["volumeClaimTemplate"];
    let mut metadata = json!({
        "name": name,
        "namespace": namespace,
        "ownerReferences": [{
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod.name,
            "uid": pod.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    });
    for key in ["labels", "annotations"] {
        let given = &template["metadata"][key];
        if fields::count(given) > 0 {
            fields::set(&mut metadata, key, given.clone());
        }
    }
    let claim = json!({ "metadata": metadata, "spec": template["spec"] });
    cluster.create(CLAIMS, claim, by).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn the_claim_of_an_ephemeral_volume_is_its_pods() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let spec = json!({
            "accessModes": ["ReadWriteOnce"], "storageClassName": "gp2",
            "resources": { "requests": { "storage": "1Gi" } },
        });
        let pod = json!({
            "metadata": { "name": "p", "namespace": "default" },
            "spec": {
                "containers": [{ "name": "c", "image": "a:1" }],
                "volumes": [{ "name": "scratch", "ephemeral": { "volumeClaimTemplate": {
                    "metadata": { "labels": { "app": "x" } }, "spec": spec,
                } } }],
            },
        });
        let pod = cluster.create("pods", pod, by).await.unwrap();
        let key = Key::of(&pod);
        // Twice does no harm.
        sync(cluster, by, &key).await.unwrap();
        sync(cluster, by, &key).await.unwrap();
        let claim = cluster.get(CLAIMS, "default", "p-scratch").unwrap();
        assert!(claim.owners.contains(&pod.uid));
        assert_eq!(claim.label("app"), Some("x"));
        assert_eq!(claim.value()["spec"]["storageClassName"], "gp2");
    }
}
