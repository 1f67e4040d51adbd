//! What every namespace has: the service account `default`, and what clients trust the cluster by.
use serde_json::json;

use super::{Frame, Key, Outcome, WORKERS};
use crate::cluster::{Actor, Part};
use crate::{Cluster, Status, fields};

const ACCOUNT: &str = "default";
const ROOT_CA: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let clock = cluster.clone();
    let mut frame = Frame::new("serviceaccount", cluster.store(), move || clock.now());
    if let Ok(shelf) = cluster.shelf("namespaces") {
        frame.on(shelf, |seen| {
            seen.new.map(|n| Key::of(n)).into_iter().collect()
        });
    }
    for (resource, name) in [("serviceaccounts", ACCOUNT), ("configmaps", ROOT_CA)] {
        if let Ok(shelf) = cluster.shelf(resource) {
            frame.on(shelf, move |seen| {
                let own = seen.old.filter(|object| object.name == name);
                own.map(|object| Key::new("", &object.namespace))
                    .into_iter()
                    .collect()
            });
        }
    }
    let work = frame.run(WORKERS, move |key| {
        let cluster = cluster.clone();
        async move { furnish(&cluster, &key.name).await }
    });
    work.await;
    Ok(())
}

async fn furnish(cluster: &Cluster, namespace: &str) -> Outcome {
    if cluster
        .get("namespaces", "", namespace)
        .is_none_or(|found| found.deleting)
    {
        return Ok(None);
    }
    if cluster.get("serviceaccounts", namespace, ACCOUNT).is_none() {
        let account = json!({ "metadata": { "name": ACCOUNT, "namespace": namespace } });
        let by = Actor::controller("service-account-controller");
        made(
            cluster
                .create("serviceaccounts", account, &by)
                .await
                .map(drop),
        )?;
    }
    let by = Actor::controller("root-ca-cert-publisher");
    let data = json!({ "ca.crt": cluster.settings().ca_pem });
    let metadata = json!({
        "name": ROOT_CA,
        "namespace": namespace,
        "annotations": { "kubernetes.io/description": DESCRIPTION },
    });
    let Some(found) = cluster.get("configmaps", namespace, ROOT_CA) else {
        let config = json!({ "metadata": metadata, "data": data });
        made(cluster.create("configmaps", config, &by).await.map(drop))?;
        return Ok(None);
    };
    if found.value()["data"] != data {
        let changed = cluster.modify(
            "configmaps",
            namespace,
            ROOT_CA,
            Part::Main,
            &by,
            |object| {
                fields::set(object, "data", data.clone());
                if let Some(metadata) = fields::child(object, "metadata") {
                    fields::set(metadata, "annotations", metadata["annotations"].clone());
                    if let Some(notes) = fields::ensure(metadata, "annotations") {
                        fields::set(notes, "kubernetes.io/description", DESCRIPTION);
                    }
                }
                Ok(())
            },
        );
        changed.await?;
    }
    Ok(None)
}

/// Somebody else may have been faster, or the namespace is on its way.
fn made(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(status) if status.is_already_exists() || status.is_not_found() => Ok(()),
        Err(status) if status.reason == "Forbidden" => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Deletion;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn a_namespace_has_its_account_and_roots_and_gets_them_again() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let running = tokio::spawn(run(cluster.clone()));
        let namespace = json!({ "metadata": { "name": "web" } });
        cluster.create("namespaces", namespace, by).await.unwrap();
        for (resource, name) in [("serviceaccounts", ACCOUNT), ("configmaps", ROOT_CA)] {
            let shelf = cluster.shelf(resource).unwrap();
            let mut news = shelf.subscribe();
            while shelf.get("web", name).is_none() {
                news.changed().await.unwrap();
            }
            let first = shelf.get("web", name).unwrap();
            let how = Deletion::default();
            cluster
                .delete(resource, "web", name, &how, by)
                .await
                .unwrap();
            while shelf
                .get("web", name)
                .is_none_or(|found| found.uid == first.uid)
            {
                news.changed().await.unwrap();
            }
        }
        let changed = cluster.modify("configmaps", "web", ROOT_CA, Part::Main, by, |object| {
            object["data"] = json!({ "ca.crt": "mine" });
            Ok(())
        });
        changed.await.unwrap();
        let shelf = cluster.shelf("configmaps").unwrap();
        let mut news = shelf.subscribe();
        while shelf.get("web", ROOT_CA).unwrap().value()["data"]["ca.crt"] != "" {
            news.changed().await.unwrap();
        }
        running.abort();
    }
}
