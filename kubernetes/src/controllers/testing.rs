//! What tests of controllers share: a cluster with controllers, and hands that act as its nodes.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cluster::testing::TestCluster;
use crate::cluster::time::rfc3339;
use crate::cluster::{Cluster, Deletion, Part};
use crate::store::Object;
use crate::views::PodView;

/// A test fails if it waits longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Running {
    pub(crate) test: TestCluster,
    tasks: JoinSet<()>,
}

/// A cluster in which some controllers run.
pub(crate) async fn running(controllers: &[super::Run]) -> Running {
    let test = TestCluster::new().await;
    let mut tasks = JoinSet::new();
    for run in controllers {
        let run = run(test.cluster.clone());
        tasks.spawn(async move { run.await.unwrap() });
    }
    Running { test, tasks }
}

impl Running {
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.test.cluster
    }

    /// Stops the controllers, so that the cluster may be opened again.
    pub(crate) async fn stop(mut self) -> TestCluster {
        self.tasks.shutdown().await;
        self.test
    }

    pub(crate) async fn create(&self, resource: &str, value: Value) -> Arc<Object> {
        self.cluster()
            .create(resource, value, &self.test.by)
            .await
            .unwrap()
    }

    /// Changes the main part of an object in the namespace `default`.
    pub(crate) async fn change(
        &self,
        resource: &str,
        name: &str,
        change: impl Fn(&mut Value) + Send + Sync,
    ) {
        let change = |value: &mut Value| {
            change(value);
            Ok(())
        };
        let by = &self.test.by;
        let changed = self
            .cluster()
            .modify(resource, "default", name, Part::Main, by, change);
        changed.await.unwrap();
    }

    /// Waits until a resource of the namespace `default` looks as it should, and gives that.
    pub(crate) async fn until<T: Send>(
        &self,
        resource: &str,
        what: &str,
        look: impl Fn(&[Arc<Object>]) -> Option<T> + Send + Sync,
    ) -> T {
        let shelf = self.cluster().shelf(resource).unwrap();
        let mut changes = shelf.subscribe();
        let seen = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = look(&shelf.objects(Some("default"))) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        let Ok(found) = tokio::time::timeout(PATIENCE, seen).await else {
            let objects = shelf.objects(Some("default"));
            let objects: Vec<Value> = objects.iter().map(|object| object.value()).collect();
            panic!("never: {what}; there is {objects:#?}");
        };
        found
    }

    /// Waits until one object looks as it should.
    pub(crate) async fn until_one(
        &self,
        resource: &str,
        name: &str,
        what: &str,
        look: impl Fn(&Value) -> bool + Send + Sync,
    ) -> Value {
        self.until(resource, what, |objects| {
            let found = objects.iter().find(|object| object.name == name)?;
            Some(found.value()).filter(|value| look(value))
        })
        .await
    }

    /// Makes a pod run and be ready, as a kubelet would say, on a node if it has none.
    pub(crate) async fn make_ready(&self, name: &str) {
        let (cluster, by) = (self.cluster(), &self.test.by);
        let now = rfc3339(cluster.now());
        let found = cluster.get("pods", "default", name);
        let view = found.map(|pod| pod.view::<PodView>()).unwrap_or_default();
        // Pods of daemon sets are meant for one node.
        let required =
            &view.spec.affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let node = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0].as_str();
        let node = node.unwrap_or("node");
        let change = |pod: &mut Value| {
            pod["spec"]["nodeName"] = node.into();
            Ok(())
        };
        if view.spec.node_name.is_empty() {
            let bound = cluster.modify("pods", "default", name, Part::Binding, by, change);
            bound.await.unwrap();
        }
        let change = |pod: &mut Value| {
            pod["status"]["phase"] = "Running".into();
            pod["status"]["conditions"] =
                json!([{ "type": "Ready", "status": "True", "lastTransitionTime": now }]);
            Ok(())
        };
        let ready = cluster.modify("pods", "default", name, Part::Status, by, change);
        match ready.await {
            Err(status) if !status.is_not_found() => panic!("{status}"),
            _ => {}
        }
    }

    /// Ends a pod that is being deleted, as its kubelet would.
    pub(crate) async fn finish(&self, name: &str) {
        let how = Deletion {
            grace_secs: Some(0),
            ..Deletion::default()
        };
        let ended = self
            .cluster()
            .delete("pods", "default", name, &how, &self.test.by);
        match ended.await {
            Err(status) if !status.is_not_found() => panic!("{status}"),
            _ => {}
        }
    }

    /// Plays all kubelets until an object looks as it should: pods become ready, and those that are
    /// being deleted end.
    pub(crate) async fn play_until(
        &self,
        resource: &str,
        name: &str,
        what: &str,
        look: impl Fn(&Value) -> bool + Send + Sync,
    ) -> Value {
        let play = async {
            let shelf = self.cluster().shelf("pods").unwrap();
            let mut changes = shelf.subscribe();
            loop {
                changes.mark_unchanged();
                for pod in shelf.objects(Some("default")) {
                    let view = pod.view::<PodView>();
                    if pod.deleting {
                        self.finish(&pod.name).await;
                    } else if !super::pod_control::is_ready(&view) {
                        self.make_ready(&pod.name).await;
                    }
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            found = self.until_one(resource, name, what, look) => found,
            () = play => panic!("the cluster ended"),
        }
    }

    /// The messages of events about an object with a reason.
    pub(crate) fn events(&self, name: &str, reason: &str) -> Vec<String> {
        let events = self.cluster().list("events", Some("default"));
        let events = events.iter().map(|event| event.value());
        let about = events
            .filter(|event| event["involvedObject"]["name"] == name && event["reason"] == reason);
        about
            .map(|event| event["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A template of pods with the label `app: web`.
pub(crate) fn template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "web", "image": image }] },
    })
}
