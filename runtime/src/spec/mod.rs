//! What an engine may be asked to run.
//!
//! Everything here is safe to run by itself: a pod from the most hostile template can express no
//! more than these types hold. A new field is a decision about security, not about convenience.
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

mod checked;
mod security;

pub use checked::{BadPath, BadPort, Directory, Port, Protocol, SubPath};
pub use security::{Capability, Security};

/// A pod, or a task: containers that share an address and volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSpec {
    /// Unique for ever: the uid.
    pub id: String,
    pub namespace: String,
    pub name: String,
    pub hostname: String,
    /// Its address; none lets the engine choose.
    pub ip: Option<IpAddr>,
    /// Init containers and sidecars first, in their order.
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
    pub dns: Dns,
    pub host_aliases: Vec<HostAlias>,
    /// The domain that its name is in, as its own hosts file has it; empty if there is none.
    pub domain: String,
    pub restart: RestartPolicy,
    /// Passwords for the registries of its images.
    pub pull_secrets: Vec<PullSecret>,
    /// How long its processes may take to end when they are told to.
    pub grace: Duration,
    /// Whether it is the pod of a job, which does its work and ends.
    pub finishes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

/// When a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Before the others, until it ends.
    Init,
    /// From before the others until after them.
    Sidecar,
    Main,
    /// Added to look into the running pod.
    Ephemeral,
}

/// A container. Its command is an argument vector: no shell reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub role: Role,
    pub image: String,
    pub pull: Pull,
    /// In place of the image's entrypoint.
    pub command: Option<Vec<String>>,
    /// In place of the image's arguments.
    pub args: Option<Vec<String>>,
    pub working_dir: Option<Directory>,
    /// The whole environment besides the image's; nothing of the host's is added.
    pub env: Vec<(String, String)>,
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    pub probes: Probes,
    pub lifecycle: Lifecycle,
    pub resources: Resources,
    pub security: Security,
    pub tty: bool,
    pub stdin: bool,
    pub stdin_once: bool,
    pub termination: TerminationMessage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    Always,
    IfNotPresent,
    Never,
}

/// A volume of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub source: VolumeSource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeSource {
    /// Empty at the start, gone with the pod.
    EmptyDir {
        memory: bool,
        limit_bytes: Option<u64>,
    },
    /// Read-only files that the engine writes.
    Files(Vec<File>),
    /// The engine's own directory of this name, which outlives the pod.
    Persistent { id: String, read_only: bool },
}

/// A file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: SubPath,
    pub mode: u32,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// A token of the pod's service account, to be asked for at the start and before it expires.
    Token {
        audience: String,
        expiry: Duration,
    },
}

/// Where a container sees a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The name of a volume of the pod.
    pub volume: String,
    pub path: Directory,
    /// Of the volume; the whole of it if none.
    pub sub_path: Option<SubPath>,
    pub read_only: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    pub startup: Option<Probe>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub action: Action,
    pub initial_delay: Duration,
    pub period: Duration,
    pub timeout: Duration,
    pub success_threshold: u32,
    pub failure_threshold: u32,
    pub grace: Option<Duration>,
}

/// What is done in the network and with the rights of the container itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Exec(Vec<String>),
    Http {
        /// The pod's own address if none.
        host: Option<String>,
        port: u16,
        path: String,
        tls: bool,
        headers: Vec<(String, String)>,
    },
    Tcp {
        host: Option<String>,
        port: u16,
    },
    Grpc {
        port: u16,
        service: String,
    },
    Sleep(Duration),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    pub post_start: Option<Action>,
    pub pre_stop: Option<Action>,
    /// The name of a signal, such as `SIGQUIT`; the image's if none.
    pub stop_signal: Option<String>,
}

/// None: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub cpu_milli: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub disk_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub requests: Amount,
    pub limits: Amount,
}

/// Where the last words of a container are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminationMessage {
    pub path: Directory,
    /// The end of the log of a failed container if the file is empty.
    pub or_log: bool,
}

/// What `/etc/resolv.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    pub servers: Vec<IpAddr>,
    pub searches: Vec<String>,
    pub options: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAlias {
    pub ip: IpAddr,
    pub names: Vec<String>,
}

/// A password for a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct PullSecret {
    /// Its host, or host and path, as in Docker's configuration.
    pub registry: String,
    pub username: String,
    pub password: String,
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullSecret")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
