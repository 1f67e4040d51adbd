#![expect(
    clippy::needless_pass_by_value,
    reason = "json!(…) reads better than &json!(…)"
)]
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use wharf_runtime::Stream;
use wharf_runtime::network::{Dialled, Reach};

use super::plan::{Balanced, hostname, plan};
use crate::cluster::Deletion;
use crate::controllers::testing::{Running, running};
use crate::kubelet::network::SLICES;

/// Pods that say their address.
#[derive(Debug)]
struct Pods;

impl Reach for Pods {
    fn reach(&self, to: SocketAddr) -> Dialled<'_> {
        Box::pin(async move {
            let (near, mut far) = tokio::io::duplex(1024);
            tokio::spawn(async move { far.write_all(to.to_string().as_bytes()).await });
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

async fn cluster() -> Running {
    running(&[|c| super::run(c, Some(Arc::new(Pods))).boxed()]).await
}

/// A number that nobody had a moment ago.
fn free() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn service(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "default" },
        "spec": spec,
    })
}

fn slice(service: &str, ips: &[&str]) -> Value {
    let all: Vec<Value> = ips
        .iter()
        .map(|ip| json!({ "addresses": [ip], "conditions": { "ready": true } }))
        .collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service,
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": "IPv4",
        "endpoints": all,
        "ports": [{ "name": "", "port": 8080, "protocol": "TCP" }],
    })
}

fn balancer(port: u16) -> Value {
    json!({
        "type": "LoadBalancer",
        "allocateLoadBalancerNodePorts": false,
        "selector": { "app": "web" },
        "ports": [{ "port": port, "targetPort": 8080 }],
    })
}

/// Waits for the address of a load balancer.
async fn address(running: &Running, name: &str) -> (Value, SocketAddr) {
    let has = |value: &Value| value["status"]["loadBalancer"]["ingress"][0].is_object();
    let value = running.until_one("services", name, "an address", has).await;
    (value.clone(), at(&value))
}

fn at(service: &Value) -> SocketAddr {
    let all = service["status"]["loadBalancer"]["ingress"].as_array();
    let mut all = all.unwrap().iter();
    let ip = all.find_map(|one| one["ip"].as_str()).unwrap();
    let port = service["spec"]["ports"][0]["port"].to_string();
    let moved = service["metadata"]["annotations"]["wharf.dev/load-balancer-ports"].as_str();
    let moved = moved.and_then(|moved| moved.strip_prefix(&format!("{port}=")));
    format!("{ip}:{}", moved.unwrap_or(&port)).parse().unwrap()
}

