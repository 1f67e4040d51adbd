#![expect(
    clippy::needless_pass_by_value,
    reason = "json!(…) reads better than &json!(…)"
)]
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wharf_runtime::Stream;
use wharf_runtime::network::{Dialled, Reach};

use super::INGRESSES;
use crate::cluster::Deletion;
use crate::controllers::testing::{Running, running};
use crate::kubelet::network::SLICES;
use crate::store::Object;

/// Pods that answer everything with their address and what they were asked for.
#[derive(Debug)]
struct Pods;

impl Reach for Pods {
    fn reach(&self, to: SocketAddr) -> Dialled<'_> {
        Box::pin(async move {
            let (near, mut far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    far.read_buf(&mut asked).await.unwrap();
                }
                let asked = String::from_utf8(asked).unwrap();
                let line = asked.split(" HTTP").next().unwrap();
                let text = format!("{to} {line}");
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
                far.write_all((head + &text).as_bytes()).await.unwrap();
            });
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

async fn cluster() -> Running {
    let running = running(&[|c| super::run(c, Some(Arc::new(Pods))).boxed()]).await;
    for (name, ip) in [("web", "192.168.0.1"), ("api", "192.168.0.2")] {
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": name, "namespace": "default" },
            "spec": {
                "selector": { "app": name },
                "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }],
            },
        });
        running.create("services", service).await;
        running.create(SLICES, slice(name, ip)).await;
    }
    running
}

fn slice(service: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service,
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [ip], "conditions": { "ready": true } }],
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
    })
}

fn path(kind: &str, path: &str, service: &str, port: Value) -> Value {
    json!({
        "path": path,
        "pathType": kind,
        "backend": { "service": { "name": service, "port": port } },
    })
}

fn ingress(name: &str, class: &str, spec: Value) -> Value {
    let mut ingress = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": name, "namespace": "default" },
        "spec": spec,
    });
    ingress["spec"]["ingressClassName"] = class.into();
    ingress
}

/// Where an ingress is answered by HTTP and by HTTPS, and its name.
async fn places(running: &Running, name: &str) -> (SocketAddr, SocketAddr, String) {
    let has = |value: &Value| value["status"]["loadBalancer"]["ingress"][1].is_object();
    let value = running.until_one(INGRESSES, name, "an address", has).await;
    let ingress = &value["status"]["loadBalancer"]["ingress"];
    let port = |at: usize, usual: u64| {
        let port = ingress[1]["ports"][at]["port"].as_u64().unwrap_or(usual);
        format!("{}:{port}", ingress[1]["ip"].as_str().unwrap())
    };
    let hostname = ingress[0]["hostname"].as_str().unwrap().to_owned();
    let (http, https) = (port(0, 80), port(1, 443));
    (http.parse().unwrap(), https.parse().unwrap(), hostname)
}

