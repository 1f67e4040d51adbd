use futures::FutureExt as _;
use serde_json::json;
use wharf_types::Timestamp;

use super::fit::Fit;
use super::*;
use crate::controllers::testing::{Running, running, template};

fn node(labels: Value, taints: Value) -> NodeView {
    let mut value = json!({ "metadata": { "name": "a" } });
    value["metadata"]["labels"] = labels;
    value["spec"]["taints"] = taints;
    serde_json::from_value(value).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn pods_run_where_selectors_affinity_and_taints_let_them() {
    let run = Fit {
        run: true,
        stay: true,
    };
    let stay = Fit {
        run: false,
        stay: true,
    };
    let none = Fit::default();
    let taint = |key: &str, effect: &str| json!([{ "key": key, "effect": effect }]);
    let affinity = |expression: Value| {
        json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchExpressions": [expression] }] } } } })
    };
    let zone = |operator: &str, values: Value| {
        affinity(json!({ "key": "zone", "operator": operator, "values": values }))
    };
    let cases = [
        (json!({}), json!({}), json!([]), run),
        (
            json!({}),
            json!({ "eks.amazonaws.com/compute-type": "fargate" }),
            json!([]),
            none,
        ),
        (
            json!({ "nodeSelector": { "zone": "x" } }),
            json!({ "zone": "x" }),
            json!([]),
            run,
        ),
        (
            json!({ "nodeSelector": { "zone": "x" } }),
            json!({ "zone": "y" }),
            json!([]),
            none,
        ),
        (
            zone("In", json!(["x"])),
            json!({ "zone": "x" }),
            json!([]),
            run,
        ),
        (
            zone("NotIn", json!(["x"])),
            json!({ "zone": "x" }),
            json!([]),
            none,
        ),
        (
            zone("Gt", json!(["3"])),
            json!({ "zone": "4" }),
            json!([]),
            run,
        ),
        (json!({ "nodeName": "b" }), json!({}), json!([]), none),
        (json!({}), json!({}), taint("gpu", "NoSchedule"), stay),
        (json!({}), json!({}), taint("gpu", "NoExecute"), none),
        (json!({}), json!({}), taint("gpu", "PreferNoSchedule"), run),
        (
            json!({}),
            json!({}),
            taint("node.kubernetes.io/not-ready", "NoExecute"),
            run,
        ),
        (
            json!({}),
            json!({}),
            taint("node.kubernetes.io/unschedulable", "NoSchedule"),
            run,
        ),
        (
            json!({}),
            json!({}),
            taint("node.kubernetes.io/network-unavailable", "NoSchedule"),
            stay,
        ),
        (
            json!({ "hostNetwork": true }),
            json!({}),
            taint("node.kubernetes.io/network-unavailable", "NoSchedule"),
            run,
        ),
        (
            json!({ "tolerations": [{ "operator": "Exists" }] }),
            json!({}),
            taint("gpu", "NoExecute"),
            run,
        ),
    ];
    for (spec, labels, taints, wanted) in cases {
        let node = node(labels, taints);
        assert_eq!(fit(&spec, &node), wanted, "{spec} on {node:?}");
    }
}

/// A pod such as `a:new:ready`, `b:old:running`, `c:old:ready:deleting`.
fn pod(text: &str) -> Arc<PodView> {
    let parts: Vec<&str> = text.split(':').collect();
    let status = match parts[2] {
        "ready" => json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }],
        }),
        "failed" => json!({ "phase": "Failed" }),
        _ => json!({ "phase": "Running" }),
    };
    let mut value = json!({
        "metadata": {
            "name": text, "uid": text,
            "labels": { "controller-revision-hash": parts[1] },
        },
        "spec": { "nodeName": parts[0] },
        "status": status,
    });
    if parts.get(3) == Some(&"deleting") {
        value["metadata"]["deletionTimestamp"] = "2023-11-14T22:13:20Z".into();
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

/// What is planned for nodes `a`, `b`, `c`: nodes that get a pod, and pods that go.
fn planned(rolling: Value, pods: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut set = json!({ "spec": {
        "updateStrategy": { "type": "RollingUpdate" },
        "template": { "spec": {} },
    } });
    set["spec"]["updateStrategy"]["rollingUpdate"] = rolling;
    let set: DaemonSetView = serde_json::from_value(set).unwrap();
    let nodes = ["a", "b", "c"].map(|name| {
        let mut node = node(json!({}), json!([]));
        node.metadata.name = name.to_owned();
        Arc::new(node)
    });
    let pods: Vec<_> = pods.iter().map(|text| pod(text)).collect();
    let now = Timestamp::from_secs(1_700_000_000);
    let plan = plan(&View::new(&set, "new", &nodes, &pods, now));
    let gone = plan.delete.iter().map(|pod| pod.metadata.name.clone());
    (plan.create, gone.collect())
}

#[test]
fn every_node_has_one_pod_and_updates_keep_to_their_limits() {
    let one = || json!({ "maxUnavailable": 1, "maxSurge": 0 });
    let (create, delete) = planned(one(), &["a:new:ready"]);
    assert_eq!(
        (create, delete),
        (vec!["b".to_owned(), "c".to_owned()], vec![])
    );
    let (_, delete) = planned(
        one(),
        &["a:new:ready", "b:new:ready", "c:new:ready", "c:old:ready"],
    );
    assert_eq!(delete.len(), 1);
    let old = ["a:old:ready", "b:old:ready", "c:old:ready"];
    assert_eq!(planned(one(), &old).1, ["a:old:ready"]);
    assert_eq!(
        planned(json!({ "maxUnavailable": "50%" }), &old).1,
        ["a:old:ready", "b:old:ready"]
    );
    // One is unavailable already, unless it is itself to be replaced.
    let waits = ["a:new:running", "b:old:ready", "c:old:ready"];
    assert_eq!(planned(one(), &waits).1, [""; 0]);
    let sick = ["a:old:running", "b:old:ready", "c:old:ready"];
    assert_eq!(planned(one(), &sick).1, ["a:old:running"]);
    let surge = || json!({ "maxUnavailable": 0, "maxSurge": 1 });
    assert_eq!(planned(surge(), &old).0, ["a"]);
    let both = ["a:old:ready", "a:new:running", "b:old:ready", "c:old:ready"];
    assert_eq!(planned(surge(), &both), (vec![], vec![]));
    let both = ["a:old:ready", "a:new:ready", "b:old:ready", "c:old:ready"];
    assert_eq!(
        planned(surge(), &both),
        (vec![], vec!["a:old:ready".to_owned()])
    );
}

async fn cluster() -> Running {
    let running = running(&[|c| run(c).boxed()]).await;
    for (name, kind) in [("one", "ec2"), ("two", "ec2"), ("three", "fargate")] {
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": name, "labels": { "eks.amazonaws.com/compute-type": kind } },
        });
        running.create("nodes", node).await;
    }
    running
}

