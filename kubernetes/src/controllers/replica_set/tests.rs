use futures::FutureExt as _;
use serde_json::json;

use super::*;
use crate::controllers::testing::{running, template};

fn web(replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": template("web:1"),
        },
    })
}

fn pod(name: &str, spec: Value, status: Value, annotations: Value) -> Arc<PodView> {
    let mut value = json!({ "metadata": {
        "name": name, "uid": name, "creationTimestamp": "2023-11-14T22:00:00Z",
    } });
    value["metadata"]["annotations"] = annotations;
    value["spec"] = spec;
    value["status"] = status;
    Arc::new(serde_json::from_value(value).unwrap())
}

fn ready(since: &str) -> Value {
    json!({
        "phase": "Running",
        "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": since }],
    })
}

#[test]
fn pods_that_are_worth_least_go_first() {
    let now = crate::cluster::time::parse_rfc3339("2023-11-15T22:00:00Z").unwrap();
    let none = || json!({});
    let on = |node: &str| json!({ "nodeName": node });
    let old = "2023-11-14T22:01:00Z";
    let best = pod("best", on("a"), ready(old), none());
    let young = pod("young", on("b"), ready("2023-11-15T21:59:58Z"), none());
    let doubled = pod("doubled", on("c"), ready(old), none());
    let double = pod("other", on("c"), ready(old), none());
    let cheap = json!({ "controller.kubernetes.io/pod-deletion-cost": "-5" });
    let cheap = pod("cheap", on("d"), ready(old), cheap);
    let unready = pod("unready", on("e"), json!({ "phase": "Running" }), none());
    let pending = pod("pending", on("f"), json!({ "phase": "Pending" }), none());
    let unassigned = pod(
        "unassigned",
        json!({}),
        json!({ "phase": "Pending" }),
        none(),
    );
    let mut all = vec![best, young, doubled, cheap, unready, pending, unassigned];
    let mut related = all.clone();
    related.push(double);
    pods::sort_for_deletion(&mut all, &related, now);
    let order: Vec<&str> = all.iter().map(|pod| pod.metadata.name.as_str()).collect();
    let wanted = [
        "unassigned",
        "pending",
        "unready",
        "cheap",
        "doubled",
        "young",
        "best",
    ];
    assert_eq!(order, wanted);
}

#[tokio::test]
async fn pods_are_created_counted_and_deleted() {
    let running = running(&[|c| run(c).boxed()]).await;
    running.create("replicasets.apps", web(3)).await;
    let pods = running
        .until("pods", "three pods", |pods| {
            (pods.len() == 3).then(|| pods.to_vec())
        })
        .await;
    let value = pods[0].value();
    assert_eq!(value["metadata"]["generateName"], "web-");
    let owner = &value["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["controller"]),
        (&json!("ReplicaSet"), &json!(true))
    );
    running.make_ready(&pods[1].name).await;
    let one_ready = |set: &Value| {
        set["status"]
            == json!({
                "replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 1,
                "availableReplicas": 1, "observedGeneration": 1,
            })
    };
    running
        .until_one("replicasets.apps", "web", "one ready", one_ready)
        .await;
    running
        .change("replicasets.apps", "web", |set| {
            set["spec"]["replicas"] = 1.into();
        })
        .await;
    let left = running
        .until("pods", "one pod", |pods| {
            let left: Vec<_> = pods.iter().filter(|pod| !pod.deleting).collect();
            (left.len() == 1).then(|| left[0].name.clone())
        })
        .await;
    assert_eq!(left, pods[1].name);
    let settled =
        |set: &Value| set["status"]["replicas"] == 1 && set["status"]["observedGeneration"] == 2;
    running
        .until_one("replicasets.apps", "web", "one", settled)
        .await;
    assert_eq!(running.events("web", "SuccessfulCreate").len(), 3);
    assert_eq!(running.events("web", "SuccessfulDelete").len(), 2);
}

