use futures::FutureExt as _;
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::plan::Step;
use super::*;
use crate::controllers::testing::{Running, running, template};

fn set(mut spec: Value) -> StatefulSetView {
    let mut value = json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "set", "generation": 1 },
        "spec": {
            "replicas": 3,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
        },
    });
    for (key, field) in spec.as_object_mut().unwrap() {
        value["spec"][key] = field.take();
    }
    serde_json::from_value(value).unwrap()
}

/// A pod such as `0:new:ready`, `1:old:pending`, `2:new:ready:deleting`.
fn pod(text: &str) -> Arc<PodView> {
    let parts: Vec<&str> = text.split(':').collect();
    let name = format!("web-{}", parts[0]);
    let status = match parts[2] {
        "ready" => json!({
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }],
        }),
        "running" => json!({ "phase": "Running" }),
        "failed" => json!({ "phase": "Failed" }),
        _ => json!({ "phase": "Pending" }),
    };
    let mut value = json!({
        "metadata": {
            "name": name, "uid": name,
            "labels": {
                "statefulset.kubernetes.io/pod-name": name,
                "controller-revision-hash": parts[1],
            },
        },
        "status": status,
    });
    if parts.get(3) == Some(&"deleting") {
        value["metadata"]["deletionTimestamp"] = "2023-11-14T22:13:20Z".into();
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

fn steps(spec: Value, pods: &[&str]) -> Vec<String> {
    let pods: Vec<_> = pods.iter().map(|text| pod(text)).collect();
    let revisions = Revisions {
        current: "old",
        update: "new",
        collisions: 0,
    };
    let plan = plan(
        &set(spec),
        revisions,
        &pods,
        Timestamp::from_secs(1_700_000_000),
    );
    let text = |step: &Step| match step {
        Step::Create { ordinal, updated } => {
            format!("create {ordinal} {}", if *updated { "new" } else { "old" })
        }
        Step::Claims(pod) => format!("claims {}", pod.metadata.name),
        Step::Repair(pod) => format!("repair {}", pod.metadata.name),
        Step::Delete(pod) => format!("delete {}", pod.metadata.name),
    };
    plan.steps.iter().map(text).collect()
}

#[test]
fn ordered_pods_come_one_after_the_other_and_go_from_the_last() {
    let none = || json!({});
    assert_eq!(steps(none(), &[]), ["create 0 new"]);
    assert_eq!(steps(none(), &["0:new:pending"]), ["claims web-0"]);
    assert_eq!(steps(none(), &["0:new:running"]), [""; 0]);
    assert_eq!(steps(none(), &["0:new:ready"]), ["create 1 new"]);
    assert_eq!(
        steps(none(), &["0:new:ready", "1:new:ready:deleting"]),
        [""; 0]
    );
    assert_eq!(
        steps(none(), &["0:new:ready", "1:new:failed"]),
        ["delete web-1"]
    );
    let one = || json!({ "replicas": 1 });
    let three = ["0:new:ready", "1:new:ready", "2:new:ready"];
    assert_eq!(steps(one(), &three), ["delete web-2"]);
    let ending = ["0:new:ready", "1:new:ready", "2:new:ready:deleting"];
    assert_eq!(steps(one(), &ending), [""; 0]);
    // Only the first pod that is unavailable may go without being ready.
    let sick = ["0:new:ready", "1:new:running", "2:new:ready"];
    assert_eq!(steps(one(), &sick), ["delete web-2"]);
    let sick = ["0:new:ready", "1:new:running", "2:new:running"];
    assert_eq!(steps(one(), &sick), [""; 0]);
    let sick = ["0:new:ready", "1:new:ready", "2:new:running"];
    assert_eq!(steps(one(), &sick), ["delete web-2"]);
}

#[test]
fn parallel_pods_wait_for_nobody() {
    let parallel =
        |replicas: i64| json!({ "podManagementPolicy": "Parallel", "replicas": replicas });
    assert_eq!(steps(parallel(2), &[]), ["create 0 new", "create 1 new"]);
    let three = ["0:new:ready", "1:new:running", "2:new:running"];
    assert_eq!(steps(parallel(1), &three), ["delete web-2", "delete web-1"]);
}

#[test]
fn updates_go_from_the_last_pod_down_to_the_partition() {
    let none = || json!({});
    let old = ["0:old:ready", "1:old:ready", "2:old:ready"];
    assert_eq!(steps(none(), &old), ["delete web-2"]);
    let one = ["0:old:ready", "1:old:ready", "2:new:ready"];
    assert_eq!(steps(none(), &one), ["delete web-1"]);
    let waits = ["0:old:ready", "1:old:ready", "2:new:running"];
    assert_eq!(steps(none(), &waits), [""; 0]);
    let partition = |n: i64| json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": n } } });
    assert_eq!(steps(partition(2), &one), [""; 0]);
    assert_eq!(
        steps(partition(1), &["1:old:ready", "2:new:ready"]),
        ["create 0 old"]
    );
    let on_delete = || json!({ "updateStrategy": { "type": "OnDelete" } });
    assert_eq!(steps(on_delete(), &old), [""; 0]);
    assert_eq!(
        steps(on_delete(), &["0:old:ready", "1:old:ready"]),
        ["create 2 new"]
    );
    let two = json!({ "updateStrategy": {
        "type": "RollingUpdate", "rollingUpdate": { "partition": 0, "maxUnavailable": 2 } } });
    assert_eq!(steps(two, &old), ["delete web-2", "delete web-1"]);
}

#[test]
fn ordinals_may_start_elsewhere() {
    let spec = json!({ "replicas": 2, "ordinals": { "start": 5 } });
    assert_eq!(steps(spec.clone(), &[]), ["create 5 new"]);
    assert_eq!(
        steps(spec, &["5:new:ready", "6:new:ready", "0:new:ready"]),
        ["delete web-0"]
    );
}

#[test]
fn claims_are_owned_as_the_retention_policy_says() {
    let owners = |deleted: &str, scaled: &str, in_range: bool| -> Option<Vec<String>> {
        let policy = json!({ "persistentVolumeClaimRetentionPolicy": {
            "whenDeleted": deleted, "whenScaled": scaled } });
        let owners = retention::owners(&[], &set(policy), &pod("1:new:ready"), in_range)?;
        Some(owners.into_iter().map(|owner| owner.kind).collect())
    };
    assert_eq!(owners("Retain", "Retain", false), None);
    assert_eq!(
        owners("Delete", "Retain", true),
        Some(vec!["StatefulSet".to_owned()])
    );
    assert_eq!(owners("Retain", "Delete", true), None);
    assert_eq!(
        owners("Retain", "Delete", false),
        Some(vec!["Pod".to_owned()])
    );
    assert_eq!(
        owners("Delete", "Delete", true),
        Some(vec!["StatefulSet".to_owned()])
    );
    assert_eq!(
        owners("Delete", "Delete", false),
        Some(vec!["Pod".to_owned()])
    );
}

async fn cluster() -> Running {
    running(&[|c| run(c).boxed()]).await
}

fn web(replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": {
            "replicas": replicas,
            "serviceName": "web",
            "selector": { "matchLabels": { "app": "web" } },
            "template": template("web:1"),
            "volumeClaimTemplates": [{
                "metadata": { "name": "data" },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": "1Gi" } },
                },
            }],
        },
    })
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(value: &Value) -> bool {
    let (spec, status) = (&value["spec"], &value["status"]);
    status["observedGeneration"] == value["metadata"]["generation"]
        && status["readyReplicas"] == spec["replicas"]
        && status["updatedReplicas"] == spec["replicas"]
        && status["currentRevision"] == status["updateRevision"]
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn a_stateful_set_rolls_out_with_names_and_claims_and_goes_back() {
    let running = cluster().await;
    running.create("statefulsets.apps", web(2)).await;
    let value = running
        .play_until("statefulsets.apps", "web", "a rollout", is_rolled_out)
        .await;
    let first = value["status"]["updateRevision"]
        .as_str()
        .unwrap()
        .to_owned();
    let get = |resource: &str, name: &str| {
        running
            .cluster()
            .get(resource, "default", name)
            .unwrap()
            .value()
    };
    let pod = get("pods", "web-1");
    assert_eq!(
        pod["metadata"]["labels"],
        json!({
            "app": "web",
            "apps.kubernetes.io/pod-index": "1",
            "controller-revision-hash": first,
            "statefulset.kubernetes.io/pod-name": "web-1",
        })
    );
    assert_eq!(
        (&pod["spec"]["hostname"], &pod["spec"]["subdomain"]),
        (&json!("web-1"), &json!("web"))
    );
    let volume = &pod["spec"]["volumes"][0];
    assert_eq!(volume["persistentVolumeClaim"]["claimName"], "data-web-1");
    let claim = get("persistentvolumeclaims", "data-web-1");
    assert_eq!(claim["metadata"]["labels"], json!({ "app": "web" }));
    let events = running.events("web", "SuccessfulCreate");
    let wanted = [
        "create Claim data-web-0 Pod web-0 in StatefulSet web success",
        "create Pod web-0 in StatefulSet web successful",
    ];
    assert!(
        wanted
            .iter()
            .all(|text| events.iter().any(|event| event == text)),
        "{events:?}"
    );

    let image = |image: &'static str| {
        move |value: &mut Value| {
            value["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        }
    };
    running
        .change("statefulsets.apps", "web", image("web:2"))
        .await;
    let value = running
        .play_until("statefulsets.apps", "web", "an update", is_rolled_out)
        .await;
    assert_ne!(value["status"]["updateRevision"], first.as_str());
    running
        .change("statefulsets.apps", "web", image("web:1"))
        .await;
    let value = running
        .play_until("statefulsets.apps", "web", "the way back", is_rolled_out)
        .await;
    assert_eq!(value["status"]["updateRevision"], first.as_str());
    assert_eq!(get("controllerrevisions.apps", &first)["revision"], 3);
    assert_eq!(
        running
            .cluster()
            .list("controllerrevisions.apps", None)
            .len(),
        2
    );
}

#[tokio::test]
async fn claims_of_pods_that_are_scaled_away_belong_to_them() {
    let running = cluster().await;
    let mut value = web(2);
    value["spec"]["persistentVolumeClaimRetentionPolicy"] =
        json!({ "whenDeleted": "Delete", "whenScaled": "Delete" });
    running.create("statefulsets.apps", value).await;
    running
        .play_until("statefulsets.apps", "web", "a rollout", is_rolled_out)
        .await;
    let owner = |kind: &'static str| {
        move |claim: &Value| claim["metadata"]["ownerReferences"][0]["kind"] == kind
    };
    running
        .until_one(
            "persistentvolumeclaims",
            "data-web-1",
            "the set's",
            owner("StatefulSet"),
        )
        .await;
    running
        .change("statefulsets.apps", "web", |set| {
            set["spec"]["replicas"] = 1.into();
        })
        .await;
    running
        .until_one(
            "persistentvolumeclaims",
            "data-web-1",
            "the pod's",
            owner("Pod"),
        )
        .await;
    running
        .play_until("statefulsets.apps", "web", "one pod", is_rolled_out)
        .await;
}
