//! A server with a pod, and clients that open connections to it byte by byte.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use wharf_auth::{Auth, SigningKey};

use super::engine::Engine;
use crate::api::tests::Server;
use crate::api::{Access, ApiServer};
use crate::cluster::{Actor, Deletion, Part};
use crate::kubelet::{Kubelet, MemoryAddresses};

pub(super) const POD: &str = "/api/v1/namespaces/default/pods/a";

/// After how long a test gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Stage {
    pub(super) address: SocketAddr,
    pub(super) server: Server,
    pub(super) written: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

fn by() -> Actor {
    Actor::system("tester", "test", "test")
}

impl Stage {
    pub(super) async fn new() -> Self {
        let server = Server::new().await;
        let by = by();
        let cluster = server.api.cluster().clone();
        // kubectl wants to know what there is before it does anything.
        let roles = "clusterroles.rbac.authorization.k8s.io";
        let paths = |role: &mut Value| {
            let all = role["rules"].as_array_mut().unwrap();
            all.push(json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }));
            Ok(())
        };
        let allowed = cluster.modify(roles, "", "all", Part::Main, &by, paths);
        allowed.await.unwrap();
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n" } });
        cluster.create("nodes", node, &by).await.unwrap();
        let address = |node: &mut Value| {
            node["status"] =
                json!({ "addresses": [{ "type": "InternalIP", "address": "192.168.0.1" }] });
            Ok(())
        };
        let done = cluster.modify("nodes", "", "n", Part::Status, &by, address);
        done.await.unwrap();
        let engine = Arc::new(Engine::new(cluster.clock().clone()));
        let written = Arc::clone(&engine.written);
        let addresses = Arc::new(MemoryAddresses::new(Ipv4Addr::new(192, 168, 0, 10), 100));
        let (kubelet, mut tasks) = Kubelet::start(cluster.clone(), engine, addresses);
        let access = Access {
            auth: Auth::Local,
            key: Arc::new(SigningKey::generate().unwrap()),
            default_account: "000000000000".parse().unwrap(),
            is_ours: Arc::new(|_| false),
        };
        let api = ApiServer::with_kubelet(cluster, access, kubelet);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tasks.spawn(listen(listener, api, server.token.clone()));
        let stage = Self {
            address,
            server,
            written,
            tasks,
        };
        stage.create("a", &["c"]).await;
        stage
    }

    pub(super) async fn create(&self, name: &str, containers: &[&str]) {
        let of = |name: &&str| json!({ "name": name, "image": "nginx:1" });
        let containers: Vec<Value> = containers.iter().map(of).collect();
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name, "namespace": "default" },
            "spec": {
                "nodeName": "n",
                "automountServiceAccountToken": false,
                "containers": containers,
            },
        });
        let cluster = self.server.api.cluster();
        cluster.create("pods", pod, &by()).await.unwrap();
        let shelf = cluster.shelf("pods").unwrap();
        let mut told = shelf.subscribe();
        loop {
            told.mark_unchanged();
            let pod = shelf.get("default", name).unwrap().value();
            if pod["status"]["phase"] == "Running" {
                return;
            }
            told.changed().await.unwrap();
        }
    }

    pub(super) async fn delete(&self, name: &str) {
        let how = Deletion {
            grace_secs: Some(0),
            ..Deletion::default()
        };
        let cluster = self.server.api.cluster();
        let by = by();
        let gone = cluster.delete("pods", "default", name, &how, &by);
        gone.await.unwrap();
    }

    /// Ends the cluster's kubelet.
    pub(super) async fn stop_kubelet(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Sends a request as it is; answers the head of the answer and the connection.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, TcpStream) {
        let mut io = TcpStream::connect(self.address).await.unwrap();
        let token = &self.server.token;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        );
        io.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(io.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), io)
    }

    /// What an answer that is no connection says.
    pub(super) async fn refused(&self, method: &str, path: &str, headers: &str) -> (u16, String) {
        let headers = format!("{headers}Connection: close\r\n");
        let (head, mut io) = self.ask(method, path, &headers).await;
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = String::new();
        io.read_to_string(&mut body).await.unwrap();
        (code, body)
    }
}

async fn listen(listener: TcpListener, api: ApiServer, token: String) {
    // kubectl sends none over plain HTTP.
    let token = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    let mut connections = JoinSet::new();
    while let Ok((io, _)) = listener.accept().await {
        let (api, token) = (api.clone(), token.clone());
        let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
            let (api, token) = (api.clone(), token.clone());
            let headers = request.headers_mut();
            headers.entry(AUTHORIZATION).or_insert(token);
            async move { Ok::<_, std::convert::Infallible>(api.serve(request.map(Body::new)).await) }
        });
        connections.spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            let served = http.serve_connection(TokioIo::new(io), service);
            let _ended = served.with_upgrades().await;
        });
    }
}

/// Waits until a number has not changed for a while: whoever counts has nothing to do.
pub(super) async fn settled(number: &AtomicU64) -> u64 {
    let mut last = u64::MAX;
    let mut same = 0;
    while same < 200 {
        tokio::task::yield_now().await;
        let now = number.load(Ordering::Relaxed);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}
