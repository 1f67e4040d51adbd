use std::time::Duration;

use super::*;
use crate::cluster::testing::TestCluster;

fn machine() -> Machine {
    Machine {
        name: "ip-192-168-1-2.eu-central-1.compute.internal".to_owned(),
        instance_id: "i-0123456789abcdef0".to_owned(),
        instance_type: "t3.small".to_owned(),
        address: "192.168.1.2".to_owned(),
        region: "eu-central-1".to_owned(),
        zone: "eu-central-1b".to_owned(),
        zone_id: "euc1-az3".to_owned(),
        nodegroup: "workers".to_owned(),
        image: "ami-0abc".to_owned(),
        capacity_type: "ON_DEMAND".to_owned(),
        architecture: "amd64".to_owned(),
        labels: [("team".to_owned(), "a".to_owned())].into(),
        taints: vec![Taint {
            key: "dedicated".to_owned(),
            value: "gpu".to_owned(),
            effect: "NoSchedule".to_owned(),
        }],
        version: "v1.33.4-eks-d3c5e0b".to_owned(),
        capacity: Room {
            cpu_milli: 2000,
            memory_mib: 2048,
            storage_gib: 20,
            pods: 11,
        },
        allocatable: Room {
            cpu_milli: 1930,
            memory_mib: 1500,
            storage_gib: 18,
            pods: 11,
        },
        ..Machine::default()
    }
}

#[test]
fn a_node_says_what_its_machine_is() {
    let node = node_object(&machine(), "2024-01-01T00:00:00Z");
    let labels = &node["metadata"]["labels"];
    for (key, value) in [
        ("team", "a"),
        ("eks.amazonaws.com/nodegroup", "workers"),
        ("eks.amazonaws.com/nodegroup-image", "ami-0abc"),
        ("eks.amazonaws.com/capacityType", "ON_DEMAND"),
        ("node.kubernetes.io/instance-type", "t3.small"),
        ("topology.kubernetes.io/zone", "eu-central-1b"),
        ("topology.k8s.aws/zone-id", "euc1-az3"),
        (
            "kubernetes.io/hostname",
            "ip-192-168-1-2.eu-central-1.compute.internal",
        ),
    ] {
        assert_eq!(labels[key], value, "{key}");
    }
    assert_eq!(
        node["spec"]["providerID"],
        "aws:///eu-central-1b/i-0123456789abcdef0"
    );
    let taint = json!({ "key": "dedicated", "value": "gpu", "effect": "NoSchedule" });
    assert_eq!(node["spec"]["taints"], json!([taint]));
    assert_eq!(node["status"]["capacity"]["cpu"], "2");
    assert_eq!(node["status"]["allocatable"]["cpu"], "1930m");
    assert_eq!(
        node["status"]["nodeInfo"]["kubeletVersion"],
        "v1.33.4-eks-d3c5e0b"
    );
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "labels": { "app": name } },
        "spec": { "nodeName": machine().name, "containers": [{ "name": "c", "image": "nginx" }] },
    })
}

#[tokio::test]
async fn a_drain_keeps_budgets_until_its_deadline() {
    let test = TestCluster::new().await;
    let cluster = &test.cluster;
    cluster
        .create(
            "nodes",
            node_object(&machine(), "2024-01-01T00:00:00Z"),
            &test.by,
        )
        .await
        .unwrap();
    let mut daemon = pod("daemon");
    daemon["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": true,
    }]);
    for pod in [pod("free"), pod("kept"), daemon] {
        cluster.create("pods", pod, &test.by).await.unwrap();
    }
    let running = |pod: &mut Value| {
        pod["status"]["phase"] = "Running".into();
        Ok(())
    };
    let part = crate::cluster::Part::Status;
    cluster
        .modify("pods", "default", "kept", part, &test.by, running)
        .await
        .unwrap();
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": { "name": "b", "namespace": "default" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "kept" } } },
    });
    cluster
        .create("poddisruptionbudgets.policy", budget, &test.by)
        .await
        .unwrap();
    let (theirs, by, node) = (cluster.clone(), test.by.clone(), machine().name);
    let deadline = cluster.now() + Duration::from_mins(15);
    let drained =
        tokio::spawn(async move { drain(&theirs, &node, deadline, Budgets::Respected, &by).await });
    let shelf = cluster.shelf("pods").unwrap();
    let mut changes = shelf.subscribe();
    while !shelf.get("default", "free").unwrap().deleting {
        changes.changed().await.unwrap();
    }
    assert!(!shelf.get("default", "kept").unwrap().deleting);
    let node = cluster.get("nodes", "", &machine().name).unwrap().value();
    assert_eq!(node["spec"]["unschedulable"], true);
    test.clock.advance(Duration::from_secs(901));
    assert_eq!(drained.await.unwrap().unwrap(), Drained::Held);
    let left = || {
        let all = shelf.objects(None);
        all.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>()
    };
    // Nobody runs the one that was told to go, so nobody takes it away.
    assert_eq!(left(), ["daemon", "free", "kept"]);
    let name = machine().name;
    uncordon(cluster, &name, &test.by).await.unwrap();
    let node = cluster.get("nodes", "", &name).unwrap().value();
    assert!(node["spec"]["unschedulable"].is_null());
    // Whoever ignores budgets deletes what is left.
    let forced = drain(cluster, &name, cluster.now(), Budgets::Ignored, &test.by).await;
    assert_eq!(forced.unwrap(), Drained::ByForce);
    assert_eq!(left(), ["daemon"]);
}
