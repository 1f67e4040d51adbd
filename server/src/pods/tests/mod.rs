//! A pod at the address that stands for AWS, over a pipe in the place of its network.
mod agent;
mod roles;

use std::net::{IpAddr, Ipv4Addr};

use http::request;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wharf_auth::service_account::{Audiences, Claims, Key, Kubernetes, Reference, mint};
use wharf_auth::{Secret, Signer};
use wharf_kubernetes::Cluster;
use wharf_kubernetes::cluster::Actor;
use wharf_runtime::network::Caller;
use wharf_types::{Clock, Timestamp};

use super::*;
use crate::Server;
use crate::config::{self, Config, EngineChoice};

const NOW: i64 = 1_800_000_000;
const AGENT: &str = "pods.eks.amazonaws.com";
const STS: &str = "sts.amazonaws.com";
const FORM: &str = "application/x-www-form-urlencoded";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Keys as a client has them.
struct Given {
    key: String,
    secret: Secret,
    token: Option<String>,
}

impl Given {
    fn new(key: &str, secret: &str) -> Self {
        Self {
            key: key.to_owned(),
            secret: Secret::new(secret),
            token: None,
        }
    }

    fn of_agent(answer: &str) -> Self {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self {
            key: text("AccessKeyId"),
            secret: Secret::new(text("SecretAccessKey")),
            token: Some(text("Token")),
        }
    }

    fn of_sts(answer: &str) -> Self {
        Self {
            key: within(answer, "AccessKeyId"),
            secret: Secret::new(within(answer, "SecretAccessKey")),
            token: Some(within(answer, "SessionToken")),
        }
    }

    fn sign(&self, request: request::Builder, service: &str, body: &str) -> Parts {
        let request = match &self.token {
            Some(token) => request.header("x-amz-security-token", token),
            None => request,
        };
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let signer = Signer {
            access_key: &self.key,
            secret: &self.secret,
            region: &"us-east-1".parse().unwrap(),
            service,
        };
        signer
            .sign(&mut parts, body.as_bytes(), Timestamp::from_secs(NOW))
            .unwrap();
        parts
    }
}

fn within(xml: &str, name: &str) -> String {
    let start = xml.split_once(&format!("<{name}>")).unwrap().1;
    start.split_once("</").unwrap().0.to_owned()
}

/// A server with a cluster and one association, whose pods ask.
struct Stage {
    server: Server,
    root: Given,
    cluster: Cluster,
    _dir: TempDir,
}

