//! A deployment in a cluster, end to end.
use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::controllers::testing::{Running, running, template};
use crate::controllers::{deployment, replica_set};

async fn cluster() -> Running {
    running(&[
        |c| deployment::run(c).boxed(),
        |c| replica_set::run(c).boxed(),
    ])
    .await
}

fn web(replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "default",
            "annotations": { "kubernetes.io/change-cause": "first" },
        },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": template(image),
        },
    })
}

fn condition<'a>(value: &'a Value, kind: &str) -> &'a Value {
    let conditions = value["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .unwrap_or(&Value::Null)
}

/// What `kubectl rollout status` waits for.
fn is_rolled_out(value: &Value) -> bool {
    let (spec, status) = (&value["spec"], &value["status"]);
    status["observedGeneration"] == value["metadata"]["generation"]
        && status["updatedReplicas"] == spec["replicas"]
        && status["replicas"] == spec["replicas"]
        && status["availableReplicas"] == spec["replicas"]
        && condition(value, "Progressing")["reason"] == "NewReplicaSetAvailable"
}

fn sets(running: &Running) -> Vec<Value> {
    let sets = running.cluster().list("replicasets.apps", Some("default"));
    let mut sets: Vec<Value> = sets.iter().map(|set| set.value()).collect();
    let revision = |set: &Value| {
        let text = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        text.unwrap_or_default().parse::<i64>().unwrap_or_default()
    };
    sets.sort_by_key(revision);
    sets
}

#[tokio::test]
async fn a_deployment_rolls_out_and_tells_of_it_in_the_words_of_kubernetes() {
    let running = cluster().await;
    running.create("deployments.apps", web(3, "web:1")).await;
    let new = |value: &Value| {
        value["status"]["observedGeneration"] == 1 && value["status"]["replicas"] == 3
    };
    let value = running
        .until_one("deployments.apps", "web", "three pods", new)
        .await;
    assert_eq!(value["status"]["unavailableReplicas"], 3);
    assert_eq!(
        condition(&value, "Available")["reason"],
        "MinimumReplicasUnavailable"
    );
    let message = &condition(&value, "Available")["message"];
    assert_eq!(message, "Deployment does not have minimum availability.");

    let value = running
        .play_until("deployments.apps", "web", "a rollout", is_rolled_out)
        .await;
    assert_eq!(
        value["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "1"
    );
    assert_eq!(value["metadata"]["generation"], 1);
    let set = &sets(&running)[0];
    let name = set["metadata"]["name"].as_str().unwrap();
    let hash = set["metadata"]["labels"]["pod-template-hash"]
        .as_str()
        .unwrap();
    assert_eq!(name, format!("web-{hash}"));
    assert_eq!(
        set["spec"]["selector"]["matchLabels"]["pod-template-hash"],
        hash
    );
    assert_eq!(
        set["metadata"]["annotations"],
        json!({
            "kubernetes.io/change-cause": "first",
            "deployment.kubernetes.io/revision": "1",
            "deployment.kubernetes.io/desired-replicas": "3",
            "deployment.kubernetes.io/max-replicas": "4",
        })
    );
    let progressing = condition(&value, "Progressing");
    let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
    assert_eq!(
        (&progressing["status"], &progressing["message"]),
        (&json!("True"), &json!(message))
    );
    let available = condition(&value, "Available");
    assert_eq!(available["message"], "Deployment has minimum availability.");
    let message = format!("Scaled up replica set {name} from 0 to 3");
    assert_eq!(running.events("web", "ScalingReplicaSet"), [message]);
    assert_eq!(running.events(name, "SuccessfulCreate").len(), 3);
}

#[tokio::test]
async fn a_new_template_replaces_all_pods_and_the_old_one_can_be_gone_back_to() {
    let running = cluster().await;
    running.create("deployments.apps", web(3, "web:1")).await;
    running
        .play_until("deployments.apps", "web", "a rollout", is_rolled_out)
        .await;
    let image = |image: &'static str| {
        move |value: &mut Value| {
            value["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        }
    };
    running
        .change("deployments.apps", "web", image("web:2"))
        .await;
    running
        .play_until("deployments.apps", "web", "a second rollout", is_rolled_out)
        .await;
    let both = sets(&running);
    assert_eq!(both.len(), 2);
    let sizes: Vec<&Value> = both.iter().map(|set| &set["spec"]["replicas"]).collect();
    assert_eq!(sizes, [0, 3]);
    // What `kubectl rollout undo` does.
    running
        .change("deployments.apps", "web", image("web:1"))
        .await;
    let value = running
        .play_until("deployments.apps", "web", "the way back", is_rolled_out)
        .await;
    assert_eq!(
        value["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "3"
    );
    let both = sets(&running);
    let annotations = &both[1]["metadata"]["annotations"];
    assert_eq!(
        annotations["deployment.kubernetes.io/revision-history"],
        "1"
    );
    assert_eq!(
        both[1]["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
}

#[tokio::test]
async fn recreate_waits_until_old_pods_are_gone() {
    let running = cluster().await;
    let mut value = web(2, "web:1");
    value["spec"]["strategy"] = json!({ "type": "Recreate" });
    running.create("deployments.apps", value).await;
    running
        .play_until("deployments.apps", "web", "a rollout", is_rolled_out)
        .await;
    running
        .change("deployments.apps", "web", |value| {
            value["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
        })
        .await;
    let ending = running
        .until("pods", "both pods to be ended", |pods| {
            let all = pods.len() == 2 && pods.iter().all(|pod| pod.deleting);
            all.then(|| pods.to_vec())
        })
        .await;
    running
        .until_one("deployments.apps", "web", "no pods", |value| {
            value["status"]["observedGeneration"] == 2 && value["status"]["replicas"].is_null()
        })
        .await;
    assert_eq!(sets(&running).len(), 1);
    for pod in ending {
        running.finish(&pod.name).await;
    }
    running
        .play_until("deployments.apps", "web", "a second rollout", is_rolled_out)
        .await;
    assert_eq!(sets(&running).len(), 2);
}

#[tokio::test]
async fn a_paused_deployment_scales_but_does_not_roll_and_a_stuck_one_times_out() {
    let running = cluster().await;
    running.create("deployments.apps", web(1, "web:1")).await;
    running
        .play_until("deployments.apps", "web", "a rollout", is_rolled_out)
        .await;
    running
        .change("deployments.apps", "web", |value| {
            value["spec"]["paused"] = true.into();
            value["spec"]["replicas"] = 2.into();
            value["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
        })
        .await;
    let paused = |value: &Value| {
        condition(value, "Progressing")["reason"] == "DeploymentPaused"
            && value["status"]["availableReplicas"] == 2
    };
    running
        .play_until("deployments.apps", "web", "two old pods", paused)
        .await;
    assert_eq!(sets(&running).len(), 1);
    running
        .change("deployments.apps", "web", |value| {
            value["spec"]["paused"] = false.into();
        })
        .await;
    let surged = |value: &Value| value["status"]["updatedReplicas"] == 1;
    running
        .until_one("deployments.apps", "web", "a new pod", surged)
        .await;
    running
        .test
        .clock
        .advance(std::time::Duration::from_secs(602));
    let late = |value: &Value| {
        let progressing = condition(value, "Progressing");
        progressing["reason"] == "ProgressDeadlineExceeded" && progressing["status"] == "False"
    };
    running
        .until_one("deployments.apps", "web", "a time-out", late)
        .await;
    running
        .play_until("deployments.apps", "web", "a late rollout", is_rolled_out)
        .await;
}
