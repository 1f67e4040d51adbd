//! The scheduler in a cluster.
use std::time::Duration;

use super::*;
use crate::cluster::testing::TestCluster;
use crate::scheduler::{Binding, bind, run};

/// Waits for what a pod becomes.
async fn until(test: &TestCluster, name: &str, is: impl Fn(&Value) -> bool + Send + Sync) -> Value {
    let shelf = test.cluster.shelf("pods").unwrap();
    let mut changes = shelf.subscribe();
    let wait = async {
        loop {
            changes.mark_unchanged();
            if let Some(pod) = shelf.get("default", name).map(|pod| pod.value())
                && is(&pod)
            {
                return pod;
            }
            changes.changed().await.unwrap();
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(5), wait).await;
    done.unwrap_or_else(|_| {
        panic!(
            "{} {:?}",
            shelf.get("default", name).unwrap().value(),
            test.cluster
                .list("events", None)
                .iter()
                .map(|e| e.value()["message"].clone())
                .collect::<Vec<_>>()
        )
    })
}

async fn events(test: &TestCluster, reason: &str, count: usize) -> Vec<String> {
    let shelf = test.cluster.shelf("events").unwrap();
    let mut changes = shelf.subscribe();
    let wait = async {
        loop {
            changes.mark_unchanged();
            let all = shelf.objects(None);
            let all = all.iter().map(|event| event.value());
            let of = all.filter(|event| event["reason"] == reason);
            let texts: Vec<String> = of
                .map(|event| event["message"].as_str().unwrap().to_owned())
                .collect();
            if texts.len() >= count {
                return texts;
            }
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap()
}

fn live_pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "containers": [{ "name": "c", "image": "nginx" }] },
    })
}

fn live_node(name: &str) -> Value {
    let mut node = node(name, "z1");
    node["apiVersion"] = "v1".into();
    node["kind"] = "Node".into();
    node
}

#[tokio::test]
async fn a_pod_waits_for_a_node_and_gets_it() {
    let test = TestCluster::new().await;
    let running = tokio::spawn(run(test.cluster.clone()));
    test.cluster
        .create("pods", live_pod("web"), &test.by)
        .await
        .unwrap();
    let waiting = until(&test, "web", |pod| !pod["status"]["conditions"].is_null()).await;
    let condition = &waiting["status"]["conditions"][0];
    assert_eq!(condition["type"], "PodScheduled");
    assert_eq!(condition["status"], "False");
    assert_eq!(condition["reason"], "Unschedulable");
    assert_eq!(condition["message"], "no nodes available to schedule pods");
    test.cluster
        .create("nodes", live_node("a"), &test.by)
        .await
        .unwrap();
    test.clock.advance(Duration::from_secs(10));
    let placed = until(&test, "web", |pod| pod["spec"]["nodeName"] == "a").await;
    assert_eq!(placed["status"]["conditions"][0]["status"], "True");
    let said = events(&test, "Scheduled", 1).await;
    assert_eq!(said, ["Successfully assigned default/web to a"]);
    running.abort();
}

#[tokio::test]
async fn a_pod_is_assigned_once() {
    let test = TestCluster::new().await;
    test.cluster
        .create("pods", live_pod("web"), &test.by)
        .await
        .unwrap();
    let to = |node: &str| Binding {
        node: node.to_owned(),
        ..Binding::default()
    };
    bind(&test.cluster, "default", "web", &to("a"), &test.by)
        .await
        .unwrap();
    let again = bind(&test.cluster, "default", "web", &to("b"), &test.by)
        .await
        .unwrap_err();
    assert_eq!(
        again.message,
        "Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"a\""
    );
}

#[tokio::test]
async fn gates_are_told_and_keep_a_pod() {
    let test = TestCluster::new().await;
    test.cluster
        .create("nodes", live_node("a"), &test.by)
        .await
        .unwrap();
    let running = tokio::spawn(run(test.cluster.clone()));
    let mut gated = live_pod("web");
    gated["spec"]["schedulingGates"] = json!([{ "name": "example.com/wait" }]);
    test.cluster.create("pods", gated, &test.by).await.unwrap();
    let told = until(&test, "web", |pod| !pod["status"]["conditions"].is_null()).await;
    assert_eq!(told["status"]["conditions"][0]["reason"], "SchedulingGated");
    let open = |pod: &mut Value| {
        pod["spec"]["schedulingGates"] = json!([]);
        Ok(())
    };
    let part = crate::cluster::Part::Main;
    test.cluster
        .modify("pods", "default", "web", part, &test.by, open)
        .await
        .unwrap();
    until(&test, "web", |pod| pod["spec"]["nodeName"] == "a").await;
    running.abort();
}

#[tokio::test]
async fn three_hundred_pods_fill_nodes_and_the_rest_waits() {
    let test = TestCluster::new().await;
    for i in 0..20 {
        test.cluster
            .create("nodes", live_node(&format!("n{i}")), &test.by)
            .await
            .unwrap();
    }
    let running = tokio::spawn(run(test.cluster.clone()));
    for i in 0..201 {
        test.cluster
            .create("pods", live_pod(&format!("p{i:03}")), &test.by)
            .await
            .unwrap();
    }
    let said = events(&test, "FailedScheduling", 1).await;
    assert_eq!(
        said[0],
        "0/20 nodes are available: 20 Too many pods. preemption: 0/20 nodes are available: 20 No preemption victims found for incoming pod."
    );
    events(&test, "Scheduled", 200).await;
    let pods = test.cluster.list("pods", None);
    let mut counts = std::collections::BTreeMap::new();
    for pod in &pods {
        if let Some(node) = pod.value()["spec"]["nodeName"].as_str() {
            *counts.entry(node.to_owned()).or_insert(0) += 1;
        }
    }
    assert!(
        counts.len() == 20 && counts.values().all(|count| *count == 10),
        "{counts:?}"
    );
    running.abort();
}
