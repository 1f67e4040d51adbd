use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::ROWS;
use crate::{Errors, kinds::Kind};

fn kind(name: &str) -> &'static Kind {
    ROWS.iter().find(|kind| kind.kind == name).unwrap()
}

fn check(name: &str, spec: Value) -> String {
    let mut object = json!({ "metadata": { "name": "x" } });
    object["spec"] = spec;
    (kind(name).default)(&mut object);
    let mut errors = Errors::default();
    (kind(name).validate)(&object, &mut errors);
    errors.to_string()
}

fn cells(name: &str, object: &Value) -> Vec<Value> {
    let columns = kind(name).columns.iter();
    let now = Timestamp::from_secs(0);
    columns.map(|column| (column.cell)(object, now)).collect()
}

fn ingress(path: Value) -> String {
    let mut spec = json!({ "rules": [{ "http": { "paths": [] } }] });
    spec["rules"][0]["http"]["paths"] = Value::Array(vec![path]);
    check("Ingress", spec)
}

#[test]
fn an_ingress_has_rules_with_paths_and_backends() {
    assert_eq!(
        check("Ingress", json!({})),
        "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"
    );
    let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
    let path =
        |kind: Value, path: &str| json!({ "path": path, "pathType": kind, "backend": backend });
    assert_eq!(ingress(path("Prefix".into(), "/a")), "[]");
    assert_eq!(
        ingress(path(Value::Null, "/a")),
        "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"
    );
    assert_eq!(
        ingress(path("Exact".into(), "a//b")),
        "[spec.rules[0].http.paths[0].path: Invalid value: \"a//b\": must be an absolute path, spec.rules[0].http.paths[0].path: Invalid value: \"a//b\": must not contain '//']"
    );
    assert_eq!(
        ingress(json!({ "path": "/", "pathType": "Prefix", "backend": {} })),
        "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend is required"
    );
    let nameless = json!({ "defaultBackend": { "service": { "name": "web" } } });
    assert_eq!(
        check("Ingress", nameless),
        "spec.defaultBackend: Required value: port name or number is required"
    );
}

#[test]
fn hosts_are_names() {
    let text = check("Ingress", json!({ "rules": [{ "host": "10.0.0.1" }] }));
    assert_eq!(
        text,
        "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address"
    );
    assert_eq!(
        check("Ingress", json!({ "rules": [{ "host": "*.example.com" }] })),
        "[]"
    );
}

#[test]
fn an_ingress_shows_its_hosts() {
    let rule = |host: &str| json!({ "host": host });
    let mut object = json!({
        "metadata": { "name": "web" },
        "spec": { "ingressClassName": "alb", "rules": [rule("a"), rule("b")], "tls": [{}] },
        "status": { "loadBalancer": { "ingress": [{ "hostname": "lb.local" }] } },
    });
    let wanted = ["web", "alb", "a,b", "lb.local", "80, 443", "<unknown>"];
    assert_eq!(cells("Ingress", &object), wanted);
    object["spec"]["rules"] = json!([rule("a"), rule("b"), rule("c"), rule("d"), rule("e")]);
    assert_eq!(cells("Ingress", &object)[2], "a,b,c + 2 more...");
    assert_eq!(
        cells("Ingress", &json!({}))[1..5],
        ["<none>", "*", "", "80"]
    );
}

#[test]
fn a_policy_is_of_ingress_and_of_egress_if_it_has_some() {
    let types = |spec: Value| {
        let mut object = json!({ "spec": spec });
        (kind("NetworkPolicy").default)(&mut object);
        object["spec"]["policyTypes"].clone()
    };
    assert_eq!(types(json!({})), json!(["Ingress"]));
    assert_eq!(
        types(json!({ "egress": [{}] })),
        json!(["Ingress", "Egress"])
    );
    assert_eq!(
        types(json!({ "policyTypes": ["Egress"] })),
        json!(["Egress"])
    );
}

#[test]
fn peers_are_blocks_or_selectors() {
    let peer = |peer: Value| check("NetworkPolicy", json!({ "ingress": [{ "from": [peer] }] }));
    assert_eq!(
        peer(json!({})),
        "spec.ingress[0].from[0]: Required value: must specify a peer"
    );
    let block = json!({ "ipBlock": { "cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"] } });
    assert_eq!(
        peer(block),
        "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`"
    );
    let ports = json!({ "ingress": [{ "ports": [{ "port": 80, "endPort": 79 }] }] });
    assert_eq!(
        check("NetworkPolicy", ports),
        "spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"
    );
}

#[test]
fn a_policy_shows_its_selector() {
    let spec = json!({ "podSelector": { "matchLabels": { "app": "web" } } });
    assert_eq!(
        cells("NetworkPolicy", &json!({ "spec": spec }))[1],
        "app=web"
    );
    assert_eq!(cells("NetworkPolicy", &json!({}))[1], "<none>");
}

#[test]
fn a_class_names_its_controller() {
    assert_eq!(
        check(
            "IngressClass",
            json!({ "controller": "eks.amazonaws.com/alb" })
        ),
        "[]"
    );
    assert_eq!(
        check("IngressClass", json!({ "controller": "alb" })),
        "spec.controller: Invalid value: \"alb\": must be a domain-prefixed path (such as \"acme.io/foo\")"
    );
    let parameters = json!({ "apiGroup": "a.io", "kind": "P", "name": "n" });
    let class = json!({ "spec": { "controller": "a.io/b", "parameters": parameters } });
    assert_eq!(cells("IngressClass", &class)[1..3], ["a.io/b", "P.a.io/n"]);
}

#[test]
fn an_address_shows_who_has_it() {
    let parent = json!({ "resource": "services", "namespace": "default", "name": "kubernetes" });
    let address = json!({ "spec": { "parentRef": parent } });
    assert_eq!(
        cells("IPAddress", &address)[1],
        "services/default/kubernetes"
    );
    let cidr = json!({ "spec": { "cidrs": ["10.0.0.0/16", "fd00::/112"] } });
    assert_eq!(cells("ServiceCIDR", &cidr)[1], "10.0.0.0/16,fd00::/112");
}
