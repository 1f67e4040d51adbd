//! The most memory that parallel pushes take, within a limit that the kernel enforces.
//!
//! The limit is a cgroup of its own (version 1 or 2), which needs root; without it the pushes run
//! all the same and only the process's peak is reported.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Options;
use crate::payload::{BLOCK_BYTES, Blob};
use crate::report::Report;
use crate::server::{Kind, REPOSITORY, Server};

const NAME: &str = "wharf-bench";
/// Seeds that no other measurement uses.
const FIRST_SEED: u64 = 1 << 32;

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Memory {
    pub(crate) parallel: usize,
    pub(crate) size_mib: u64,
    /// None if the machine let us set no limit.
    pub(crate) limit_mib: Option<u64>,
    pub(crate) peak_rss_one_mib: f64,
    pub(crate) peak_rss_parallel_mib: f64,
    pub(crate) oom_kills: u64,
    pub(crate) wall_s: f64,
}

pub(crate) async fn limited(options: &Options, report: &mut Report) -> Result<()> {
    if !options.servers.contains(&Kind::Wharf) {
        return Ok(());
    }
    let limit = match Limit::new(options.limit_mib) {
        Ok(limit) => Some(limit),
        Err(error) => {
            eprintln!("no memory limit: {error:#}");
            None
        }
    };
    let server = Server::start(Kind::Wharf, options, limit.as_ref()).await?;
    let blocks = options.size_mib * 1024 * 1024 / BLOCK_BYTES;
    let one = Blob::new(FIRST_SEED, blocks);
    server.push(&mut server.connect().await?, &one).await?;
    let peak_rss_one_mib = server.process.peak_rss_mib()?;

    let mut blobs = Vec::new();
    for index in 1..=options.parallel {
        blobs.push(Blob::new(FIRST_SEED + index as u64, blocks));
    }
    let start = Instant::now();
    if let Err(error) = push_all(&server, blobs).await {
        let kills = limit.as_ref().map_or(Ok(0), Limit::oom_kills)?;
        bail!(
            "{error:#} (killed for its memory: {kills})\n{}",
            server.log()
        );
    }
    report.memory(Memory {
        parallel: options.parallel,
        size_mib: options.size_mib,
        limit_mib: limit.as_ref().map(|_| options.limit_mib),
        peak_rss_one_mib,
        peak_rss_parallel_mib: server.process.peak_rss_mib()?,
        oom_kills: limit.as_ref().map_or(Ok(0), Limit::oom_kills)?,
        wall_s: start.elapsed().as_secs_f64(),
    });
    server.stop().await
}

async fn push_all(server: &Server, blobs: Vec<Blob>) -> Result<()> {
    let mut pushes = JoinSet::new();
    for blob in blobs {
        let mut connection = server.connect().await?;
        pushes.spawn(async move { connection.push(REPOSITORY, &blob).await });
    }
    while let Some(push) = pushes.join_next().await {
        push??;
    }
    Ok(())
}

/// A cgroup; removed when dropped.
#[derive(Debug)]
pub(crate) struct Limit {
    folder: PathBuf,
    unified: bool,
}

impl Limit {
    fn new(mib: u64) -> Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let unified = root.join("cgroup.controllers").exists();
        let folder = if unified {
            root.join(NAME)
        } else {
            root.join("memory").join(NAME)
        };
        if unified {
            write(&root.join("cgroup.subtree_control"), "+memory")?;
        }
        if !folder.exists() {
            fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let limit = Self { folder, unified };
        let bytes = (mib * 1024 * 1024).to_string();
        if unified {
            write(&limit.folder.join("memory.max"), &bytes)?;
        } else {
            write(&limit.folder.join("memory.limit_in_bytes"), &bytes)?;
        }
        Ok(limit)
    }

    /// The same command, inside the limit from its first instruction on.
    pub(crate) fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = Command::new("sh");
        wrapped.args(["-c", "echo $$ >\"$0\" && exec \"$@\""]);
        wrapped.arg(self.folder.join("cgroup.procs"));
        wrapped.arg(command.as_std().get_program());
        wrapped.args(command.as_std().get_args());
        wrapped
    }

    fn oom_kills(&self) -> Result<u64> {
        let file = if self.unified {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        let text = fs::read_to_string(self.folder.join(file))?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(count.context("no oom_kill")?.trim().parse()?)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // It stays if the server is still in it; the next run takes it over.
        drop(fs::remove_dir(&self.folder));
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
