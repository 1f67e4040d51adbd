//! Push and pull of one blob at a time, each server in turn.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};
use http_body_util::BodyExt as _;
use tokio::process::Command;
use tokio::time::Instant;

use crate::Options;
use crate::payload::{BLOCK_BYTES, Blob};
use crate::report::{Report, Transfer, What};
use crate::server::{Server, present};

pub(crate) async fn push_only(options: &Options, report: &mut Report) -> Result<()> {
    run(options, report, &[What::Push]).await
}

pub(crate) async fn pull_only(options: &Options, report: &mut Report) -> Result<()> {
    run(options, report, &[What::Pull]).await
}

pub(crate) async fn both(options: &Options, report: &mut Report) -> Result<()> {
    run(options, report, &[What::Push, What::Pull]).await
}

/// A pull needs something pushed, so both happen in any case; `wanted` is what is reported. Each
/// server starts anew for each run, so that no run is served by, or pays for, what another has left.
async fn run(options: &Options, report: &mut Report, wanted: &[What]) -> Result<()> {
    let blocks = options.size_mib * 1024 * 1024 / BLOCK_BYTES;
    let mut seed = 0;
    for _ in 0..options.runs {
        for kind in present(options) {
            let blob = Blob::new(seed, blocks);
            seed += 1;
            warm_memory(&options.dir()?, &blob).await?;
            let server = Server::start(kind, options, None).await?;
            for transfer in measure(&server, &blob).await? {
                if wanted.contains(&transfer.what) {
                    eprintln!("{}: {transfer}", kind.name());
                    report.transfer(transfer);
                }
            }
            server.stop().await?;
        }
    }
    Ok(())
}

/// Has the kernel allocate the pages that the push will take, and free them again.
///
/// A virtual machine gives memory that it has not used for a while back to its host. Whoever
/// touches it next pays for getting it back, in system time: up to three times the cost of a push.
async fn warm_memory(dir: &Path, blob: &Blob) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join("warm");
    let mut file = File::create(&path)?;
    let mut body = blob.stream();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            file.write_all(&data)?;
        }
    }
    std::fs::remove_file(path)?;
    Ok(())
}

/// How often a blob is pulled for one figure: a single pull is over before the kernel's own work beside
/// it has evened out.
const PULLS: u64 = 8;

async fn measure(server: &Server, blob: &Blob) -> Result<[Transfer; 2]> {
    // What another server has left to be written must not be written now.
    Command::new("sync").status().await?;
    let mut connection = server.connect().await?;
    let start = Start::now(server)?;
    server.push(&mut connection, blob).await?;
    let push = start.end(server, What::Push, blob.bytes())?;

    let path = server.blob_path(blob);
    let digest = connection.pull_digest(&path).await?;
    ensure!(
        digest == blob.digest,
        "{} answered {digest}",
        server.kind.name()
    );
    let start = Start::now(server)?;
    let mut count = 0;
    for _ in 0..PULLS {
        count += connection.pull(&path).await?;
    }
    let pull = start.end(server, What::Pull, count)?;
    ensure!(
        count == PULLS * blob.bytes(),
        "{} sent {count} bytes",
        server.kind.name()
    );
    Ok([push, pull])
}

struct Start {
    at: Instant,
    cpu_s: f64,
}

impl Start {
    fn now(server: &Server) -> Result<Self> {
        Ok(Self {
            cpu_s: server.process.cpu_seconds()?,
            at: Instant::now(),
        })
    }

    fn end(self, server: &Server, what: What, bytes: u64) -> Result<Transfer> {
        Ok(Transfer {
            server: server.kind,
            what,
            wall_s: self.at.elapsed().as_secs_f64(),
            cpu_s: server.process.cpu_seconds()? - self.cpu_s,
            bytes,
        })
    }
}
