use super::*;

fn service(spec: Value) -> String {
    let mut object = json!({});
    object["spec"] = spec;
    check("Service", object)
}

#[test]
fn a_service_is_filled_in() {
    let mut service = json!({ "spec": { "ports": [{ "port": 80 }] } });
    (kind("Service").default)(&mut service);
    assert_eq!(
        service["spec"],
        json!({
            "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [{ "port": 80, "protocol": "TCP", "targetPort": 80 }],
        })
    );
    let mut service = json!({ "spec": { "type": "LoadBalancer", "sessionAffinity": "ClientIP" } });
    (kind("Service").default)(&mut service);
    assert_eq!(
        service["spec"],
        json!({
            "type": "LoadBalancer", "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 10800 } },
            "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
            "allocateLoadBalancerNodePorts": true,
        })
    );
}

#[test]
fn a_service_has_ports_unless_it_is_headless() {
    assert_eq!(service(json!({})), "spec.ports: Required value");
    let headless = json!({ "clusterIP": "None", "clusterIPs": ["None"] });
    assert_eq!(service(headless), "[]");
    let external = json!({ "type": "ExternalName", "externalName": "example.com" });
    assert_eq!(service(external), "[]");
    assert_eq!(
        service(json!({ "type": "ExternalName" })),
        "spec.externalName: Required value"
    );
}

#[test]
fn ports_are_numbers_names_and_no_duplicates() {
    assert_eq!(
        service(json!({ "ports": [{ "port": 70000, "targetPort": 1 }] })),
        "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"
    );
    assert_eq!(
        service(json!({ "ports": [{ "port": 1 }, { "port": 2 }] })),
        "[spec.ports[0].name: Required value, spec.ports[1].name: Required value]"
    );
    let twice = json!({ "ports": [{ "port": 1, "name": "a" }, { "port": 2, "name": "a" }] });
    assert_eq!(service(twice), "spec.ports[1].name: Duplicate value: \"a\"");
    let same = json!({ "ports": [{ "port": 1, "name": "a" }, { "port": 1, "name": "b" }] });
    assert!(service(same).starts_with("spec.ports[1]: Duplicate value: {"));
}

#[test]
fn node_ports_are_of_the_range() {
    let ports = |number: i64| json!([{ "port": 80, "nodePort": number }]);
    assert_eq!(
        service(json!({ "type": "NodePort", "ports": ports(30000) })),
        "[]"
    );
    assert_eq!(
        service(json!({ "type": "NodePort", "ports": ports(1000) })),
        "spec.ports[0].nodePort: Invalid value: 1000: provided port is not in the valid range. The range of valid ports is 30000-32767"
    );
    assert_eq!(
        service(json!({ "ports": ports(30000) })),
        "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"
    );
}

#[test]
fn names_of_services_start_with_a_letter() {
    let mut errors = Errors::default();
    let mut object = json!({ "metadata": { "name": "1x" }, "spec": { "ports": [{ "port": 1 }] } });
    (kind("Service").default)(&mut object);
    (kind("Service").validate)(&object, &mut errors);
    let text = errors.to_string();
    let wanted = "metadata.name: Invalid value: \"1x\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character";
    assert!(text.starts_with(wanted), "{text}");
}

#[test]
fn the_address_may_not_change() {
    let spec = |ip: &str| json!({ "spec": { "type": "ClusterIP", "clusterIPs": [ip] } });
    assert_eq!(
        change("Service", &spec("10.0.0.2"), &spec("10.0.0.1")),
        "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"
    );
}

#[test]
fn an_update_keeps_what_was_allocated() {
    let old = json!({ "spec": {
        "type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
        "ports": [{ "port": 80, "nodePort": 30001 }],
    } });
    let mut new = json!({ "spec": { "type": "NodePort", "ports": [{ "port": 80 }] } });
    (kind("Service").prepare_update)(&mut new, &old);
    assert_eq!(new, old);
    let mut new = old.clone();
    new["spec"]["type"] = "ClusterIP".into();
    (kind("Service").prepare_update)(&mut new, &old);
    assert_eq!(new["spec"]["ports"], json!([{ "port": 80 }]));
    let mut new = old.clone();
    new["spec"]["type"] = "ExternalName".into();
    (kind("Service").prepare_update)(&mut new, &old);
    assert_eq!(new["spec"].get("clusterIP"), None);
}
