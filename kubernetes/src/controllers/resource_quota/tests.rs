use futures::FutureExt as _;
use serde_json::json;
use tokio::task::JoinSet;

use super::super::testing::{self, Running};
use super::*;
use crate::cluster::Deletion;

fn pod(name: &str, cpu: &str) -> Value {
    let resources = json!({ "requests": { "cpu": cpu }, "limits": { "cpu": cpu } });
    json!({
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "containers": [{ "name": "c", "image": "a:1", "resources": resources }] },
    })
}

async fn quota(running: &Running, hard: &Value) {
    let quota = json!({
        "metadata": { "name": "q", "namespace": "default" },
        "spec": { "hard": hard },
    });
    running.create(QUOTAS, quota).await;
    used(running, |status| !status["hard"].is_null()).await;
}

async fn used(running: &Running, look: impl Fn(&Value) -> bool + Send + Sync) -> Value {
    let found = running.until_one(QUOTAS, "q", "its use", |quota| look(&quota["status"]));
    found.await["status"]["used"].clone()
}

#[tokio::test]
async fn what_is_there_is_counted_and_what_goes_is_given_back() {
    let running = testing::running(&[|c| run(c).boxed()]).await;
    let (cluster, by) = (running.cluster(), &running.test.by);
    running.create("pods", pod("a", "500m")).await;
    let hard = json!({ "pods": "2", "requests.cpu": "1", "limits.cpu": "2", "count/pods": "9" });
    quota(&running, &hard).await;
    let first = used(&running, |status| status["used"]["pods"] == "1").await;
    let expected =
        json!({ "pods": "1", "requests.cpu": "500m", "limits.cpu": "500m", "count/pods": "1" });
    assert_eq!(first, expected);
    running.create("pods", pod("b", "250m")).await;
    let charged = cluster.get(QUOTAS, "default", "q").unwrap().value();
    assert_eq!(charged["status"]["used"]["requests.cpu"], "750m", "at once");
    let refused = cluster.create("pods", pod("c", "1"), by).await.unwrap_err();
    assert_eq!(
        refused.message,
        "pods \"c\" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=2,requests.cpu=750m, limited: pods=2,requests.cpu=1"
    );
    let how = Deletion::default();
    cluster
        .delete("pods", "default", "a", &how, by)
        .await
        .unwrap();
    used(&running, |status| status["used"]["requests.cpu"] == "250m").await;
    // A pod that has ended uses nothing, but it is there.
    let end = |pod: &mut Value| {
        pod["status"]["phase"] = "Succeeded".into();
        Ok(())
    };
    let part = Part::Status;
    cluster
        .modify("pods", "default", "b", part, by, end)
        .await
        .unwrap();
    let left = used(&running, |status| status["used"]["pods"] == "0").await;
    assert_eq!(left["count/pods"], "1");
}

#[tokio::test]
async fn of_many_at_once_as_many_are_admitted_as_fit() {
    let running = testing::running(&[|c| run(c).boxed()]).await;
    quota(&running, &json!({ "pods": "5" })).await;
    let mut all = JoinSet::new();
    for n in 0..20 {
        let (cluster, by) = (running.cluster().clone(), running.test.by.clone());
        let pod = pod(&format!("p{n}"), "1m");
        all.spawn(async move { cluster.create("pods", pod, &by).await });
    }
    let done = all.join_all().await;
    let refused = done.iter().filter_map(|done| done.as_ref().err());
    let refused: Vec<&Status> = refused.collect();
    assert_eq!(refused.len(), 15);
    for status in refused {
        assert_eq!(status.reason, "Forbidden", "{status}");
    }
    let now = running
        .cluster()
        .get(QUOTAS, "default", "q")
        .unwrap()
        .value();
    assert_eq!(now["status"]["used"]["pods"], "5");
}

#[tokio::test]
async fn a_write_that_fails_or_is_given_up_leaves_no_charge() {
    let running = testing::running(&[|c| run(c).boxed()]).await;
    let (cluster, by) = (running.cluster(), &running.test.by);
    quota(&running, &json!({ "pods": "5" })).await;
    running.create("pods", pod("a", "1m")).await;
    let there = cluster
        .create("pods", pod("a", "1m"), by)
        .await
        .unwrap_err();
    assert!(there.is_already_exists());
    used(&running, |status| status["used"]["pods"] == "1").await;
    // Given up after ever more steps: what was made is counted, what was not is not.
    let mut steps = 0;
    loop {
        let pod = pod(&format!("s{steps}"), "1m");
        let mut making = Box::pin(cluster.create("pods", pod, by));
        let mut done = false;
        for _ in 0..=steps {
            done = futures::poll!(&mut making).is_ready();
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(making);
        // What was on its way is decided before this is.
        let after = json!({ "metadata": { "name": format!("s{steps}"), "namespace": "default" } });
        running.create("configmaps", after).await;
        steps += 1;
        let counted = |status: &Value| {
            let there = cluster.list("pods", Some("default")).len().to_string();
            status["used"]["pods"] == there.as_str()
        };
        // The controller may have nothing to do: the pod was made.
        used(&running, counted).await;
        for pod in cluster.list("pods", Some("default")) {
            if pod.name != "a" {
                running.finish(&pod.name).await;
            }
        }
        used(&running, |status| status["used"]["pods"] == "1").await;
        if done || steps > 200 {
            return;
        }
    }
}

#[tokio::test]
async fn services_and_claims_count_by_what_they_are() {
    let running = testing::running(&[|c| run(c).boxed()]).await;
    let hard = json!({
        "services": "5", "services.nodeports": "5", "services.loadbalancers": "1",
        "requests.storage": "10Gi", "gp2.storageclass.storage.k8s.io/requests.storage": "5Gi",
        "persistentvolumeclaims": "3", "count/deployments.apps": "1",
    });
    quota(&running, &hard).await;
    let service = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "type": "LoadBalancer", "ports": [{ "port": 80 }] },
    });
    running.create("services", service).await;
    let claim = json!({
        "metadata": { "name": "data", "namespace": "default" },
        "spec": {
            "storageClassName": "gp2", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "4Gi" } },
        },
    });
    running.create("persistentvolumeclaims", claim).await;
    let now = running
        .cluster()
        .get(QUOTAS, "default", "q")
        .unwrap()
        .value();
    let used_now = json!({
        "services": "1", "services.nodeports": "1", "services.loadbalancers": "1",
        "requests.storage": "4Gi", "gp2.storageclass.storage.k8s.io/requests.storage": "4Gi",
        "persistentvolumeclaims": "1", "count/deployments.apps": "0",
    });
    assert_eq!(now["status"]["used"], used_now);
    running
        .change("services", "web", |service| {
            service["spec"]["type"] = "ClusterIP".into();
            service["spec"]["ports"][0]
                .as_object_mut()
                .unwrap()
                .remove("nodePort");
            service["spec"]
                .as_object_mut()
                .unwrap()
                .remove("allocateLoadBalancerNodePorts");
        })
        .await;
    let left = used(&running, |s| s["used"]["services.loadbalancers"] == "0").await;
    assert_eq!(left["services.nodeports"], "0");
}
