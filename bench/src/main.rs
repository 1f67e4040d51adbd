//! Speed and memory of wharf, side by side with other servers in one run.
//!
//! A number alone says little: machines differ. So each run also measures a bare loop of hyper,
//! sha256, write and fsync (the least that a push can cost) and, where it is installed, Debian's
//! docker-registry, in turn and on the same disk. What counts is the server's CPU time, from
//! `/proc/PID/stat`, and the ratios.
//!
//! ```text
//! cargo build --release && cargo run --release -p wharf-bench -- all
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool"
)]

mod bare;
mod client;
mod cluster;
mod memory;
mod payload;
mod pods;
mod process;
mod report;
mod server;
mod transfer;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::report::Report;
use crate::server::Kind;

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Measure wharf beside other servers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Push blobs: CPU and wall time of each server
    Push(Options),
    /// Pull blobs: CPU and wall time of each server
    Pull(Options),
    /// Start on an empty directory: time until the server answers
    Ready(Options),
    /// Push in parallel within a memory limit (needs root for the limit)
    Memory(Options),
    /// Make a cluster: first nodes, a deployment, thousands of pods, and who watches them
    Cluster(Options),
    /// Run pods in each engine: starts, services, port-forward (needs root)
    Pods(Options),
    /// Run all of the above
    All(Options),
    /// Serve the bare loop that the others are compared with
    #[command(hide = true)]
    BareServer {
        #[arg(long)]
        listen: std::net::SocketAddr,
        #[arg(long)]
        data_dir: PathBuf,
    },
    /// What the pods of the measurement do
    #[command(hide = true, subcommand)]
    InPod(pods::inside::Command),
}

#[derive(Debug, Clone, Args, Serialize)]
struct Options {
    /// The wharf program [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    wharf: Option<PathBuf>,
    /// More flags for `wharf serve`, in one word
    #[arg(
        long,
        value_name = "FLAGS",
        default_value = "",
        allow_hyphen_values = true
    )]
    serve_flags: String,
    /// Size of a blob in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    size_mib: u64,
    /// Runs of each measurement; the median is reported
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
    /// Servers to measure, in this order
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "bare,wharf,wharf-tls,docker-registry"
    )]
    servers: Vec<Kind>,
    /// Parallel pushes of the memory measurement
    #[arg(long, value_name = "N", default_value_t = 8)]
    parallel: usize,
    /// Memory limit of the memory measurement in MiB
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    limit_mib: u64,
    /// Nodes of the cluster measurement
    #[arg(long, value_name = "N", default_value_t = 500)]
    nodes: usize,
    /// Pods of the cluster measurement
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pods: usize,
    /// Watchers of the cluster measurement
    #[arg(long, value_name = "N", default_value_t = 100)]
    watchers: usize,
    /// Where the servers keep their data; a disk, not a tmpfs [default: target/bench]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the results as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit with 1 if a target is missed
    #[arg(long)]
    check: bool,
}

impl Options {
    fn wharf(&self) -> Result<PathBuf> {
        let beside = std::env::current_exe()?.with_file_name("wharf");
        let program = self.wharf.clone().unwrap_or(beside);
        program
            .canonicalize()
            .with_context(|| format!("no {}: cargo build --release", program.display()))
    }

    /// `target/bench`, seen from `target/release/bench`.
    fn dir(&self) -> Result<PathBuf> {
        let program = std::env::current_exe()?;
        let target = program.ancestors().nth(2).context("no target directory")?;
        Ok(self.dir.clone().unwrap_or_else(|| target.join("bench")))
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Command::InPod(command) = command {
        runtime.block_on(command.run())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::BareServer { listen, data_dir } = command {
        runtime.block_on(bare::serve(listen, &data_dir))?;
        return Ok(ExitCode::SUCCESS);
    }
    warn_of_load()?;
    let (options, report) = runtime.block_on(measure(command))?;
    report.print();
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report.json(&options)?)?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let missed = options.check && report.missed() > 0;
    Ok(if missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Says so when the machine has other work: CPU times then double and more.
fn warn_of_load() -> Result<()> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let last_minute: f64 = load.split(' ').next().unwrap_or_default().parse()?;
    if last_minute > 0.5 {
        eprintln!(
            "warning: load average {last_minute}; measure on a machine that does nothing else"
        );
    }
    Ok(())
}

async fn measure(command: Command) -> Result<(Options, Report)> {
    let mut report = Report::default();
    let options = match command {
        Command::Push(options) => {
            transfer::push_only(&options, &mut report).await?;
            options
        }
        Command::Pull(options) => {
            transfer::pull_only(&options, &mut report).await?;
            options
        }
        Command::Ready(options) => {
            server::ready(&options, &mut report).await?;
            options
        }
        Command::Memory(options) => {
            memory::limited(&options, &mut report).await?;
            options
        }
        Command::Cluster(options) => {
            cluster::measure(&options, &mut report).await?;
            options
        }
        Command::Pods(options) => {
            pods::measure(&options, &mut report).await?;
            options
        }
        Command::All(options) => {
            server::ready(&options, &mut report).await?;
            transfer::both(&options, &mut report).await?;
            memory::limited(&options, &mut report).await?;
            cluster::measure(&options, &mut report).await?;
            pods::measure(&options, &mut report).await?;
            options
        }
        Command::BareServer { .. } | Command::InPod(_) => {
            anyhow::bail!("servers and pods measure nothing")
        }
    };
    Ok((options, report))
}
