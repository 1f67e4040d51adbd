use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use wharf_runtime::engine::{ExecSpec, LogQuery};

use super::*;
use crate::cluster::testing::TestCluster;
use crate::cluster::{Deletion, Part};

mod engines;
mod fuzz;
mod logs;
mod many;
mod refusals;

/// How long anything may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

struct Story {
    test: TestCluster,
    kubelet: Kubelet,
    tasks: JoinSet<()>,
}

fn node(name: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": name },
        "status": { "addresses": [{ "type": "InternalIP", "address": ip }] },
    })
}

fn kubelet(cluster: &Cluster) -> (Kubelet, JoinSet<()>) {
    let engine = Simulated::new(cluster.clock().clone(), Pace::default());
    let addresses = MemoryAddresses::new(Ipv4Addr::new(192, 168, 0, 10), 10_000);
    Kubelet::start(cluster.clone(), Arc::new(engine), Arc::new(addresses))
}

impl Story {
    async fn new() -> Self {
        let test = TestCluster::new().await;
        for name in ["kube-system", "kube-node-lease"] {
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            test.cluster
                .create("namespaces", namespace, &test.by)
                .await
                .unwrap();
        }
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": "kube-system" } });
        test.cluster
            .create("serviceaccounts", account, &test.by)
            .await
            .unwrap();
        let n = node("n", "192.168.0.1");
        test.cluster
            .create("nodes", n.clone(), &test.by)
            .await
            .unwrap();
        let status = move |node: &mut Value| {
            node["status"] = n["status"].clone();
            Ok(())
        };
        let by = &test.by;
        test.cluster
            .modify("nodes", "", "n", Part::Status, by, status)
            .await
            .unwrap();
        let (kubelet, tasks) = kubelet(&test.cluster);
        Self {
            test,
            kubelet,
            tasks,
        }
    }

    async fn create(&self, pod: Value) {
        self.test
            .cluster
            .create("pods", pod, &self.test.by)
            .await
            .unwrap();
    }

    /// Waits until a pod is as wanted.
    async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool + Send + Sync) -> Value {
        let shelf = self.test.cluster.shelf("pods").unwrap();
        let mut told = shelf.subscribe();
        let found = async {
            loop {
                told.mark_unchanged();
                for namespace in ["default", "kube-system"] {
                    let pod = shelf.get(namespace, name).map(|pod| pod.value());
                    if let Some(pod) = pod.filter(|pod| wanted(pod)) {
                        return pod;
                    }
                }
                told.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(LIMIT, found).await;
        found.unwrap_or_else(|late| panic!("{late}: {name}"))
    }

    async fn until_gone(&self, name: &str) {
        let shelf = self.test.cluster.shelf("pods").unwrap();
        let mut told = shelf.subscribe();
        let gone = async {
            loop {
                told.mark_unchanged();
                if shelf.get("default", name).is_none() {
                    return;
                }
                told.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(LIMIT, gone).await.is_err() {
            let left = shelf.get("default", name).map(|pod| pod.value());
            panic!("it is still there: {left:?}");
        }
    }

    /// Waits until events with these reasons were recorded about a pod.
    async fn events(&self, pod: &str, reasons: &[&str]) -> Vec<String> {
        let shelf = self.test.cluster.shelf("events").unwrap();
        let mut told = shelf.subscribe();
        let recorded = || {
            let all = shelf.objects(None);
            let all = all.iter().map(|event| event.value());
            all.filter(|event| event["involvedObject"]["name"] == pod)
                .collect::<Vec<Value>>()
        };
        let all = async {
            loop {
                told.mark_unchanged();
                let mine = recorded();
                let has = |reason| mine.iter().any(|event| event["reason"] == reason);
                if reasons.iter().all(|reason| has(*reason)) {
                    let messages = mine.iter().map(|event| event["message"].as_str().unwrap());
                    return messages.map(ToOwned::to_owned).collect();
                }
                told.changed().await.unwrap();
            }
        };
        let all = tokio::time::timeout(LIMIT, all).await;
        all.unwrap_or_else(|_late| panic!("{reasons:?} are not all of {:?}", recorded()))
    }
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "nodeName": "n",
            "automountServiceAccountToken": false,
            "containers": [{ "name": "c", "image": "nginx:1" }],
        },
    })
}

fn is_running(pod: &Value) -> bool {
    pod["status"]["phase"] == "Running"
}

