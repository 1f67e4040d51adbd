use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::DEFINITIONS;
use crate::Status;
use crate::cluster::testing::TestCluster;
use crate::cluster::{Cluster, Deletion, Part, Resource, in_form};

fn definition() -> Value {
    json!({
        "metadata": { "name": "crontabs.stable.example.com" },
        "spec": {
            "group": "stable.example.com", "scope": "Namespaced",
            "names": {
                "plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"],
            },
            "versions": [
                {
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.labelSelector",
                        },
                    },
                    "selectableFields": [{ "jsonPath": ".spec.image" }],
                    "schema": { "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["image"],
                                "properties": {
                                    "cronSpec": { "type": "string", "pattern": "^[0-9* ]+$" },
                                    "image": { "type": "string" },
                                    "replicas": { "type": "integer", "minimum": 1, "default": 2 },
                                },
                            },
                            "status": {
                                "type": "object",
                                "properties": {
                                    "replicas": { "type": "integer" },
                                    "labelSelector": { "type": "string" },
                                },
                            },
                        },
                    } },
                },
                {
                    "name": "v1beta1", "served": true, "storage": false, "deprecated": true,
                    "schema": { "openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    } },
                },
            ],
        },
    })
}

struct Running {
    test: TestCluster,
    controller: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

impl Running {
    async fn new() -> Self {
        let test = TestCluster::new().await;
        let controller = tokio::spawn(super::run(test.cluster.clone()));
        Self { test, controller }
    }

    fn cluster(&self) -> &Cluster {
        &self.test.cluster
    }

    async fn define(&self, definition: Value) -> Value {
        let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
        let by = &self.test.by;
        self.cluster()
            .create(DEFINITIONS, definition, by)
            .await
            .unwrap();
        self.until(&name, |found| {
            found.is_some_and(|found| found["status"]["conditions"].is_array())
        })
        .await
        .unwrap()
    }

    /// Waits for a state of a definition; none if it is gone.
    async fn until(&self, name: &str, holds: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        let shelf = self.cluster().shelf(DEFINITIONS).unwrap();
        let mut changes = shelf.subscribe();
        loop {
            changes.mark_unchanged();
            let found = shelf.get("", name).map(|found| found.value());
            if holds(found.as_ref()) {
                return found;
            }
            changes.changed().await.unwrap();
        }
    }

    fn resource(&self, version: &str) -> Arc<Resource> {
        let resources = self.cluster().resources();
        let found = resources.find("stable.example.com", version, "crontabs");
        Arc::clone(found.unwrap())
    }

