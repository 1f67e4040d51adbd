//! Pods of real processes: how soon they run, what a service costs them, and what port-forward carries.
//!
//! Their image is this very program. What is left of a run is taken away through the API, also when
//! a measurement fails.
mod docker;
mod engine;
mod forward;
pub(crate) mod image;
pub(crate) mod inside;
mod service;
mod stage;

use anyhow::Result;
use tokio::time::Instant;

use crate::Options;
use crate::cluster::ms;
use crate::report::{Bound, Report, Row, median};
use crate::server::{Engine, Kind, Server};
use image::Image;
use stage::Stage;

/// Pods that are started after one another.
const ONE_BY_ONE: usize = 15;
/// Pods that are started together.
const AT_ONCE: usize = 100;

const POD_MS: f64 = 150.0;
const AT_ONCE_S: f64 = 6.0;

/// How the parts of the measurement report a number, and its target.
type Note<'a> = dyn FnMut(&'static str, f64, Option<Bound>) + Send + 'a;

pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let image = Image::make()?;
    let mut note = |name, measured, bound| {
        eprintln!("{name}: {measured:.3}");
        report.pods(Row {
            name,
            measured,
            bound,
        });
    };
    if let Some(missing) = wharf_builtin::missing() {
        eprintln!("skipped: the engine builtin: {missing}");
    } else {
        engine::measure(options, &image, &mut note).await?;
        let server = Server::launch_with(Engine::Builtin, Kind::Wharf, options, None).await?;
        let measured = builtin(&server, options, &image, &mut note).await;
        stage::end(server, measured).await?;
    }
    if let Some(missing) = docker::missing().await {
        eprintln!("skipped: the engine docker: {missing}");
        return Ok(());
    }
    let server = Server::launch_with(Engine::Docker, Kind::Wharf, options, None).await?;
    let measured = docker::measure(&server, &image, &mut note).await;
    stage::end(server, measured).await
}

async fn builtin(
    server: &Server,
    options: &Options,
    image: &Image,
    note: &mut Note<'_>,
) -> Result<()> {
    let stage = Stage::open(server, image).await?;
    // The first pod's node unpacks the image.
    let took = stage.run("first", &inside::SERVE).await?;
    note(
        "builtin: the first pod of an image runs, ms",
        ms(took),
        None,
    );
    stage.remove("first").await?;
    let (mut running, mut gone) = (Vec::new(), Vec::new());
    for index in 0..ONE_BY_ONE {
        let name = format!("one-{index}");
        running.push(ms(stage.run(&name, &inside::SERVE).await?));
        gone.push(ms(stage.remove(&name).await?));
    }
    note(
        "builtin: a pod runs, ms",
        median(running).unwrap_or_default(),
        Some(Bound::AtMost(POD_MS)),
    );
    note(
        "builtin: a deleted pod is gone, ms",
        median(gone).unwrap_or_default(),
        None,
    );
    at_once(server, &stage, note).await?;
    service::measure(&stage, note).await?;
    forward::measure(server, &stage, options.runs, note).await
}

async fn at_once(server: &Server, stage: &Stage, note: &mut Note<'_>) -> Result<()> {
    let names: Vec<String> = (0..AT_ONCE).map(|index| format!("many-{index}")).collect();
    let cpu = server.process.cpu_seconds()?;
    let took = stage.run_all(&names, &inside::SERVE).await?;
    note(
        "builtin: 100 pods at once run, s",
        took.as_secs_f64(),
        Some(Bound::AtMost(AT_ONCE_S)),
    );
    let cpu = server.process.cpu_seconds()? - cpu;
    // Without that of the pods' own processes.
    note("builtin: 100 pods at once, server CPU s", cpu, None);
    let took = Instant::now();
    stage.remove_all(AT_ONCE).await?;
    note(
        "builtin: 100 deleted pods are gone, s",
        took.elapsed().as_secs_f64(),
        None,
    );
    Ok(())
}
