use serde_json::json;

use super::*;
use crate::cluster::testing::TestCluster;

fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
        "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

fn pod(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "nginx" }] },
    })
}

async fn until(test: &TestCluster, is: impl Fn() -> bool + Send + Sync) {
    let mut pods = test.cluster.shelf("pods").unwrap().subscribe();
    let mut nodes = test.cluster.shelf("nodes").unwrap().subscribe();
    let wait = async {
        while !is() {
            tokio::select! {
                changed = pods.changed() => changed.unwrap(),
                changed = nodes.changed() => changed.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lost_node_loses_its_pods_after_five_minutes() {
    let test = TestCluster::new().await;
    let cluster = &test.cluster;
    cluster.create("nodes", node("a"), &test.by).await.unwrap();
    cluster
        .create("pods", pod("web", "a"), &test.by)
        .await
        .unwrap();
    let running = tokio::spawn(run(cluster.clone()));
    let lose = |node: &mut Value| {
        node["status"]["conditions"][0]["status"] = "Unknown".into();
        Ok(())
    };
    cluster
        .modify("nodes", "", "a", Part::Status, &test.by, lose)
        .await
        .unwrap();
    let taints = || cluster.get("nodes", "", "a").unwrap().value()["spec"]["taints"].clone();
    until(&test, || {
        taints().as_array().is_some_and(|all| all.len() == 2)
    })
    .await;
    assert!(!cluster.get("pods", "default", "web").unwrap().deleting);
    test.clock.advance(Duration::from_secs(301));
    until(&test, || {
        cluster.get("pods", "default", "web").unwrap().deleting
    })
    .await;
    let pod = cluster.get("pods", "default", "web").unwrap().value();
    assert_eq!(
        pod["status"]["conditions"][0]["reason"],
        "DeletionByTaintManager"
    );
    running.abort();
}

#[tokio::test]
async fn pods_go_some_time_after_their_node() {
    let test = TestCluster::new().await;
    let cluster = &test.cluster;
    cluster.create("nodes", node("a"), &test.by).await.unwrap();
    cluster
        .create("pods", pod("web", "a"), &test.by)
        .await
        .unwrap();
    let running = tokio::spawn(run(cluster.clone()));
    cluster
        .delete("nodes", "", "a", &Deletion::default(), &test.by)
        .await
        .unwrap();
    // The clock stands still until the pod was looked at; whenever that is, 40 seconds pass.
    let clock = test.clock.clone();
    let moving = tokio::spawn(async move {
        loop {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(1));
        }
    });
    until(&test, || cluster.get("pods", "default", "web").is_none()).await;
    moving.abort();
    running.abort();
}

#[tokio::test]
async fn a_node_of_which_nothing_is_heard_is_not_ready() {
    let test = TestCluster::new().await;
    let cluster = &test.cluster;
    cluster.create("nodes", node("a"), &test.by).await.unwrap();
    let running = tokio::spawn(run(cluster.clone()));
    let clock = test.clock.clone();
    let moving = tokio::spawn(async move {
        loop {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(10));
        }
    });
    let node = || cluster.get("nodes", "", "a").unwrap().value();
    until(&test, || {
        node()["status"]["conditions"][0]["status"] == "Unknown"
            && node()["spec"]["taints"]
                .as_array()
                .is_some_and(|all| all.len() == 2)
    })
    .await;
    moving.abort();
    running.abort();
}
