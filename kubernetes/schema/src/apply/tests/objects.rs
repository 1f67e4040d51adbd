//! What becomes of the objects.
use serde_json::json;

use super::*;

#[test]
fn what_does_not_fit_the_schema_is_refused() {
    let cases = [
        (
            json!({"nothing": 1}),
            ".spec.nothing: field not declared in schema",
        ),
        (
            json!({"replicas": "1"}),
            ".spec.replicas: expected numeric (int or float), got string",
        ),
        (
            json!({"hosts": ["a", "a"]}),
            ".spec.hosts: duplicate entries for key [=\"a\"]",
        ),
        (
            json!({"containers": [{"name": "x"}, {"name": "x"}]}),
            ".spec.containers: duplicate entries for key [name=\"x\"]",
        ),
        (
            json!({"containers": [{"image": "x"}]}),
            ".spec.containers: element 0: associative list with keys has an element that omits all key fields [\"name\"] (and doesn't have default values for any key fields)",
        ),
        (
            json!({"selector": {"matchLabels": {"a": 5}}}),
            ".spec.selector.matchLabels.a: expected string, got &value.valueUnstructured{Value:5}",
        ),
        (
            json!({"containers": {}}),
            ".spec.containers: expected list, got &{map[]}",
        ),
        (
            json!({"x": 1, "y": 2}),
            "errors:\n  .spec.x: field not declared in schema\n  .spec.y: field not declared in schema",
        ),
    ];
    for (spec, text) in cases {
        assert_eq!(
            applied(None, &spec, "me", 0).unwrap_err().to_string(),
            format!(
                "failed to create typed patch object (default/web; example.io/v1, Kind=Workload): {text}"
            )
        );
    }
    let (schema, id) = workload();
    let mut with_managed = object(&json!({}));
    with_managed["metadata"]["managedFields"] = json!([]);
    let error = apply(&schema, id, None, &with_managed, &change("me", 0), false).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (400, "metadata.managedFields must be nil")
    );
}

#[test]
fn kubectl_takes_over_from_client_side_apply() {
    let mut live = object(&json!({"replicas": 1, "numbers": [1]}));
    let last = object(&json!({"replicas": 1}));
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    live["metadata"]["annotations"] = json!({annotation: last.to_string()});
    let live = updated(None, &live, "kubectl-client-side-apply", 0);
    // The last applied configuration has the field, and nobody changed it.
    let new = applied(Some(&live), &json!({"replicas": 2}), "kubectl", 1).unwrap();
    assert_eq!(new["spec"]["replicas"], 2);
    let text = new["metadata"]["annotations"][annotation].as_str().unwrap();
    assert!(text.ends_with('\n'));
    let now: Value = serde_json::from_str(text).unwrap();
    assert_eq!(now, object(&json!({"replicas": 2})));
    // Others conflict, and so does kubectl for other fields.
    assert_eq!(
        applied(Some(&live), &json!({"replicas": 2}), "x", 1)
            .unwrap_err()
            .code(),
        409
    );
    let error = applied(
        Some(&live),
        &json!({"replicas": 2, "numbers": [2]}),
        "kubectl",
        1,
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using example.io/v1: .spec.numbers"
    );
}

#[test]
fn merged_lists_keep_the_applied_order_around_what_others_have() {
    let names = |object: &Value| -> String {
        let containers = object["spec"]["containers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        containers
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let spec = |names: &str| {
        let containers: Vec<Value> = names
            .chars()
            .map(|c| json!({"name": c.to_string()}))
            .collect();
        json!({ "containers": containers })
    };
    for (live, new, expected) in [
        ("abc", "cb", "acb"),
        ("abc", "bd", "abcd"),
        ("ab", "ba", "ba"),
        ("", "ab", "ab"),
        ("ab", "c", "abc"),
    ] {
        let old = created(&spec(live), "x");
        assert_eq!(
            names(&applied(Some(&old), &spec(new), "me", 1).unwrap()),
            expected,
            "{live} {new}"
        );
    }
}

#[test]
fn values_without_a_schema_have_granular_maps_and_atomic_lists() {
    let live = applied(
        None,
        &json!({"config": {"a": {"b": 1}, "list": [{"x": 1}]}}),
        "me",
        0,
    )
    .unwrap();
    let live = applied(Some(&live), &json!({"config": {"a": {"c": 1}}}), "you", 1).unwrap();
    assert_eq!(
        live["spec"]["config"],
        json!({"a": {"b": 1, "c": 1}, "list": [{"x": 1}]})
    );
    let error = applied(
        Some(&live),
        &json!({"config": {"list": [{"x": 2}]}}),
        "you",
        2,
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("conflict with \"me\": .spec.config.list")
    );
}

#[test]
fn large_objects_take_no_time_to_speak_of() {
    let env: Vec<Value> = (0..20_000)
        .map(|i| json!({"name": format!("VARIABLE_{i}"), "value": "x"}))
        .collect();
    let spec = json!({"containers": [{"name": "a", "env": env}]});
    let live = applied(None, &spec, "me", 0).unwrap();
    assert_eq!(applied(Some(&live), &spec, "me", 1).unwrap(), live);
    let less =
        json!({"containers": [{"name": "a", "env": [{"name": "VARIABLE_7", "value": "y"}]}]});
    let live = applied(Some(&live), &less, "me", 2).unwrap();
    assert_eq!(live["spec"], less);
}

#[test]
fn entries_that_own_nothing_vanish() {
    let live = created(&json!({"replicas": 1}), "first");
    let mut new = live.clone();
    new["spec"]["replicas"] = json!(2);
    let new = updated(Some(&live), &new, "second", 1);
    assert_eq!(owners(&new), ["second Update: .spec.replicas"]);
    let mut less = new.clone();
    less["spec"] = json!({});
    let less = updated(Some(&new), &less, "third", 2);
    assert_eq!(less["metadata"].get("managedFields"), None);
}

#[test]
fn subresources_cannot_set_managed_fields() {
    let (schema, id) = workload();
    let live = created(&json!({"replicas": 1}), "first");
    let mut new = live.clone();
    new["metadata"]["managedFields"] = json!([]);
    new["status"] = json!({"ready": 1});
    let status = Change {
        subresource: "status",
        ..change("second", 1)
    };
    update(&schema, id, Some(&live), &mut new, &status);
    assert_eq!(
        owners(&new),
        [
            "first Update: .spec.replicas",
            "second Update: .status.ready"
        ]
    );
    let mut other = object(&json!({}));
    other["status"] = json!({"ready": 2});
    let error = apply(&schema, id, Some(&new), &other, &change("me", 2), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"second\" with subresource \"status\" using example.io/v1: .status.ready"
    );
}

#[test]
fn elements_that_are_there_twice_are_owned_together() {
    let twice = json!({"containers": [{"name": "a", "image": "1"}, {"name": "a", "image": "2"}]});
    let live = created(&twice, "x");
    assert_eq!(
        owners(&live),
        ["x Update: .spec.containers .spec.containers[name=\"a\"]"]
    );
    let once = json!({"containers": [{"name": "a", "image": "3"}]});
    let error = applied(Some(&live), &once, "me", 1).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(": .spec.containers[name=\"a\"]"),
        "{error}"
    );
    let (schema, id) = workload();
    let new = apply(
        &schema,
        id,
        Some(&live),
        &object(&once),
        &change("me", 1),
        true,
    )
    .unwrap();
    assert_eq!(new["spec"], once);
}
