//! What an engine can do.
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{PodSpec, PodStatus};

/// The answer of an engine, which may take its time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Why an engine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine cannot do this at all.
    #[error("{0}")]
    Unsupported(String),
    #[error("there is no such pod")]
    NoSuchPod,
    #[error("there is no such container")]
    NoSuchContainer,
    /// The pod does not start; what its containers wait for, as `ErrImagePull`.
    #[error("{message}")]
    Start {
        reason: &'static str,
        message: String,
    },
    #[error("the engine failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRange {
    /// Of the container before it was last started.
    pub previous: bool,
    pub tail_lines: Option<u64>,
    pub limit_bytes: Option<u64>,
}

/// What a client wants to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    Exec {
        container: String,
        command: Vec<String>,
        tty: bool,
    },
    Attach {
        container: String,
    },
    PortForward {
        port: u16,
    },
}

/// Bytes from and to a process or a port.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug {}

/// Runs the pods of one cluster.
///
/// Every call may be made twice. An engine restarts containers itself, by the policy of the spec,
/// and probes them.
pub trait PodRuntime: Send + Sync + fmt::Debug {
    /// Starts a pod, or brings one that runs to a changed spec (another image, one more ephemeral
    /// container). `last` is what was last known of the pod: an engine that finds it adopts it.
    fn run(&self, spec: PodSpec, last: Option<PodStatus>) -> Later<'_, PodStatus>;

    /// How a pod is. None: it does not have it.
    fn status(&self, id: &str) -> Option<PodStatus>;

    /// Ends a pod, at the latest after the grace of its spec. Answers how its containers ended.
    fn stop(&self, id: &str, grace: Duration) -> Later<'_, Option<PodStatus>>;

    /// Forgets a pod that has ended and frees all that it had.
    fn remove(&self, id: &str) -> Later<'_, ()>;

    /// The ids of pods that changed by themselves since the last call; waits for the first. One
    /// caller at a time.
    fn changed(&self) -> Later<'_, Vec<String>>;

    /// What a container wrote.
    fn logs(&self, id: &str, container: &str, range: LogRange) -> Later<'_, Vec<u8>>;

    fn connect(&self, id: &str, session: Session) -> Later<'_, Box<dyn Stream>>;
}
