//! What an engine says of a pod.
use std::net::IpAddr;

use wharf_types::Timestamp;

/// A pod as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodStatus {
    pub id: String,
    /// Grows with every change.
    pub generation: u64,
    pub ip: Option<IpAddr>,
    /// In the order of the spec.
    pub containers: Vec<ContainerStatus>,
    /// When to ask again, if it changes without being told to.
    pub next_change: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    pub name: String,
    /// 64 hexadecimal digits; empty before it exists.
    pub id: String,
    /// The digest of its image; empty before it is known.
    pub image_id: String,
    pub state: ContainerState,
    /// How it ended before it was started again.
    pub last: Option<Terminated>,
    pub restarts: u32,
    /// Whether its readiness probe passes.
    pub ready: bool,
    /// Whether its startup probe passed.
    pub started: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    Waiting { reason: String, message: String },
    Running { since: Timestamp },
    Terminated(Terminated),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminated {
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`, …
    pub reason: String,
    pub message: String,
    pub started: Timestamp,
    pub finished: Timestamp,
}

impl PodStatus {
    pub fn container(&self, name: &str) -> Option<&ContainerStatus> {
        self.containers.iter().find(|one| one.name == name)
    }
}

impl ContainerStatus {
    pub fn is_running(&self) -> bool {
        matches!(self.state, ContainerState::Running { .. })
    }
}
