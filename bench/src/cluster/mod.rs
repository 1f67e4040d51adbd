//! A cluster from its creation to thousands of pods, through EKS's API and that of Kubernetes.
//!
//! Each pod runs as the simulated engine runs it: everything but the containers themselves is real.
pub(crate) mod api;
pub(crate) mod kubectl;
pub(crate) mod pods;
mod watchers;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Options;
use crate::client::{Client, Connection};
use crate::report::{Bound, Report, Row};
use crate::server::{Kind, Server};

pub(crate) const CLUSTER: &str = "bench";
const ROLE: &str = "arn:aws:iam::000000000000:role/bench";
/// What one node group has at most.
const GROUP: usize = 100;
/// Nodes that the first measurements see.
const FIRST_NODES: usize = 2;

const FIRST_NODES_MS: f64 = 200.0;
const DEPLOYMENT_MS: f64 = 150.0;
const LIST_MS: f64 = 150.0;
const GET_P99_MS: f64 = 20.0;
const RSS_MIB: f64 = 250.0;

pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::launch(Kind::Wharf, options, None).await?;
    let mut note = |name, measured, at_most: Option<f64>| {
        eprintln!("{name}: {measured:.1}");
        report.cluster(Row {
            name,
            measured,
            bound: at_most.map(Bound::AtMost),
        });
    };
    let took = Instant::now();
    let client = create_cluster(&server).await?;
    note("create-cluster, ms", ms(took.elapsed()), None);
    let took = Instant::now();
    create_nodes(&server, "first", FIRST_NODES).await?;
    note(
        "create-nodegroup of two nodes, ms",
        ms(took.elapsed()),
        None,
    );

    let took = Instant::now();
    wait_for_nodes(&mut client.connect().await?, FIRST_NODES).await?;
    let first = ms(took.elapsed());
    note("first nodes are Ready, ms", first, Some(FIRST_NODES_MS));
    kubectl::measure(&server, &client, &mut note).await?;
    let running = pods::deployment(&client).await?;
    note(
        "a deployment of 1 runs, ms",
        ms(running),
        Some(DEPLOYMENT_MS),
    );

    let took = Instant::now();
    let mut nodes = FIRST_NODES;
    while nodes < options.nodes {
        let group = GROUP.min(options.nodes - nodes);
        create_nodes(&server, &format!("g{nodes}"), group).await?;
        nodes += group;
    }
    wait_for_nodes(&mut client.connect().await?, nodes).await?;
    note("all nodes are Ready, s", took.elapsed().as_secs_f64(), None);
    pods::many(&server, &client, options.pods, &mut note).await?;
    watchers::measure(&server, &client, options.watchers, &mut note).await?;
    let rss = server.process.peak_rss_mib()?;
    note("peak RSS, MiB", rss, Some(RSS_MIB));
    server.stop().await
}

/// How the parts of the measurement report a number, and its target.
type Note<'a> = dyn FnMut(&'static str, f64, Option<f64>) + Send + 'a;

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) async fn create_cluster(server: &Server) -> Result<Client> {
    let mut eks = server.connect().await?;
    let wanted = json!({
        "name": CLUSTER,
        "roleArn": ROLE,
        "resourcesVpcConfig": { "subnetIds": ["subnet-1", "subnet-2", "subnet-3"] },
    });
    let made = api::create(&mut eks, "/clusters", wanted).await?;
    let mut cluster = made["cluster"].clone();
    while cluster["status"] != "ACTIVE" {
        ensure!(
            cluster["status"] == "CREATING",
            "the cluster is not made: {cluster}"
        );
        let path = format!("/clusters/{CLUSTER}");
        cluster = api::ask(&mut eks, Method::GET, &path, None).await?["cluster"].take();
    }
    let ca = cluster["certificateAuthority"]["data"].as_str();
    let file = server.home.join("ca.pem");
    std::fs::write(&file, STANDARD.decode(ca.context("no authority")?)?)?;
    let endpoint = cluster["endpoint"].as_str().unwrap_or_default();
    let address = endpoint.trim_start_matches("https://").parse()?;
    let token = api::token(server.address().port());
    Ok(Client::new(address).with_tls(&file)?.with_token(&token))
}

pub(crate) async fn create_nodes(server: &Server, name: &str, count: usize) -> Result<()> {
    let mut eks = server.connect().await?;
    let wanted = json!({
        "nodegroupName": name,
        "nodeRole": ROLE,
        "subnets": ["subnet-1", "subnet-2", "subnet-3"],
        "instanceTypes": ["m5.large"],
        "scalingConfig": { "minSize": count, "maxSize": count, "desiredSize": count },
    });
    let path = format!("/clusters/{CLUSTER}/node-groups");
    api::create(&mut eks, &path, wanted).await.map(drop)
}

pub(crate) async fn wait_for_nodes(connection: &mut Connection, count: usize) -> Result<()> {
    loop {
        let listed = api::ask(connection, Method::GET, "/api/v1/nodes", None).await?;
        let ready = |node: &&Value| {
            let conditions = node["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten();
            let mut ready = conditions.filter(|one| one["type"] == "Ready");
            ready.any(|one| one["status"] == "True")
        };
        let nodes = listed["items"].as_array().into_iter().flatten();
        if nodes.filter(ready).count() >= count {
            return Ok(());
        }
    }
}
