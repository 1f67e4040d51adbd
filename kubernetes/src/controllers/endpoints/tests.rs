use serde_json::json;

use super::*;
use crate::cluster::testing::TestCluster;

fn service(more: &Value) -> Value {
    let mut spec = json!({
        "clusterIP": "10.100.0.9",
        "selector": { "app": "web" },
        "ports": [{ "name": "http", "port": 80, "protocol": "TCP", "targetPort": "web" }],
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({ "metadata": { "name": "web", "namespace": "default", "uid": "s", "labels": { "team": "a" } }, "spec": spec })
}

fn pod(n: usize, ready: bool) -> PodView {
    serde_json::from_value(json!({
        "metadata": { "name": format!("p{n}"), "namespace": "default", "uid": format!("u{n}") },
        "spec": {
            "nodeName": "node", "hostname": "h", "subdomain": "web",
            "containers": [{ "name": "c", "ports": [{ "name": "web", "containerPort": 8080, "protocol": "TCP" }] }],
        },
        "status": {
            "phase": "Running", "podIP": format!("10.0.{}.{}", n / 200, n % 200 + 1),
            "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
        },
    }))
    .unwrap()
}

fn plan(service: &Value, pods: &[PodView], existing: &[Value]) -> slices::Plan {
    let pods: Vec<&PodView> = pods.iter().collect();
    let zones = HashMap::from([("node".to_owned(), "us-east-1a".to_owned())]);
    slices::plan(service, &pods, &zones, existing)
}

#[test]
fn an_endpoint_says_where_it_is_and_how_it_does() {
    let made = plan(&service(&json!({})), &[pod(0, true)], &[]);
    let slice = &made.create[0];
    assert_eq!(
        slice["ports"],
        json!([{ "name": "http", "port": 8080, "protocol": "TCP" }])
    );
    assert_eq!(
        slice["endpoints"],
        json!([{
            "addresses": ["10.0.0.1"],
            "conditions": { "ready": true, "serving": true, "terminating": false },
            "hostname": "h", "nodeName": "node", "zone": "us-east-1a",
            "targetRef": { "kind": "Pod", "namespace": "default", "name": "p0", "uid": "u0" },
        }])
    );
    assert_eq!(
        slice["metadata"]["labels"],
        json!({ "team": "a", "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" })
    );
    assert_eq!(slice["metadata"]["generateName"], "web-");
}

#[test]
fn readiness_follows_the_pod_its_end_and_the_service() {
    let mut ending = pod(0, true);
    ending.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".to_owned());
    let conditions = |service: &Value, pod: PodView| {
        plan(service, &[pod], &[]).create[0]["endpoints"][0]["conditions"].clone()
    };
    let told = |ready, serving, terminating| json!({ "ready": ready, "serving": serving, "terminating": terminating });
    assert_eq!(
        conditions(&service(&json!({})), ending.clone()),
        told(false, true, true)
    );
    assert_eq!(
        conditions(&service(&json!({})), pod(0, false)),
        told(false, false, false)
    );
    let tolerant = service(&json!({ "publishNotReadyAddresses": true }));
    assert_eq!(
        conditions(&tolerant, pod(0, false)),
        told(true, false, false)
    );
    assert_eq!(conditions(&tolerant, ending), told(true, true, true));
}

#[test]
fn nobody_is_an_empty_slice_and_pods_that_are_over_are_nobody() {
    let mut over = pod(0, true);
    over.status.phase = "Succeeded".to_owned();
    let made = plan(&service(&json!({})), &[over], &[]);
    assert_eq!(made.create.len(), 1);
    assert_eq!(made.create[0]["endpoints"], json!([]));
    let again = plan(&service(&json!({})), &[], &made.create);
    assert_eq!(again, slices::Plan::default());
}

#[test]
fn slices_hold_a_hundred_and_change_as_little_as_possible() {
    let pods: Vec<PodView> = (0..250).map(|n| pod(n, true)).collect();
    let made = plan(&service(&json!({})), &pods, &[]);
    let sizes: Vec<usize> = made
        .create
        .iter()
        .map(|s| fields::list(s, "endpoints").len())
        .collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(
        plan(&service(&json!({})), &pods, &made.create),
        slices::Plan::default()
    );
    // One more goes where there is room.
    let more: Vec<PodView> = (0..251).map(|n| pod(n, true)).collect();
    let changed = plan(&service(&json!({})), &more, &made.create);
    assert_eq!(
        (
            changed.create.len(),
            changed.update.len(),
            changed.delete.len()
        ),
        (0, 1, 0)
    );
    assert_eq!(fields::list(&changed.update[0], "endpoints").len(), 51);
    // All go: one slice stays, empty.
    let none = plan(&service(&json!({})), &[], &made.create);
    assert_eq!(
        (none.create.len(), none.update.len(), none.delete.len()),
        (0, 1, 2)
    );
    assert_eq!(none.update[0]["endpoints"], json!([]));
}

#[test]
fn a_pod_without_the_port_is_in_a_slice_of_its_own() {
    let mut other = pod(1, true);
    other.spec.containers[0].ports[0].name = "metrics".to_owned();
    let made = plan(&service(&json!({})), &[pod(0, true), other.clone()], &[]);
    assert_eq!(made.create.len(), 2);
    let endpoints = subsets::endpoints(&service(&json!({})), &[&other], &Value::Null);
    assert!(endpoints["subsets"].is_null());
}

#[test]
fn endpoints_tell_apart_who_is_ready() {
    let pods = [pod(1, true), pod(0, true), pod(2, false)];
    let pods: Vec<&PodView> = pods.iter().collect();
    let told = subsets::endpoints(&service(&json!({})), &pods, &Value::Null);
    let subset = &told["subsets"][0];
    let ips = |key| -> Vec<&str> {
        fields::list(subset, key)
            .iter()
            .map(|a| fields::text(a, "ip"))
            .collect()
    };
    assert_eq!(ips("addresses"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(ips("notReadyAddresses"), ["10.0.0.3"]);
    assert_eq!(
        subset["ports"],
        json!([{ "name": "http", "port": 8080, "protocol": "TCP" }])
    );
    assert_eq!(
        told["metadata"]["labels"],
        json!({ "team": "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller" })
    );
    let many: Vec<PodView> = (0..1200).map(|n| pod(n, true)).collect();
    let many: Vec<&PodView> = many.iter().collect();
    let told = subsets::endpoints(
        &service(&json!({ "clusterIP": "None" })),
        &many,
        &Value::Null,
    );
    assert_eq!(fields::list(&told["subsets"][0], "addresses").len(), 1000);
    assert_eq!(
        told["metadata"]["annotations"]["endpoints.kubernetes.io/over-capacity"],
        "truncated"
    );
    assert_eq!(
        told["metadata"]["labels"]["service.kubernetes.io/headless"],
        ""
    );
}

#[tokio::test]
async fn a_service_finds_its_pods_and_is_forgotten_when_it_goes() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    let running = tokio::spawn(run(cluster.clone()));
    let web = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "clusterIP": "None", "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    });
    cluster.create("services", web, by).await.unwrap();
    let pod = json!({
        "metadata": { "name": "p", "namespace": "default", "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "c", "image": "a:1" }] },
    });
    cluster.create("pods", pod, by).await.unwrap();
    let started = cluster.modify("pods", "default", "p", Part::Status, by, |pod| {
        pod["status"] = json!({
            "phase": "Running", "podIP": "10.0.0.7", "podIPs": [{ "ip": "10.0.0.7" }],
            "conditions": [{ "type": "Ready", "status": "True" }],
        });
        Ok(())
    });
    started.await.unwrap();
    let shelf = cluster.shelf("endpoints").unwrap();
    let mut news = shelf.subscribe();
    while shelf
        .get("default", "web")
        .is_none_or(|e| e.value()["subsets"][0]["addresses"][0]["ip"] != "10.0.0.7")
    {
        news.changed().await.unwrap();
    }
    let slices = cluster.list(SLICES, Some("default"));
    assert_eq!(slices.len(), 1);
    assert_eq!(
        slices[0].value()["endpoints"][0]["addresses"][0],
        "10.0.0.7"
    );
    cluster
        .delete("services", "default", "web", &Deletion::default(), by)
        .await
        .unwrap();
    while shelf.get("default", "web").is_some() {
        news.changed().await.unwrap();
    }
    running.abort();
}
