//! A server as a child process: what it has used so far, and its end.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

/// Linux reports process times in this unit, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;
const STOP_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
}

impl Process {
    /// Starts a program with its output in `log`; it is killed when this value is dropped.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = std::fs::File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!("cannot start {}", command.as_std().get_program().display())
            })?;
        let pid = child.id().context("the server has ended")?;
        Ok(Self { child, pid })
    }

    /// User and system time of all its threads, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The program's name, in parentheses, may hold anything: count from behind it. utime and
        // stime are fields 14 and 15 of proc(5), the first one behind the name is field 3.
        let (_, fields) = stat.rsplit_once(") ").context("malformed stat")?;
        let ticks: f64 = fields
            .split(' ')
            .skip(14 - 3)
            .take(2)
            .map(str::parse::<f64>)
            .sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS_PER_SECOND)
    }

    /// The most memory that it has had resident, in MiB.
    pub(crate) fn peak_rss_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .context("no VmHWM")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.pid.to_string();
        Command::new("kill").arg(&pid).status().await?;
        match tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await {
            Ok(ended) => {
                ended?;
                Ok(())
            }
            Err(_) => bail!("process {pid} does not end"),
        }
    }
}
