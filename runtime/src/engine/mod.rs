//! What an engine does for the worker: sandboxes, images, volumes and containers, one step each.
//!
//! # Guarantees wanted of an engine
//! * Every call may be made twice, also by a server that was started after the first call: what is
//!   there already, or gone already, is a success.
//! * It owns what it made, finds it again after a restart of the server ([`Engine::list`]), and leaves
//!   everything else alone. What is running keeps running while no server is there, and what it
//!   writes is kept.
//! * Dropping the answer of a call breaks nothing: the call may be made again.
//!
//! # Assumptions
//! * The worker calls for one pod at a time in turn; for different pods at once.
mod container;
mod image;
mod sandbox;
mod stream;

use std::fmt;

pub use container::{
    ContainerSpec, Exit, FoundContainer, FoundPod, Input, MountedVolume, Phase, RunAs, Usage,
};
pub use image::{Image, ImageConfig, ImageRequest, ImageSource, Layer, Manifest};
pub use sandbox::{HOST_NAME, Sandbox, SandboxSpec};
pub use stream::{AttachSpec, ExecSpec, LogQuery, Process, Size};

use tokio::io::AsyncRead;

use crate::{Later, Stream, Volume};

/// Steps of running pods, shaped like Kubernetes' container runtime interface.
///
/// A pod is named by its id ([`crate::PodSpec::id`]), a container by the id that `create` gave it.
pub trait Engine: Send + Sync + fmt::Debug {
    /// `docker`, `builtin`.
    fn name(&self) -> &'static str;

    /// Everything of ours that is there, whether it runs or not.
    fn list(&self) -> Later<'_, Vec<FoundPod>>;

    /// Makes an image ready to run, fetching of it what is missing.
    fn pull<'a>(&'a self, request: &'a ImageRequest) -> Later<'a, Image>;

    /// Makes the network namespace of a pod and starts the sandbox in it. A sandbox that is there
    /// and runs is kept; one that ended is replaced, with the same address if that is free.
    fn start_sandbox<'a>(&'a self, spec: &'a SandboxSpec) -> Later<'a, Sandbox>;

    /// The stream of the sandbox's own protocol. A new one ends the one before it.
    fn link<'a>(&'a self, pod: &'a str) -> Later<'a, Box<dyn Stream>>;

    /// Removes the sandbox, the pod's volumes but persistent ones, its containers and their logs.
    fn remove_pod<'a>(&'a self, pod: &'a str) -> Later<'a, ()>;

    /// Makes a volume of a pod, or brings its files to new content: a reader sees all the old files
    /// or all the new ones.
    fn fill<'a>(&'a self, pod: &'a str, volume: &'a Volume, group: Option<u32>) -> Later<'a, ()>;

    /// Forgets a persistent volume with all that is in it.
    fn remove_volume<'a>(&'a self, id: &'a str) -> Later<'a, ()>;

    /// Makes a container, not yet running, and answers its id: 64 hexadecimal digits. The same pod,
    /// name and attempt are the same container.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Later<'a, String>;

    /// Starts it. One that runs, or has ended, stays as it is.
    fn start<'a>(&'a self, id: &'a str) -> Later<'a, ()>;

    /// How it is. None: there is no such container.
    fn inspect<'a>(&'a self, id: &'a str) -> Later<'a, Option<FoundContainer>>;

    /// Sends a signal to its first process, by name (`SIGTERM`). One that has ended is left alone.
    fn signal<'a>(&'a self, id: &'a str, signal: &'a str) -> Later<'a, ()>;

    /// Removes it with its log; one that runs is killed first.
    fn remove<'a>(&'a self, id: &'a str) -> Later<'a, ()>;

    /// The ids of containers that ended, and of pods whose sandbox ended, since the last call; waits
    /// for the first. May name too many. One caller at a time.
    fn ended(&self) -> Later<'_, Vec<String>>;

    /// Runs a command in a container, in its namespaces and with its rights.
    fn exec<'a>(&'a self, id: &'a str, spec: ExecSpec) -> Later<'a, Process>;

    /// Connects to what the first process reads and writes from now on.
    fn attach<'a>(&'a self, id: &'a str, spec: AttachSpec) -> Later<'a, Process>;

    /// What it wrote. The bytes end when the container has ended, or at once if not followed.
    fn logs<'a>(
        &'a self,
        id: &'a str,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>>;

    /// Reads the start of a file in a container, which may have ended. None: no such file.
    fn read<'a>(&'a self, id: &'a str, path: &'a str, limit: usize) -> Later<'a, Option<Vec<u8>>>;

    /// What a pod's containers use now, by the name of the container.
    fn usage<'a>(&'a self, pod: &'a str) -> Later<'a, Vec<(String, Usage)>>;
}
