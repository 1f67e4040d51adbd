//! The servers that are compared, each started on an empty directory.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::Options;
use crate::client::{Client, Connection};
use crate::memory::Limit;
use crate::payload::Blob;
use crate::process::Process;
use crate::report::Report;

pub(crate) const REPOSITORY: &str = "bench/blobs";
const DOCKER_REGISTRY: &str = "/usr/bin/docker-registry";
const READY_PATIENCE: Duration = Duration::from_secs(20);
const READY_POLL: Duration = Duration::from_micros(500);
/// Starts are quick: more of them than of anything else.
const READY_RUNS: usize = 15;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Bare,
    Wharf,
    WharfTls,
    DockerRegistry,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Wharf => "wharf",
            Self::WharfTls => "wharf-tls",
            Self::DockerRegistry => "docker-registry",
        }
    }

    const fn ready_path(self) -> &'static str {
        match self {
            Self::Bare => "/ready",
            Self::Wharf | Self::WharfTls => "/readyz",
            Self::DockerRegistry => "/v2/",
        }
    }
}

/// What runs the pods of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Simulated,
    Builtin,
    Docker,
}

impl Engine {
    const fn flag(self) -> &'static str {
        match self {
            Self::Simulated => "--engine=simulated",
            Self::Builtin => "--engine=builtin",
            Self::Docker => "--engine=docker",
        }
    }
}

/// The servers that were asked for and are there.
pub(crate) fn present(options: &Options) -> Vec<Kind> {
    let (there, missing): (Vec<Kind>, Vec<Kind>) = options
        .servers
        .iter()
        .copied()
        .partition(|kind| *kind != Kind::DockerRegistry || Path::new(DOCKER_REGISTRY).exists());
    for kind in missing {
        eprintln!("skipped: {} is not installed", kind.name());
    }
    there
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) process: Process,
    client: Client,
    pub(crate) home: PathBuf,
}

impl Server {
    /// Starts it and logs in.
    pub(crate) async fn start(
        kind: Kind,
        options: &Options,
        limit: Option<&Limit>,
    ) -> Result<Self> {
        let mut server = Self::launch(kind, options, limit).await?;
        if kind == Kind::WharfTls {
            server.client = server
                .client
                .with_tls(&server.home.join("data/tls/ca.pem"))?;
        }
        if matches!(kind, Kind::Wharf | Kind::WharfTls) {
            server.client.log_in(REPOSITORY).await?;
        }
        Ok(server)
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn launch(
        kind: Kind,
        options: &Options,
        limit: Option<&Limit>,
    ) -> Result<Self> {
        Self::launch_with(Engine::Simulated, kind, options, limit).await
    }

    /// Starts one that has an engine for pods, and waits until it answers.
    pub(crate) async fn launch_with(
        engine: Engine,
        kind: Kind,
        options: &Options,
        limit: Option<&Limit>,
    ) -> Result<Self> {
        let home = options.dir()?.join(kind.name());
        remove(&home)?;
        std::fs::create_dir_all(home.join("data"))?;
        let address = free_address()?;
        let mut command = program(kind, engine, options, address, &home)?;
        if let Some(limit) = limit {
            command = limit.wrap(&command);
        }
        let log = home.join("log");
        let mut process = Process::start(&mut command, &log)?;
        let client = Client::new(address);
        let start = Instant::now();
        while !answers(&client, kind).await {
            if process.has_ended()? || start.elapsed() > READY_PATIENCE {
                bail!(
                    "{} is not ready:\n{}",
                    kind.name(),
                    std::fs::read_to_string(&log)?
                );
            }
            sleep(READY_POLL).await;
        }
        Ok(Self {
            kind,
            process,
            client,
            home,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.client.address
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        self.client.connect().await
    }

    pub(crate) async fn push(&self, connection: &mut Connection, blob: &Blob) -> Result<()> {
        match self.kind {
            Kind::Bare => connection.push_bare(blob).await,
            Kind::Wharf | Kind::WharfTls | Kind::DockerRegistry => {
                connection.push(REPOSITORY, blob).await
            }
        }
    }

    /// Where a blob that was pushed is found.
    pub(crate) fn blob_path(&self, blob: &Blob) -> String {
        match self.kind {
            Kind::Bare => format!("/{}", blob.digest),
            Kind::Wharf | Kind::WharfTls | Kind::DockerRegistry => {
                format!("/v2/{REPOSITORY}/blobs/{}", blob.digest)
            }
        }
    }

    /// What it wrote to its output.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    /// Stops it and deletes its data.
    pub(crate) async fn stop(self) -> Result<()> {
        self.process.stop().await?;
        remove(&self.home)
    }
}

/// Time from the start of the process until it answers, on an empty directory.
pub(crate) async fn ready(options: &Options, report: &mut Report) -> Result<()> {
    for kind in present(options) {
        if !matches!(kind, Kind::Wharf | Kind::DockerRegistry) {
            continue;
        }
        for _ in 0..READY_RUNS {
            let start = Instant::now();
            let server = Server::launch(kind, options, None).await?;
            report.ready(kind, start.elapsed());
            server.stop().await?;
        }
    }
    Ok(())
}

async fn answers(client: &Client, kind: Kind) -> bool {
    let Ok(mut connection) = client.connect().await else {
        return false;
    };
    // Whatever it says, the bare loop is there when it answers.
    match connection.is_ok(kind.ready_path()).await {
        Ok(ok) => ok || kind == Kind::Bare,
        Err(_) => false,
    }
}

fn program(
    kind: Kind,
    engine: Engine,
    options: &Options,
    address: SocketAddr,
    home: &Path,
) -> Result<Command> {
    let (listen, data) = (address.to_string(), home.join("data"));
    let mut command;
    match kind {
        Kind::Bare => {
            command = Command::new(std::env::current_exe()?);
            command
                .args(["bare-server", "--listen", &listen, "--data-dir"])
                .arg(&data);
        }
        Kind::Wharf | Kind::WharfTls => {
            command = Command::new(options.wharf()?);
            command
                .args(["serve", "--listen", &listen, engine.flag()])
                .arg("--data-dir")
                .arg(&data);
            command.args(options.serve_flags.split_whitespace());
        }
        Kind::DockerRegistry => {
            let config = home.join("config.yml");
            std::fs::write(&config, docker_registry_config(&listen, &data))?;
            command = Command::new(DOCKER_REGISTRY);
            command.arg("serve").arg(config);
        }
    }
    Ok(command)
}

fn docker_registry_config(listen: &str, data: &Path) -> String {
    let data = data.display();
    format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: \"{data}\"}}}}\nhttp: {{addr: \"{listen}\"}}\n"
    )
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
