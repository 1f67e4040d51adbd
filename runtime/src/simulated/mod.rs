//! An engine that runs no processes: containers are said to run, and that is all.
//!
//! A pod's state follows from the times at which it was started and stopped, so nothing runs here,
//! and five thousand pods cost five thousand small entries.
use std::collections::HashMap;
use std::future::{pending, ready};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use wharf_types::{Clock, Timestamp};

use crate::engine::{AttachSpec, ExecSpec, LogQuery, Process, Usage};
use crate::{
    ContainerState, ContainerStatus, Error, Later, Notice, PodRuntime, PodSpec, PodStatus, Role,
    Stream, Terminated,
};

#[cfg(test)]
mod tests;

/// How long simulated things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Until the containers of a pod run.
    pub start: Duration,
    /// Until the work of a job is done after that.
    pub finish: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            start: Duration::ZERO,
            finish: Duration::from_secs(1),
        }
    }
}

/// The engine.
#[derive(Debug)]
pub struct Simulated {
    clock: Clock,
    pace: Pace,
    pods: Mutex<HashMap<String, Pod>>,
}

/// What is remembered of a pod: nothing that is secret or large.
#[derive(Debug)]
struct Pod {
    generation: u64,
    ip: Option<IpAddr>,
    start: Timestamp,
    finish: Option<Timestamp>,
    stopped: Option<Timestamp>,
    containers: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    role: Role,
    image: String,
    id: String,
    /// Ephemeral containers come later than the pod.
    start: Timestamp,
    /// As it was before a restart of the server.
    known: Option<ContainerStatus>,
}

impl Simulated {
    pub fn new(clock: Clock, pace: Pace) -> Self {
        Self {
            clock,
            pace,
            pods: Mutex::default(),
        }
    }

    // Nothing panics while it holds the lock; if it did, the entries would still be whole.
    fn pods(&self) -> MutexGuard<'_, HashMap<String, Pod>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, spec: &PodSpec, last: Option<&PodStatus>, now: Timestamp) -> PodStatus {
        let mut pods = self.pods();
        let pod = pods.entry(spec.id.clone()).or_insert_with(|| {
            let start = last.and_then(began).unwrap_or(now + self.pace.start);
            Pod {
                generation: 0,
                ip: spec.ip,
                start,
                finish: spec.finishes.then(|| start + self.pace.finish),
                stopped: None,
                containers: Vec::new(),
            }
        });
        pod.update(spec, last, now);
        pod.status(&spec.id, now)
    }
}

/// When the first of its containers began to run.
fn began(status: &PodStatus) -> Option<Timestamp> {
    let times = status.containers.iter().filter_map(|one| match &one.state {
        ContainerState::Running { since } => Some(*since),
        ContainerState::Terminated(end) => Some(end.started),
        ContainerState::Waiting { .. } => None,
    });
    times.min()
}

impl Pod {
    /// Takes the containers of a spec: new ones, and those with another image, start now.
    fn update(&mut self, spec: &PodSpec, last: Option<&PodStatus>, now: Timestamp) {
        let more = spec.containers.len().saturating_sub(self.containers.len());
        self.containers.reserve_exact(more);
        for container in &spec.containers {
            let there = self
                .containers
                .iter_mut()
                .find(|one| one.name == container.name);
            match there {
                Some(member) if member.image == container.image => {}
                Some(member) => {
                    let old = member.status(self.start, self.finish, None, now);
                    member.restart(&container.image, old, now);
                    self.generation += 1;
                }
                None => {
                    let known = last.and_then(|last| last.container(&container.name));
                    let ephemeral = container.role == Role::Ephemeral;
                    self.containers.push(Member {
                        name: container.name.clone(),
                        role: container.role,
                        image: container.image.clone(),
                        id: identity(&spec.id, &container.name, 0),
                        start: if ephemeral { now } else { self.start },
                        known: known.filter(|known| !known.id.is_empty()).cloned(),
                    });
                    self.generation += 1;
                }
            }
        }
    }

    fn status(&self, id: &str, now: Timestamp) -> PodStatus {
        let of = |member: &Member| member.status(self.start, self.finish, self.stopped, now);
        let times = [Some(self.start), self.finish];
        let next = times.into_iter().flatten().filter(|time| *time > now).min();
        PodStatus {
            id: id.to_owned(),
            generation: self.generation,
            ip: self.ip,
            containers: self.containers.iter().map(of).collect(),
            next_change: next.filter(|_| self.stopped.is_none()),
        }
    }
}

impl Member {
    fn restart(&mut self, image: &str, old: ContainerStatus, now: Timestamp) {
        image.clone_into(&mut self.image);
        self.start = now;
        let since = match old.state {
            ContainerState::Running { since } => since,
            _ => now,
        };
        self.known = Some(ContainerStatus {
            state: ContainerState::Running { since: now },
            last: Some(ended(since, now, 143)),
            restarts: old.restarts.saturating_add(1),
            id: identity(&old.id, &self.name, old.restarts + 1),
            image_id: String::new(),
            ..old
        });
    }

