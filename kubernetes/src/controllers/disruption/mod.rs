//! Disruption budgets: how many of their pods may go now.
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use plan::Counted;
use serde_json::Value;

use super::owners::selects;
use super::{Frame, Key, Outcome, Seen, WORKERS, pod_control, save_status};
use crate::cluster::{Actor, Cluster};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::PodView;
use crate::{Status, fields};

const BUDGETS: &str = "poddisruptionbudgets.policy";

/// Controllers of pods that say how many pods they want.
const SCALED: [(&str, &str); 4] = [
    ("Deployment", "deployments.apps"),
    ("ReplicaSet", "replicasets.apps"),
    ("ReplicationController", "replicationcontrollers"),
    ("StatefulSet", "statefulsets.apps"),
];

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("disruption", &cluster);
    frame.on(cluster.shelf(BUDGETS)?, |seen| {
        seen.new.map(|budget| Key::of(budget)).into_iter().collect()
    });
    let all = cluster.clone();
    frame.on(cluster.shelf("pods")?, move |seen| concerned(&all, seen));
    for (_, resource) in SCALED {
        // Another scale is another share of it.
        let all = cluster.clone();
        frame.on(cluster.shelf(resource)?, move |seen| {
            let namespace = seen.latest().map(|object| object.namespace.as_str());
            let budgets = all.list(BUDGETS, namespace).into_iter();
            budgets.map(|budget| Key::of(&budget)).collect()
        });
    }
    let by = Actor::controller("disruption-controller");
    frame
        .run(WORKERS, move |key| {
            let (cluster, by) = (cluster.clone(), by.clone());
            async move { sync(&cluster, &by, &key).await }
        })
        .await;
    Ok(())
}

/// The budgets that a pod is or was counted in.
fn concerned(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Key> {
    let Some(pod) = seen.latest() else {
        return Vec::new();
    };
    let budgets = cluster.list(BUDGETS, Some(&pod.namespace)).into_iter();
    let concerned = budgets.filter(|budget| {
        let value = budget.value();
        seen.states().any(|pod| is_selected(&value, pod))
    });
    concerned.map(|budget| Key::of(&budget)).collect()
}

fn is_selected(budget: &Value, pod: &Object) -> bool {
    let selector = Selector::parse(&budget["spec"]["selector"]);
    selector.is_some_and(|selector| selects(selector, pod))
}

async fn sync(cluster: &Cluster, by: &Actor, key: &Key) -> Outcome {
    let Some(object) = cluster.get(BUDGETS, &key.namespace, &key.name) else {
        return Ok(None);
    };
    let budget = object.value();
    let pods: Vec<Arc<Object>> = cluster
        .list("pods", Some(&key.namespace))
        .into_iter()
        .filter(|pod| {
            is_selected(&budget, pod) && !pod_control::is_finished(&pod.view::<PodView>())
        })
        .collect();
    let counted: Vec<Counted> = pods
        .iter()
        .map(|pod| Counted {
            name: pod.name.clone(),
            ready: pod_control::is_ready(&pod.view::<PodView>()),
            deleting: pod.deleting,
        })
        .collect();
    let status = plan::status(&budget, &counted, scale(cluster, &pods), cluster.now());
    let again = plan::look_again(&status);
    if status != budget["status"] {
        save_status(cluster, by, BUDGETS, &object, &status).await?;
    }
    Ok(again)
}

/// How many pods the controllers of these want, or why that is not known.
fn scale(cluster: &Cluster, pods: &[Arc<Object>]) -> Result<i64, String> {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for pod in pods {
        let view = pod.view::<PodView>();
        let Some(owner) = view.metadata.controller() else {
            return Err(format!("found no controller ref for pod {:?}", pod.name));
        };
        let Some(mut found) = find(cluster, &pod.namespace, &owner.kind, &owner.name) else {
            return Err(format!(
                "found no controller that can be scaled for pod {:?}",
                pod.name
            ));
        };
        // A replica set follows its deployment.
        let above = fields::list(&found["metadata"], "ownerReferences").iter();
        let mut above = above.filter(|owner| owner["controller"] == true);
        if let Some(owner) = above.next() {
            let (kind, name) = (fields::text(owner, "kind"), fields::text(owner, "name"));
            found = find(cluster, &pod.namespace, kind, name).unwrap_or(found);
        }
        let uid = fields::text(&found["metadata"], "uid").to_owned();
        wanted.insert(uid, fields::integer(&found["spec"], "replicas"));
    }
    Ok(wanted.values().sum())
}

fn find(cluster: &Cluster, namespace: &str, kind: &str, name: &str) -> Option<Value> {
    let (_, resource) = SCALED.iter().find(|(own, _)| *own == kind)?;
    Some(cluster.get(resource, namespace, name)?.value())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn a_budget_knows_its_pods_and_what_their_controller_wants() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let labels = json!({ "app": "web" });
        let set = json!({
            "metadata": { "name": "web", "namespace": "default" },
            "spec": {
                "replicas": 4,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [{ "name": "c", "image": "a:1" }] },
                },
            },
        });
        let set = cluster.create("replicasets.apps", set, by).await.unwrap();
        let pod = json!({
            "metadata": {
                "name": "a",
                "namespace": "default",
                "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web",
                    "uid": set.uid,
                    "controller": true,
                }],
            },
            "spec": { "containers": [{ "name": "c", "image": "a:1" }] },
        });
        cluster.create("pods", pod, by).await.unwrap();
        let budget = json!({
            "metadata": { "name": "b", "namespace": "default" },
            "spec": { "maxUnavailable": "50%", "selector": { "matchLabels": labels } },
        });
        cluster.create(BUDGETS, budget, by).await.unwrap();
        sync(cluster, by, &Key::new("default", "b")).await.unwrap();
        let status = cluster.get(BUDGETS, "default", "b").unwrap().value()["status"].clone();
        assert_eq!(
            (&status["expectedPods"], &status["desiredHealthy"]),
            (&json!(4), &json!(2))
        );
    }
}