async fn call(at: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Asks until the answer is as it should be; fails if that takes a second.
async fn until(at: SocketAddr, wanted: &str) {
    let asked = async {
        while call(at).await.ok().as_deref() != Some(wanted) {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(1), asked).await;
    asked.unwrap_or_else(|_| panic!("{at} never led to {wanted}"));
}

async fn until_closed(at: SocketAddr) {
    let asked = async { while TcpStream::connect(at).await.is_ok() {} };
    let asked = tokio::time::timeout(Duration::from_secs(1), asked).await;
    asked.unwrap_or_else(|_| panic!("{at} is still open"));
}

#[tokio::test]
async fn a_load_balancer_leads_to_ready_endpoints_and_is_gone_with_its_service() {
    let running = cluster().await;
    running.create(SLICES, slice("web", &["192.168.0.1"])).await;
    let created = running
        .create("services", service("web", balancer(free())))
        .await;
    let (value, at) = address(&running, "web").await;
    assert_eq!(call(at).await.unwrap(), "192.168.0.1:8080");
    let ingress = &value["status"]["loadBalancer"]["ingress"];
    let uid: String = created.uid.replace('-', "").chars().take(31).collect();
    let name = ingress[0]["hostname"].as_str().unwrap();
    assert!(name.starts_with(&format!("a{uid}-")), "{name}");
    assert!(name.ends_with(".us-east-1.elb.localhost"), "{name}");
    // Pods must not take what they call at their own 127.0.0.1 for the service.
    assert_eq!(ingress[1], json!({ "ip": "127.0.0.1", "ipMode": "Proxy" }));
    let finalizer = "service.kubernetes.io/load-balancer-cleanup";
    assert_eq!(value["metadata"]["finalizers"], json!([finalizer]));
    running
        .change(SLICES, "web", |slice| {
            slice["endpoints"][0]["addresses"] = json!(["192.168.0.2"]);
        })
        .await;
    until(at, "192.168.0.2:8080").await;
    let how = Deletion::default();
    let by = &running.test.by;
    let deleted = running
        .cluster()
        .delete("services", "default", "web", &how, by);
    deleted.await.unwrap();
    let gone = |all: &[_]| all.is_empty().then_some(());
    running.until("services", "it is gone", gone).await;
    until_closed(at).await;
    let ended = |all: &[Arc<crate::store::Object>]| {
        let ended = "DeletedLoadBalancer";
        all.iter()
            .any(|e| e.value()["reason"] == ended)
            .then_some(())
    };
    running.until("events", "DeletedLoadBalancer", ended).await;
    let said = |reason| running.events("web", reason);
    assert_eq!(said("EnsuringLoadBalancer"), ["Ensuring load balancer"]);
    let ensured = format!("Ensured load balancer at {at}");
    assert_eq!(said("EnsuredLoadBalancer"), [ensured]);
    assert_eq!(said("DeletingLoadBalancer"), ["Deleting load balancer"]);
    assert_eq!(said("DeletedLoadBalancer"), ["Deleted load balancer"]);
}

#[tokio::test]
async fn load_balancers_with_the_same_port_have_addresses_of_their_own() {
    let running = cluster().await;
    let port = free();
    for (name, ip) in [("one", "192.168.0.1"), ("two", "192.168.0.2")] {
        running.create(SLICES, slice(name, &[ip])).await;
        running
            .create("services", service(name, balancer(port)))
            .await;
        let (_, at) = address(&running, name).await;
        assert_eq!(call(at).await.unwrap(), format!("{ip}:8080"));
    }
    let (one, two) = (
        address(&running, "one").await,
        address(&running, "two").await,
    );
    assert_ne!(one.1, two.1);
    // The name is 127.0.0.1, so only who listens there has it.
    let ingress = &two.0["status"]["loadBalancer"]["ingress"];
    assert!(ingress[0]["hostname"].is_null(), "{ingress}");
}

#[tokio::test]
async fn a_port_that_is_taken_everywhere_is_another_one_and_said() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let running = cluster().await;
    running.create(SLICES, slice("web", &["192.168.0.1"])).await;
    running
        .create("services", service("web", balancer(port)))
        .await;
    let (_, at) = address(&running, "web").await;
    assert_ne!(at.port(), port);
    assert_eq!(call(at).await.unwrap(), "192.168.0.1:8080");
    let told = |all: &[Arc<crate::store::Object>]| {
        let mut all = all.iter().map(|event| event.value());
        all.find(|event| event["reason"] == "EnsuredLoadBalancer")
    };
    let event = running.until("events", "EnsuredLoadBalancer", told).await;
    let message = format!("Ensured load balancer at {at} (port {port})");
    assert_eq!(event["message"], message);
}

#[tokio::test]
async fn after_a_restart_a_load_balancer_is_where_it_was() {
    let first = cluster().await;
    let port = free();
    for name in ["one", "two"] {
        first.create(SLICES, slice(name, &[name_ip(name)])).await;
        first
            .create("services", service(name, balancer(port)))
            .await;
        address(&first, name).await;
    }
    let before = (
        address(&first, "one").await.1,
        address(&first, "two").await.1,
    );
    let test = first.stop().await.restart();
    let run = start(&test.cluster, Some(Arc::new(Pods)));
    until(before.0, "192.168.0.1:8080").await;
    until(before.1, "192.168.0.2:8080").await;
    run.abort();
}

fn name_ip(name: &str) -> &'static str {
    if name == "one" {
        "192.168.0.1"
    } else {
        "192.168.0.2"
    }
}

fn start(cluster: &crate::Cluster, pods: Option<Arc<dyn Reach>>) -> JoinHandle<()> {
    let cluster = cluster.clone();
    tokio::spawn(async move { super::run(cluster, pods).await.unwrap() })
}

#[tokio::test]
async fn node_ports_lead_to_endpoints_and_one_that_is_taken_is_said() {
    const PORT: u16 = 30_417;
    const TAKEN: u16 = 30_418;
    let _taken = std::net::TcpListener::bind(("127.0.0.1", TAKEN));
    let running = cluster().await;
    let spec = |port: u16| {
        json!({
            "type": "NodePort",
            "selector": { "app": "web" },
            "ports": [{ "port": 80, "targetPort": 8080, "nodePort": port }],
        })
    };
    running.create(SLICES, slice("web", &["192.168.0.1"])).await;
    running.create("services", service("web", spec(PORT))).await;
    let at = SocketAddr::from(([127, 0, 0, 1], PORT));
    until(at, "192.168.0.1:8080").await;
    running
        .create("services", service("late", spec(TAKEN)))
        .await;
    let told = |all: &[Arc<crate::store::Object>]| {
        let mut all = all.iter().map(|event| event.value());
        all.find(|event| event["reason"] == "NodePortNotAvailable")
    };
    let event = running.until("events", "NodePortNotAvailable", told).await;
    assert_eq!(event["involvedObject"]["name"], "late");
    assert!(event["message"].as_str().unwrap().contains("30418"));
    let inside = |service: &mut Value| service["spec"]["type"] = "ClusterIP".into();
    running.change("services", "web", inside).await;
    until_closed(at).await;
}

