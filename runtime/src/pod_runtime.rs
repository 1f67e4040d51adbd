//! What an engine can do.
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::engine::{AttachSpec, ExecSpec, LogQuery, Process, Usage};
use crate::{Notice, PodSpec, PodStatus};

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

/// Bytes from and to a process or a port.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug> Stream for T {}

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

    /// What happened to pods since the last call, for people to read; `changed` names their pods, too.
    /// None: the engine tells nothing.
    fn notices(&self) -> Option<Vec<Notice>>;

    /// The pods that the engine has and nobody asked for since the start.
    fn strangers(&self) -> Vec<String>;

    /// What a container wrote, or (`previous`) the one before its last restart.
    fn logs<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        previous: bool,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>>;

    /// Runs a command in a container.
    fn exec<'a>(&'a self, id: &'a str, container: &'a str, spec: ExecSpec) -> Later<'a, Process>;

    /// Connects to the first process of a container.
    fn attach<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        spec: AttachSpec,
    ) -> Later<'a, Process>;

    /// Connects to a TCP port of a pod, at its own `localhost`.
    fn port<'a>(&'a self, id: &'a str, port: u16) -> Later<'a, Box<dyn Stream>>;

    /// What a pod's containers use now, by the name of the container.
    fn usage<'a>(&'a self, id: &'a str) -> Later<'a, Vec<(String, Usage)>>;
}
