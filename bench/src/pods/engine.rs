//! The engine `builtin` without a server around it: the sandbox, the container, its start.
use std::future::ready;
use std::io::Cursor;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::io::AsyncRead;
use tokio::time::Instant;
use wharf_builtin::{Builtin, Network};
use wharf_runtime::engine::{
    ContainerSpec, Engine as _, ImageRequest, ImageSource, Input, Layer, Manifest, RunAs,
    SandboxSpec,
};
use wharf_runtime::{Amount, Capability, Directory, Dns, Later, Pull};

use super::image::{Image, LAYER};
use super::{Note, ONE_BY_ONE, inside};
use crate::Options;
use crate::cluster::ms;
use crate::report::{Bound, median};

const ENGINE_MS: f64 = 60.0;
const NETWORK: Network = Network {
    gateway: Ipv4Addr::new(192, 168, 0, 1),
    prefix: 16,
};
const NAME: &str = "bench";

pub(super) async fn measure(options: &Options, image: &Image, note: &mut Note<'_>) -> Result<()> {
    let root = options.dir()?.join("engine");
    let mut times = Vec::new();
    for index in 0..=ONE_BY_ONE {
        let measured = pod(options.wharf()?, root.clone(), image.clone(), index).await?;
        // The first one unpacked the image.
        if index > 0 {
            times.push(measured);
        }
    }
    std::fs::remove_dir_all(&root)?;
    let step = |step: fn(&Times) -> f64| median(times.iter().map(step).collect());
    let step = |of| step(of).unwrap_or_default();
    note("builtin alone: sandbox, ms", step(|one| one.sandbox), None);
    note("builtin alone: create, ms", step(|one| one.create), None);
    note("builtin alone: start, ms", step(|one| one.start), None);
    note(
        "builtin alone: all three, ms",
        step(|one| one.sandbox + one.create + one.start),
        Some(Bound::AtMost(ENGINE_MS)),
    );
    Ok(())
}

/// Milliseconds of each step.
struct Times {
    sandbox: f64,
    create: f64,
    start: f64,
}

/// Runs a pod, and removes it also when a step failed.
async fn pod(program: PathBuf, root: PathBuf, image: Image, index: usize) -> Result<Times> {
    let engine = Builtin::start(program, root, NETWORK, Arc::new(One(image.clone()))).await?;
    let id = format!("bench-{index}");
    let times = steps(&engine, &image, &id, index).await;
    let removed = engine.remove_pod(&id).await;
    let times = times?;
    removed?;
    Ok(times)
}

async fn steps(engine: &Builtin, image: &Image, id: &str, index: usize) -> Result<Times> {
    let request = ImageRequest {
        name: NAME.to_owned(),
        policy: Pull::IfNotPresent,
        secrets: Vec::new(),
    };
    let pulled = engine.pull(&request).await?;
    let sandbox = SandboxSpec {
        pod: id.to_owned(),
        namespace: "default".to_owned(),
        name: id.to_owned(),
        hostname: id.to_owned(),
        ip: Some(Ipv4Addr::new(192, 168, 7, u8::try_from(index)?).into()),
        dns: Dns::default(),
        host_aliases: Vec::new(),
        domain: String::new(),
        volumes: Vec::new(),
        volume_group: None,
        containers: vec!["main".to_owned()],
    };
    let container = container(id, pulled.id, image)?;
    let from = Instant::now();
    engine.start_sandbox(&sandbox).await?;
    let sandboxed = Instant::now();
    let container = engine.create(&container).await?;
    let created = Instant::now();
    engine.start(&container).await?;
    Ok(Times {
        sandbox: ms(sandboxed - from),
        create: ms(created - sandboxed),
        start: ms(created.elapsed()),
    })
}

fn container(pod: &str, id: String, image: &Image) -> Result<ContainerSpec> {
    let mut argv = image.entrypoint.clone();
    argv.extend(inside::SERVE.map(ToOwned::to_owned));
    let path = Directory::new("/dev/termination-log").ok();
    Ok(ContainerSpec {
        pod: pod.to_owned(),
        name: "main".to_owned(),
        attempt: 0,
        image: id,
        argv,
        env: Vec::new(),
        working_dir: "/".to_owned(),
        run_as: RunAs {
            image_user: String::new(),
            user: None,
            group: None,
            other_groups: Vec::new(),
            must_not_be_root: false,
        },
        mounts: Vec::new(),
        limits: Amount::default(),
        requests: Amount::default(),
        capabilities: Capability::ALL.to_vec(),
        no_new_privileges: false,
        read_only_root: false,
        input: Input::default(),
        termination_path: path.context("not a path")?,
    })
}

/// The source of the one image.
#[derive(Debug)]
struct One(Image);

impl ImageSource for One {
    fn find<'a>(&'a self, _: &'a ImageRequest, _: &'a str) -> Later<'a, Manifest> {
        let Self(image) = self;
        Box::pin(ready(Ok(Manifest {
            repository: format!("localhost/{NAME}"),
            digest: image.config_digest.clone(),
            config_digest: image.config_digest.clone(),
            config: image.config.to_vec(),
            layers: vec![Layer {
                digest: image.layer_digest.clone(),
                size: image.layer.len() as u64,
                media_type: LAYER.to_owned(),
                diff_id: image.layer_digest.clone(),
            }],
            place: Arc::new(()),
        })))
    }

    fn layer<'a>(
        &'a self,
        _: &'a Manifest,
        _: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        let bytes = Cursor::new(self.0.layer.clone());
        Box::pin(ready(Ok(
            Box::new(bytes) as Box<dyn AsyncRead + Send + Unpin>
        )))
    }
}