    async fn make(&self, spec: Value) -> Result<Value, Status> {
        let object = json!({
            "metadata": { "name": "a", "namespace": "default" },
            "spec": spec, "unknown": 1,
        });
        let made = self
            .cluster()
            .create("crontabs.stable.example.com", object, &self.test.by);
        made.await.map(|made| made.value())
    }
}

fn conditions(definition: &Value) -> Vec<String> {
    let list = definition["status"]["conditions"].as_array().unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    list.iter()
        .map(|one| {
            let parts = ["type", "status", "reason", "message"].map(|key| text(one, key));
            parts.join(" ")
        })
        .collect()
}

#[tokio::test]
async fn an_accepted_definition_is_a_resource_in_each_version() {
    let running = Running::new().await;
    let defined = running.define(definition()).await;
    assert_eq!(
        conditions(&defined),
        [
            "NamesAccepted True NoConflicts no conflicts found",
            "Established True InitialNamesAccepted the initial names have been accepted",
        ]
    );
    assert_eq!(
        defined["status"]["acceptedNames"],
        json!({
            "plural": "crontabs", "singular": "crontab", "kind": "CronTab",
            "listKind": "CronTabList", "shortNames": ["ct"],
        })
    );
    assert_eq!(defined["status"]["storedVersions"], json!(["v1"]));
    let preferred = running
        .cluster()
        .resource("crontabs.stable.example.com")
        .unwrap();
    assert_eq!(preferred.version, "v1");
    running.make(json!({ "image": "i" })).await.unwrap();
    let stored = preferred.shelf.get("default", "a").unwrap();
    assert_eq!(stored.fields, ["i"].into_iter().collect());
    assert_eq!(
        in_form(&preferred, &stored)["apiVersion"],
        "stable.example.com/v1"
    );
    let beta = running.resource("v1beta1");
    assert_eq!(
        in_form(&beta, &stored)["apiVersion"],
        "stable.example.com/v1beta1"
    );
}

#[tokio::test]
async fn objects_are_pruned_defaulted_and_validated() {
    let running = Running::new().await;
    running.define(definition()).await;
    let made = running
        .make(json!({ "image": "i", "other": 1 }))
        .await
        .unwrap();
    assert_eq!(made["spec"], json!({ "image": "i", "replicas": 2 }));
    assert!(made["unknown"].is_null());
    assert_eq!(made["metadata"]["generation"], 1);
    let wrong = json!({ "cronSpec": "abc", "replicas": 0 });
    let refused = running.make(wrong).await.unwrap_err();
    assert_eq!(refused.code, 422);
    assert_eq!(
        refused.message,
        "CronTab.stable.example.com \"a\" is invalid: [spec.image: Required value, spec.cronSpec: Invalid value: \"abc\": spec.cronSpec in body should match '^[0-9* ]+$', spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1]"
    );
}

#[tokio::test]
async fn the_scale_is_where_the_definition_says() {
    let running = Running::new().await;
    running.define(definition()).await;
    running.make(json!({ "image": "i" })).await.unwrap();
    let (cluster, by) = (running.cluster(), &running.test.by);
    let name = "crontabs.stable.example.com";
    let status = cluster.modify(name, "default", "a", Part::Status, by, |object| {
        object["status"] = json!({ "replicas": 1, "labelSelector": "a=b" });
        object["spec"]["image"] = "not taken".into();
        Ok(())
    });
    let mut object = status.await.unwrap().value();
    assert_eq!(object["spec"]["image"], "i");
    assert_eq!(object["metadata"]["generation"], 1);
    let resource = running.resource("v1");
    let scale = resource.scale_of(&object).unwrap();
    assert_eq!(scale["spec"], json!({ "replicas": 2 }));
    assert_eq!(scale["status"], json!({ "replicas": 1, "selector": "a=b" }));
    resource.apply_scale(&mut object, &json!({ "spec": { "replicas": 5 } }));
    assert_eq!(object["spec"]["replicas"], 5);
    object["spec"] = json!({});
    let missing = resource.scale_of(&object).unwrap_err();
    assert_eq!(
        missing.message,
        "Internal error occurred: the spec replicas field \".spec.replicas\" does not exist"
    );
}

#[tokio::test]
async fn names_that_are_taken_are_not_accepted() {
    let running = Running::new().await;
    running.define(definition()).await;
    let mut other = definition();
    other["metadata"]["name"] = "others.stable.example.com".into();
    other["spec"]["names"] = json!({ "plural": "others", "kind": "CronTab", "shortNames": ["ct"] });
    let defined = running.define(other).await;
    assert_eq!(
        conditions(&defined),
        [
            "NamesAccepted False ListKindConflict \"CronTabList\" is already in use",
            "Established False NotAccepted not all names are accepted",
        ]
    );
    let none = running.cluster().resource("others.stable.example.com");
    assert!(none.is_err());
    // Whoever goes makes room.
    let (cluster, by) = (running.cluster(), &running.test.by);
    let name = "crontabs.stable.example.com";
    let how = Deletion::default();
    cluster
        .delete(DEFINITIONS, "", name, &how, by)
        .await
        .unwrap();
    let name = "others.stable.example.com";
    running
        .until(name, |found| {
            found.is_some_and(|found| super::names::is_true(found, "Established"))
        })
        .await;
    assert!(cluster.resource(name).is_ok());
}

#[tokio::test]
async fn the_objects_of_a_deleted_definition_go_first() {
    let running = Running::new().await;
    running.define(definition()).await;
    let (cluster, by) = (running.cluster(), &running.test.by);
    running.make(json!({ "image": "i" })).await.unwrap();
    let objects = "crontabs.stable.example.com";
    let hold = cluster.modify(objects, "default", "a", Part::Main, by, |object| {
        object["metadata"]["finalizers"] = json!(["example.com/hold"]);
        Ok(())
    });
    hold.await.unwrap();
    let how = Deletion::default();
    cluster
        .delete(DEFINITIONS, "", objects, &how, by)
        .await
        .unwrap();
    let ending = running.until(objects, |found| {
        let text = found.map(ToString::to_string).unwrap_or_default();
        text.contains("InstanceDeletionInProgress")
    });
    let ending = ending.await.unwrap();
    assert_eq!(
        ending["metadata"]["finalizers"],
        json!(["customresourcecleanup.apiextensions.k8s.io"])
    );
    let free = cluster.modify(objects, "default", "a", Part::Main, by, |object| {
        object["metadata"]["finalizers"] = json!([]);
        Ok(())
    });
    // The controller may not have come to it; then it has nothing to wait for.
    drop(free.await);
    running.until(objects, |found| found.is_none()).await;
    let shelf = cluster.store().find(objects).unwrap();
    assert!(shelf.is_empty());
}

#[tokio::test]
async fn definitions_are_there_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.db");
    let by = crate::cluster::Actor::system("tester", "test", "test");
    {
        let (cluster, _) = crate::cluster::testing::open(&path);
        let controller = tokio::spawn(super::run(cluster.clone()));
        cluster
            .create(DEFINITIONS, definition(), &by)
            .await
            .unwrap();
        let shelf = cluster.shelf(DEFINITIONS).unwrap();
        let mut changes = shelf.subscribe();
        while cluster.resource("crontabs.stable.example.com").is_err()
            || !shelf.objects(None)[0]
                .value()
                .to_string()
                .contains("NoConflicts")
        {
            changes.changed().await.unwrap();
        }
        controller.abort();
        drop(controller.await);
    }
    let (cluster, _) = crate::cluster::testing::open(&path);
    assert!(cluster.resource("crontabs.stable.example.com").is_ok());
}

#[test]
fn what_is_only_stored_is_warned_of() {
    let mut spec = definition()["spec"].clone();
    spec["conversion"] = json!({ "strategy": "Webhook" });
    spec["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] =
        json!([{ "rule": "true" }]);
    let object = json!({ "spec": spec });
    let dir = tempfile::tempdir().unwrap();
    let (cluster, _) = crate::cluster::testing::open(&dir.path().join("c.db"));
    let resource = cluster.resource(DEFINITIONS).unwrap();
    let warnings = super::warnings(&resource, &object);
    assert_eq!(
        warnings,
        [
            "spec.versions[0].schema.openAPIV3Schema: rules in x-kubernetes-validations are stored and not evaluated",
            "spec.conversion.strategy: the webhook is stored and not called; objects are converted as with \"None\"",
        ]
    );
}
