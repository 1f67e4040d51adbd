//! What Docker answers, as far as it is read.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use wharf_runtime::engine::{Exit, FoundContainer, Phase};
use wharf_types::Timestamp;

use crate::names::{Labels, label};

/// A container in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) labels: Labels,
}

/// A container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Inspected {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) config: Config,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    pub(crate) network_settings: NetworkSettings,
    #[serde(default)]
    pub(crate) mounts: Vec<MountPoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    /// `created`, `running`, `exited`, …
    pub(crate) status: String,
    pub(crate) running: bool,
    #[serde(rename = "OOMKilled", default)]
    oom_killed: bool,
    #[serde(default)]
    exit_code: i32,
    /// Why it could not be started.
    #[serde(default)]
    error: String,
    started_at: String,
    finished_at: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// As it was asked for.
    #[serde(default)]
    image: String,
    #[serde(default)]
    pub(crate) labels: Labels,
    #[serde(default)]
    pub(crate) tty: bool,
    #[serde(default)]
    pub(crate) open_stdin: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkSettings {
    #[serde(default)]
    pub(crate) networks: BTreeMap<String, Joined>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Joined {
    #[serde(rename = "IPAddress", default)]
    pub(crate) ip: String,
}

/// A volume in a container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MountPoint {
    #[serde(default)]
    pub(crate) name: String,
    /// Where the container has it.
    destination: String,
    /// Where Docker has it.
    #[serde(default)]
    pub(crate) source: String,
}

/// The answer to whatever makes a thing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Created {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) labels: Option<Labels>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Volumes {
    pub(crate) volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Network {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) labels: Labels,
    #[serde(rename = "IPAM", default)]
    pub(crate) ipam: Ipam,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipam {
    pub(crate) config: Option<Vec<Pool>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Pool {
    #[serde(default)]
    pub(crate) subnet: String,
}

/// How a command that was run in a container is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ran {
    pub(crate) running: bool,
    pub(crate) exit_code: Option<i32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Waited {
    pub(crate) status_code: i32,
}

/// Something that happened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Event {
    pub(crate) actor: Actor,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Actor {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) attributes: Labels,
}

/// An image that is there.
#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    #[serde(rename = "Id")]
    _id: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedImage {
    pub(crate) repo_tags: Option<Vec<String>>,
}

/// What a container uses.
#[derive(Debug, Deserialize)]
pub(crate) struct Stats {
    #[serde(default)]
    pub(crate) cpu_stats: CpuStats,
    #[serde(default)]
    pub(crate) memory_stats: MemoryStats,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CpuStats {
    #[serde(default)]
    pub(crate) cpu_usage: CpuUsage,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CpuUsage {
    #[serde(default)]
    pub(crate) total_usage: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct MemoryStats {
    #[serde(default)]
    usage: u64,
    #[serde(default)]
    stats: BTreeMap<String, u64>,
}

impl MemoryStats {
    /// Without the pages of files that the kernel can take back at once; the first name is that of
    /// control groups 1, the second of 2.
    pub(crate) fn working_set(&self) -> u64 {
        let inactive = ["total_inactive_file", "inactive_file"];
        let inactive = inactive.iter().find_map(|name| self.stats.get(*name));
        self.usage.saturating_sub(inactive.copied().unwrap_or(0))
    }
}

/// Docker's times are RFC 3339; one that never was is in the year 1.
fn time(text: &str) -> Timestamp {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    Timestamp::from_ms(parsed.map_or(0, |time| time.as_millisecond().max(0)))
}

impl State {
    pub(crate) fn phase(&self) -> Phase {
        let problem = Some(self.error.clone()).filter(|error| !error.is_empty());
        match (self.status.as_str(), problem) {
            ("created", None) => Phase::Created,
            ("running" | "paused" | "restarting", _) => Phase::Running {
                since: time(&self.started_at),
            },
            (status, problem) => {
                let never = status == "created";
                let finished = time(&self.finished_at);
                Phase::Ended(Exit {
                    code: self.exit_code,
                    oom_killed: self.oom_killed,
                    started: time(&self.started_at),
                    finished,
                    // One that ran and has a problem besides has an exit code of its own.
                    problem: problem.filter(|_| never || finished == Timestamp::default()),
                })
            }
        }
    }
}

impl Inspected {
    /// Whether it never ran and never will, as it is of another image or joins another sandbox.
    pub(crate) fn is_outdated(&self, image: &str, network: &str) -> bool {
        self.state.phase() == Phase::Created
            && (self.config.image != image || self.host_config.network_mode != network)
    }

    /// The volume that it has there.
    pub(crate) fn volume(&self, folder: &str, name: &str) -> Option<&MountPoint> {
        let place = format!("{folder}/{name}");
        let place = place.trim_end_matches('/');
        self.mounts.iter().find(|mount| mount.destination == place)
    }

    /// None: it is no container of a pod.
    pub(crate) fn found(self) -> Option<FoundContainer> {
        let labels = &self.config.labels;
        let of = |key: &str| labels.get(key).cloned();
        Some(FoundContainer {
            pod: of(label::POD)?,
            name: of(label::CONTAINER)?,
            attempt: of(label::ATTEMPT)?.parse().ok()?,
            image_digest: of(label::IMAGE)?,
            phase: self.state.phase(),
            id: self.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> Phase {
        let state: State = serde_json::from_str(text).unwrap();
        state.phase()
    }

    #[test]
    fn a_container_that_could_not_be_started_has_ended() {
        let phase = state(
            r#"{"Status":"created","Running":false,"OOMKilled":false,"ExitCode":127,
                "Error":"exec: \"/no\": no such file or directory",
                "StartedAt":"0001-01-01T00:00:00Z","FinishedAt":"0001-01-01T00:00:00Z"}"#,
        );
        let Phase::Ended(exit) = phase else {
            panic!("{phase:?}")
        };
        assert_eq!(exit.code, 127);
        assert!(exit.problem.unwrap().contains("no such file"));
    }

    #[test]
    fn a_container_that_was_killed_for_its_memory_says_so() {
        let phase = state(
            r#"{"Status":"exited","Running":false,"OOMKilled":true,"ExitCode":137,"Error":"",
                "StartedAt":"2026-01-01T00:00:01.5Z","FinishedAt":"2026-01-01T00:00:02Z"}"#,
        );
        let Phase::Ended(exit) = phase else {
            panic!("{phase:?}")
        };
        assert!(exit.oom_killed && exit.problem.is_none());
        assert_eq!(exit.finished.since(exit.started).as_millis(), 500);
    }

    #[test]
    fn what_was_only_made_is_not_over() {
        let text = r#"{"Status":"created","Running":false,"ExitCode":0,"Error":"",
            "StartedAt":"0001-01-01T00:00:00Z","FinishedAt":"0001-01-01T00:00:00Z"}"#;
        assert_eq!(state(text), Phase::Created);
    }
}