impl Stage {
    async fn new(change: impl FnOnce(&mut Config, &TempDir)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path().join("data")).unwrap();
        config.listen = vec![([127, 0, 0, 1], 0).into()];
        config.engine = EngineChoice::Simulated;
        change(&mut config, &dir);
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        let server = Server::start(config, clock).await.unwrap();
        let root = Given::new("test", "test");
        let made = json!({
            "name": "dev",
            "roleArn": "arn:aws:iam::000000000000:role/eks",
            "resourcesVpcConfig": { "subnetIds": ["subnet-1", "subnet-2"] },
        });
        eks(&server, &root, "/clusters", &made).await;
        let association = json!({
            "namespace": "default",
            "serviceAccount": "shop",
            "roleArn": "arn:aws:iam::000000000000:role/team/shop",
        });
        let path = "/clusters/dev/pod-identity-associations";
        eks(&server, &root, path, &association).await;
        let cluster = server.clusters().all()[0].cluster().clone();
        let stage = Self {
            server,
            root,
            cluster,
            _dir: dir,
        };
        for name in ["shop", "other"] {
            stage
                .make("serviceaccounts", "ServiceAccount", name, json!({}))
                .await;
        }
        stage
    }

    async fn make(&self, resource: &str, kind: &str, name: &str, rest: Value) -> String {
        let mut object = json!({
            "apiVersion": "v1",
            "kind": kind,
            "metadata": { "name": name, "namespace": "default" },
        });
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        let by = Actor::system("tester", "test", "test");
        let made = self.cluster.create(resource, object, &by).await.unwrap();
        made.uid.clone()
    }

    /// Makes a pod; answers its uid.
    async fn pod(&self, name: &str, account: &str) -> String {
        let spec = json!({
            "serviceAccountName": account,
            "containers": [{ "name": "c", "image": "busybox" }],
        });
        self.make("pods", "Pod", name, json!({ "spec": spec }))
            .await
    }

    fn claims(&self, audience: &str, pod: &str, uid: &str, account: &str) -> Claims {
        let reference = |name: &str, uid: &str| Reference {
            name: name.to_owned(),
            uid: uid.to_owned(),
        };
        let found = self.cluster.get("serviceaccounts", "default", account);
        Claims {
            aud: Audiences(vec![audience.to_owned()]),
            exp: Some(NOW + 3600),
            iat: Some(NOW),
            iss: self.cluster.settings().issuer.clone(),
            kubernetes: Kubernetes {
                namespace: "default".to_owned(),
                pod: Some(reference(pod, uid)),
                serviceaccount: reference(account, &found.unwrap().uid),
                ..Kubernetes::default()
            },
            sub: format!("system:serviceaccount:default:{account}"),
            ..Claims::default()
        }
    }

    fn token(&self, claims: &Claims) -> String {
        let token = mint(&self.cluster.keys()[0], claims).unwrap();
        token.expose().to_owned()
    }

    /// Sends a request from a pod; the status and the body of the answer.
    async fn ask(&self, uid: &str, head: &str, body: &str) -> (u16, String) {
        let (mut client, stream) = tokio::io::duplex(64 * 1024);
        let running = &self.server.clusters().all()[0];
        self.server.clusters().answer(PodConnection {
            pod: Pod {
                cluster: running.id().to_owned(),
                caller: Caller {
                    pod: uid.to_owned(),
                    namespace: "default".to_owned(),
                    name: "p".to_owned(),
                    ip: Some(IpAddr::V4(Ipv4Addr::new(192, 168, 0, 9))),
                },
            },
            stream: Box::new(stream),
        });
        let length = body.len();
        // The headers of a head come after its first line.
        let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
        let text = format!(
            "{line} HTTP/1.1\r\nhost: 169.254.170.23\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        client.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    async fn credentials(&self, uid: &str, token: &str) -> (u16, String) {
        let head = format!("GET /v1/credentials\nauthorization: {token}\r\n");
        self.ask(uid, &head, "").await
    }

    /// Sends a signed form.
    async fn form(&self, uid: &str, given: &Given, body: &str) -> (u16, String) {
        let request = Request::post("http://169.254.170.23/").header("content-type", FORM);
        let parts = given.sign(request, "sts", body);
        self.ask(uid, &head("POST /", &parts), body).await
    }

    /// Asks STS for a session of a role, without a signature.
    async fn assume(&self, token: &str, role: &str, rest: &str) -> (u16, String) {
        let body = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me&RoleArn={role}&WebIdentityToken={token}{rest}"
        );
        let head = format!("POST /\ncontent-type: {FORM}\r\n");
        self.ask("any", &head, &body).await
    }
}

fn head(line: &str, parts: &Parts) -> String {
    let headers = parts
        .headers
        .iter()
        .filter(|(name, _)| *name != header::HOST);
    let headers = headers.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
    format!("{line}\n{}", headers.collect::<String>())
}

async fn eks(server: &Server, given: &Given, path: &str, body: &Value) {
    let address = server.addresses()[0];
    let url = format!("http://{address}{path}");
    let body = body.to_string();
    let request = Request::post(&url).header("content-type", "application/json");
    let parts = given.sign(request, "eks", &body);
    let sent = reqwest::Client::new()
        .post(url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = sent.status();
    assert!(
        status.is_success(),
        "{status} {}",
        sent.text().await.unwrap()
    );
}
