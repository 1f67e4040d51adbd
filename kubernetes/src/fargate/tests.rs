//! Fargate in a cluster, with machines that are only counted.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::capacity::{Capacity, CapacityError, Machine, PodRef, Size};
use crate::cluster::testing::TestCluster;

#[derive(Debug, Default)]
struct Fake(Mutex<BTreeMap<String, Machine>>, tokio::sync::Notify);

impl Fake {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Capacity for Fake {
    fn provision<'a>(
        &'a self,
        pod: &'a PodRef,
        size: Size,
        profile: &'a str,
    ) -> BoxFuture<'a, Result<Machine, CapacityError>> {
        assert_eq!(profile, "dev-profile");
        let mut all = self.0.lock().unwrap();
        let n = all.len() + 10;
        let machine = all.entry(pod.uid.clone()).or_insert_with(|| Machine {
            id: format!("m{n}"),
            node: format!("fargate-ip-192-168-0-{n}.ec2.internal"),
            address: format!("192.168.0.{n}"),
            zone: "us-east-1a".to_owned(),
            size,
            provisioned: "0.25vCPU 0.5GB".to_owned(),
            version: "v1.33.4-eks-d3c5e0b".to_owned(),
        });
        let machine = machine.clone();
        async move { Ok(machine) }.boxed()
    }

    fn release<'a>(&'a self, pod_uid: &'a str) -> BoxFuture<'a, Result<(), CapacityError>> {
        self.0.lock().unwrap().remove(pod_uid);
        self.1.notify_one();
        async { Ok(()) }.boxed()
    }

    fn retain<'a>(&'a self, pod_uids: &'a [String]) -> BoxFuture<'a, Result<(), CapacityError>> {
        self.0
            .lock()
            .unwrap()
            .retain(|uid, _| pod_uids.contains(uid));
        async { Ok(()) }.boxed()
    }
}

fn profile() -> Profile {
    let labels = [("profile".to_owned(), "fargate".to_owned())];
    Profile {
        name: "dev-profile".to_owned(),
        selectors: vec![Selector {
            namespace: "default".to_owned(),
            labels: labels.into(),
        }],
        subnets: Vec::new(),
        active: true,
    }
}

async fn cluster() -> TestCluster {
    let test = TestCluster::new().await;
    test.cluster
        .change_settings(|settings| settings.fargate = vec![profile()]);
    for class in crate::admission::priority::system_classes() {
        let classes = "priorityclasses.scheduling.k8s.io";
        test.cluster.create(classes, class, &test.by).await.ok();
    }
    test
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "labels": { "profile": "fargate" } },
        "spec": { "containers": [{ "name": "c", "image": "nginx" }] },
    })
}

