//! One pod: what is known of it, and the task that acts on it.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::plan::{self, Next};
use super::probes::{Kind, Target};
use super::record::{Life, Record};
use super::step::{self, Done};
use super::{Command, Inner, ending, probes};
use crate::engine::FoundPod;
use crate::{Error, PodSpec, PodStatus, Probe, Role};

/// What happens to a pod by itself.
#[derive(Debug)]
pub(super) enum Event {
    /// Something of it may have ended.
    Ended,
    Probed {
        at: usize,
        id: String,
        kind: Kind,
        passed: bool,
    },
    /// The hook that follows the start is done, or failed.
    Hooked { at: usize, id: String, done: bool },
}

/// What is known of a pod.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) spec: PodSpec,
    pub(super) ip: Option<IpAddr>,
    /// Its sandbox is there and its volumes are filled.
    pub(super) prepared: bool,
    /// When that is tried again.
    pub(super) retry: Option<Instant>,
    pub(super) stopping: bool,
    pub(super) records: Vec<Record>,
}

impl Pod {
    pub(super) fn new(spec: PodSpec, last: Option<&PodStatus>, found: Option<&FoundPod>) -> Self {
        let mut pod = Self {
            ip: found.and_then(|found| found.ip).or(spec.ip),
            prepared: false,
            retry: None,
            stopping: false,
            records: spec.containers.iter().cloned().map(Record::new).collect(),
            spec,
        };
        for record in &mut pod.records {
            let all = found.iter().flat_map(|found| &found.containers);
            let mut own: Vec<_> = all.filter(|one| one.name == record.spec.name).collect();
            own.sort_by_key(|one| one.attempt);
            let told = last.and_then(|last| last.container(&record.spec.name));
            record.adopt(&own, told);
        }
        pod
    }

    pub(super) fn with(&self, role: Role) -> impl Iterator<Item = (usize, &Record)> {
        let all = self.records.iter().enumerate();
        all.filter(move |(_, record)| record.spec.role == role)
    }

    /// Takes a changed spec: what users may change are images and ephemeral containers.
    fn update(&mut self, spec: PodSpec) {
        for container in &spec.containers {
            match self
                .records
                .iter_mut()
                .find(|one| one.spec.name == container.name)
            {
                Some(record) => {
                    if record.spec.image != container.image {
                        record.trouble = None;
                        record.crashes = Backoff::default();
                        record.flags.stale = record.is_running();
                    }
                    record.spec.clone_from(container);
                }
                None => self.records.push(Record::new(container.clone())),
            }
        }
        // Files may have changed.
        self.prepared = false;
        self.spec = spec;
    }

    pub(super) fn full_name(&self) -> String {
        format!(
            "{}_{}({})",
            self.spec.name, self.spec.namespace, self.spec.id
        )
    }

    pub(super) fn status(&self) -> PodStatus {
        let pod = self.full_name();
        let init = |record: &Record| matches!(record.spec.role, Role::Init | Role::Sidecar);
        let usual = if self.records.iter().any(init) {
            "PodInitializing"
        } else {
            "ContainerCreating"
        };
        let of = |record: &Record| record.status(self.spec.restart, &pod, usual);
        PodStatus {
            id: self.spec.id.clone(),
            generation: 0,
            ip: self.ip,
            containers: self.records.iter().map(of).collect(),
            next_change: None,
        }
    }

    /// The id of each container, and of the one before it.
    pub(super) fn ids(&self) -> HashMap<String, (Option<String>, Option<String>)> {
        let of = |record: &Record| {
            let id = record.id().map(ToOwned::to_owned);
            // A container that is being made again has only the one before it.
            let ids = match &record.life {
                Life::Absent => (record.previous.clone(), record.previous.clone()),
                _ => (id, record.previous.clone()),
            };
            (record.spec.name.clone(), ids)
        };
        self.records.iter().map(of).collect()
    }
}

/// The task of a pod.
pub(super) struct Task {
    pub(super) inner: Arc<Inner>,
    pub(super) pod: Pod,
    events: mpsc::UnboundedSender<Event>,
    /// What runs beside it for each container: probes and hooks, and how it is ended.
    tasks: HashMap<usize, Vec<AbortHandle>>,
    pub(super) signals: HashMap<usize, Option<String>>,
    grace: Duration,
    stopped: Vec<oneshot::Sender<PodStatus>>,
}

impl Task {
    pub(super) fn new(inner: Arc<Inner>, pod: Pod, events: mpsc::UnboundedSender<Event>) -> Self {
        Self {
            inner,
            grace: pod.spec.grace,
            pod,
            events,
            tasks: HashMap::new(),
            signals: HashMap::new(),
            stopped: Vec::new(),
        }
    }