#[tokio::test]
async fn pods_are_adopted_and_released_by_their_labels() {
    let running = running(&[|c| run(c).boxed()]).await;
    let mut orphan = template("web:1");
    orphan["apiVersion"] = "v1".into();
    orphan["kind"] = "Pod".into();
    orphan["metadata"]["name"] = "orphan".into();
    orphan["metadata"]["namespace"] = "default".into();
    running.create("pods", orphan).await;
    running.create("replicasets.apps", web(1)).await;
    let is_owned = |pod: &Value| pod["metadata"]["ownerReferences"][0]["name"] == "web";
    running
        .until_one("pods", "orphan", "adopted", is_owned)
        .await;
    let one = |set: &Value| set["status"]["replicas"] == 1;
    running
        .until_one("replicasets.apps", "web", "one pod", one)
        .await;
    assert_eq!(running.cluster().list("pods", Some("default")).len(), 1);
    running
        .change("pods", "orphan", |pod| {
            pod["metadata"]["labels"]["app"] = "debug".into();
        })
        .await;
    let is_free = |pod: &Value| {
        let owners = pod["metadata"]["ownerReferences"].as_array();
        owners.is_none_or(Vec::is_empty)
    };
    running
        .until_one("pods", "orphan", "released", is_free)
        .await;
    running
        .until("pods", "another pod", |pods| {
            (pods.len() == 2).then_some(())
        })
        .await;
}

#[tokio::test]
async fn why_pods_cannot_be_created_is_told() {
    let running = running(&[|c| run(c).boxed()]).await;
    let mut value = web(2);
    value["spec"]["template"]["spec"]["serviceAccountName"] = "nobody".into();
    running.create("replicasets.apps", value).await;
    let failed = |set: &Value| {
        let condition = &set["status"]["conditions"][0];
        condition["type"] == "ReplicaFailure"
            && condition["reason"] == "FailedCreate"
            && condition["message"]
                .as_str()
                .is_some_and(|text| text.contains("nobody"))
    };
    running
        .until_one("replicasets.apps", "web", "a failure", failed)
        .await;
    let events = running.events("web", "FailedCreate");
    assert!(
        events[0].starts_with("Error creating: pods \"web-"),
        "{events:?}"
    );
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "nobody", "namespace": "default" },
    });
    running.create("serviceaccounts", account).await;
    let well =
        |set: &Value| set["status"]["replicas"] == 2 && set["status"]["conditions"].is_null();
    running
        .until_one("replicasets.apps", "web", "two pods", well)
        .await;
}

#[tokio::test]
async fn pods_are_available_when_they_were_ready_for_long_enough() {
    let running = running(&[|c| run(c).boxed()]).await;
    let mut value = web(1);
    value["spec"]["minReadySeconds"] = 30.into();
    running.create("replicasets.apps", value).await;
    let pod = running
        .until("pods", "a pod", |pods| {
            pods.first().map(|pod| pod.name.clone())
        })
        .await;
    running.make_ready(&pod).await;
    let ready = |set: &Value| {
        set["status"]["readyReplicas"] == 1 && set["status"]["availableReplicas"].is_null()
    };
    running
        .until_one("replicasets.apps", "web", "ready", ready)
        .await;
    running
        .test
        .clock
        .advance(std::time::Duration::from_secs(30));
    let available = |set: &Value| set["status"]["availableReplicas"] == 1;
    running
        .until_one("replicasets.apps", "web", "available", available)
        .await;
}

#[tokio::test]
async fn replication_controllers_work_alike() {
    let running = running(&[|c| run_replication_controllers(c).boxed()]).await;
    let value = json!({
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "replicas": 2, "selector": { "app": "web" }, "template": template("web:1") },
    });
    running.create("replicationcontrollers", value).await;
    let two = |set: &Value| set["status"]["replicas"] == 2;
    running
        .until_one("replicationcontrollers", "web", "two pods", two)
        .await;
    let pods = running.cluster().list("pods", Some("default"));
    let owner = &pods[0].value()["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["apiVersion"], &owner["kind"]),
        (&json!("v1"), &json!("ReplicationController"))
    );
}
