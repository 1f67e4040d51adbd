//! Running a pod: its own small spec (the allowlist), and the engines that run it.
//!
//! # Guarantees
//! * A [`PodSpec`] has no place for a path, a device, a socket or a namespace of the host, nor for a
//!   privilege: what is not in the type cannot reach an engine.
//! * Files are bytes and persistent volumes are names: where they lie is the engine's own business.

mod checks;
pub mod engine;
mod engines;
pub mod network;
mod notice;
mod pod_runtime;
mod simulated;
mod spec;
mod status;
mod worker;

pub use checks::PodChecks;
pub use engines::{Engines, NoEngines, PodNetwork};
pub use notice::Notice;
pub use pod_runtime::{Error, Later, PodRuntime, Stream};
pub use simulated::{Pace, Simulated};
pub use spec::{
    Action, Amount, BadPath, BadPort, Capability, Container, Content, Directory, Dns, File,
    HostAlias, Lifecycle, Mount, PodSpec, Port, Probe, Probes, Protocol, Pull, PullSecret,
    Resources, RestartPolicy, Role, Security, SubPath, TerminationMessage, Volume, VolumeSource,
};
pub use status::{ContainerState, ContainerStatus, PodStatus, Terminated};
pub use worker::{Checks, Network, Outcome, Worker};
