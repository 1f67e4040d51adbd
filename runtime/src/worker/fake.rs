//! An engine of the mind: containers live until a test ends them, and every step is written down.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::Notify;
use wharf_types::Timestamp;

use super::{Checks, Network, Outcome, lock};
use crate::engine::{
    AttachSpec, ContainerSpec, Engine, ExecSpec, Exit, FoundContainer, FoundPod, Image,
    ImageConfig, ImageRequest, LogQuery, Phase, Process, Sandbox, SandboxSpec, Usage,
};
use crate::{Action, Error, Later, Stream, Volume};

type Linker = Box<dyn Fn(&str) -> Option<Box<dyn Stream>> + Send + Sync>;
type Runner = Box<dyn Fn(&[String]) -> Process + Send + Sync>;

#[derive(Default)]
pub(crate) struct Fake {
    state: Mutex<State>,
    told: Notify,
    /// Connects to sandboxes; none: there are none.
    linker: Mutex<Option<Linker>>,
    /// Runs commands; none: there are no containers.
    runner: Mutex<Option<Runner>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    steps: Vec<String>,
    pods: BTreeMap<String, FoundPod>,
    /// What images cannot be pulled.
    missing: bool,
    /// Containers that do not listen to signals but the last one.
    deaf: bool,
    ended: Vec<String>,
    answers: BTreeMap<String, Outcome>,
}

fn exit(code: i32) -> Exit {
    Exit {
        code,
        oom_killed: false,
        started: Timestamp::from_secs(1),
        finished: Timestamp::from_secs(2),
        problem: None,
    }
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn set_linker(&self, linker: Linker) {
        *lock(&self.linker) = Some(linker);
    }

    pub(crate) fn set_runner(&self, runner: Runner) {
        *lock(&self.runner) = Some(runner);
    }

    /// The steps since the last call, as words.
    pub(super) fn steps(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).steps)
    }

    pub(super) fn set_missing(&self, missing: bool) {
        lock(&self.state).missing = missing;
    }

    pub(super) fn set_deaf(&self) {
        lock(&self.state).deaf = true;
    }

    /// What a check of this name answers from now on.
    pub(super) fn answer(&self, name: &str, outcome: Outcome) {
        lock(&self.state).answers.insert(name.to_owned(), outcome);
    }

    /// Ends what runs under a name.
    pub(super) fn end(&self, name: &str, code: i32) {
        let mut state = lock(&self.state);
        let all = state.pods.values_mut().flat_map(|pod| &mut pod.containers);
        let mut running = all.filter(|one| one.name == name);
        let one = running.find(|one| matches!(one.phase, Phase::Running { .. }));
        let one = one.unwrap();
        one.phase = Phase::Ended(exit(code));
        let id = one.id.clone();
        state.ended.push(id);
        drop(state);
        self.told.notify_one();
    }

    pub(super) fn running(&self) -> Vec<String> {
        let state = lock(&self.state);
        let all = state.pods.values().flat_map(|pod| &pod.containers);
        let running = all.filter(|one| matches!(one.phase, Phase::Running { .. }));
        running
            .map(|one| format!("{}/{}", one.name, one.attempt))
            .collect()
    }

    fn note(&self, step: String) {
        lock(&self.state).steps.push(step);
    }

    fn with<T>(&self, id: &str, act: impl FnOnce(&mut FoundContainer) -> T) -> Option<T> {
        let mut state = lock(&self.state);
        let mut all = state.pods.values_mut().flat_map(|pod| &mut pod.containers);
        all.find(|one| one.id == id).map(act)
    }
}

