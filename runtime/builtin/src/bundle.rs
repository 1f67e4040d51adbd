//! The runtime configuration of a container, as the OCI runtime specification has it.
//!
//! Everything in it is built here from the plan's few fields: nothing of a pod's spec passes through.
use std::path::Path;

use serde_json::{Value, json};

use crate::cgroup;
use crate::users::Account;
use crate::wire::Plan;

/// How many processes a container may have.
const PROCESSES: i64 = 16_384;

/// How many files a process may have open.
const FILES: u64 = 1_048_576;

/// What of the kernel's files is hidden, and what cannot be written, as Docker has it.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// A file or directory of the pod that a container sees.
pub(crate) struct Bind {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) read_only: bool,
}

pub(crate) fn config(plan: &Plan, account: &Account, root: &Path, binds: &[Bind]) -> Value {
    json!({
        "ociVersion": "1.0.2",
        "root": { "path": root, "readonly": plan.read_only_root },
        "process": process(plan, account, &plan.argv, plan.input.tty),
        "mounts": mounts(binds),
        "linux": {
            // The network, the host name and shared memory are the pod's, which the shim is in.
            "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "cgroup" }],
            "cgroupsPath": format!("/wharf/{}/{}", plan.pod, plan.id),
            "resources": resources(plan),
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    })
}

/// The first process of a container, or one more in it: all have the same rights.
pub(crate) fn process(plan: &Plan, account: &Account, argv: &[String], tty: bool) -> Value {
    // With control groups of version 2 libcontainer does not keep devices of the host from being
    // opened, so nobody may make their nodes.
    let kept = |name: &&String| *name != "MKNOD" || !cgroup::is_unified();
    let capabilities = plan.capabilities.iter().filter(kept);
    let capabilities: Vec<String> = capabilities.map(|name| format!("CAP_{name}")).collect();
    // Only root has them by itself; others could only get them from files that have them.
    let effective = if account.uid == 0 {
        capabilities.as_slice()
    } else {
        &[]
    };
    // Only the kernel's own root may raise it.
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let files = own.unwrap_or(FILES).min(FILES);
    json!({
        "terminal": tty,
        "user": {
            "uid": account.uid, "gid": account.gid, "additionalGids": account.groups,
        },
        "args": argv,
        "env": env(plan, account, tty),
        "cwd": if plan.working_dir.is_empty() { "/" } else { plan.working_dir.as_str() },
        "capabilities": {
            "bounding": capabilities, "permitted": effective, "effective": effective,
        },
        "noNewPrivileges": plan.no_new_privileges,
        "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": files, "soft": files }],
        "oomScoreAdj": 500,
    })
}

fn env(plan: &Plan, account: &Account, tty: bool) -> Vec<String> {
    let mut env: Vec<String> = plan
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let has = |name: &str| plan.env.iter().any(|(key, _)| key == name);
    if !has("PATH") {
        env.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    }
    if !has("HOME") {
        env.push(format!("HOME={}", account.home));
    }
    if tty && !has("TERM") {
        env.push("TERM=xterm".to_owned());
    }
    env
}

fn mounts(binds: &[Bind]) -> Vec<Value> {
    let of = |to: &str, kind: &str, from: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": from, "options": options });
    let quiet = ["nosuid", "noexec", "nodev"];
    let mut all = vec![
        of("/proc", "proc", "proc", &quiet),
        of(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        of(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        of("/dev/mqueue", "mqueue", "mqueue", &quiet),
        of(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"],
        ),
        of(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ),
    ];
    for bind in binds {
        let mut options = vec!["rbind", "rprivate", "nosuid", "nodev"];
        options.push(if bind.read_only { "ro" } else { "rw" });
        all.push(of(&bind.to, "bind", &bind.from, &options));
    }
    all
}

fn resources(plan: &Plan) -> Value {
    let mut cpu = json!({ "shares": shares(plan.cpu_request_milli.unwrap_or(0)) });
    if let Some(milli) = plan.cpu_milli {
        cpu["period"] = 100_000.into();
        // The kernel takes no less than a millisecond.
        cpu["quota"] = milli.saturating_mul(100).max(1000).into();
    }
    let mut resources = json!({ "cpu": cpu, "pids": { "limit": PROCESSES } });
    if let Some(bytes) = plan.memory_bytes {
        resources["memory"] = json!({ "limit": bytes, "swap": bytes });
    }
    resources
}

/// A thousand thousandths of a processor are 1024 shares.
fn shares(milli: u64) -> u64 {
    (milli.saturating_mul(1024) / 1000).clamp(2, 262_144)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_requests_as_kubernetes_has_them() {
        assert_eq!([0, 1, 100, 1000, 2500].map(shares), [2, 2, 102, 1024, 2560]);
    }
}
