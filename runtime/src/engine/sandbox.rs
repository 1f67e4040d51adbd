//! The sandbox: what the containers of a pod share.
use std::net::IpAddr;

use crate::{Dns, HostAlias};

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub ip: Option<IpAddr>,
    /// Whether it was there before.
    pub kept: bool,
}