/// The status and the text of an answer.
async fn get(at: SocketAddr, host: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

async fn until(at: SocketAddr, host: &str, path: &str, wanted: &str) {
    let asked = async { while get(at, host, path).await.1 != wanted {} };
    let asked = tokio::time::timeout(Duration::from_secs(5), asked).await;
    asked.unwrap_or_else(|_| panic!("{host}{path} never led to {wanted}"));
}

#[tokio::test]
async fn rules_lead_to_ready_endpoints_and_the_proxy_ends_with_the_last_ingress() {
    let running = cluster().await;
    let spec = json!({
        "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } },
        "rules": [{ "host": "shop.test", "http": { "paths": [
            path("Prefix", "/api", "api", json!({ "name": "http" })),
            path("Exact", "/gone", "gone", json!({ "number": 80 })),
        ] } }],
    });
    running
        .create(INGRESSES, ingress("shop", "nginx", spec))
        .await;
    let (http, _, hostname) = places(&running, "shop").await;
    assert!(hostname.starts_with("k8s-default-shop-"), "{hostname}");
    until(http, "shop.test", "/api/x", "192.168.0.2:8080 GET /api/x").await;
    until(http, "shop.test", "/", "192.168.0.1:8080 GET /").await;
    until(http, &hostname, "/", "192.168.0.1:8080 GET /").await;
    let (status, text) = get(http, "shop.test", "/gone").await;
    assert_eq!(status, 503, "{text}");
    let why = |all: &[Arc<Object>]| {
        let all = all.iter().map(|event| event.value());
        all.filter(|event| event["reason"] == "FailedBuildModel")
            .find_map(|event| event["message"].as_str().map(str::to_owned))
    };
    let why = running.until("events", "a warning", why).await;
    assert_eq!(why, "Failed build model due to Service \"gone\" not found");
    let change = |slice: &mut Value| {
        slice["endpoints"][0]["addresses"] = json!(["192.168.0.3"]);
    };
    running.change(SLICES, "api", change).await;
    until(http, "shop.test", "/api", "192.168.0.3:8080 GET /api").await;
    let how = Deletion::default();
    let by = &running.test.by;
    let deleted = running
        .cluster()
        .delete(INGRESSES, "default", "shop", &how, by);
    deleted.await.unwrap();
    let closed = async { while TcpStream::connect(http).await.is_ok() {} };
    let closed = tokio::time::timeout(Duration::from_secs(5), closed);
    closed.await.expect("the proxy is still there");
}

#[tokio::test]
async fn two_ingresses_for_all_hosts_have_names_of_their_own() {
    let running = cluster().await;
    for name in ["web", "api"] {
        let port = json!({ "number": 80 });
        let paths = [path("ImplementationSpecific", "/*", name, port)];
        let spec = json!({ "rules": [{ "http": { "paths": paths } }] });
        running.create(INGRESSES, ingress(name, "alb", spec)).await;
    }
    let (http, _, web) = places(&running, "web").await;
    let (_, _, api) = places(&running, "api").await;
    assert!(web.starts_with("internal-k8s-default-web-"), "{web}");
    until(http, &web, "/a", "192.168.0.1:8080 GET /a").await;
    until(http, &api, "/a", "192.168.0.2:8080 GET /a").await;
}

#[tokio::test]
async fn tls_is_with_the_certificate_of_the_secret_and_plain_requests_are_sent_there() {
    let running = cluster().await;
    let made = rcgen::generate_simple_self_signed(vec!["shop.test".to_owned()]).unwrap();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": { "name": "cert", "namespace": "default" },
        "data": {
            "tls.crt": STANDARD.encode(made.cert.pem()),
            "tls.key": STANDARD.encode(made.signing_key.serialize_pem()),
        },
    });
    running.create("secrets", secret).await;
    let mut shop = ingress(
        "shop",
        "nginx",
        json!({
            "tls": [{ "hosts": ["shop.test"], "secretName": "cert" }],
            "rules": [{ "host": "shop.test", "http": { "paths": [
                path("Prefix", "/api(/|$)(.*)", "api", json!({ "number": 80 })),
            ] } }],
        }),
    );
    let rewrite = "nginx.ingress.kubernetes.io/rewrite-target";
    shop["metadata"]["annotations"] = json!({ rewrite: "/$2" });
    shop["spec"]["rules"][0]["http"]["paths"][0]["pathType"] = "ImplementationSpecific".into();
    running.create(INGRESSES, shop).await;
    let (http, https, _) = places(&running, "shop").await;
    let (status, _) = get(http, "shop.test", "/api/users").await;
    assert_eq!(status, 308);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(https).await.unwrap();
    let name = "shop.test".try_into().unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let head = "GET /api/users HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("192.168.0.2:8080 GET /users"), "{answer}");
}

#[tokio::test]
async fn where_pods_are_simulated_an_ingress_has_no_address_and_says_why() {
    let running = running(&[|c| super::run(c, None).boxed()]).await;
    let spec =
        json!({ "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } } });
    running.create(INGRESSES, ingress("web", "alb", spec)).await;
    let told = |all: &[Arc<Object>]| {
        let mut all = all.iter().map(|event| event.value());
        all.find(|event| event["reason"] == "FailedDeployModel")
    };
    let event = running.until("events", "a warning", told).await;
    assert!(event["message"].as_str().unwrap().contains("simulated"));
    let web = running.cluster().get(INGRESSES, "default", "web").unwrap();
    assert!(web.value()["status"]["loadBalancer"]["ingress"].is_null());
}
