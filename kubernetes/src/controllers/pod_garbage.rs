//! Pods that nobody else clears away: ended ones when there are too many, those that were to be deleted
//! before they had a node, and those on nodes that are out of service. Pods of nodes that are gone are
//! the business of `node_life`.
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Frame, Key, Outcome, pod_control};
use crate::cluster::{Actor, Cluster, Deletion, Part};
use crate::store::Object;
use crate::views::PodView;
use crate::{Status, fields};

/// How many ended pods may stay.
const ENDED: usize = 12_500;

/// How often pods are looked through.
const PERIOD: Duration = Duration::from_secs(20);

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let frame = Frame::of("pod-garbage-collector", &cluster);
    frame.queue().add(Key::new("", "all"));
    frame
        .run(1, move |_key| {
            let cluster = cluster.clone();
            async move { collect(&cluster, ENDED).await }
        })
        .await;
    Ok(())
}

async fn collect(cluster: &Cluster, most: usize) -> Outcome {
    let pods = cluster.list("pods", None);
    let mut gone: Vec<Arc<Object>> = pods
        .iter()
        .filter(|pod| pod.deleting && is_stuck(cluster, pod))
        .cloned()
        .collect();
    gone.extend(surplus(&pods, most));
    for pod in gone {
        remove(cluster, &pod).await?;
    }
    Ok(Some(PERIOD))
}

/// Whether nobody will end a pod that is to be deleted.
fn is_stuck(cluster: &Cluster, pod: &Object) -> bool {
    let view = pod.view::<PodView>();
    if view.spec.node_name.is_empty() {
        return true;
    }
    let Some(node) = cluster.get("nodes", "", &view.spec.node_name) else {
        return false;
    };
    let value = node.value();
    let taints = fields::list(&value["spec"], "taints");
    let conditions = fields::list(&value["status"], "conditions");
    let ready = conditions
        .iter()
        .any(|one| one["type"] == "Ready" && one["status"] == "True");
    !ready && taints.iter().any(|taint| taint["key"] == OUT_OF_SERVICE)
}

/// Ended pods that are too many: evicted ones, then the oldest.
fn surplus(pods: &[Arc<Object>], most: usize) -> Vec<Arc<Object>> {
    let ended = pods.iter().map(|pod| (pod.view::<PodView>(), pod));
    let mut ended: Vec<_> = ended
        .filter(|(view, _)| pod_control::is_finished(view))
        .collect();
    let Some(surplus) = ended.len().checked_sub(most).filter(|count| *count > 0) else {
        return Vec::new();
    };
    ended.sort_by_cached_key(|(view, _)| {
        let evicted = view.status.phase == "Failed" && view.status.reason == "Evicted";
        let created = view.metadata.created();
        (!evicted, created, view.metadata.name.clone())
    });
    let first = ended.into_iter().take(surplus);
    first.map(|(_, pod)| Arc::clone(pod)).collect()
}

async fn remove(cluster: &Cluster, pod: &Object) -> Result<(), Status> {
    let by = Actor::controller("pod-garbage-collector");
    let fail = |pod: &mut Value| {
        let phase = fields::text(&pod["status"], "phase");
        if phase != "Succeeded" && phase != "Failed" {
            pod["status"]["phase"] = "Failed".into();
        }
        Ok(())
    };
    let how = Deletion {
        grace_secs: Some(0),
        uid: Some(pod.uid.clone()),
        ..Deletion::default()
    };
    let (namespace, name) = (&pod.namespace, &pod.name);
    let done = async {
        cluster
            .modify("pods", namespace, name, Part::Status, &by, fail)
            .await?;
        cluster.delete("pods", namespace, name, &how, &by).await
    };
    match done.await {
        Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::TestCluster;

    fn pod(name: &str, node: &str) -> Value {
        json!({
            "metadata": { "name": name, "namespace": "default" },
            "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "a:1" }] },
        })
    }

    async fn end(test: &TestCluster, name: &str, status: &Value) {
        let (cluster, by) = (&test.cluster, &test.by);
        cluster.create("pods", pod(name, "n"), by).await.unwrap();
        let end = |pod: &mut Value| {
            pod["status"] = status.clone();
            Ok(())
        };
        let ended = cluster.modify("pods", "default", name, Part::Status, by, end);
        ended.await.unwrap();
    }

    fn names(cluster: &Cluster) -> Vec<String> {
        let pods = cluster.list("pods", None);
        pods.iter().map(|pod| pod.name.clone()).collect()
    }

    #[tokio::test]
    async fn evicted_and_old_pods_go_when_there_are_too_many() {
        let test = TestCluster::new().await;
        for (name, status) in [
            ("old", json!({ "phase": "Succeeded" })),
            ("evicted", json!({ "phase": "Failed", "reason": "Evicted" })),
            ("new", json!({ "phase": "Failed" })),
            ("runs", json!({ "phase": "Running" })),
        ] {
            end(&test, name, &status).await;
            test.clock.advance(Duration::from_secs(1));
        }
        collect(&test.cluster, 2).await.unwrap();
        assert_eq!(names(&test.cluster), ["new", "old", "runs"]);
        collect(&test.cluster, 1).await.unwrap();
        assert_eq!(names(&test.cluster), ["new", "runs"]);
    }

    #[tokio::test]
    async fn pods_that_end_nowhere_are_removed() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let node = |name: &str, taints: Value| {
            json!({
                "metadata": { "name": name }, "spec": { "taints": taints },
                "status": { "conditions": [{ "type": "Ready", "status": "False" }] },
            })
        };
        let taint = json!([{ "key": OUT_OF_SERVICE, "value": "down", "effect": "NoExecute" }]);
        for node in [node("down", taint), node("slow", json!([]))] {
            cluster.create("nodes", node, by).await.unwrap();
        }
        let mut waits = pod("waits", "");
        waits["metadata"]["finalizers"] = json!(["example.com/wait"]);
        for pod in [pod("a", "down"), pod("b", "slow"), waits] {
            cluster.create("pods", pod, by).await.unwrap();
        }
        let how = Deletion::default();
        for name in ["a", "b", "waits"] {
            let deleted = cluster.delete("pods", "default", name, &how, by);
            deleted.await.unwrap();
        }
        collect(cluster, ENDED).await.unwrap();
        assert_eq!(names(cluster), ["b", "waits"]);
        let waits = cluster.get("pods", "default", "waits").unwrap().value();
        assert_eq!(waits["status"]["phase"], "Failed");
    }
}
