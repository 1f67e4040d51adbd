//! Connections to what listens in a pod.
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use wharf_sandbox::protocol::Reason;

use crate::Stream;

/// Why there is no connection, in the words that a dial of Go has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    #[error("connect: connection refused")]
    Refused,
    #[error("connect: no route to host")]
    Unreachable,
    #[error("i/o timeout")]
    TimedOut,
    #[error("connect: connection reset by peer")]
    Reset,
    #[error("too many connections to the pod are open")]
    Busy,
    /// The pod is not there, or its sandbox is not connected to the server.
    #[error("the pod is not connected to the server")]
    NoLink,
    /// Neither a pod nor a service of the cluster has the address.
    #[error("the address is not one of the cluster, and the server calls no others")]
    Elsewhere,
}

impl From<Reason> for DialError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Refused => Self::Refused,
            Reason::Unreachable => Self::Unreachable,
            Reason::TimedOut => Self::TimedOut,
            Reason::Reset => Self::Reset,
            Reason::Busy => Self::Busy,
        }
    }
}

impl From<DialError> for crate::Error {
    fn from(error: DialError) -> Self {
        match error {
            DialError::NoLink => Self::NoSuchPod,
            error => Self::Failed(Box::new(error)),
        }
    }
}

/// A connection, or why there is none.
pub type Dialled<'a> =
    Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, DialError>> + Send + 'a>>;

/// The address of a pod.
pub type Address<'a> = Pin<Box<dyn Future<Output = Option<IpAddr>> + Send + 'a>>;

/// Connects to applications in pods, by TCP.
pub trait Dial: Send + Sync + std::fmt::Debug {
    /// Connects to an address as it is seen from a pod: its own, one of its loopback, that of
    /// another pod, or that of a service. Whoever drops the answer has hung up.
    fn dial<'a>(&'a self, pod: &'a str, to: SocketAddr) -> Dialled<'a>;

    /// The address of a pod; waits a little for one that is not there yet, as after a restart of the
    /// server. None: it is not there.
    fn address<'a>(&'a self, pod: &'a str) -> Address<'a>;
}

/// Connects to pods for who knows only where they are, as load balancers do.
pub trait Reach: Send + Sync + std::fmt::Debug {
    /// Connects to a TCP port of the pod that has this address. Waits for no pod: one that is not
    /// connected to the server now is [`DialError::NoLink`].
    fn reach(&self, to: SocketAddr) -> Dialled<'_>;
}
