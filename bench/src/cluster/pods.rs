//! Pods: one of a deployment, and thousands of several.
use std::time::Duration;

use anyhow::{Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{self, Watch};
use super::{LIST_MS, Note, ms};
use crate::client::{Client, Connection};
use crate::report::median;
use crate::server::Server;

pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
/// How many deployments the many pods are of.
const DEPLOYED: usize = 10;
const LISTS: u32 = 10;

fn wanted(name: &str, replicas: usize) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name, "kind": "measured" } },
                "spec": { "containers": [{
                    "name": "main",
                    "image": "registry.k8s.io/pause:3.10",
                    "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
                }] },
            },
        },
    })
}

/// The revision of which the pods are the state.
pub(crate) async fn revision(client: &Client) -> Result<String> {
    let path = format!("{PODS}?limit=1");
    let listed = api::ask(&mut client.connect().await?, Method::GET, &path, None).await?;
    let revision = listed["metadata"]["resourceVersion"].as_str();
    Ok(revision.unwrap_or_default().to_owned())
}

/// From the request until its pod runs.
pub(super) async fn deployment(client: &Client) -> Result<Duration> {
    let mut connection = client.connect().await?;
    let mut pods = Watch::open(client, PODS, &revision(client).await?).await?;
    let took = Instant::now();
    api::create(&mut connection, DEPLOYMENTS, wanted("first", 1)).await?;
    while pods.next().await?.object.status.phase != "Running" {}
    Ok(took.elapsed())
}

pub(super) async fn many(
    server: &Server,
    client: &Client,
    count: usize,
    note: &mut Note<'_>,
) -> Result<()> {
    let mut connection = client.connect().await?;
    let mut pods = Watch::open(client, PODS, &revision(client).await?).await?;
    let (took, cpu) = (Instant::now(), server.process.cpu_seconds()?);
    for index in 0..DEPLOYED {
        let replicas = count / DEPLOYED + usize::from(index < count % DEPLOYED);
        let name = format!("many-{index}");
        api::create(&mut connection, DEPLOYMENTS, wanted(&name, replicas)).await?;
    }
    let (mut created, mut running) = (0, 0);
    let mut all_there = None;
    while running < count {
        let event = pods.next().await?;
        created += usize::from(event.what == "ADDED");
        // Nothing is written to a pod that runs.
        running += usize::from(event.object.status.phase == "Running");
        if created >= count {
            all_there.get_or_insert_with(|| took.elapsed());
        }
    }
    let (there, all) = (all_there.unwrap_or_default(), took.elapsed());
    let cpu = server.process.cpu_seconds()? - cpu;
    drop(pods);
    note("many pods created, pods/s", rate(count, there), None);
    note("many pods run, pods/s", rate(count, all), None);
    note("many pods run, server CPU s", cpu, None);
    // The other connection was idle for long, and may be closed.
    lists(server, &mut client.connect().await?, count, note).await
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

async fn lists(
    server: &Server,
    connection: &mut Connection,
    count: usize,
    note: &mut Note<'_>,
) -> Result<()> {
    let (mut times, cpu) = (Vec::new(), server.process.cpu_seconds()?);
    for _ in 0..LISTS {
        let took = Instant::now();
        let bytes = connection.pull(PODS).await?;
        times.push(ms(took.elapsed()));
        ensure!(bytes > count as u64 * 1000, "a list of {bytes} bytes");
    }
    let cpu = (server.process.cpu_seconds()? - cpu) * 1000.0 / f64::from(LISTS);
    note(
        "list of all pods, ms",
        median(times).unwrap_or_default(),
        None,
    );
    note("list of all pods, server CPU ms", cpu, Some(LIST_MS));
    Ok(())
}
