//! The contract of engines with the Docker of this machine.
//!
//! Needs Linux, Docker and busybox; it says so and passes where they are missing, unless
//! `WHARF_REQUIRE_CLIENTS` is set. The program is its own sandbox, so it has no test harness.
#![expect(clippy::unwrap_used, reason = "a test")]

mod foreign;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use wharf_contract::Setup;
use wharf_docker::{Daemon, Docker, Network, Settings};
use wharf_runtime::Later;
use wharf_runtime::engine::{Engine, ImageSource};

const HOST: &str = "unix:///var/run/docker.sock";
pub(crate) const CLUSTER: &str = "contract";

pub(crate) struct WithDocker {
    folder: PathBuf,
    pub(crate) instance: String,
}

impl WithDocker {
    fn settings(&self) -> Settings {
        Settings {
            host: HOST.to_owned(),
            folder: self.folder.clone(),
            instance: self.instance.clone(),
        }
    }
}

impl WithDocker {
    pub(crate) async fn daemon(&self, images: Arc<dyn ImageSource>) -> Daemon {
        Daemon::connect(self.settings(), images).await.unwrap()
    }
}

impl Setup for WithDocker {
    fn open(&self, images: Arc<dyn ImageSource>) -> Later<'_, Arc<dyn Engine>> {
        Box::pin(async move {
            let daemon = Daemon::connect(self.settings(), images).await?;
            // Of documentation: nothing is there.
            let network = Network {
                gateway: Ipv4Addr::new(192, 0, 2, 1),
                prefix: 24,
            };
            let engine = Docker::start(&daemon, CLUSTER, network).await?;
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        })
    }

    fn ip(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, number.max(2))
    }

    fn has_sub_paths(&self) -> bool {
        let version = docker(&["version", "--format", "{{.Server.APIVersion}}"]);
        let minor = version.trim().split('.').nth(1).unwrap();
        minor.parse::<u32>().unwrap() >= 45
    }

    fn kill_sandbox(&self, pod: &str) {
        let [instance, pod] = [("instance", self.instance.as_str()), ("pod", pod)]
            .map(|(name, value)| format!("label=dev.wharf.{name}={value}"));
        let kind = "label=dev.wharf.kind=sandbox";
        let found = docker(&[
            "ps", "-q", "--filter", &instance, "--filter", &pod, "--filter", kind,
        ]);
        docker(&["rm", "--force", found.trim()]);
    }

    fn left(&self) -> Vec<String> {
        let label = format!("label=dev.wharf.instance={}", self.instance);
        let lists = [
            &["ps", "-aq", "--filter", &label][..],
            &["volume", "ls", "-q", "--filter", &label],
        ];
        let left = lists.iter().map(|list| docker(list));
        left.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn missing() -> Option<String> {
    if !Path::new("/var/run/docker.sock").exists() {
        return Some("there is no Docker".to_owned());
    }
    wharf_contract::missing()
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = wharf_docker::part(&arguments) {
        return code;
    }
    if let Some(why) = missing() {
        return wharf_contract::skipped(&why);
    }
    let folder = tempfile::tempdir().unwrap();
    let setup = WithDocker {
        folder: folder.path().to_owned(),
        instance: format!("test-{}", std::process::id()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let setup = Arc::new(setup);
    runtime.block_on(async {
        let same = Arc::<WithDocker>::clone(&setup);
        wharf_contract::run(same).await;
        foreign::what_is_not_ours_survives(&setup).await;
    });
    ExitCode::SUCCESS
}
