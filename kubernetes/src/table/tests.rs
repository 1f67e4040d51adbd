use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::about::MetaVersion;
use crate::cluster::testing::TestCluster;
use crate::cluster::{Cluster, Resource};
use crate::store::{Object, Op};

/// Puts an object on the shelf as it is.
async fn put(cluster: &Cluster, resource: &Resource, object: Value) -> Arc<Object> {
    let metadata = &object["metadata"];
    let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text("namespace"), text("name"));
    let made = cluster
        .store()
        .commit(&resource.shelf, &namespace, &name, Op::Create(object));
    made.await.unwrap()
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "default", "uid": name,
            "creationTimestamp": "2023-11-14T22:13:15Z", "labels": { "app": "web" },
        },
        "spec": { "nodeName": "n", "containers": [{ "name": "c", "image": "i" }] },
        "status": { "phase": "Succeeded" },
    })
}

fn options(test: &TestCluster) -> TableOptions {
    TableOptions {
        version: MetaVersion::V1,
        include: Include::Metadata,
        headers: true,
        now: test.cluster.now(),
    }
}

#[tokio::test]
async fn a_table_has_columns_rows_and_metadata() {
    let test = TestCluster::new().await;
    let pods = test.cluster.resource("pods").unwrap();
    let object = put(&test.cluster, &pods, pod("a")).await;
    let list = ListMeta {
        revision: 7,
        continue_at: "next".to_owned(),
        remaining: Some(3),
    };
    let one = [Arc::clone(&object)];
    let body = table(&pods, &one, &list, options(&test));
    let shown: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(shown["apiVersion"], "meta.k8s.io/v1");
    assert_eq!(
        shown["metadata"],
        json!({ "resourceVersion": "7", "continue": "next", "remainingItemCount": 3 })
    );
    let columns = shown["columnDefinitions"].as_array().unwrap();
    let names: Vec<&str> = columns
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names.get(..5).unwrap(),
        ["Name", "Ready", "Status", "Restarts", "Age"]
    );
    assert_eq!(columns[0]["format"], "name");
    let row = &shown["rows"][0];
    assert_eq!(row["cells"][0], "a");
    assert_eq!(row["cells"][4], "5s");
    assert_eq!(row["conditions"][0]["reason"], "Succeeded");
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(row["object"]["metadata"]["labels"]["app"], "web");
    assert!(row["object"]["spec"].is_null());

    let later = TableOptions {
        headers: false,
        include: Include::Object,
        version: MetaVersion::V1beta1,
        ..options(&test)
    };
    let body = table(&pods, &one, &ListMeta::of(&object), later);
    let shown: Value = serde_json::from_slice(&body).unwrap();
    assert!(shown["columnDefinitions"].is_null());
    assert_eq!(shown["apiVersion"], "meta.k8s.io/v1beta1");
    assert_eq!(shown["rows"][0]["object"]["spec"]["nodeName"], "n");
    assert_eq!(
        shown["metadata"]["resourceVersion"],
        object.revision.to_string()
    );
}

#[tokio::test]
async fn only_metadata_is_shown_where_it_is_asked_for() {
    let test = TestCluster::new().await;
    let pods = test.cluster.resource("pods").unwrap();
    let object = put(&test.cluster, &pods, pod("a")).await;
    let body = metadata_list(&pods, &[object], &ListMeta::default(), MetaVersion::V1);
    let shown: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(shown["kind"], "PartialObjectMetadataList");
    assert_eq!(shown["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(shown["items"][0]["metadata"]["name"], "a");
    assert!(shown["items"][0]["spec"].is_null());
}

#[test]
fn the_columns_of_custom_resources_are_paths() {
    let columns = json!([
        { "name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status" },
        { "name": "N", "type": "integer", "jsonPath": ".spec.n", "priority": 1, "description": "d" },
        { "name": "List", "type": "string", "jsonPath": ".spec.list" },
        { "name": "Since", "type": "date", "jsonPath": ".status.since" },
        { "name": "Bad", "type": "date", "jsonPath": ".spec.text" },
        { "name": "Flag", "type": "boolean", "jsonPath": ".spec.text" },
        { "name": "None", "type": "string", "jsonPath": ".spec.nothing" },
    ]);
    let object = json!({
        "spec": { "n": 3.7, "list": [1, "a"], "text": "t" },
        "status": {
            "since": "2023-11-14T22:12:20Z",
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    });
    let now = Timestamp::from_secs(1_700_000_000);
    let printers = custom::printers(&columns);
    let cells: Vec<Value> = printers.iter().map(|p| p.cell(&object, now)).collect();
    assert_eq!(
        json!(cells),
        json!(["True", 3, "[1,\"a\"]", "60s", "<invalid>", null, null])
    );
    assert_eq!(
        printers[0].definition["description"],
        "Custom resource definition column (in JSONPath format): .status.conditions[?(@.type==\"Ready\")].status"
    );
    assert_eq!(printers[1].definition["priority"], 1);
    let age = custom::printers(&Value::Null);
    assert_eq!(age[0].definition["name"], "Age");
}

#[test]
fn what_to_include_is_one_of_three() {
    assert_eq!(Include::parse("").unwrap(), Include::Metadata);
    let error = Include::parse("All").unwrap_err();
    assert_eq!(
        error.message,
        "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty"
    );
}

#[tokio::test]
async fn a_long_table_has_a_row_for_each_object_in_order() {
    let test = TestCluster::new().await;
    let pods = test.cluster.resource("pods").unwrap();
    let mut objects = Vec::new();
    for index in 0..100 {
        objects.push(put(&test.cluster, &pods, pod(&format!("pod-{index}"))).await);
    }
    let body = table(&pods, &objects, &ListMeta::default(), options(&test));
    let shown: Value = serde_json::from_slice(&body).unwrap();
    let rows = shown["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 100);
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row["cells"][0], format!("pod-{index}"));
    }
}
