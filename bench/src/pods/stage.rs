//! A server with a cluster in which pods are started, and what takes all of it away again.
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::image::Image;
use crate::client::Client;
use crate::cluster::api::{self, Watch};
use crate::cluster::pods::{PODS, revision};
use crate::cluster::{CLUSTER, create_cluster, create_nodes, wait_for_nodes};
use crate::server::Server;

const REPOSITORY: &str = "bench/pods";
const TAG: &str = "1";
const GROUP: &str = "bench";
/// An m5.large has room for 29 pods.
const NODES: usize = 6;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(5);

pub(super) struct Stage {
    pub(super) client: Client,
}

impl Stage {
    /// Pushes the image and makes a cluster.
    pub(super) async fn open(server: &Server, image: &Image) -> Result<Self> {
        let mut registry = Client::new(server.address());
        registry.log_in(REPOSITORY).await?;
        let mut connection = registry.connect().await?;
        connection.push_image(REPOSITORY, TAG, image).await?;
        let client = create_cluster(server).await?;
        create_nodes(server, GROUP, NODES).await?;
        let mut connection = client.connect().await?;
        let ready = async {
            wait_for_nodes(&mut connection, NODES).await?;
            // Pods are refused before.
            let path = "/api/v1/namespaces/default/serviceaccounts/default";
            while connection.is_gone(Method::GET, path).await? {}
            anyhow::Ok(())
        };
        timeout(PATIENCE, ready)
            .await
            .context("the nodes are not ready")??;
        Ok(Self { client })
    }

    /// Starts a pod; from the request until its status says that it runs.
    pub(super) async fn run(&self, name: &str, command: &[&str]) -> Result<Duration> {
        self.run_all(&[name.to_owned()], command).await
    }

    /// Starts pods one right after the other; until the last of them runs.
    pub(super) async fn run_all(&self, names: &[String], command: &[&str]) -> Result<Duration> {
        let mut watch = Watch::open(&self.client, PODS, &revision(&self.client).await?).await?;
        let mut connection = self.client.connect().await?;
        let took = Instant::now();
        for name in names {
            api::create(&mut connection, PODS, pod(name, command)).await?;
        }
        let mut waiting: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let all = async {
            while !waiting.is_empty() {
                let seen = watch.next().await?.object;
                let name = seen.metadata.name.as_str();
                ensure!(seen.status.phase != "Failed", "the pod {name} has failed");
                if matches!(seen.status.phase.as_str(), "Running" | "Succeeded") {
                    waiting.remove(name);
                }
            }
            anyhow::Ok(())
        };
        let ended = timeout(PATIENCE, all).await;
        ended.with_context(|| format!("pods do not run: {waiting:?}"))??;
        Ok(took.elapsed())
    }

    /// Waits until a pod has done its work, and reads what it printed.
    pub(super) async fn finished(&self, name: &str) -> Result<Value> {
        let path = format!("{PODS}/{name}");
        let mut connection = self.client.connect().await?;
        let done = async {
            loop {
                let pod = api::ask(&mut connection, Method::GET, &path, None).await?;
                let phase = pod["status"]["phase"].as_str().unwrap_or_default();
                ensure!(phase != "Failed", "the pod {name} has failed");
                if phase == "Succeeded" {
                    return Ok(());
                }
                sleep(POLL).await;
            }
        };
        timeout(PATIENCE, done)
            .await
            .with_context(|| format!("the pod {name} does not end"))??;
        api::ask(&mut connection, Method::GET, &format!("{path}/log"), None).await
    }

    /// Deletes a pod; from the request until nothing is left of it.
    pub(super) async fn remove(&self, name: &str) -> Result<Duration> {
        let took = Instant::now();
        self.delete(&format!("{PODS}/{name}"), 1).await?;
        Ok(took.elapsed())
    }

    /// Deletes all pods, of which there are so many.
    pub(super) async fn remove_all(&self, count: usize) -> Result<()> {
        self.delete(PODS, count).await
    }

    async fn delete(&self, path: &str, count: usize) -> Result<()> {
        let mut watch = Watch::open(&self.client, PODS, &revision(&self.client).await?).await?;
        let mut connection = self.client.connect().await?;
        let reply = connection.json(Method::DELETE, path, None).await?;
        reply.into_body().collect().await?;
        let gone = async {
            let mut gone = 0;
            while gone < count {
                gone += usize::from(watch.next().await?.what == "DELETED");
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, gone)
            .await
            .with_context(|| format!("{path} is not deleted"))?
    }
}

fn pod(name: &str, command: &[&str]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "main",
                // As in a manifest of production.
                "image": format!("000000000000.dkr.ecr.us-east-1.amazonaws.com/{REPOSITORY}:{TAG}"),
                "args": command,
                "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
            }],
        },
    })
}

/// Takes away the cluster with all pods, whatever came of the measurement, and stops the server.
///
/// After a failure the server's data and log stay where they are.
pub(super) async fn end(server: Server, measured: Result<()>) -> Result<()> {
    let cleared = timeout(PATIENCE, clear(&server)).await;
    let cleared = cleared.context("the cluster is not deleted").flatten();
    if let Err(error) = &cleared
        && measured.is_err()
    {
        eprintln!("warning: pods may be left: {error:#}");
    }
    measured.with_context(|| format!("see {}", server.home.join("log").display()))?;
    cleared?;
    server.stop().await
}

async fn clear(server: &Server) -> Result<()> {
    let mut eks = server.connect().await?;
    let cluster = format!("/clusters/{CLUSTER}");
    for path in [format!("{cluster}/node-groups/{GROUP}"), cluster] {
        if !eks.is_gone(Method::DELETE, &path).await? {
            while !eks.is_gone(Method::GET, &path).await? {
                sleep(POLL).await;
            }
        }
    }
    Ok(())
}