fn waiting(pod: &Value) -> &str {
    let state = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    state["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_pod_with_a_node_runs() {
    let s = Story::new().await;
    s.create(pod("a")).await;
    let a = s.until("a", is_running).await;
    let status = &a["status"];
    assert_eq!(status["podIP"], "192.168.0.10");
    assert_eq!(status["podIPs"], json!([{ "ip": "192.168.0.10" }]));
    assert_eq!(status["hostIP"], "192.168.0.1");
    assert_eq!(status["qosClass"], "BestEffort");
    assert_eq!(status["startTime"], "2023-11-14T22:13:20Z");
    let kinds: Vec<&str> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|condition| {
            assert_eq!(condition["status"], "True");
            condition["type"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled"
        ]
    );
    let container = &status["containerStatuses"][0];
    assert!(
        container["containerID"]
            .as_str()
            .unwrap()
            .starts_with("containerd://")
    );
    assert_eq!(
        container["state"]["running"]["startedAt"],
        "2023-11-14T22:13:20Z"
    );
    assert_eq!(container["restartCount"], 0);
    let told = s.events("a", &["Pulled", "Created", "Started"]).await;
    for text in [
        "Container image \"nginx:1\" already present on machine",
        "Created container: c",
        "Started container c",
    ] {
        assert!(told.iter().any(|message| message == text), "{told:?}");
    }
}

#[tokio::test]
async fn a_deleted_pod_is_stopped_and_goes() {
    let s = Story::new().await;
    s.create(pod("a")).await;
    s.until("a", is_running).await;
    let how = Deletion::default();
    s.test
        .cluster
        .delete("pods", "default", "a", &how, &s.test.by)
        .await
        .unwrap();
    s.until_gone("a").await;
    let told = s.events("a", &["Killing"]).await;
    assert!(told.contains(&"Stopping container c".to_owned()));
    s.create(pod("a")).await;
    s.until("a", is_running).await;
    let force = Deletion {
        grace_secs: Some(0),
        ..Deletion::default()
    };
    s.test
        .cluster
        .delete("pods", "default", "a", &force, &s.test.by)
        .await
        .unwrap();
    s.until_gone("a").await;
}

/// Else the kubelet would take it for its own and not look at the pod: not even if it is deleted.
#[tokio::test]
async fn a_change_between_two_statuses_that_are_the_same_is_somebody_elses() {
    let mut s = Story::new().await;
    s.create(pod("a")).await;
    s.until("a", is_running).await;
    s.tasks.shutdown().await;
    let label = |pod: &mut Value| {
        pod["metadata"]["labels"] = json!({ "is": "changed" });
        Ok(())
    };
    let (cluster, by) = (&s.test.cluster, &s.test.by);
    let changed = cluster.modify("pods", "default", "a", Part::Main, by, label);
    let revision = changed.await.unwrap().revision;
    let key = ("default".to_owned(), "a".to_owned());
    s.kubelet.sync(&key).await.unwrap();
    assert!(!s.kubelet.0.state.wrote(&key, revision));
}

#[tokio::test]
async fn a_missing_config_map_is_waited_for() {
    let s = Story::new().await;
    let mut a = pod("a");
    a["spec"]["containers"][0]["envFrom"] = json!([{ "configMapRef": { "name": "x" } }]);
    s.create(a).await;
    let a = s
        .until("a", |a| waiting(a) == "CreateContainerConfigError")
        .await;
    let container = &a["status"]["containerStatuses"][0];
    assert_eq!(
        container["state"]["waiting"]["message"],
        "configmap \"x\" not found"
    );
    assert_eq!(a["status"]["phase"], "Pending");
    assert_eq!(
        s.events("a", &["Failed"]).await.last().unwrap(),
        "Error: configmap \"x\" not found"
    );
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "default" } });
    s.test
        .cluster
        .create("configmaps", map, &s.test.by)
        .await
        .unwrap();
    s.until("a", is_running).await;
}

#[tokio::test]
async fn the_pod_of_a_job_completes() {
    let s = Story::new().await;
    let mut a = pod("a");
    a["spec"]["restartPolicy"] = "Never".into();
    a["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": true,
    }]);
    s.create(a).await;
    s.until("a", is_running).await;
    s.test.clock.advance(std::time::Duration::from_secs(2));
    let a = s.until("a", |a| a["status"]["phase"] == "Succeeded").await;
    let end = &a["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&end["exitCode"], &end["reason"]),
        (&json!(0), &json!("Completed"))
    );
}

