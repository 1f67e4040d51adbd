//! The contract of engines with the engine `builtin`.
//!
//! Needs Linux, root and busybox; it says so and passes where they are missing, unless
//! `WHARF_REQUIRE_CLIENTS` is set. The program is its own shim, so it has no test harness.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use wharf_builtin::{Builtin, Network};
use wharf_contract::Setup;
use wharf_runtime::Later;
use wharf_runtime::engine::{Engine, ImageSource};

struct Own {
    root: PathBuf,
}

impl Own {
    /// The process that looks after a pod.
    fn shim(&self, pod: &str) -> i32 {
        let path = self.root.join("pods").join(pod).join("shim.json");
        let shim: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        i32::try_from(shim["pid"].as_i64().unwrap()).unwrap()
    }
}

impl Setup for Own {
    fn open(&self, images: Arc<dyn ImageSource>) -> Later<'_, Arc<dyn Engine>> {
        let network = Network {
            gateway: Ipv4Addr::new(192, 168, 0, 1),
            prefix: 16,
        };
        Box::pin(async move {
            let program = std::env::current_exe().unwrap();
            let engine = Builtin::start(program, self.root.clone(), network, images).await?;
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        })
    }

    fn ip(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 7, number)
    }

    fn has_sub_paths(&self) -> bool {
        true
    }

    fn open_files(&self, pod: &str) -> usize {
        let shim = format!("/proc/{}/fd", self.shim(pod));
        wharf_contract::count("/proc/self/fd") + wharf_contract::count(&shim)
    }

    fn kill_sandbox(&self, pod: &str) {
        let pid = rustix::process::Pid::from_raw(self.shim(pod)).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        // The lock of its directory goes with its last process.
        while rustix::process::test_kill_process(pid).is_ok() {
            std::thread::yield_now();
        }
    }

    /// What is left in the kernel of what we made.
    fn left(&self) -> Vec<String> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let root = self.root.to_str().unwrap();
        let mounts = mounts.lines().filter(|line| line.contains(root));
        let mut left: Vec<String> = mounts.map(ToOwned::to_owned).collect();
        for groups in ["/sys/fs/cgroup/memory/wharf", "/sys/fs/cgroup/wharf"] {
            let entries = std::fs::read_dir(groups).into_iter().flatten().flatten();
            // The pods of servers that run besides are named by UUIDs.
            let folders = entries
                .filter(|entry| entry.file_name().len() < 36)
                .map(|entry| entry.path())
                .filter(|path| path.is_dir());
            left.extend(folders.map(|path| path.display().to_string()));
        }
        left.extend(ways_out(root));
        let pods = std::fs::read_dir(self.root.join("pods"));
        let pods = pods.into_iter().flatten().flatten();
        left.extend(pods.map(|pod| pod.path().display().to_string()));
        left
    }
}

/// Devices, tables and rules of ways out: our own, and those whose device is gone. Others belong to
/// servers that run besides.
fn ways_out(root: &str) -> Vec<String> {
    let devices = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    let alias = |path: PathBuf| std::fs::read_to_string(path.join("ifalias")).unwrap_or_default();
    let own = devices.filter(|device| alias(device.path()).trim_end() == root);
    let mut left: Vec<String> = own.map(|one| one.path().display().to_string()).collect();
    for (program, arguments) in [
        ("nft", &["list", "tables"][..]),
        ("iptables", &["-S", "DOCKER-USER"]),
    ] {
        let output = Command::new(program).args(arguments).output();
        let text = output.map(|output| String::from_utf8(output.stdout).unwrap());
        let text = text.unwrap_or_default();
        let words = text.split_whitespace();
        let stale = words.filter(|word| {
            word.starts_with("wharf-") && !Path::new("/sys/class/net").join(word).exists()
        });
        left.extend(stale.map(|word| format!("{program}: {word}")));
    }
    left
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = wharf_builtin::part(&arguments) {
        return code;
    }
    if !rustix::process::geteuid().is_root() {
        return wharf_contract::skipped("it needs root");
    }
    if let Some(why) = wharf_contract::missing() {
        return wharf_contract::skipped(&why);
    }
    let root = tempfile::tempdir().unwrap();
    let setup = Own {
        root: root.path().to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(wharf_contract::run(Arc::new(setup)));
    ExitCode::SUCCESS
}
