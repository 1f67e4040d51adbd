use serde_json::json;

use super::*;
use crate::testing::{object, workload};

mod builtin;
mod objects;

/// A time that is `minute` minutes after some hour.
fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 - 1_700_000_000 % 3600 + minute * 60).unwrap()
}

fn change(manager: &str, minute: i64) -> Change<'_> {
    Change {
        manager,
        version: "example.io/v1",
        subresource: "",
        now: at(minute),
        ignored: &[],
    }
}

fn applied(
    live: Option<&Value>,
    spec: &Value,
    manager: &str,
    minute: i64,
) -> Result<Value, ApplyError> {
    let (schema, id) = workload();
    apply(
        &schema,
        id,
        live,
        &object(spec),
        &change(manager, minute),
        false,
    )
}

fn updated(old: Option<&Value>, new: &Value, manager: &str, minute: i64) -> Value {
    let (schema, id) = workload();
    let mut new = new.clone();
    update(&schema, id, old, &mut new, &change(manager, minute));
    new
}

/// Created by somebody's update.
fn created(spec: &Value, manager: &str) -> Value {
    let mut object = object(spec);
    object["metadata"]["uid"] = json!("1");
    updated(None, &object, manager, 0)
}

/// Manager, operation and paths of each entry.
fn owners(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned();
    let show = |entry: Value| {
        let paths = fields_v1::decode(&entry["fieldsV1"]).unwrap().paths();
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let (manager, operation) = (entry["manager"].as_str(), entry["operation"].as_str());
        format!(
            "{} {}: {}",
            manager.unwrap(),
            operation.unwrap(),
            paths.join(" ")
        )
    };
    entries.unwrap_or_default().into_iter().map(show).collect()
}

#[test]
fn an_applied_object_is_its_managers() {
    let spec =
        json!({"replicas": 1, "containers": [{"name": "a", "ports": [{"containerPort": 80}]}]});
    let new = applied(None, &spec, "me", 0).unwrap();
    assert_eq!(new["spec"], spec);
    let entry = &new["metadata"]["managedFields"][0];
    assert_eq!(
        entry,
        &json!({
            "manager": "me", "operation": "Apply", "apiVersion": "example.io/v1",
            "time": entry["time"], "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {
                "f:containers": {"k:{\"name\":\"a\"}": {
                    ".": {}, "f:name": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                }},
                "f:replicas": {},
            }},
        })
    );
    assert!(entry["time"].as_str().unwrap().ends_with(":00:00Z"));
}

#[test]
fn what_is_not_applied_any_more_goes_unless_others_own_it() {
    let spec = json!({"replicas": 1, "nodeSelector": {"a": "1"}, "containers": [{"name": "a", "image": "1"}, {"name": "b"}]});
    let live = applied(None, &spec, "me", 0).unwrap();
    let live = applied(
        Some(&live),
        &json!({"containers": [{"name": "b", "image": "2"}]}),
        "other",
        1,
    )
    .unwrap();
    let live = applied(Some(&live), &json!({"replicas": 1}), "me", 2).unwrap();
    assert_eq!(
        live["spec"],
        json!({"replicas": 1, "containers": [{"name": "b", "image": "2"}]})
    );
    assert_eq!(
        owners(&live),
        [
            "other Apply: .spec.containers[name=\"b\"] .spec.containers[name=\"b\"].image .spec.containers[name=\"b\"].name",
            "me Apply: .spec.replicas",
        ]
    );
    // What the server or somebody else added stays.
    let mut more = live.clone();
    more["spec"]["numbers"] = json!([1]);
    let live = updated(Some(&live), &more, "controller", 3);
    let live = applied(Some(&live), &json!({}), "me", 4).unwrap();
    assert_eq!(live["spec"]["numbers"], json!([1]));
    assert_eq!(live["spec"].get("replicas"), None);
}

#[test]
fn conflicts_are_told_as_upstream_does() {
    let live = created(
        &json!({"replicas": 1, "numbers": [1]}),
        "kubectl-client-side-apply",
    );
    let error = applied(Some(&live), &json!({"replicas": 2}), "me", 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using example.io/v1: .spec.replicas"
    );
    assert_eq!(
        error.causes(),
        json!([{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"kubectl-client-side-apply\" using example.io/v1",
            "field": ".spec.replicas",
        }])
    );
    let live = applied(
        Some(&live),
        &json!({"hosts": ["x"], "nodeSelector": {"a": "1"}}),
        "second",
        1,
    )
    .unwrap();
    let error = applied(
        Some(&live),
        &json!({"replicas": 2, "numbers": [2], "nodeSelector": {"b": "1"}}),
        "me",
        2,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "Apply failed with 3 conflicts: conflicts with \"kubectl-client-side-apply\" using example.io/v1:\n- .spec.numbers\n- .spec.replicas\nconflicts with \"second\":\n- .spec.nodeSelector"
    );
}