/// Waits until something is so of the cluster.
async fn until(test: &TestCluster, is: impl Fn() -> bool + Send + Sync) {
    let mut changes =
        ["pods", "nodes", "events"].map(|shelf| test.cluster.shelf(shelf).unwrap().subscribe());
    let wait = async {
        while !is() {
            let any = changes.iter_mut().map(|one| one.changed().boxed());
            futures::future::select_all(any).await.0.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}

fn placed(test: &TestCluster, name: &str) -> bool {
    let pod = test.cluster.get("pods", "default", name);
    pod.is_some_and(|pod| pod.value()["spec"]["nodeName"].is_string())
}

fn said(test: &TestCluster, text: &str) -> bool {
    let events = test.cluster.list("events", None);
    events.iter().any(|event| event.value()["message"] == text)
}

#[test]
fn the_webhook_changes_what_matches_and_nothing_else() {
    let profiles = [profile()];
    let mut matching = pod("a");
    mutate(&mut matching, "default", &profiles);
    assert_eq!(matching["spec"]["schedulerName"], "fargate-scheduler");
    assert_eq!(
        matching["spec"]["priorityClassName"],
        "system-node-critical"
    );
    assert_eq!(matching["spec"]["priority"], 2_000_001_000);
    let label = &matching["metadata"]["labels"]["eks.amazonaws.com/fargate-profile"];
    assert_eq!(label, "dev-profile");
    let same = |mut pod: Value, namespace: &str| {
        let before = pod.clone();
        mutate(&mut pod, namespace, &profiles);
        assert_eq!(pod, before);
    };
    same(pod("a"), "other");
    let mut daemon = pod("a");
    daemon["metadata"]["ownerReferences"] = json!([{ "kind": "DaemonSet" }]);
    same(daemon, "default");
    let mut own = pod("a");
    own["spec"]["schedulerName"] = "mine".into();
    same(own, "default");
}

#[tokio::test]
async fn a_pod_gets_a_node_that_goes_with_it() {
    let test = cluster().await;
    let capacity = Arc::new(Fake::default());
    let running = tokio::spawn(run(test.cluster.clone(), Arc::<Fake>::clone(&capacity)));
    test.cluster
        .create("pods", pod("web"), &test.by)
        .await
        .unwrap();
    until(&test, || placed(&test, "web")).await;
    let found = test.cluster.get("pods", "default", "web").unwrap().value();
    let node = "fargate-ip-192-168-0-10.ec2.internal";
    assert_eq!(found["spec"]["nodeName"], node);
    let annotations = &found["metadata"]["annotations"];
    assert_eq!(annotations["CapacityProvisioned"], "0.25vCPU 0.5GB");
    assert_eq!(
        annotations["Logging"],
        "LoggingDisabled: LOGGING_CONFIGMAP_NOT_FOUND"
    );
    until(&test, || {
        said(
            &test,
            &format!("Successfully assigned default/web to {node}"),
        )
    })
    .await;
    let there = test.cluster.get("nodes", "", node).unwrap().value();
    assert_eq!(
        there["metadata"]["labels"]["eks.amazonaws.com/compute-type"],
        "fargate"
    );
    assert_eq!(there["spec"]["taints"][0]["effect"], "NoSchedule");
    assert_eq!(
        there["spec"]["providerID"],
        format!("aws:///us-east-1a/m10/{node}")
    );
    assert_eq!(there["status"]["addresses"][0]["address"], "192.168.0.10");
    assert_eq!(there["status"]["allocatable"]["pods"], "1");
    let now = Deletion {
        grace_secs: Some(0),
        ..Deletion::default()
    };
    test.cluster
        .delete("pods", "default", "web", &now, &test.by)
        .await
        .unwrap();
    until(&test, || test.cluster.get("nodes", "", node).is_none()).await;
    while capacity.count() > 0 {
        capacity.1.notified().await;
    }
    running.abort();
}

#[tokio::test]
async fn what_went_while_nobody_looked_is_taken_back() {
    let test = cluster().await;
    let capacity = Arc::new(Fake::default());
    let gone = PodRef {
        uid: "gone".to_owned(),
        ..PodRef::default()
    };
    capacity
        .provision(&gone, Size::default(), "dev-profile")
        .await
        .unwrap();
    let running = tokio::spawn(run(test.cluster.clone(), Arc::<Fake>::clone(&capacity)));
    test.cluster
        .create("pods", pod("web"), &test.by)
        .await
        .unwrap();
    until(&test, || placed(&test, "web")).await;
    assert_eq!(capacity.count(), 1);
    running.abort();
}

#[tokio::test]
async fn what_fargate_does_not_do_is_told() {
    let test = cluster().await;
    let running = tokio::spawn(run(test.cluster.clone(), Arc::new(Fake::default())));
    let mut bad = pod("bad");
    bad["spec"]["hostNetwork"] = true.into();
    test.cluster.create("pods", bad, &test.by).await.unwrap();
    let text = "Pod not supported on Fargate: fields not supported: HostNetwork";
    until(&test, || said(&test, text)).await;
    until(&test, || {
        let pod = test.cluster.get("pods", "default", "bad").unwrap().value();
        pod["status"]["conditions"][0]["message"] == text
    })
    .await;
    assert!(!placed(&test, "bad"));
    running.abort();
}

#[tokio::test]
async fn the_pods_of_a_profile_are_deleted_with_it() {
    let test = cluster().await;
    test.cluster
        .create("pods", pod("web"), &test.by)
        .await
        .unwrap();
    assert!(has_pods(&test.cluster, "dev-profile"));
    delete_pods(&test.cluster, "dev-profile", &test.by)
        .await
        .unwrap();
    assert!(!has_pods(&test.cluster, "dev-profile"));
}