fn web() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": template("web:1") },
    })
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(value: &Value) -> bool {
    let status = &value["status"];
    status["observedGeneration"] == value["metadata"]["generation"]
        && status["updatedNumberScheduled"] == status["desiredNumberScheduled"]
        && status["numberAvailable"] == status["desiredNumberScheduled"]
}

#[tokio::test]
async fn a_daemon_set_has_a_pod_on_every_node_but_those_of_fargate() {
    let running = cluster().await;
    running.create("daemonsets.apps", web()).await;
    let value = running
        .play_until("daemonsets.apps", "web", "a rollout", is_rolled_out)
        .await;
    let status = &value["status"];
    assert_eq!(status["desiredNumberScheduled"], 2);
    assert_eq!(
        (&status["numberReady"], &status["numberMisscheduled"]),
        (&json!(2), &json!(0))
    );
    let pods = running.cluster().list("pods", Some("default"));
    let mut nodes: Vec<String> = pods
        .iter()
        .map(|pod| {
            let pod = pod.value();
            let required = &pod["spec"]["affinity"]["nodeAffinity"]
                ["requiredDuringSchedulingIgnoredDuringExecution"];
            let field = &required["nodeSelectorTerms"][0]["matchFields"][0];
            assert_eq!((&field["key"], &field["operator"]), (&json!("metadata.name"), &json!("In")));
            field["values"][0].as_str().unwrap().to_owned()
        })
        .collect();
    nodes.sort();
    assert_eq!(nodes, ["one", "two"]);

    running
        .change("daemonsets.apps", "web", |value| {
            value["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
        })
        .await;
    running
        .play_until("daemonsets.apps", "web", "an update", is_rolled_out)
        .await;
    let pods = running.cluster().list("pods", Some("default"));
    let image = |pod: &Arc<Object>| pod.value()["spec"]["containers"][0]["image"].clone();
    assert!(pods.iter().all(|pod| image(pod) == "web:2"));
    let revisions = running.cluster().list("controllerrevisions.apps", None);
    let mut numbers: Vec<i64> = revisions
        .iter()
        .map(|r| r.value()["revision"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);

    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "four" } });
    running.create("nodes", node).await;
    let three = |value: &Value| value["status"]["numberAvailable"] == 3;
    running
        .play_until("daemonsets.apps", "web", "a third", three)
        .await;
}