    pub(super) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::UnboundedReceiver<Event>,
    ) {
        let running: Vec<usize> = self.running().collect();
        for at in running {
            self.watch_over(at);
        }
        loop {
            self.inner.publish(&self.pod);
            let now = Instant::now();
            let next = plan::next(&self.pod, now);
            let command = match next {
                Next::Stopped => {
                    self.answer();
                    commands.recv().await
                }
                Next::End(at) => {
                    self.end(at, None);
                    continue;
                }
                Next::Wait(until) => tokio::select! {
                    biased;
                    command = commands.recv() => command,
                    Some(event) = events.recv() => {
                        self.on(event).await;
                        continue;
                    }
                    () = sleep_until(until) => continue,
                },
                Next::Prepare | Next::Start(_) => {
                    let step = step::take(Arc::clone(&self.inner), &mut self.pod, next);
                    tokio::select! {
                        biased;
                        command = commands.recv() => command,
                        done = step => {
                            self.done(done);
                            continue;
                        }
                    }
                }
            };
            match command {
                Some(Command::Run(spec)) => self.pod.update(*spec),
                Some(Command::Stop(grace, answer)) => self.stop(grace, answer),
                Some(Command::Remove(answer)) => {
                    let removed = self.remove().await;
                    let gone = removed.is_ok();
                    // Whoever asked may have gone.
                    let _heard = answer.send(removed);
                    if gone {
                        return;
                    }
                }
                None => return,
            }
        }
    }

    fn running(&self) -> impl Iterator<Item = usize> {
        let all = self.pod.records.iter().enumerate();
        all.filter(|(_, one)| one.is_running()).map(|(at, _)| at)
    }

    fn stop(&mut self, grace: Duration, answer: oneshot::Sender<PodStatus>) {
        let shorter = self.pod.stopping && grace < self.grace;
        if shorter || !self.pod.stopping {
            self.grace = grace;
        }
        self.pod.stopping = true;
        self.stopped.push(answer);
        if shorter {
            // Those that are being ended have less time now.
            for record in &mut self.pod.records {
                record.flags.ending = false;
            }
        }
    }

    fn answer(&mut self) {
        let status = self.pod.status();
        for answer in self.stopped.drain(..) {
            let _heard = answer.send(status.clone());
        }
    }

    async fn remove(&mut self) -> Result<(), Error> {
        for (_, tasks) in self.tasks.drain() {
            tasks.iter().for_each(AbortHandle::abort);
        }
        let id = &self.pod.spec.id;
        self.inner.network.leave(id);
        self.inner.engine.remove_pod(id).await?;
        super::lock(&self.inner.pods).remove(id);
        Ok(())
    }

    /// Looks at the containers once more.
    pub(super) fn look_again(&self) {
        // The other end is in the same task.
        let _heard = self.events.send(Event::Ended);
    }

    /// Begins to end a container, within a grace of its own if there is one.
    fn end(&mut self, at: usize, own: Option<Duration>) {
        let stop_signal = self.signals.get(&at).cloned().flatten();
        self.forget(at);
        let pod = self.pod.spec.id.clone();
        let grace = if self.pod.stopping {
            self.grace
        } else {
            own.unwrap_or(self.pod.spec.grace)
        };
        let Some(record) = self.pod.records.get_mut(at) else {
            return;
        };
        record.flags.ending = true;
        let Life::Running { id, .. } = &record.life else {
            return;
        };
        let ending = ending::Ending {
            pod,
            id: id.clone(),
            container: record.spec.clone(),
            stop_signal,
            grace,
        };
        let task = tokio::spawn(ending::end(Arc::clone(&self.inner), ending));
        self.tasks.entry(at).or_default().push(task.abort_handle());
    }

    /// Stops what runs beside a container.
    fn forget(&mut self, at: usize) {
        let tasks = self.tasks.remove(&at);
        tasks.iter().flatten().for_each(AbortHandle::abort);
    }

    fn done(&mut self, done: Done) {
        if let Some(at) = step::apply(self, done) {
            self.watch_over(at);
        }
    }

    /// Starts the hook and the probes of a container that runs.
    fn watch_over(&mut self, at: usize) {
        let pod = self.pod.spec.id.clone();
        let Some(record) = self.pod.records.get_mut(at) else {
            return;
        };
        let Life::Running { id, .. } = &record.life else {
            return;
        };
        let target = Target {
            pod,
            container: record.spec.name.clone(),
            id: id.clone(),
            at,
        };
        if !record.flags.hooked {
            match record.spec.lifecycle.post_start.clone() {
                None => record.flags.hooked = true,
                Some(action) => {
                    let hook = step::post_start(
                        Arc::clone(&self.inner),
                        target.clone(),
                        action,
                        self.events.clone(),
                    );
                    let task = tokio::spawn(hook).abort_handle();
                    self.tasks.entry(at).or_default().push(task);
                }
            }
        }
        match record.spec.probes.startup.clone() {
            Some(probe) if !record.flags.started => self.probe(&target, Kind::Startup, probe),
            _ => self.started(&target),
        }
    }

    fn probe(&mut self, target: &Target, kind: Kind, probe: Probe) {
        let run = probes::run(
            Arc::clone(&self.inner),
            target.clone(),
            kind,
            probe,
            self.events.clone(),
        );
        let task = tokio::spawn(run).abort_handle();
        self.tasks.entry(target.at).or_default().push(task);
    }

    /// The startup probe has passed, or there is none.
    fn started(&mut self, target: &Target) {
        let Some(record) = self.pod.records.get_mut(target.at) else {
            return;
        };
        record.flags.started = true;
        let probes = record.spec.probes.clone();
        match probes.readiness {
            None => record.flags.ready = true,
            Some(probe) => self.probe(target, Kind::Readiness, probe),
        }
        if let Some(probe) = probes.liveness {
            self.probe(target, Kind::Liveness, probe);
        }
    }

    async fn on(&mut self, event: Event) {
        match event {
            Event::Ended => self.look().await,
            Event::Hooked { at, id, done } => {
                let Some(record) = self.record(at, &id) else {
                    return;
                };
                record.flags.hooked = true;
                if !done {
                    self.kill(at, "FailedPostStartHook", None);
                }
            }
            Event::Probed {
                at,
                id,
                kind,
                passed,
            } => {
                let pod = self.pod.spec.id.clone();
                let Some(record) = self.record(at, &id) else {
                    return;
                };
                match (kind, passed) {
                    (Kind::Readiness, _) => record.flags.ready = passed,
                    (Kind::Startup, true) => {
                        let target = Target {
                            pod,
                            container: record.spec.name.clone(),
                            id,
                            at,
                        };
                        self.started(&target);
                    }
                    (Kind::Liveness, true) => {}
                    (Kind::Startup, false) => {
                        let probe = record.spec.probes.startup.as_ref();
                        let grace = probe.and_then(|probe| probe.grace);
                        self.kill(at, "failed startup probe", grace);
                    }
                    (Kind::Liveness, false) => {
                        let probe = record.spec.probes.liveness.as_ref();
                        let grace = probe.and_then(|probe| probe.grace);
                        self.kill(at, "failed liveness probe", grace);
                    }
                }
            }
        }
    }

    /// The record of a container that still runs.
    fn record(&mut self, at: usize, id: &str) -> Option<&mut Record> {
        let record = self.pod.records.get_mut(at)?;
        (record.is_running() && !record.flags.ending && record.id() == Some(id)).then_some(record)
    }

    fn kill(&mut self, at: usize, why: &str, grace: Option<Duration>) {
        if let Some(record) = self.pod.records.get(at) {
            let name = &record.spec.name;
            let message = if why == "FailedPostStartHook" {
                why.to_owned()
            } else {
                format!("Container {name} {why}, will be restarted")
            };
            let notice = crate::Notice::normal(&self.pod.spec.id, name, "Killing", message);
            self.inner.notice(notice);
        }
        self.end(at, grace);
    }

    /// Looks at what runs: has it ended?
    async fn look(&mut self) {
        let running: Vec<usize> = self.running().collect();
        for at in running {
            let Some(record) = self.pod.records.get(at) else {
                continue;
            };
            let Some(exit) = step::exit(&self.inner, record).await else {
                continue;
            };
            self.forget(at);
            if let Some(record) = self.pod.records.get_mut(at) {
                let (id, exit, message) = exit;
                record.end(id, &exit, message);
                let backs_off = record.restarts(self.pod.spec.restart)
                    && !self.pod.stopping
                    && !record.crashes.delay().is_zero();
                if backs_off {
                    let name = &self.pod.records[at].spec.name;
                    let pod = self.pod.full_name();
                    let message =
                        format!("Back-off restarting failed container {name} in pod {pod}");
                    let notice =
                        crate::Notice::warning(&self.pod.spec.id, name, "BackOff", message);
                    self.inner.notice(notice);
                }
            }
        }
        if !self.pod.stopping {
            // The sandbox may be what ended.
            self.pod.prepared = false;
        }
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
