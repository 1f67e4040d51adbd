//! An engine that records what it is given.
use std::time::Duration;

use tokio::io::AsyncRead;
use wharf_runtime::engine::{AttachSpec, Process, Usage};
use wharf_runtime::{Error, Later, Notice, PodStatus, Stream};

use super::*;

/// An engine that keeps what it was asked to run.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) pods: Simulated,
    pub(super) specs: Mutex<Vec<PodSpec>>,
}

impl PodRuntime for Recorder {
    fn run(&self, spec: PodSpec, last: Option<PodStatus>) -> Later<'_, PodStatus> {
        self.specs.lock().unwrap().push(spec.clone());
        self.pods.run(spec, last)
    }

    fn status(&self, id: &str) -> Option<PodStatus> {
        self.pods.status(id)
    }

    fn stop(&self, id: &str, grace: Duration) -> Later<'_, Option<PodStatus>> {
        self.pods.stop(id, grace)
    }

    fn remove(&self, id: &str) -> Later<'_, ()> {
        self.pods.remove(id)
    }

    fn changed(&self) -> Later<'_, Vec<String>> {
        self.pods.changed()
    }

    fn notices(&self) -> Option<Vec<Notice>> {
        self.pods.notices()
    }

    fn strangers(&self) -> Vec<String> {
        self.pods.strangers()
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        previous: bool,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        self.pods.logs(id, container, previous, query)
    }

    fn exec<'a>(&'a self, _id: &'a str, _c: &'a str, _spec: ExecSpec) -> Later<'a, Process> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn attach<'a>(&'a self, _id: &'a str, _c: &'a str, _spec: AttachSpec) -> Later<'a, Process> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn port<'a>(&'a self, _id: &'a str, _port: u16) -> Later<'a, Box<dyn Stream>> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn usage<'a>(&'a self, _id: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }
}