#[tokio::test]
async fn where_pods_are_simulated_a_load_balancer_is_pending_and_says_why() {
    let running = running(&[|c| super::run(c, None).boxed()]).await;
    let port = free();
    running
        .create("services", service("web", balancer(port)))
        .await;
    let told = |all: &[Arc<crate::store::Object>]| {
        let mut all = all.iter().map(|event| event.value());
        all.find(|event| event["reason"] == "SyncLoadBalancerFailed")
    };
    let event = running
        .until("events", "SyncLoadBalancerFailed", told)
        .await;
    assert!(event["message"].as_str().unwrap().contains("simulated"));
    let web = running.cluster().get("services", "default", "web").unwrap();
    assert!(web.value()["status"]["loadBalancer"]["ingress"].is_null());
    TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
}

#[tokio::test]
async fn somebody_elses_class_is_left_alone() {
    let running = cluster().await;
    let mut spec = balancer(free());
    spec["loadBalancerClass"] = "example.com/own".into();
    running.create("services", service("theirs", spec)).await;
    // Ours comes later: when it is done, the other one was looked at.
    running
        .create("services", service("ours", balancer(free())))
        .await;
    address(&running, "ours").await;
    let theirs = running.cluster().get("services", "default", "theirs");
    let theirs = theirs.unwrap().value();
    assert!(theirs["metadata"]["finalizers"].is_null());
    assert!(theirs["status"]["loadBalancer"]["ingress"].is_null());
}

#[test]
fn a_name_has_at_most_32_characters_before_its_number() {
    let service = |annotations: Value| {
        json!({ "metadata": {
            "uid": "a3c0d0b2-4c11-4be8-b9c7-0123456789ab",
            "annotations": annotations,
        } })
    };
    let own = hostname(&service(json!({})), "eu-central-1");
    let (name, rest) = own.split_once('-').unwrap();
    assert_eq!(name, "aa3c0d0b24c114be8b9c70123456789a");
    let (number, rest) = rest.split_once('.').unwrap();
    assert!(number.parse::<u64>().is_ok());
    assert_eq!(rest, "eu-central-1.elb.localhost");
    let scheme = "service.beta.kubernetes.io/aws-load-balancer-scheme";
    let internal = hostname(&service(json!({ scheme: "internal" })), "eu-central-1");
    assert_eq!(internal, format!("internal-{own}"));
}

#[test]
fn who_comes_from_outside_is_on_no_node_and_stays_as_long_as_the_service_says() {
    let mut wanted = service(
        "dns",
        json!({
            "type": "LoadBalancer",
            "internalTrafficPolicy": "Local",
            "externalTrafficPolicy": "Local",
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 7 } },
            "ports": [
                { "name": "tcp", "port": 53, "nodePort": 30053, "protocol": "TCP" },
                { "name": "udp", "port": 53, "nodePort": 30054, "protocol": "UDP" },
            ],
        }),
    );
    let mut slice = slice("dns", &["192.168.0.1", "192.168.0.2"]);
    slice["ports"][0]["name"] = "tcp".into();
    slice["endpoints"][0]["nodeName"] = "n1".into();
    slice["endpoints"][1]["conditions"]["ready"] = false.into();
    let slices = [slice];
    let planned = plan(&wanted, &slices);
    let targets = wharf_balancer::Targets {
        endpoints: vec!["192.168.0.1:8080".parse().unwrap()],
        affinity: Some(Duration::from_secs(7)),
    };
    assert_eq!(planned.balanced, Balanced::Here);
    assert_eq!(planned.ports, [(53, targets.clone())].into());
    assert_eq!(planned.node_ports, [(30053, targets)].into());
    assert_eq!(planned.others, ["53/UDP"]);
    wanted["spec"]["type"] = "ClusterIP".into();
    let planned = plan(&wanted, &slices);
    assert_eq!(planned.balanced, Balanced::No);
    assert!(planned.ports.is_empty() && planned.node_ports.is_empty());
    wanted["spec"]["type"] = "LoadBalancer".into();
    wanted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert_eq!(plan(&wanted, &slices).balanced, Balanced::No);
}
