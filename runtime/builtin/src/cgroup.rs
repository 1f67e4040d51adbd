//! What the kernel counts for a container, with either version of control groups.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROOT: &str = "/sys/fs/cgroup";

/// The directory of a container's group: of a controller, or of all where there is one tree.
pub(crate) fn folder(controller: &str, pod: &str, id: &str) -> PathBuf {
    let root = Path::new(ROOT);
    let root = if is_unified() {
        root.to_owned()
    } else {
        root.join(controller)
    };
    root.join("wharf").join(pod).join(id)
}

/// Makes the directory that all groups are below.
pub(crate) fn prepare() -> std::io::Result<()> {
    let root = Path::new(ROOT);
    let root = if is_unified() {
        root.join("wharf")
    } else {
        root.join("memory").join("wharf")
    };
    fs::create_dir_all(root)
}

pub(crate) fn is_unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

/// Whether the kernel killed something of it for want of memory.
pub(crate) fn was_oom_killed(pod: &str, id: &str) -> bool {
    let name = if is_unified() {
        "memory.events"
    } else {
        "memory.oom_control"
    };
    number(&folder("memory", pod, id).join(name), "oom_kill").is_some_and(|count| count > 0)
}

/// Processor time so far, in nanoseconds, and memory that the kernel cannot take back at once.
pub(crate) fn usage(pod: &str, id: &str) -> Option<(u64, u64)> {
    let read = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let memory = folder("memory", pod, id);
    if is_unified() {
        let cpu = number(&memory.join("cpu.stat"), "usage_usec")?.saturating_mul(1000);
        let all = read(memory.join("memory.current"))?;
        let idle = number(&memory.join("memory.stat"), "inactive_file").unwrap_or(0);
        return Some((cpu, all.saturating_sub(idle)));
    }
    let cpu = read(folder("cpuacct", pod, id).join("cpuacct.usage"))?;
    let all = read(memory.join("memory.usage_in_bytes"))?;
    let idle = number(&memory.join("memory.stat"), "total_inactive_file").unwrap_or(0);
    Some((cpu, all.saturating_sub(idle)))
}

/// The number after a word at the start of a line.
fn number(path: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}

/// The directories that groups of ours are in: one, or one for each controller.
fn roots() -> Vec<PathBuf> {
    let roots = if is_unified() {
        vec![PathBuf::from(ROOT)]
    } else {
        let entries = fs::read_dir(ROOT).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    roots.into_iter().map(|root| root.join("wharf")).collect()
}

/// The pods that have groups.
pub(crate) fn pods() -> BTreeSet<String> {
    let entries = roots()
        .into_iter()
        .flat_map(|root| fs::read_dir(root).into_iter().flatten().flatten());
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The directories of a pod's groups that are there.
pub(crate) fn folders(pod: &str) -> Vec<PathBuf> {
    let folders = roots().into_iter().map(|root| root.join(pod));
    folders.filter(|folder| folder.is_dir()).collect()
}

/// Kills what is left of a pod whose shim is gone, and removes its groups. Processes take a moment to
/// end.
#[expect(
    clippy::disallowed_methods,
    reason = "on a thread that may wait, and nothing tells when a group is empty"
)]
pub(crate) fn clear(pod: &str) {
    for _ in 0..100 {
        try_clear(pod);
        if folders(pod).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn try_clear(pod: &str) {
    for pod in folders(pod) {
        let groups = fs::read_dir(&pod).into_iter().flatten().flatten();
        for group in groups
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
        {
            kill(&group);
            drop(fs::remove_dir(group));
        }
        drop(fs::remove_dir(pod));
    }
}

fn kill(group: &Path) {
    let pids = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in pids.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
