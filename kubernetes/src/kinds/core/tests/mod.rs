//! What the API server says and shows of the kinds of the core group.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::ROWS;
use crate::{Errors, kinds::Kind};

mod services;
mod tables;
mod volumes;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn kind(name: &str) -> &'static Kind {
    ROWS.iter().find(|kind| kind.kind == name).unwrap()
}

/// What validation says of a new object, with a name.
fn check(name: &str, object: Value) -> String {
    let mut object = object;
    object["metadata"]["name"] = "x".into();
    (kind(name).default)(&mut object);
    let mut errors = Errors::default();
    (kind(name).validate)(&object, &mut errors);
    errors.to_string()
}

/// What is wrong with a change.
fn change(name: &str, new: &Value, old: &Value) -> String {
    let mut errors = Errors::default();
    (kind(name).validate_update)(new, old, &mut errors);
    errors.to_string()
}

/// The cells of a table, by its columns.
fn cells(name: &str, object: &Value) -> Vec<Value> {
    let columns = kind(name).columns.iter();
    columns.map(|column| (column.cell)(object, NOW)).collect()
}

#[test]
fn keys_of_config_maps_are_file_names() {
    assert_eq!(
        check("ConfigMap", json!({ "data": { "a/b": "" } })),
        "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    );
    let both = json!({ "data": { "a": "" }, "binaryData": { "a": "" } });
    assert_eq!(
        check("ConfigMap", both),
        "data[a]: Invalid value: \"a\": duplicate of key present in binaryData"
    );
}

#[test]
fn a_config_map_has_a_mebibyte() {
    let data = |size: usize| json!({ "data": { "a": "x".repeat(size) } });
    assert_eq!(check("ConfigMap", data(1 << 20)), "[]");
    assert_eq!(
        check("ConfigMap", data((1 << 20) + 1)),
        "[]: Too long: may not be more than 1048576 bytes"
    );
}

#[test]
fn what_is_immutable_stays() {
    let old = json!({ "immutable": true, "data": { "a": "1" } });
    let new = json!({ "data": { "a": "2" } });
    assert_eq!(
        change("ConfigMap", &new, &old),
        "[immutable: Forbidden: field is immutable when `immutable` is set, data: Forbidden: field is immutable when `immutable` is set]"
    );
    assert_eq!(change("ConfigMap", &new, &json!({ "data": {} })), "[]");
}

#[test]
fn string_data_wins_and_is_not_stored() {
    let mut secret = json!({ "data": { "a": "eA==" }, "stringData": { "a": "hello" } });
    (kind("Secret").prepare_create)(&mut secret);
    assert_eq!(secret, json!({ "data": { "a": "aGVsbG8=" } }));
}

#[test]
fn secrets_have_what_their_type_wants() {
    let of = |kind: &str, data: Value| check("Secret", json!({ "type": kind, "data": data }));
    assert_eq!(
        of("kubernetes.io/tls", json!({})),
        "[data[tls.crt]: Required value, data[tls.key]: Required value]"
    );
    assert_eq!(
        of("kubernetes.io/basic-auth", json!({ "username": "YQ==" })),
        "[]"
    );
    assert_eq!(
        of("kubernetes.io/dockerconfigjson", json!({})),
        "data[.dockerconfigjson]: Required value"
    );
    let json = of(
        "kubernetes.io/dockerconfigjson",
        json!({ ".dockerconfigjson": "e30=" }),
    );
    assert_eq!(json, "[]");
    let text = of(
        "kubernetes.io/dockerconfigjson",
        json!({ ".dockerconfigjson": "eA==" }),
    );
    assert!(
        text.contains("Invalid value: \"<secret contents redacted>\""),
        "{text}"
    );
    assert_eq!(
        of("kubernetes.io/service-account-token", json!({})),
        "metadata.annotations[kubernetes.io/service-account.name]: Required value"
    );
    assert_eq!(
        change("Secret", &json!({ "type": "b" }), &json!({ "type": "a" })),
        "type: Invalid value: \"b\": field is immutable"
    );
}

#[test]
fn namespaces_are_active_and_end_by_their_finalizer() {
    let mut namespace = json!({ "metadata": { "name": "a" } });
    (kind("Namespace").default)(&mut namespace);
    (kind("Namespace").prepare_create)(&mut namespace);
    assert_eq!(
        namespace,
        json!({
            "metadata": { "name": "a", "labels": { "kubernetes.io/metadata.name": "a" } },
            "spec": { "finalizers": ["kubernetes"] },
            "status": { "phase": "Active" },
        })
    );
    let mut new = json!({ "metadata": { "name": "a" }, "spec": { "finalizers": [] } });
    (kind("Namespace").prepare_update)(&mut new, &namespace);
    assert_eq!(new["spec"], namespace["spec"]);
}

#[test]
fn taints_have_an_effect() {
    let node = json!({ "spec": { "taints": [{ "key": "a" }] } });
    assert_eq!(
        check("Node", node),
        "metadata.taints[0].effect: Required value"
    );
    let old = json!({ "spec": { "providerID": "aws:///a/i-1" } });
    assert_eq!(
        change("Node", &json!({ "spec": { "providerID": "b" } }), &old),
        "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid"
    );
}

#[test]
fn endpoints_are_addresses_that_can_be_reached() {
    let endpoints = json!({ "subsets": [{
        "addresses": [{ "ip": "169.254.1.1" }], "ports": [{ "port": 0 }],
    }] });
    assert_eq!(
        check("Endpoints", endpoints),
        "[subsets[0].addresses[0].ip: Invalid value: \"169.254.1.1\": may not be in the link-local range (169.254.0.0/16, fe80::/10), subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive]"
    );
}

#[test]
fn events_are_of_the_namespace_of_their_object() {
    let event = json!({
        "metadata": { "namespace": "a" }, "involvedObject": { "namespace": "b" },
    });
    assert_eq!(
        check("Event", event),
        "involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"
    );
}

#[test]
fn limits_are_in_order() {
    let range = |limit: Value| json!({ "spec": { "limits": [limit] } });
    let limit = json!({ "type": "Container", "min": { "cpu": "2" }, "max": { "cpu": "1" } });
    let text = check("LimitRange", range(limit));
    assert!(
        text.contains(
            "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1"
        ),
        "{text}"
    );
    let limit = json!({ "type": "Pod", "default": { "cpu": "1" } });
    assert_eq!(
        check("LimitRange", range(limit)),
        "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"
    );
    let mut object = range(json!({ "type": "Container", "max": { "cpu": "1" } }));
    (kind("LimitRange").default)(&mut object);
    let limit = &object["spec"]["limits"][0];
    assert_eq!(limit["default"], json!({ "cpu": "1" }));
    assert_eq!(limit["defaultRequest"], json!({ "cpu": "1" }));
}

#[test]
fn quotas_count_what_they_know() {
    let quota = |hard: Value, scopes: Value| json!({ "spec": { "hard": hard, "scopes": scopes } });
    let mut object = quota(json!({ "memory": "1024Mi" }), json!([]));
    (kind("ResourceQuota").default)(&mut object);
    assert_eq!(object["spec"]["hard"]["memory"], "1Gi");
    assert_eq!(
        check("ResourceQuota", quota(json!({ "pods": "1.5" }), json!([]))),
        "spec.hard[pods]: Invalid value: \"1500m\": must be an integer"
    );
    assert_eq!(
        check("ResourceQuota", quota(json!({ "storage": "1" }), json!([]))),
        "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for quota"
    );
    let scopes = json!(["BestEffort", "NotBestEffort"]);
    assert_eq!(
        check("ResourceQuota", quota(json!({ "pods": "1" }), scopes)),
        "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes"
    );
}
