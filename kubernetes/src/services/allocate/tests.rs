use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn service(name: &str, spec: &Value) -> Value {
    json!({ "metadata": { "name": name }, "spec": spec })
}

fn allocator() -> Allocator {
    Allocator::new("10.100.0.0/16", &[]).unwrap()
}

#[test]
fn a_service_gets_an_address_of_the_network_and_one_family() {
    let mut made = service("a", &json!({ "type": "ClusterIP" }));
    allocator().create(&mut made).unwrap().keep();
    let spec = &made["spec"];
    assert!(spec["clusterIP"].as_str().unwrap().starts_with("10.100."));
    assert_eq!(spec["clusterIPs"], json!([spec["clusterIP"]]));
    assert_eq!(spec["ipFamilies"], json!(["IPv4"]));
    assert_eq!(spec["ipFamilyPolicy"], "SingleStack");
}

#[test]
fn an_address_is_given_once_and_again_when_its_service_is_gone() {
    let pool = allocator();
    let asks = || {
        service(
            "a",
            &json!({ "type": "ClusterIP", "clusterIP": "10.100.0.1", "clusterIPs": ["10.100.0.1"] }),
        )
    };
    let mut first = asks();
    pool.create(&mut first).unwrap().keep();
    let refused = pool.create(&mut asks()).unwrap_err();
    assert_eq!(
        refused.message,
        "Service \"a\" is invalid: spec.clusterIPs: Invalid value: []string{\"10.100.0.1\"}: failed to allocate IP 10.100.0.1: provided IP is already allocated"
    );
    pool.release(&first).keep();
    let held = pool.create(&mut asks()).unwrap();
    // It was not written.
    drop(held);
    pool.create(&mut asks()).unwrap().keep();
}

#[test]
fn what_is_outside_is_refused() {
    let mut other = service(
        "a",
        &json!({ "type": "ClusterIP", "clusterIPs": ["10.1.0.1"] }),
    );
    let refused = allocator().create(&mut other).unwrap_err();
    assert!(refused.message.ends_with(
        "failed to allocate IP 10.1.0.1: the provided IP (10.1.0.1) is not in the valid range. The range of valid IPs is 10.100.0.0/16"
    ));
    let mut low = service(
        "a",
        &json!({ "type": "NodePort", "ports": [{ "port": 80, "nodePort": 80 }] }),
    );
    let refused = allocator().create(&mut low).unwrap_err();
    assert_eq!(
        refused.message,
        "Service \"a\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"
    );
}

#[test]
fn headless_and_external_services_get_no_address() {
    let mut headless = service(
        "a",
        &json!({ "type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"], "selector": { "a": "b" } }),
    );
    allocator().create(&mut headless).unwrap().keep();
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    assert_eq!(headless["spec"]["ipFamilyPolicy"], "SingleStack");
    let mut bare = service(
        "a",
        &json!({ "type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"] }),
    );
    allocator().create(&mut bare).unwrap().keep();
    assert_eq!(bare["spec"]["ipFamilyPolicy"], "RequireDualStack");
    assert_eq!(bare["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    let mut external = service(
        "a",
        &json!({ "type": "ExternalName", "externalName": "b.c" }),
    );
    let before = external.clone();
    allocator().create(&mut external).unwrap().keep();
    assert_eq!(external, before);
}

#[test]
fn a_port_of_two_protocols_has_one_node_port() {
    let ports = json!([
        { "name": "a", "port": 53, "protocol": "TCP" },
        { "name": "b", "port": 53, "protocol": "UDP", "nodePort": 30_053 },
        { "name": "c", "port": 80, "protocol": "TCP" },
    ]);
    let pool = allocator();
    let mut dns = service("dns", &json!({ "type": "NodePort", "ports": ports }));
    pool.create(&mut dns).unwrap().keep();
    let given: Vec<i64> = fields::list(&dns["spec"], "ports")
        .iter()
        .map(|p| fields::integer(p, "nodePort"))
        .collect();
    assert_eq!(given.get(..2), Some([30_053, 30_053].as_slice()));
    assert!((30_000..=32_767).contains(&given[2]));
    let mut other = service(
        "b",
        &json!({ "type": "NodePort", "ports": [{ "port": 1, "nodePort": 30_053 }] }),
    );
    assert!(pool.create(&mut other).unwrap_err().message.ends_with(
        "spec.ports[0].nodePort: Invalid value: 30053: provided port is already allocated"
    ));
}

#[test]
fn what_an_update_gives_up_is_free_once_it_is_written() {
    let pool = allocator();
    let mut old = service(
        "a",
        &json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{ "port": 1, "nodePort": 30_001 }] }),
    );
    pool.create(&mut old).unwrap().keep();
    let health = fields::integer(&old["spec"], "healthCheckNodePort");
    assert!(health >= 30_000);
    let mut new = service(
        "a",
        &json!({ "type": "ClusterIP", "clusterIPs": old["spec"]["clusterIPs"], "ports": [{ "port": 1 }] }),
    );
    let held = pool.update(&mut new, &old).unwrap();
    let mut asks = service(
        "b",
        &json!({ "type": "NodePort", "ports": [{ "port": 1, "nodePort": 30_001 }] }),
    );
    assert!(pool.create(&mut asks).is_err());
    held.keep();
    pool.create(&mut asks).unwrap().keep();
    let mut external = service("a", &json!({ "type": "ExternalName" }));
    pool.update(&mut external, &new).unwrap().keep();
    let mut again = service(
        "c",
        &json!({ "type": "ClusterIP", "clusterIPs": new["spec"]["clusterIPs"] }),
    );
    pool.create(&mut again).unwrap().keep();
}

#[test]
fn what_services_have_is_known_after_a_restart() {
    let there = [service(
        "a",
        &json!({ "clusterIPs": ["10.100.0.10"], "ports": [{ "nodePort": 30_007 }] }),
    )];
    let pool = Allocator::new("10.100.0.0/16", &there).unwrap();
    let mut asks = service(
        "b",
        &json!({ "type": "ClusterIP", "clusterIPs": ["10.100.0.10"] }),
    );
    assert!(pool.create(&mut asks).is_err());
}

proptest! {
    /// A small network, so that it becomes full: 14 addresses, of which two are kept.
    #[test]
    fn no_address_has_two_services(steps in prop::collection::vec((0u8..3, 0usize..20), 1..60)) {
        let pool = Allocator::new("10.9.0.0/28", &[]).unwrap();
        let mut live: Vec<Value> = Vec::new();
        for (what, which) in steps {
            match what {
                0 | 1 => {
                    let mut made = service("a", &json!({ "type": "NodePort", "ports": [{ "port": 1 }] }));
                    match pool.create(&mut made) {
                        Ok(held) if what == 0 => {
                            held.keep();
                            live.push(made);
                        }
                        Ok(held) => drop(held),
                        Err(_) => prop_assert_eq!(live.len(), 12),
                    }
                }
                _ if which < live.len() => pool.release(&live.swap_remove(which)).keep(),
                _ => {}
            }
            let addresses: HashSet<String> = live.iter().map(|s| s["spec"]["clusterIP"].to_string()).collect();
            let ports: HashSet<String> = live.iter().map(|s| s["spec"]["ports"][0]["nodePort"].to_string()).collect();
            prop_assert_eq!((addresses.len(), ports.len()), (live.len(), live.len()));
        }
    }
}
