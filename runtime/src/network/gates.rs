//! Connections that pods make to the server.
use std::net::{IpAddr, SocketAddr};

use crate::Stream;

/// The pod that a connection comes from. Nobody but the pod itself can make one in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// [`crate::PodSpec::id`].
    pub pod: String,
    pub namespace: String,
    pub name: String,
    pub ip: Option<IpAddr>,
}

/// What stands behind the listeners of the configuration: the API server, metadata.
pub trait Gates: Send + Sync + std::fmt::Debug {
    /// Takes a connection to a listener of this id; `from` is the address of the client in the pod.
    /// Must not wait; dropping the stream hangs up.
    fn accept(&self, listener: u16, caller: &Caller, from: SocketAddr, stream: Box<dyn Stream>);
}

/// Nobody stands behind any listener: every connection is hung up.
#[derive(Clone, Copy, Debug)]
pub struct NoGates;

impl Gates for NoGates {
    fn accept(&self, _: u16, _: &Caller, _: SocketAddr, stream: Box<dyn Stream>) {
        drop(stream);
    }
}
