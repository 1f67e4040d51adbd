use serde_json::{Value, json};

use super::{Deletion, FieldValidation, Options, Part, Propagation, Write};
use crate::cluster::testing::TestCluster;

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": "default" },
        "spec": { "containers": [{ "name": "c", "image": "app:1" }] },
    })
}

fn config(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "default" },
        "data": { "a": "1" },
    })
}

#[tokio::test]
async fn a_new_pod_has_defaults_a_token_and_the_first_status() {
    let test = TestCluster::new().await;
    let made = test
        .cluster
        .create("pods", pod("a"), &test.by)
        .await
        .unwrap();
    let made = made.value();
    assert_eq!(made["spec"]["restartPolicy"], "Always");
    assert_eq!(made["spec"]["serviceAccountName"], "default");
    assert_eq!(made["status"]["phase"], "Pending");
    assert_eq!(made["status"]["qosClass"], "BestEffort");
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "test");
    let mounts = &made["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(
        mounts[0]["mountPath"],
        "/var/run/secrets/kubernetes.io/serviceaccount"
    );
    assert!(
        made["spec"].get("initContainers").is_none(),
        "not even null"
    );
    let lost = &made["spec"]["tolerations"][1];
    assert_eq!(lost["key"], "node.kubernetes.io/unreachable");
    assert_eq!(lost["tolerationSeconds"], 300);
}

#[tokio::test]
async fn nothing_is_made_in_a_namespace_that_is_not_there() {
    let test = TestCluster::new().await;
    let mut pod = pod("a");
    pod["metadata"]["namespace"] = "other".into();
    let refused = test
        .cluster
        .create("pods", pod, &test.by)
        .await
        .unwrap_err();
    assert_eq!(refused.message, "namespaces \"other\" not found");
    assert_eq!(refused.code, 404);
}

#[tokio::test]
async fn the_same_again_is_refused_and_what_does_not_change_is_not_written() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    let made = cluster.create("configmaps", config("a"), by).await.unwrap();
    let again = cluster
        .create("configmaps", config("a"), by)
        .await
        .unwrap_err();
    assert_eq!(again.message, "configmaps \"a\" already exists");
    let same = cluster.modify("configmaps", "default", "a", Part::Main, by, |_| Ok(()));
    assert_eq!(same.await.unwrap().revision, made.revision);
    let moved = cluster.modify("configmaps", "default", "a", Part::Main, by, |object| {
        object["data"]["a"] = "2".into();
        Ok(())
    });
    assert!(moved.await.unwrap().revision > made.revision);
}

#[tokio::test]
async fn a_change_of_an_old_state_is_a_conflict() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    let made = cluster.create("configmaps", config("a"), by).await.unwrap();
    let old = made.value();
    let set = |text: &'static str| {
        move |object: &mut Value| {
            object["data"]["a"] = text.into();
            Ok(())
        }
    };
    let done = cluster.modify("configmaps", "default", "a", Part::Main, by, set("2"));
    done.await.unwrap();
    let late = cluster.modify("configmaps", "default", "a", Part::Main, by, |object| {
        *object = old.clone();
        Ok(())
    });
    let late = late.await.unwrap_err();
    assert_eq!(
        late.message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
}

