#![expect(
    clippy::needless_pass_by_value,
    reason = "json!(…) reads better than &json!(…)"
)]
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wharf_runtime::network::{Protocol, Service};

use super::plan::{mirrored, plan};
use super::slices::SERVICE;
use super::*;
use crate::cluster::testing::TestCluster;
use crate::cluster::{Deletion, Part};

fn service(spec: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "shop", "namespace": "default" },
        "spec": spec,
    })
}

fn slice(name: &str, ports: Value, endpoints: Value) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": { "name": name, "namespace": "default", "labels": { SERVICE: "shop" } },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": endpoints,
    })
}

fn web() -> Value {
    json!([{ "name": "", "port": 8080, "protocol": "TCP" }])
}

fn endpoint(ip: &str, node: &str, conditions: Value) -> Value {
    json!({ "addresses": [ip], "nodeName": node, "conditions": conditions })
}

fn ready(ip: &str) -> Value {
    endpoint(ip, "n1", json!({ "ready": true, "serving": true }))
}

fn planned(spec: Value, slices: &[Value]) -> Row {
    plan(&service(spec), slices, &["192.168.0.1".parse().unwrap()])
}

fn at(service: &Service, port: usize) -> Vec<String> {
    let endpoints = &service.ports[port].endpoints;
    endpoints.iter().map(ToString::to_string).collect()
}

fn also(service: &Service) -> Vec<String> {
    let also = &service.ports[0].also;
    also.iter().map(ToString::to_string).collect()
}

fn web_spec(more: Value) -> Value {
    let mut spec = json!({
        "clusterIP": "10.100.0.7",
        "clusterIPs": ["10.100.0.7"],
        "ports": [{ "port": 80, "protocol": "TCP", "targetPort": 8080 }],
    });
    for (key, value) in more.as_object().unwrap() {
        fields::set(&mut spec, key, value.clone());
    }
    spec
}

#[test]
fn ready_endpoints_answer_and_without_any_those_that_serve_while_they_end() {
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let broken = json!({ "ready": false, "serving": false });
    let rows = [
        (
            vec![ready("10.0.0.2"), ready("10.0.0.1")],
            vec!["10.0.0.1:8080", "10.0.0.2:8080"],
        ),
        // What is not said counts as ready.
        (
            vec![endpoint("10.0.0.1", "n", json!({}))],
            vec!["10.0.0.1:8080"],
        ),
        (
            vec![ready("10.0.0.1"), endpoint("10.0.0.2", "n", ending.clone())],
            vec!["10.0.0.1:8080"],
        ),
        (
            vec![
                endpoint("10.0.0.1", "n", broken.clone()),
                endpoint("10.0.0.2", "n", ending),
            ],
            vec!["10.0.0.2:8080"],
        ),
        (vec![endpoint("10.0.0.1", "n", broken)], vec![]),
        (
            vec![ready("10.0.0.1"), ready("10.0.0.1")],
            vec!["10.0.0.1:8080"],
        ),
        (vec![ready("example.com"), json!({}), Value::Null], vec![]),
    ];
    for (endpoints, wanted) in rows {
        let row = planned(web_spec(json!({})), &[slice("a", web(), json!(endpoints))]);
        assert_eq!(at(row.of(""), 0), wanted, "{endpoints:?}");
    }
}

#[test]
fn ports_are_matched_by_name_and_protocol_over_all_slices() {
    let ports = json!([
        { "name": "dns", "port": 53, "protocol": "UDP" },
        { "name": "dns-tcp", "port": 53, "protocol": "TCP" },
        { "name": "gone", "port": 1, "protocol": "SCTP" },
    ]);
    let spec = web_spec(json!({ "ports": ports, "sessionAffinity": "ClientIP" }));
    let one =
        json!([{ "name": "dns", "port": 5353, "protocol": "UDP" }, { "name": "dns", "port": 9 }]);
    let two = json!([{ "name": "dns-tcp", "port": 5354, "protocol": "TCP" }]);
    let slices = [
        slice("a", one, json!([ready("10.0.0.1")])),
        slice("b", two, json!([ready("10.0.0.2")])),
    ];
    let row = planned(spec, &slices);
    let service = row.of("");
    assert!(service.affinity);
    assert_eq!(at(service, 0), ["10.0.0.1:5353"]);
    assert_eq!(at(service, 1), ["10.0.0.2:5354"]);
    assert_eq!(at(service, 2), [""; 0]);
    let protocols: Vec<Protocol> = service.ports.iter().map(|port| port.protocol).collect();
    assert_eq!(protocols, [Protocol::Udp, Protocol::Tcp, Protocol::Sctp]);
}

