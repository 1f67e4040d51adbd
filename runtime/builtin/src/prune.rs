//! What is left of pods whose directories are gone: whoever looked after them, and their control groups.
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::process::{Pid, Signal};

use crate::net::sweep;
use crate::{cgroup, time};

/// A group without processes may be of a pod that begins.
const YOUNG_MS: i64 = 60_000;

/// How the kernel ends the path of a directory that is gone.
const GONE: &[u8] = b" (deleted)";

/// Something that nobody owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub kind: &'static str,
    pub name: String,
}

/// A process that looks after a pod.
struct Shim {
    pid: Pid,
    folder: PathBuf,
    is_lost: bool,
}

/// Ends the pods whose directories are gone and removes their control groups; answers what that was. Blocks.
pub fn prune(dry_run: bool) -> Vec<Left> {
    let shims: Vec<Shim> = numbers("/proc").filter_map(shim).collect();
    let mut left = Vec::new();
    let (mut live, mut lost) = (HashSet::new(), HashSet::new());
    for shim in &shims {
        if !shim.is_lost {
            live.extend(shim.folder.file_name());
            continue;
        }
        lost.extend(shim.folder.file_name());
        left.push(Left {
            kind: "pod",
            name: shim.folder.display().to_string(),
        });
        if !dry_run {
            let _gone = rustix::process::kill_process(shim.pid, Signal::KILL);
        }
    }
    for pod in cgroup::pods() {
        let folders = cgroup::folders(&pod);
        let changed = folders.iter().filter_map(|folder| changed(folder)).max();
        let is_young = changed.is_none_or(|changed| time::now_ms() - changed < YOUNG_MS);
        let is_lost = lost.contains(OsStr::new(&pod));
        if live.contains(OsStr::new(&pod)) || (is_young && !is_lost) {
            continue;
        }
        left.push(Left {
            kind: "cgroup",
            name: pod.clone(),
        });
        if !dry_run {
            cgroup::clear(&pod);
        }
    }
    // Tables go with nothing else, and nobody sees them.
    if !dry_run && let Err(error) = sweep() {
        tracing::debug!(%error, "tables of ways out stay");
    }
    left
}

fn numbers(folder: &str) -> impl Iterator<Item = i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The process of a number, if it is a shim: it works in the directory of its pod, and says so.
fn shim(number: i32) -> Option<Shim> {
    let words = fs::read(format!("/proc/{number}/cmdline")).ok()?;
    let mut words = words.split(|byte| *byte == 0).skip(1);
    let folder = words
        .next()
        .filter(|word| *word == b"__shim")
        .and(words.next())?;
    let works_in = fs::read_link(format!("/proc/{number}/cwd")).ok()?;
    let works_in = works_in.as_os_str().as_bytes();
    let is_lost = works_in.strip_suffix(GONE) == Some(folder);
    let folder = PathBuf::from(OsStr::from_bytes(folder));
    // A directory that was made again is another.
    let is_there = works_in == folder.as_os_str().as_bytes();
    (is_lost || is_there).then_some(Shim {
        pid: Pid::from_raw(number)?,
        folder,
        is_lost,
    })
}

/// When a directory was last changed, in milliseconds since the epoch.
fn changed(folder: &Path) -> Option<i64> {
    let changed = fs::metadata(folder)
        .and_then(|found| found.modified())
        .ok()?;
    let since = changed.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