#[tokio::test]
async fn status_and_spec_are_changed_apart_and_only_the_spec_counts_generations() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    let deployment = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": {
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "c", "image": "app:1" }] },
            },
        },
        "status": { "replicas": 7 },
    });
    let made = cluster
        .create("deployments.apps", deployment, by)
        .await
        .unwrap();
    let made = made.value();
    assert_eq!(made["spec"]["replicas"], 1);
    assert_ne!(made["status"]["replicas"], 7);
    assert_eq!(made["metadata"]["generation"], 1);
    let both = |object: &mut Value| {
        object["spec"]["replicas"] = 3.into();
        object["status"]["observedGeneration"] = 1.into();
        Ok(())
    };
    let name = ("deployments.apps", "default", "web");
    let status = cluster.modify(name.0, name.1, name.2, Part::Status, by, both);
    let status = status.await.unwrap().value();
    assert_eq!(
        (
            &status["spec"]["replicas"],
            &status["status"]["observedGeneration"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(status["metadata"]["generation"], 1);
    let main = cluster.modify(name.0, name.1, name.2, Part::Main, by, |object| {
        object["spec"]["replicas"] = 3.into();
        object["status"]["observedGeneration"] = 9.into();
        Ok(())
    });
    let main = main.await.unwrap().value();
    assert_eq!(
        (
            &main["spec"]["replicas"],
            &main["status"]["observedGeneration"]
        ),
        (&json!(3), &json!(1))
    );
    assert_eq!(main["metadata"]["generation"], 2);
}

#[tokio::test]
async fn a_pod_on_a_node_gets_its_grace_and_finalizers_hold_an_object() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    cluster.create("pods", pod("a"), by).await.unwrap();
    let bound = cluster.modify("pods", "default", "a", Part::Binding, by, |pod| {
        pod["spec"]["nodeName"] = "n".into();
        Ok(())
    });
    bound.await.unwrap();
    let gently = Deletion::default();
    cluster
        .delete("pods", "default", "a", &gently, by)
        .await
        .unwrap();
    let marked = cluster.get("pods", "default", "a").unwrap().value();
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    let now = Deletion {
        grace_secs: Some(0),
        ..Deletion::default()
    };
    cluster
        .delete("pods", "default", "a", &now, by)
        .await
        .unwrap();
    assert!(cluster.get("pods", "default", "a").is_none());

    cluster.create("configmaps", config("c"), by).await.unwrap();
    let foreground = Deletion {
        propagation: Some(Propagation::Foreground),
        ..Deletion::default()
    };
    cluster
        .delete("configmaps", "default", "c", &foreground, by)
        .await
        .unwrap();
    let held = cluster.get("configmaps", "default", "c").unwrap().value();
    assert_eq!(
        held["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    let free = cluster.modify("configmaps", "default", "c", Part::Main, by, |object| {
        object["metadata"]["finalizers"] = json!([]);
        Ok(())
    });
    free.await.unwrap();
    assert!(cluster.get("configmaps", "default", "c").is_none());
}

#[tokio::test]
async fn unknown_fields_are_refused_warned_of_or_dropped() {
    let test = TestCluster::new().await;
    let resource = test.cluster.resource("configmaps").unwrap();
    let mut body = config("a");
    body["dada"] = json!({});
    let write = |validation| Write {
        resource: &resource,
        namespace: "default",
        name: "",
        part: Part::Main,
        by: &test.by,
        options: Options {
            validation,
            dry_run: true,
            ..Options::default()
        },
    };
    let strict = write(FieldValidation::Strict);
    let refused = test
        .cluster
        .create_object(&strict, body.clone())
        .await
        .unwrap_err();
    assert_eq!(
        refused.message,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dada\""
    );
    let warn = write(FieldValidation::Warn);
    let made = test.cluster.create_object(&warn, body).await.unwrap();
    assert_eq!(made.warnings, ["unknown field \"dada\""]);
    assert!(made.object.value()["dada"].is_null());
    assert!(
        test.cluster.get("configmaps", "default", "a").is_none(),
        "it was a dry run"
    );
}

#[tokio::test]
async fn an_autoscaler_is_one_object_in_two_versions() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    let v1 = cluster
        .resources()
        .find("autoscaling", "v1", "horizontalpodautoscalers")
        .cloned()
        .unwrap();
    let write = Write {
        resource: &v1,
        namespace: "default",
        name: "",
        part: Part::Main,
        by,
        options: Options::default(),
    };
    let body = json!({
        "metadata": { "name": "h" },
        "spec": {
            "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 50,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
        },
    });
    cluster.create_object(&write, body).await.unwrap();
    let v2 = cluster
        .get("horizontalpodautoscalers.autoscaling", "default", "h")
        .unwrap();
    let v2 = v2.value();
    assert_eq!(v2["apiVersion"], "autoscaling/v2");
    assert_eq!(
        v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
        50
    );
}

/// Whoever gives up halfway, at whichever step, leaves nothing taken that no service has.
#[tokio::test]
async fn a_service_that_is_given_up_leaks_no_address_and_no_port() {
    let service = || {
        json!({
            "metadata": { "name": "web", "namespace": "default" },
            "spec": {
                "type": "NodePort", "clusterIP": "10.100.0.77",
                "ports": [{ "port": 80, "nodePort": 30_077 }],
            },
        })
    };
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    for steps in 1..100 {
        let mut making = Box::pin(cluster.create("services", service(), by));
        let mut done = false;
        for _ in 0..steps {
            done = futures::poll!(&mut making).is_ready();
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(making);
        // What was on its way is decided before this is.
        let after = config(&format!("after-{steps}"));
        cluster.create("configmaps", after, by).await.unwrap();
        if cluster.get("services", "default", "web").is_none() {
            cluster.create("services", service(), by).await.unwrap();
        }
        let how = Deletion::default();
        let mut deleting = Box::pin(cluster.delete("services", "default", "web", &how, by));
        let gone = futures::poll!(&mut deleting).is_ready();
        drop(deleting);
        let after = config(&format!("gone-{steps}"));
        cluster.create("configmaps", after, by).await.unwrap();
        assert!(gone || cluster.get("services", "default", "web").is_none());
        cluster.create("services", service(), by).await.unwrap();
        cluster
            .delete("services", "default", "web", &how, by)
            .await
            .unwrap();
        if done {
            return;
        }
    }
}
