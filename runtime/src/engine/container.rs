//! A container, with everything decided that is not the engine's to decide.
use wharf_types::Timestamp;

use crate::{Amount, Capability, Directory, SubPath};

/// A container to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    pub pod: String,
    pub name: String,
    /// Grows by one with every restart.
    pub attempt: u32,
    /// Of an image that was pulled.
    pub image: String,
    /// Never empty. No shell reads it.
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub working_dir: String,
    pub run_as: RunAs,
    pub mounts: Vec<MountedVolume>,
    pub limits: Amount,
    pub requests: Amount,
    pub capabilities: Vec<Capability>,
    pub no_new_privileges: bool,
    pub read_only_root: bool,
    pub input: Input,
    /// A file that the container can write even if its root cannot be written.
    pub termination_path: Directory,
}

/// What its first process reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Whether it has a terminal.
    pub tty: bool,
    pub open: bool,
    /// Whether it ends when the first client that attached goes.
    pub once: bool,
}

/// As whom its first process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// `user`, `user:group` as the image says it, by name or number, if the spec gives no number.
    pub image_user: String,
    pub user: Option<u32>,
    pub group: Option<u32>,
    pub other_groups: Vec<u32>,
    /// A process of root is refused with [`crate::Error::Start`], `CreateContainerConfigError`.
    pub must_not_be_root: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountedVolume {
    /// A volume of the pod that was filled.
    pub volume: String,
    pub path: Directory,
    pub sub_path: Option<SubPath>,
    pub read_only: bool,
}

/// What an engine has of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPod {
    pub id: String,
    pub namespace: String,
    pub name: String,
    /// Whether its sandbox runs.
    pub runs: bool,
    pub ip: Option<std::net::IpAddr>,
    pub containers: Vec<FoundContainer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundContainer {
    pub id: String,
    pub pod: String,
    pub name: String,
    pub attempt: u32,
    /// Where its image came from, by digest.
    pub image_digest: String,
    pub phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    Created,
    Running { since: Timestamp },
    Ended(Exit),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// 128 and the signal's number if one ended it.
    pub code: i32,
    pub oom_killed: bool,
    pub started: Timestamp,
    pub finished: Timestamp,
    /// Why it never ran: no such program, no such user.
    pub problem: Option<String>,
}

/// What a container uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Since it was started.
    pub cpu_nanos: u64,
    /// Without what the kernel can take back at once.
    pub memory_bytes: u64,
    pub at: Timestamp,
}
