//! The sandbox: what the containers of a pod share.
use std::net::IpAddr;

use crate::{Dns, HostAlias, Volume};

/// The name by which pods call the machine, as Docker has it.
pub const HOST_NAME: &str = "host.docker.internal";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSpec {
    /// The pod's id.
    pub pod: String,
    pub namespace: String,
    pub name: String,
    pub hostname: String,
    /// Wanted; an engine that cannot give it gives another.
    pub ip: Option<IpAddr>,
    pub dns: Dns,
    pub host_aliases: Vec<HostAlias>,
    /// The domain that its name is in, as its own hosts file has it; empty if there is none.
    pub domain: String,
    /// Those of the pod, which are filled later: an engine may want to hold them together.
    pub volumes: Vec<Volume>,
    /// Whom the files of volumes belong to, as in [`super::Engine::fill`].
    pub volume_group: Option<u32>,
    /// The names of the pod's containers, as far as they are known; others may come.
    pub containers: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub ip: Option<IpAddr>,
    /// Where the pod reaches the machine, if the engine knows: what [`HOST_NAME`] means to DNS.
    pub host: Option<IpAddr>,
    /// Whether it was there before.
    pub kept: bool,
}