#[tokio::test]
async fn a_pod_ends_at_its_deadline() {
    let s = Story::new().await;
    let mut a = pod("a");
    a["spec"]["activeDeadlineSeconds"] = 60.into();
    s.create(a).await;
    s.until("a", is_running).await;
    s.test.clock.advance(std::time::Duration::from_secs(61));
    let a = s.until("a", |a| a["status"]["phase"] == "Failed").await;
    assert_eq!(a["status"]["reason"], "DeadlineExceeded");
    let text = "Pod was active on the node longer than the specified deadline";
    assert_eq!(a["status"]["message"], text);
}

#[tokio::test]
async fn pods_of_before_a_restart_are_adopted() {
    let mut s = Story::new().await;
    s.create(pod("a")).await;
    let before = s.until("a", is_running).await;
    s.tasks.shutdown().await;
    s.test.clock.advance(std::time::Duration::from_mins(1));
    // It comes before the other in every list, and still does not get its address.
    s.create(pod("0")).await;
    let (kubelet, _tasks) = kubelet(&s.test.cluster);
    let b = s.until("0", is_running).await;
    assert_eq!(
        b["status"]["podIP"], "192.168.0.11",
        "the first address is kept"
    );
    let after = s.until("a", is_running).await;
    assert_eq!(after["status"], before["status"]);
    let mut logs = kubelet
        .logs("default", "a", "", false, LogQuery::default())
        .await
        .unwrap()
        .unwrap();
    let mut written = Vec::new();
    logs.read_to_end(&mut written).await.unwrap();
    assert!(written.is_empty());
}

#[tokio::test]
async fn pods_of_the_system_run_although_they_ask_for_much() {
    let s = Story::new().await;
    let mut a = pod("proxy");
    a["metadata"]["namespace"] = "kube-system".into();
    a["spec"]["hostNetwork"] = true.into();
    a["spec"]["containers"][0]["image"] =
        "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/kube-proxy:v1.33.0-eksbuild.2".into();
    a["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    s.create(a).await;
    let a = s.until("proxy", is_running).await;
    assert_eq!(a["status"]["podIP"], "192.168.0.1");
}

#[tokio::test]
async fn a_node_becomes_ready_and_keeps_a_lease() {
    let s = Story::new().await;
    let shelf = s.test.cluster.shelf("leases.coordination.k8s.io").unwrap();
    let mut told = shelf.subscribe();
    while shelf.get("kube-node-lease", "n").is_none() {
        told.changed().await.unwrap();
    }
    let node = s.test.cluster.get("nodes", "", "n").unwrap().value();
    let all = node["status"]["conditions"].as_array().unwrap();
    let last = all.last().unwrap();
    assert_eq!(
        (&last["type"], &last["reason"]),
        (&json!("Ready"), &json!("KubeletReady"))
    );
    assert_eq!(last["message"], "kubelet is posting ready status");
    assert_eq!(node["status"]["nodeInfo"]["operatingSystem"], "linux");
    let before = shelf.get("kube-node-lease", "n").unwrap().revision;
    told.mark_unchanged();
    s.test.clock.advance(std::time::Duration::from_secs(10));
    told.changed().await.unwrap();
    let lease = shelf.get("kube-node-lease", "n").unwrap();
    assert!(lease.revision > before);
    assert_eq!(
        lease.value()["spec"]["renewTime"],
        "2023-11-14T22:13:30.000000Z"
    );
}

#[tokio::test]
async fn what_needs_a_process_is_not_implemented() {
    let s = Story::new().await;
    s.create(pod("a")).await;
    s.until("a", is_running).await;
    let spec = ExecSpec {
        command: vec!["sh".to_owned()],
        tty: true,
        stdin: false,
    };
    let door = s.kubelet.door("default", "a", "").unwrap();
    let Err(Refusal::Status(refused)) = door.exec(spec).await else {
        panic!("a command runs nowhere");
    };
    assert_eq!(refused.code.as_u16(), 501);
    assert!(
        refused
            .message
            .starts_with("the simulated engine runs no processes")
    );
    let Err(Refusal::Status(refused)) = door.has_ports() else {
        panic!("there are no ports");
    };
    assert_eq!(refused.code.as_u16(), 501);
    let logs = s
        .kubelet
        .logs("default", "a", "x", false, LogQuery::default());
    let wrong = logs.await.map(drop).unwrap_err();
    assert_eq!(wrong.message, "container x is not valid for pod a");
}