    fn status(
        &self,
        start: Timestamp,
        finish: Option<Timestamp>,
        stopped: Option<Timestamp>,
        now: Timestamp,
    ) -> ContainerStatus {
        let start = start.max(self.start);
        let init = self.role == Role::Init;
        let running = self
            .known
            .as_ref()
            .map_or(start, |known| match known.state {
                ContainerState::Running { since } => since,
                _ => start,
            });
        let done = self.known.as_ref().and_then(|known| match &known.state {
            ContainerState::Terminated(end) => Some(end.clone()),
            _ => None,
        });
        let finish = finish.filter(|_| self.role == Role::Main);
        let state = if let Some(end) = done {
            ContainerState::Terminated(end)
        } else if now < start && stopped.is_none() {
            ContainerState::Waiting {
                reason: "ContainerCreating".to_owned(),
                message: String::new(),
            }
        } else if init {
            ContainerState::Terminated(ended(start, start, 0))
        } else if let Some(finish) = finish.filter(|time| *time <= stopped.unwrap_or(now)) {
            ContainerState::Terminated(ended(running, finish, 0))
        } else if let Some(stopped) = stopped {
            // What a process says that was told to end and did.
            ContainerState::Terminated(ended(running.min(stopped), stopped, 143))
        } else {
            ContainerState::Running { since: running }
        };
        let waiting = matches!(state, ContainerState::Waiting { .. });
        let runs = matches!(state, ContainerState::Running { .. });
        let known = self.known.as_ref();
        let text = |text: &str| {
            if waiting {
                String::new()
            } else {
                text.to_owned()
            }
        };
        ContainerStatus {
            name: self.name.clone(),
            id: text(known.map_or(self.id.as_str(), |known| known.id.as_str())),
            image_id: text(known.map_or("", |known| known.image_id.as_str())),
            ready: (runs && self.role != Role::Ephemeral) || (init && !waiting),
            started: runs && self.role != Role::Ephemeral,
            last: known.and_then(|known| known.last.clone()),
            restarts: known.map_or(0, |known| known.restarts),
            state,
        }
    }
}

fn ended(started: Timestamp, finished: Timestamp, exit_code: i32) -> Terminated {
    Terminated {
        exit_code,
        reason: if exit_code == 0 { "Completed" } else { "Error" }.to_owned(),
        message: String::new(),
        started,
        finished,
    }
}

/// 64 digits that are always the same for the same container: FNV-1a, four times.
fn identity(pod: &str, container: &str, restart: u32) -> String {
    let text = format!("{pod}/{container}/{restart}");
    let word = |seed: u64| {
        let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        text.bytes().fold(start, mix)
    };
    let [one, two, three, four] = [1, 2, 3, 4].map(word);
    format!("{one:016x}{two:016x}{three:016x}{four:016x}")
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported(format!(
        "the simulated engine runs no processes: to {what}, start wharf with an engine that runs containers (--engine)"
    ))
}

impl PodRuntime for Simulated {
    fn run(&self, spec: PodSpec, last: Option<PodStatus>) -> Later<'_, PodStatus> {
        let status = self.start(&spec, last.as_ref(), self.clock.now());
        Box::pin(ready(Ok(status)))
    }

    fn status(&self, id: &str) -> Option<PodStatus> {
        let now = self.clock.now();
        self.pods().get(id).map(|pod| pod.status(id, now))
    }

    fn stop(&self, id: &str, _grace: Duration) -> Later<'_, Option<PodStatus>> {
        let now = self.clock.now();
        let status = self.pods().get_mut(id).map(|pod| {
            if pod.stopped.is_none() {
                pod.stopped = Some(now);
                pod.generation += 1;
            }
            pod.status(id, now)
        });
        Box::pin(ready(Ok(status)))
    }

    fn remove(&self, id: &str) -> Later<'_, ()> {
        self.pods().remove(id);
        Box::pin(ready(Ok(())))
    }

    fn changed(&self) -> Later<'_, Vec<String>> {
        // All that happens here is in `next_change`.
        Box::pin(pending())
    }

    fn notices(&self) -> Option<Vec<Notice>> {
        None
    }

    fn strangers(&self) -> Vec<String> {
        Vec::new()
    }

    fn logs<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        _previous: bool,
        _query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        // Containers without processes write nothing.
        let nothing = || Box::new(tokio::io::empty()) as Box<dyn AsyncRead + Send + Unpin>;
        Box::pin(ready(self.known(id, Some(container)).map(|()| nothing())))
    }

    fn exec<'a>(&'a self, id: &'a str, container: &'a str, _spec: ExecSpec) -> Later<'a, Process> {
        self.refuse(id, Some(container), "execute commands in containers")
    }

    fn attach<'a>(
        &'a self,
        id: &'a str,
        container: &'a str,
        _spec: AttachSpec,
    ) -> Later<'a, Process> {
        self.refuse(id, Some(container), "attach to containers")
    }

    fn port<'a>(&'a self, id: &'a str, _port: u16) -> Later<'a, Box<dyn Stream>> {
        self.refuse(id, None, "forward ports to pods")
    }

    fn usage<'a>(&'a self, id: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        Box::pin(ready(self.known(id, None).map(|()| Vec::new())))
    }
}

impl Simulated {
    fn known(&self, id: &str, container: Option<&str>) -> Result<(), Error> {
        let pods = self.pods();
        let pod = pods.get(id).ok_or(Error::NoSuchPod)?;
        let has = |name: &str| pod.containers.iter().any(|one| one.name == name);
        match container {
            Some(name) if !has(name) => Err(Error::NoSuchContainer),
            _ => Ok(()),
        }
    }

    fn refuse<T: Send + 'static>(
        &self,
        id: &str,
        container: Option<&str>,
        what: &str,
    ) -> Later<'_, T> {
        let known = self.known(id, container);
        Box::pin(ready(known.and_then(|()| Err(unsupported(what)))))
    }
}
