//! The worker as the kubelet sees it.
use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};
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
            Some(dial) => Box::pin(async move {
                let own = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                Ok(dial.dial(id, own).await?)
            }),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncReadExt as _;
    use wharf_types::{Clock, Timestamp};

    use super::super::Checks;
    use super::super::fake::Fake;
    use super::super::tests::{bare, pod};
    use super::*;
    use crate::RestartPolicy;
    use crate::engine::Engine;
    use crate::network::{Address, Dial, DialError, Dialled};

    async fn worker(engine: &Arc<Fake>) -> Worker {
        let steps: Arc<dyn Engine> = Arc::<Fake>::clone(engine);
        let checks: Arc<dyn Checks> = Arc::<Fake>::clone(engine);
        let clock = Clock::manual(Timestamp::from_secs(1_000));
        Worker::start(steps, checks, clock).await.unwrap()
    }

    #[derive(Debug)]
    struct Refusing;

    impl Dial for Refusing {
        fn dial<'a>(&'a self, _pod: &'a str, _to: SocketAddr) -> Dialled<'a> {
            Box::pin(ready(Err(DialError::Refused)))
        }

        fn address<'a>(&'a self, _pod: &'a str) -> Address<'a> {
            Box::pin(ready(None))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_before_a_restart_still_has_logs_and_runs_no_commands() {
        let engine = Fake::new();
        let before = worker(&engine).await;
        let runtime: &dyn PodRuntime = &before;
        let spec = pod(RestartPolicy::Never, vec![bare("m")]);
        runtime.run(spec, None).await.unwrap();
        while !runtime.status("1").unwrap().containers[0].is_running() {
            runtime.changed().await.unwrap();
        }
        assert!(!runtime.notices().unwrap().is_empty());
        engine.end("m", 0);
        let after = worker(&engine).await;
        let runtime: &dyn PodRuntime = &after;
        assert_eq!(runtime.strangers(), ["1"]);
        let query = LogQuery::default();
        let mut log = runtime.logs("1", "m", false, query).await.unwrap();
        let mut text = String::new();
        log.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last words");
        let none = runtime.logs("1", "m", true, query).await.map(drop);
        assert!(matches!(none, Err(Error::NoSuchContainer)));
        let spec = ExecSpec {
            command: vec!["sh".to_owned()],
            tty: false,
            stdin: false,
        };
        let refused = runtime.exec("1", "m", spec).await;
        assert!(matches!(refused, Err(Error::NoSuchPod)));
        runtime.remove("1").await.unwrap();
        assert!(runtime.strangers().is_empty());
    }

    #[tokio::test]
    async fn ports_are_reached_by_who_can_dial() {
        let engine = Fake::new();
        let worker = worker(&engine).await;
        let refused = worker.port("1", 80).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the engine fake does not reach ports of pods"
        );
        let worker = worker.dialing(Arc::new(Refusing));
        let refused = worker.port("1", 80).await.unwrap_err();
        assert!(matches!(refused, Error::Failed(_)));
    }
}
