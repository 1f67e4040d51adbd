//! The worker as the kubelet sees it.
use std::future::ready;
use std::time::Duration;

use tokio::io::AsyncRead;

use super::Worker;
use crate::engine::{AttachSpec, ExecSpec, LogQuery, Process, Usage};
use crate::{Error, Later, Notice, PodRuntime, PodSpec, PodStatus, Stream};

impl PodRuntime for Worker {
    fn run(&self, spec: PodSpec, last: Option<PodStatus>) -> Later<'_, PodStatus> {
        let status = self.run(spec, last.as_ref());
        Box::pin(ready(Ok(status)))
    }

    fn status(&self, id: &str) -> Option<PodStatus> {
        self.status(id)
    }

    fn stop(&self, id: &str, grace: Duration) -> Later<'_, Option<PodStatus>> {
        let id = id.to_owned();
        Box::pin(async move { Ok(self.stop(&id, grace).await) })
    }

    fn remove(&self, id: &str) -> Later<'_, ()> {
        let id = id.to_owned();
        Box::pin(async move { self.remove(&id).await })
    }

    fn changed(&self) -> Later<'_, Vec<String>> {
        Box::pin(async { Ok(self.changed().await) })
    }

    fn notices(&self) -> Option<Vec<Notice>> {
        Some(self.notices())
    }

    fn strangers(&self) -> Vec<String> {
        self.strangers()
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        previous: bool,
        query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async move {
            let id = self.container(id, container, previous)?;
            self.engine().logs(&id, query).await
        })
    }

    fn exec<'a>(&'a self, id: &'a str, container: &'a str, spec: ExecSpec) -> Later<'a, Process> {
        Box::pin(async move {
            let id = self.running(id, container)?;
            self.engine().exec(&id, spec).await
        })
    }

    fn attach<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        spec: AttachSpec,
    ) -> Later<'a, Process> {
        Box::pin(async move {
            let id = self.running(id, container)?;
            self.engine().attach(&id, spec).await
        })
    }

    fn port<'a>(&'a self, id: &'a str, port: u16) -> Later<'a, Box<dyn Stream>> {
        match self.0.dial.get() {
            Some(dial) => dial.dial(id, port),
            None => Box::pin(ready(Err(Error::Unsupported(format!(
                "the engine {} does not reach ports of pods",
                self.engine().name()
            ))))),
        }
    }

    fn usage<'a>(&'a self, id: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        self.engine().usage(id)
    }
}

impl Worker {
    /// The id of a container that runs.
    fn running(&self, pod: &str, name: &str) -> Result<String, Error> {
        let status = self.status(pod).ok_or(Error::NoSuchPod)?;
        let runs = status.container(name).is_some_and(|one| one.is_running());
        if runs {
            self.container(pod, name, false)
        } else {
            Err(Error::NoSuchContainer)
        }
    }
}
