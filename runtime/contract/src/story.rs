//! What cases are told with.
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use wharf_runtime::engine::{Engine, ExecSpec, LogQuery};
use wharf_runtime::network::{LinkSettings, PodLinks};
use wharf_runtime::{
    Action, Capability, Checks, Container, ContainerState, Directory, Dns, Later, Lifecycle,
    Outcome, PodSpec, PodStatus, Probes, Pull, Resources, RestartPolicy, Role, Security,
    Terminated, TerminationMessage, Worker,
};
use wharf_types::Clock;

use crate::Setup;
use crate::images::Library;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Story {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) worker: Worker,
    pub(crate) setup: Arc<dyn Setup>,
    pub(crate) library: Arc<Library>,
}

#[derive(Debug)]
struct NoChecks;

impl Checks for NoChecks {
    fn check<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a Action,
        _: Duration,
    ) -> Later<'a, Outcome> {
        Box::pin(ready(Ok(Outcome::Passed)))
    }
}

/// A container of busybox, called `m`, with all that pods have by default.
pub(crate) fn container(script: &str) -> Container {
    Container {
        name: "m".to_owned(),
        role: Role::Main,
        image: "busybox".to_owned(),
        pull: Pull::IfNotPresent,
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]),
        args: None,
        working_dir: None,
        env: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        probes: Probes::default(),
        lifecycle: Lifecycle::default(),
        resources: Resources::default(),
        security: Security {
            capabilities: Capability::ALL.to_vec(),
            ..Security::default()
        },
        tty: false,
        stdin: false,
        stdin_once: false,
        termination: TerminationMessage {
            path: Directory::new("/dev/termination-log").unwrap(),
            or_log: true,
        },
    }
}

impl Story {
    pub(crate) async fn open(setup: Arc<dyn Setup>, library: Arc<Library>) -> Self {
        let engine = setup.open(Arc::<Library>::clone(&library)).await.unwrap();
        let worker = Worker::start(Arc::clone(&engine), Arc::new(NoChecks), Clock::System);
        Self {
            worker: worker.await.unwrap(),
            engine,
            setup,
            library,
        }
    }

    /// A new server over what there is.
    pub(crate) async fn again(&self) -> Self {
        Self::open(Arc::clone(&self.setup), Arc::clone(&self.library)).await
    }

    /// A server whose pods are told of services.
    pub(crate) async fn linked(&self, settings: LinkSettings) -> Self {
        let engine = self.setup.open(Arc::<Library>::clone(&self.library)).await;
        let engine = engine.unwrap();
        let links = Arc::new(PodLinks::new(Arc::clone(&engine), settings));
        let checks = Arc::new(NoChecks);
        let worker = Worker::start_in(Arc::clone(&engine), checks, links, Clock::System);
        Self {
            worker: worker.await.unwrap(),
            engine,
            setup: Arc::clone(&self.setup),
            library: Arc::clone(&self.library),
        }
    }

    /// A pod that runs once.
    pub(crate) fn pod(&self, id: &str, containers: Vec<Container>) -> PodSpec {
        let number = id.bytes().map(u32::from).sum::<u32>() % 250;
        PodSpec {
            id: id.to_owned(),
            namespace: "default".to_owned(),
            name: id.to_owned(),
            hostname: id.to_owned(),
            ip: Some(self.setup.ip(u8::try_from(number).unwrap()).into()),
            containers,
            volumes: Vec::new(),
            dns: Dns::default(),
            host_aliases: Vec::new(),
            domain: String::new(),
            pull_secrets: Vec::new(),
            restart: RestartPolicy::Never,
            grace: Duration::from_secs(2),
            finishes: false,
        }
    }

    /// Waits until a pod is as wanted.
    pub(crate) async fn until(
        &self,
        id: &str,
        wanted: impl Fn(&PodStatus) -> bool + Sync + Send,
    ) -> PodStatus {
        let wait = async {
            loop {
                let status = self.worker.status(id).unwrap();
                if wanted(&status) {
                    return status;
                }
                self.worker.changed().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| {
            let notices = self.worker.notices();
            panic!("{id} stays {:#?}, {notices:#?}", self.worker.status(id))
        })
    }

    /// Starts a pod and waits until all its containers run. Answers the id of `m`.
    pub(crate) async fn start(&self, spec: PodSpec) -> String {
        let id = spec.id.clone();
        self.worker.run(spec, None);
        self.runs(&id).await
    }

    pub(crate) async fn runs(&self, id: &str) -> String {
        let all = |status: &PodStatus| status.containers.iter().all(|one| one.is_running());
        self.until(id, all).await;
        self.worker.container(id, "m", false).unwrap()
    }

    /// Runs a pod to its end. Answers how its first container ended, and its log.
    pub(crate) async fn finish(&self, spec: PodSpec) -> (Terminated, String) {
        let id = spec.id.clone();
        self.worker.run(spec, None);
        let end = self.ended(&id).await;
        let log = self.log(&id, LogQuery::default()).await;
        (end, log)
    }

    pub(crate) async fn ended(&self, id: &str) -> Terminated {
        let end = |status: &PodStatus| match &status.containers.first()?.state {
            ContainerState::Terminated(end) => Some(end.clone()),
            _ => None,
        };
        end(&self.until(id, |status| end(status).is_some()).await).unwrap()
    }

    /// Waits until the first container of a pod waits for this reason. Answers its message.
    pub(crate) async fn waits(&self, id: &str, wanted: &str) -> String {
        let waits = |status: &PodStatus| match &status.containers.first()?.state {
            ContainerState::Waiting { reason, message } if reason == wanted => {
                Some(message.clone())
            }
            _ => None,
        };
        waits(&self.until(id, |status| waits(status).is_some()).await).unwrap()
    }

    pub(crate) async fn log(&self, id: &str, query: LogQuery) -> String {
        let id = self.worker.container(id, "m", false).unwrap();
        let mut log = self.engine.logs(&id, query).await.unwrap();
        let mut text = String::new();
        log.read_to_string(&mut text).await.unwrap();
        text
    }

    /// Runs a command in a container. Answers its exit code and what it wrote.
    pub(crate) async fn exec(&self, id: &str, command: &[&str]) -> (i32, String) {
        let spec = ExecSpec {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            tty: false,
            stdin: false,
        };
        let mut process = self.engine.exec(id, spec).await.unwrap();
        let mut out = String::new();
        process.stdout.read_to_string(&mut out).await.unwrap();
        let mut err = process.stderr.unwrap();
        err.read_to_string(&mut out).await.unwrap();
        (process.exit.await.unwrap(), out)
    }

    pub(crate) async fn remove(&self, id: &str) {
        self.worker.stop(id, Duration::ZERO).await;
        self.worker.remove(id).await.unwrap();
    }
}

/// Fails unless all these words are in the text.
pub(crate) fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text:?}");
    }
}
