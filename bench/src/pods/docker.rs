//! A pod in Docker, beside what its two containers take without us.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use tokio::process::Command;
use tokio::time::Instant;

use super::image::Image;
use super::inside::SERVE;
use super::{Note, ONE_BY_ONE, stage::Stage};
use crate::cluster::pods::PODS;
use crate::cluster::{api, ms};
use crate::report::{Bound, median};
use crate::server::Server;

const ABOVE_MS: f64 = 100.0;

/// Why it cannot be measured.
pub(super) async fn missing() -> Option<String> {
    let asked = docker(&["version", "--format={{.Server.Version}}"]).await;
    asked.err().map(|error| format!("{error:#}"))
}

async fn docker(arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(arguments).output().await?;
    let error = String::from_utf8_lossy(&output.stderr);
    // Warnings come first.
    let error = error.lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{error}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

pub(super) async fn measure(server: &Server, image: &Image, note: &mut Note<'_>) -> Result<()> {
    let stage = Stage::open(server, image).await?;
    let took = stage.run("first", &SERVE).await?;
    note("docker: the first pod of an image runs, ms", ms(took), None);
    let image = image_of(&stage, "first").await?;
    stage.remove("first").await?;
    let (mut pods, mut bare, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..ONE_BY_ONE {
        // In turns, so that what else the machine does is shared.
        let name = format!("one-{index}");
        pods.push(ms(stage.run(&name, &SERVE).await?));
        gone.push(ms(stage.remove(&name).await?));
        bare.push(ms(two_containers(&image).await?));
    }
    let median = |values| median(values).unwrap_or_default();
    let (pod, bare) = (median(pods), median(bare));
    note("docker: a pod runs, ms", pod, None);
    note("docker: two bare docker runs, ms", bare, None);
    note(
        "docker: a pod on top of two docker runs, ms",
        pod - bare,
        Some(Bound::AtMost(ABOVE_MS)),
    );
    note("docker: a deleted pod is gone, ms", median(gone), None);
    Ok(())
}

/// What Docker calls the image of a pod.
async fn image_of(stage: &Stage, pod: &str) -> Result<String> {
    let path = format!("{PODS}/{pod}");
    let mut connection = stage.client.connect().await?;
    let pod = api::ask(&mut connection, Method::GET, &path, None).await?;
    let container = pod["status"]["containerStatuses"][0]["containerID"].as_str();
    let container = container.and_then(|id| id.rsplit('/').next());
    let container = container.context("no containerID")?;
    docker(&["inspect", "--format={{.Image}}", container]).await
}

/// One container that has the network, and one that joins it, as a pod has them.
async fn two_containers(image: &str) -> Result<Duration> {
    let took = Instant::now();
    let first = docker(&["run", "--detach", image, "in-pod", "pause"]).await?;
    let network = format!("--network=container:{first}");
    let arguments = ["run", "--detach", &network, image, "in-pod", "serve"];
    let second = docker(&arguments).await;
    let elapsed = took.elapsed();
    let removed = match &second {
        Ok(second) => docker(&["rm", "--force", &first, second]).await,
        Err(_) => docker(&["rm", "--force", &first]).await,
    };
    second?;
    removed?;
    Ok(elapsed)
}