fn now<'a, T: Send + 'a>(answer: Result<T, Error>) -> Later<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Engine for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn list(&self) -> Later<'_, Vec<FoundPod>> {
        now(Ok(lock(&self.state).pods.values().cloned().collect()))
    }

    fn pull<'a>(&'a self, request: &'a ImageRequest) -> Later<'a, Image> {
        if lock(&self.state).missing {
            return now(Err(Error::Start {
                reason: "ErrImagePull",
                message: "not there".to_owned(),
            }));
        }
        now(Ok(Image {
            id: request.name.clone(),
            digest: format!("{}@sha256:1", request.name),
            size_bytes: 1,
            fetched: false,
            config: ImageConfig {
                entrypoint: vec!["/run".to_owned()],
                ..ImageConfig::default()
            },
        }))
    }

    fn start_sandbox<'a>(&'a self, spec: &'a SandboxSpec) -> Later<'a, Sandbox> {
        let mut state = lock(&self.state);
        let kept = state.pods.contains_key(&spec.pod);
        if !kept {
            state.steps.push("sandbox".to_owned());
            let pod = FoundPod {
                id: spec.pod.clone(),
                namespace: spec.namespace.clone(),
                name: spec.name.clone(),
                runs: true,
                ip: spec.ip,
                containers: Vec::new(),
            };
            state.pods.insert(spec.pod.clone(), pod);
        }
        now(Ok(Sandbox {
            ip: spec.ip,
            host: None,
            kept,
        }))
    }

    fn link<'a>(&'a self, pod: &'a str) -> Later<'a, Box<dyn Stream>> {
        let linker = lock(&self.linker);
        let stream = linker.as_ref().and_then(|linker| linker(pod));
        now(stream.ok_or(Error::NoSuchPod))
    }

    fn remove_pod<'a>(&'a self, pod: &'a str) -> Later<'a, ()> {
        self.note("remove pod".to_owned());
        lock(&self.state).pods.remove(pod);
        now(Ok(()))
    }

    fn fill<'a>(&'a self, _pod: &'a str, volume: &'a Volume, _group: Option<u32>) -> Later<'a, ()> {
        self.note(format!("fill {}", volume.name));
        now(Ok(()))
    }

    fn remove_volume<'a>(&'a self, _id: &'a str) -> Later<'a, ()> {
        now(Ok(()))
    }

    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Later<'a, String> {
        let id = format!("{}-{}-{}", spec.pod, spec.name, spec.attempt);
        let mut state = lock(&self.state);
        let pod = state.pods.get_mut(&spec.pod).unwrap();
        assert!(
            !pod.containers.iter().any(|one| one.name == spec.name
                && matches!(one.phase, Phase::Running { .. })
                && one.id != id),
            "{} runs twice",
            spec.name
        );
        if !pod.containers.iter().any(|one| one.id == id) {
            pod.containers.push(FoundContainer {
                id: id.clone(),
                pod: spec.pod.clone(),
                name: spec.name.clone(),
                attempt: spec.attempt,
                image_digest: format!("{}@sha256:1", spec.image),
                phase: Phase::Created,
            });
        }
        now(Ok(id))
    }

    fn start<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        let since = Timestamp::from_secs(1);
        let name = self.with(id, |one| {
            one.phase = Phase::Running { since };
            format!("start {}/{}", one.name, one.attempt)
        });
        self.note(name.unwrap());
        now(Ok(()))
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Later<'a, Option<FoundContainer>> {
        now(Ok(self.with(id, |one| one.clone())))
    }

    fn signal<'a>(&'a self, id: &'a str, signal: &'a str) -> Later<'a, ()> {
        let name = self.with(id, |one| one.name.clone()).unwrap();
        self.note(format!("{signal} {name}"));
        let deaf = lock(&self.state).deaf;
        if !deaf || signal == "SIGKILL" {
            self.end(&name, if signal == "SIGKILL" { 137 } else { 143 });
        }
        now(Ok(()))
    }

    fn remove<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        for pod in lock(&self.state).pods.values_mut() {
            pod.containers.retain(|one| one.id != id);
        }
        now(Ok(()))
    }

    fn ended(&self) -> Later<'_, Vec<String>> {
        Box::pin(async {
            loop {
                let ended = std::mem::take(&mut lock(&self.state).ended);
                if !ended.is_empty() {
                    return Ok(ended);
                }
                self.told.notified().await;
            }
        })
    }

    fn exec<'a>(&'a self, _id: &'a str, spec: ExecSpec) -> Later<'a, Process> {
        let runner = lock(&self.runner);
        let process = runner.as_ref().map(|runner| runner(&spec.command));
        now(process.ok_or(Error::NoSuchContainer))
    }

    fn attach<'a>(&'a self, _id: &'a str, _spec: AttachSpec) -> Later<'a, Process> {
        now(Err(Error::NoSuchContainer))
    }

    fn logs<'a>(
        &'a self,
        _id: &'a str,
        _query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        now(Ok(Box::new(&b"last words"[..])))
    }

    fn read<'a>(
        &'a self,
        _id: &'a str,
        _path: &'a str,
        _limit: usize,
    ) -> Later<'a, Option<Vec<u8>>> {
        now(Ok(None))
    }

    fn usage<'a>(&'a self, _pod: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        now(Ok(Vec::new()))
    }
}

impl Checks for Fake {
    fn check<'a>(
        &'a self,
        _pod: &'a str,
        _container: &'a str,
        action: &'a Action,
        _timeout: Duration,
    ) -> Later<'a, Outcome> {
        let Action::Exec(words) = action else {
            return now(Err(Error::NoSuchContainer));
        };
        let name = words.join(" ");
        let mut state = lock(&self.state);
        state.steps.push(name.clone());
        let answer = state.answers.get(&name).cloned();
        now(Ok(answer.unwrap_or(Outcome::Passed)))
    }
}

impl Network for Fake {
    fn join(&self, pod: &crate::PodSpec, _sandbox: Sandbox) {
        self.note(format!("join {}", pod.name));
    }

    fn joined<'a>(&'a self, _pod: &'a str) -> Later<'a, ()> {
        let alone = lock(&self.state).answers.get("join").cloned();
        now(match alone {
            Some(Outcome::Failed(message)) => Err(Error::Start {
                reason: "FailedCreatePodSandBox",
                message,
            }),
            _ => Ok(()),
        })
    }

    fn leave(&self, _pod: &str) {
        self.note("leave".to_owned());
    }
}