#[test]
fn node_ports_external_addresses_and_balancers_lead_to_the_same() {
    let mut service = service(web_spec(json!({
        "type": "LoadBalancer",
        "externalIPs": ["198.51.100.1"],
        "ports": [{ "port": 80, "nodePort": 30080 }],
    })));
    service["status"] = json!({ "loadBalancer": { "ingress": [
        { "ip": "203.0.113.1" }, { "ip": "203.0.113.2", "ipMode": "Proxy" }, { "hostname": "a.elb" },
    ] } });
    let nodes = ["192.168.0.1", "192.168.0.2"].map(|ip| ip.parse().unwrap());
    let row = plan(
        &service,
        &[slice("a", web(), json!([ready("10.0.0.1")]))],
        &nodes,
    );
    let wanted = [
        "198.51.100.1:80",
        "203.0.113.1:80",
        "192.168.0.1:30080",
        "192.168.0.2:30080",
    ];
    assert_eq!(also(row.of("")), wanted);
    assert_eq!(at(row.of(""), 0), ["10.0.0.1:8080"]);
}

#[test]
fn with_the_internal_traffic_policy_local_pods_see_the_endpoints_of_their_node() {
    let spec = web_spec(json!({ "internalTrafficPolicy": "Local" }));
    let fine = json!({ "ready": true });
    let endpoints = json!([
        endpoint("10.0.0.1", "n1", fine.clone()),
        endpoint("10.0.0.2", "n2", fine)
    ]);
    let row = planned(spec, &[slice("a", web(), endpoints)]);
    assert_eq!(at(row.of("n1"), 0), ["10.0.0.1:8080"]);
    assert_eq!(at(row.of("n2"), 0), ["10.0.0.2:8080"]);
    assert_eq!(at(row.of("n3"), 0), [""; 0]);
}

#[test]
fn a_headless_service_shows_its_ready_pods_by_name_and_address() {
    let mut named = ready("10.0.0.1");
    fields::set(&mut named, "hostname", "shop-0");
    let ending = json!({ "ready": false, "serving": true, "terminating": true });
    let endpoints = json!([ready("10.0.0.2"), named, endpoint("10.0.0.3", "n", ending)]);
    let spec = web_spec(json!({ "clusterIP": "None", "clusterIPs": ["None"] }));
    let row = planned(spec, &[slice("a", web(), endpoints)]);
    let service = row.of("");
    assert!(service.cluster_ips.is_empty());
    let hosts: Vec<(String, Option<&str>)> = service
        .hosts
        .iter()
        .map(|host| (host.ip.to_string(), host.hostname.as_deref()))
        .collect();
    let wanted = [
        ("10.0.0.1".to_owned(), Some("shop-0")),
        ("10.0.0.2".to_owned(), None),
    ];
    assert_eq!(hosts, wanted);
    assert_eq!(at(service, 0), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[test]
fn an_external_name_is_an_alias_and_nothing_else() {
    let spec =
        json!({ "type": "ExternalName", "externalName": "example.com", "ports": [{ "port": 80 }] });
    let row = planned(spec, &[slice("a", web(), json!([ready("10.0.0.1")]))]);
    let service = row.of("");
    assert_eq!(service.external_name.as_deref(), Some("example.com"));
    assert!(service.ports.is_empty() && service.cluster_ips.is_empty());
}

#[test]
fn a_service_with_more_endpoints_than_can_be_told_is_cut() {
    let endpoints: Vec<Value> = (0..20_000_u32)
        .map(|n| ready(&Ipv4Addr::from(0x0a00_0000 + n).to_string()))
        .collect();
    let row = planned(web_spec(json!({})), &[slice("a", web(), json!(endpoints))]);
    let count = row.of("").ports[0].endpoints.len();
    assert!((1000..10_000).contains(&count), "{count}");
}

#[test]
fn endpoints_that_somebody_wrote_count_as_slices() {
    let endpoints = json!({ "subsets": [{
        "addresses": [{ "ip": "10.0.0.1", "hostname": "a" }],
        "notReadyAddresses": [{ "ip": "10.0.0.2" }],
        "ports": [{ "port": 8080, "protocol": "TCP" }],
    }] });
    let row = planned(web_spec(json!({})), &mirrored(&endpoints));
    assert_eq!(at(row.of(""), 0), ["10.0.0.1:8080"]);
}

struct Story {
    test: TestCluster,
    table: Table,
    task: JoinHandle<Result<(), Status>>,
}

impl Story {
    async fn new() -> Self {
        let test = TestCluster::new().await;
        let table = Table::default();
        let task = tokio::spawn(tell(test.cluster.clone(), table.clone()));
        Self { test, table, task }
    }

    async fn create(&self, resource: &str, object: Value) {
        let made = self.test.cluster.create(resource, object, &self.test.by);
        made.await.unwrap();
    }

    /// Waits until pods see this at the port of the service; panics if they never do.
    async fn until(&self, wanted: &[&str]) {
        let mut told = self.table.subscribe();
        let wait = async {
            loop {
                told.mark_unchanged();
                let services = self.table.services("");
                let shop = services.iter().find(|one| one.key.name == "shop");
                if shop.map_or_else(|| vec!["gone".to_owned()], |shop| at(shop, 0)) == wanted {
                    return;
                }
                told.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), wait).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.table.services("")));
    }
}

