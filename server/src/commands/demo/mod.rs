//! `wharf demo`: the tour of the README by itself, with no client installed.
//!
//! # Guarantees
//! * What it made is removed in the end, also if a step fails or the user interrupts it. Signals do not
//!   interrupt that.
//! * If the pods cannot be removed, the directory is kept, which says where they are.
mod cluster;
mod image;
mod kubernetes;
mod page;
mod steps;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wharf_auth::Secret;
use wharf_types::Clock;

use super::{OK, client::Client, complain, say, size};
use crate::{
    Server,
    config::{Config, Demo},
    telemetry,
};
use cluster::{Cluster, Reached};
pub(super) use page::part;
use steps::Steps;

/// How long a single request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

const REPOSITORY: &str = "demo/hello";

pub(super) async fn run(options: Demo) -> anyhow::Result<u8> {
    let dir = std::env::temp_dir().join(format!("wharf-demo-{}", uuid::Uuid::new_v4().simple()));
    let mut config = Config::new(&dir)?;
    config.listen = vec![([127, 0, 0, 1], 0).into()];
    config.engine = options.engine;
    config.docker.clone_from(&options.docker);
    // The tour speaks for itself.
    "warn".clone_into(&mut config.log.filter);
    telemetry::init_logs(&config.log)?;
    let mut interrupts = Interrupts::new()?;
    let mut steps = Steps::new();
    let outcome = serve(config, &options, &mut interrupts, &mut steps).await;
    let removed = remove(&dir);
    both(outcome, removed)?;
    steps.done("nothing is left: no container, no machine, no cluster, no file")?;
    Ok(OK)
}

/// Signals that end the demo before its time.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves while the tour lasts, and removes what it made.
async fn serve(
    config: Config,
    options: &Demo,
    interrupts: &mut Interrupts,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let (dir, region) = (config.data_dir.clone(), config.region.clone());
    let server = Server::start(config, Clock::System).await?;
    let address = server.addresses().first().context("nowhere to listen")?;
    let client = Client {
        endpoint: format!("http://{address}"),
        access_key: "test".into(),
        secret: Secret::new("test"),
        region,
        // All is near, whatever proxy others are reached through.
        http: reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?,
    };
    let cluster = Cluster { client: &client };
    let mut outcome = tokio::select! {
        outcome = tour(&cluster, options, &dir, steps) => outcome,
        () = interrupts.next() => Err(anyhow::anyhow!("interrupted")),
    };
    if outcome.is_ok() && options.keep {
        outcome = say(format_args!(
            "\nServing until interrupted. Try: curl -u AWS:$(wharf login --print --endpoint {0}) {0}/v2/_catalog\n\
             or: AWS_ENDPOINT_URL={0} aws eks update-kubeconfig --name {1}",
            client.endpoint,
            cluster::NAME
        ));
        interrupts.next().await;
        steps.skip();
    }
    let taken_down = cluster.take_down(steps).await;
    server.stop().await;
    both(outcome, taken_down.context("not all was removed"))?;
    steps.done("stopped")
}

/// The failure of either; that of the second is said if there are two.
fn both(first: anyhow::Result<()>, second: anyhow::Result<()>) -> anyhow::Result<()> {
    if let (Err(_), Err(error)) = (&first, &second) {
        complain(&format!("{error:#}"));
    }
    first.and(second)
}

/// Removes the directory, unless it is that of pods which are still there.
fn remove(dir: &Path) -> anyhow::Result<()> {
    let left = clusters(dir)?;
    if !left.is_empty() {
        bail!(
            "pods may be left: {} is kept, because it says which",
            dir.display()
        );
    }
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", dir.display()))
        }
        _ => Ok(()),
    }
}

/// What the engines have of clusters.
fn clusters(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let pods = dir.join("pods");
    let mut found = Vec::new();
    for folder in [pods.clone(), pods.join("docker/clusters")] {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if !path.ends_with("pods/docker") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

async fn tour(
    cluster: &Cluster<'_>,
    options: &Demo,
    dir: &Path,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let client = cluster.client;
    steps.done(format_args!(
        "serving on {}, data in {}",
        client.endpoint,
        dir.display()
    ))?;
    let image = image(client, steps).await?;
    cluster.create(steps).await?;
    cluster.add_nodes(steps).await?;
    cluster.deploy(&image, steps).await?;
    match cluster.reach().await? {
        Reached::At(url) => {
            steps.done(format_args!("opened a load balancer at {url}"))?;
            let answer = cluster.call(&url).await?;
            steps.done(format_args!("called it: {answer}"))
        }
        Reached::Simulated => steps.done(format_args!(
            "no engine here: {}; pods are simulated and nothing answers",
            no_engine(options)
        )),
    }
}

/// Pushes and pulls an image, and says what it is called.
async fn image(client: &Client, steps: &mut Steps) -> anyhow::Result<String> {
    let name = json!({ "repositoryName": REPOSITORY });
    let made = client.ecr("CreateRepository", &name).await?;
    let uri = &made["repository"]["repositoryUri"];
    let uri = uri.as_str().context("the repository has no URI")?;
    steps.done(format_args!("created the repository {uri}"))?;
    let (password, _) = client.password().await?;
    steps.done("logged in, as docker would, with ECR's token")?;
    let registry = image::Registry { client, password };
    let image = registry.push().await?;
    steps.done(format_args!(
        "pushed {uri}:1, which is wharf itself ({})",
        size(image.size())
    ))?;
    registry.pull_and_compare(&image).await?;
    steps.done("pulled it back: every byte is the same")?;
    let described = client.ecr("DescribeImages", &name).await?;
    let detail = &described["imageDetails"][0];
    let digest = image.digest();
    if detail["imageDigest"] != digest.as_str() {
        bail!("describe-images shows another image: {described}");
    }
    let tag = detail["imageTags"][0].as_str().unwrap_or_default();
    steps.done(format_args!("described it: {digest} with the tag {tag}"))?;
    Ok(format!("{uri}:{tag}"))
}

/// Why pods are simulated.
fn no_engine(options: &Demo) -> String {
    if options.engine == crate::config::EngineChoice::Simulated {
        return "simulated is what was asked for".into();
    }
    let builtin = wharf_builtin::missing().unwrap_or_else(|| "it works".into());
    let docker = match options.docker.find() {
        Ok(at) => format!("the one at {at} cannot run them"),
        Err(error) => error.to_string(),
    };
    format!("builtin: {builtin}; docker: {docker}")
}