#[test]
fn the_same_value_is_shared_and_force_takes_it() {
    let live = created(&json!({"replicas": 1}), "x");
    let shared = applied(Some(&live), &json!({"replicas": 1}), "me", 1).unwrap();
    assert_eq!(
        owners(&shared),
        ["me Apply: .spec.replicas", "x Update: .spec.replicas"]
    );
    let (schema, id) = workload();
    let new = object(&json!({"replicas": 2}));
    let forced = apply(&schema, id, Some(&shared), &new, &change("me", 2), true).unwrap();
    assert_eq!(owners(&forced), ["me Apply: .spec.replicas"]);
    assert_eq!(forced["spec"]["replicas"], 2);
}

#[test]
fn applying_the_same_again_keeps_the_time() {
    let spec = json!({"replicas": 1, "containers": [{"name": "a"}]});
    let live = applied(None, &spec, "me", 0).unwrap();
    assert_eq!(applied(Some(&live), &spec, "me", 5).unwrap(), live);
    let later = applied(Some(&live), &json!({"replicas": 1}), "me", 5).unwrap();
    assert_ne!(
        later["metadata"]["managedFields"][0]["time"],
        live["metadata"]["managedFields"][0]["time"]
    );
}

#[test]
fn updates_own_what_they_change() {
    let live = created(
        &json!({"replicas": 1, "hosts": ["a"], "containers": [{"name": "a"}]}),
        "first",
    );
    assert_eq!(
        owners(&live),
        [
            "first Update: .spec.containers .spec.hosts .spec.replicas .spec.containers[name=\"a\"] .spec.containers[name=\"a\"].name .spec.hosts[=\"a\"]"
        ]
    );
    let mut new = live.clone();
    new["spec"]["replicas"] = json!(2);
    new["spec"]["hosts"] = json!([]);
    new["status"] = json!({"ready": 1});
    let (schema, id) = workload();
    let status = [Path::fields(&["status"])];
    let second = Change {
        ignored: &status,
        ..change("second", 1)
    };
    update(&schema, id, Some(&live), &mut new, &second);
    assert_eq!(
        owners(&new),
        [
            "first Update: .spec.containers .spec.hosts .spec.containers[name=\"a\"] .spec.containers[name=\"a\"].name",
            "second Update: .spec.replicas",
        ]
    );
}

#[test]
fn clients_can_set_and_reset_managed_fields() {
    let live = created(&json!({"replicas": 1}), "first");
    for reset in [json!([]), json!([{}])] {
        let mut new = live.clone();
        new["metadata"]["managedFields"] = reset;
        assert_eq!(
            updated(Some(&live), &new, "second", 1)["metadata"].get("managedFields"),
            None
        );
    }
    // Left out or invalid: the recorded ones stay.
    for given in [json!(null), json!([{"operation": "Other"}])] {
        let mut new = live.clone();
        new["metadata"]["managedFields"] = given;
        assert_eq!(updated(Some(&live), &new, "second", 1), live);
    }
    let mut new = live.clone();
    new["metadata"]["managedFields"][0]["manager"] = json!("renamed");
    assert_eq!(
        owners(&updated(Some(&live), &new, "x", 1)),
        ["renamed Update: .spec.replicas"]
    );
    assert_eq!(
        check_managed(&json!([{"operation": "Apply", "apiVersion": "v1"}])).unwrap_err(),
        "missing fieldsType in managed fields entry 0"
    );
    assert_eq!(
        check_managed(&json!([{"operation": "x"}])).unwrap_err(),
        "operation must be `Apply` or `Update`"
    );
}

#[test]
fn objects_nobody_tracked_belong_to_before_first_apply() {
    let live = object(&json!({"replicas": 1}));
    let new = applied(Some(&live), &json!({"hosts": ["a"]}), "me", 1).unwrap();
    assert_eq!(
        owners(&new),
        [
            "me Apply: .spec.hosts[=\"a\"]",
            "before-first-apply Update: .spec.replicas"
        ]
    );
    // Nothing is tracked before.
    assert_eq!(updated(Some(&live), &live, "x", 1), live);
}

#[test]
fn more_than_ten_updaters_become_ancient() {
    let mut live = created(&json!({"nodeSelector": {"a": "1"}, "selector": {}}), "m00");
    for i in 1..=12 {
        let mut new = live.clone();
        new["metadata"]["labels"][format!("l{i:02}")] = json!("x");
        live = updated(Some(&live), &new, &format!("m{i:02}"), i);
    }
    let owners = owners(&live);
    assert_eq!(owners.len(), 10);
    assert!(
        owners[0].starts_with("ancient-changes Update: "),
        "{owners:?}"
    );
    assert!(owners[0].contains(".metadata.labels.l03"), "{owners:?}");
    assert!(owners[9].starts_with("m12 "));
}