#[tokio::test]
async fn the_table_follows_services_and_their_slices() {
    let s = Story::new().await;
    s.until(&["gone"]).await;
    s.create("services", service(web_spec(json!({})))).await;
    s.until(&[]).await;
    s.create(SLICES, slice("a", web(), json!([ready("10.0.0.1")])))
        .await;
    s.until(&["10.0.0.1:8080"]).await;
    let more = slice("b", web(), json!([ready("10.0.0.2")]));
    s.create(SLICES, more).await;
    s.until(&["10.0.0.1:8080", "10.0.0.2:8080"]).await;
    let (cluster, by) = (&s.test.cluster, &s.test.by);
    let how = Deletion::default();
    let deleted = cluster.delete(SLICES, "default", "a", &how, by);
    deleted.await.unwrap();
    s.until(&["10.0.0.2:8080"]).await;
    let not_ready = |slice: &mut Value| {
        slice["endpoints"][0]["conditions"] = json!({ "ready": false });
        Ok(())
    };
    let updated = cluster.modify(SLICES, "default", "b", Part::Main, by, not_ready);
    updated.await.unwrap();
    s.until(&[]).await;
    let deleted = cluster.delete("services", "default", "shop", &how, by);
    deleted.await.unwrap();
    s.until(&["gone"]).await;
    s.task.abort();
}

#[tokio::test]
async fn every_pod_has_the_doors_to_the_server_and_its_name_server() {
    let test = TestCluster::new().await;
    crate::system::bootstrap(&test.cluster).await.unwrap();
    let config = config(&test.cluster);
    let doors: Vec<(u16, String)> = config
        .listeners
        .iter()
        .map(|one| (one.id, one.at[0].to_string()))
        .collect();
    let wanted = [
        (API_GATE, "10.100.0.1:443"),
        (TASK_GATE, "169.254.170.2:80"),
        (IDENTITY_GATE, "169.254.170.23:80"),
    ];
    assert_eq!(doors, wanted.map(|(id, at)| (id, at.to_owned())));
    let dns: Vec<String> = config.dns.iter().map(ToString::to_string).collect();
    assert_eq!(dns, ["10.100.0.10", "169.254.169.253"]);
    assert_eq!(config.service_ranges[0].length, 16);
    assert_eq!(private_domain("us-east-1"), "ec2.internal");
    assert_eq!(private_domain("eu-west-1"), "eu-west-1.compute.internal");
}
