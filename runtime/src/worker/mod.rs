//! The life of pods over an engine's steps: the order of containers, restarts, probes, hooks, ends.
//!
//! Each pod has one task, which owns all that is known of it. `plan` says what the next step is; the
//! task takes it, one at a time, and drops it if it is told something else meanwhile.
//!
//! # Guarantees
//! * A container of a pod is never made twice at a time: ids follow from pod, name and attempt, and
//!   attempts only grow, over restarts of the server too.
//! * What runs is adopted after a restart of the server; nobody has to remember it but the engine.
mod backoff;
mod checks;
mod command;
mod ending;
#[cfg(test)]
pub(crate) mod fake;
mod network;
mod plan;
mod pod;
mod probes;
mod record;
mod runtime;
mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub use checks::{Checks, Outcome};
pub use network::Network;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;
use wharf_types::Clock;

use crate::engine::{Engine, FoundPod};
use crate::network::Dial;
use crate::{Error, Notice, PodSpec, PodStatus};

/// How many notices wait to be read; the oldest are dropped.
const NOTICES: usize = 10_000;

/// What a pod's task is told.
#[derive(Debug)]
enum Command {
    Run(Box<PodSpec>),
    Stop(Duration, oneshot::Sender<PodStatus>),
    Remove(oneshot::Sender<Result<(), Error>>),
}

#[derive(Debug)]
struct Entry {
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedSender<pod::Event>,
    status: PodStatus,
    /// The ids of its containers by name: the one that there is, and the one before it.
    ids: HashMap<String, (Option<String>, Option<String>)>,
}

/// The pods of an engine.
#[derive(Clone, Debug)]
pub struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Arc<dyn Engine>,
    checks: Arc<dyn Checks>,
    network: Arc<dyn Network>,
    dial: OnceLock<Arc<dyn Dial>>,
    clock: Clock,
    pods: Mutex<HashMap<String, Entry>>,
    /// What the engine had when the worker started and nobody asked for yet.
    found: Mutex<HashMap<String, FoundPod>>,
    changed: Mutex<BTreeSet<String>>,
    notices: Mutex<Vec<Notice>>,
    told: Notify,
    /// The task that listens to the engine, which ends with the worker: it holds the engine.
    listening: OnceLock<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.listening.get() {
            task.abort();
        }
    }
}

// Nothing panics while it holds one of the locks; if it did, what they hold would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// As [`Worker::start_in`], for pods that know nothing of each other.
    pub async fn start(
        engine: Arc<dyn Engine>,
        checks: Arc<dyn Checks>,
        clock: Clock,
    ) -> Result<Self, Error> {
        Self::start_in(engine, checks, Arc::new(network::Alone), clock).await
    }

    /// Takes over whatever the engine has, and listens to it.
    pub async fn start_in(
        engine: Arc<dyn Engine>,
        checks: Arc<dyn Checks>,
        network: Arc<dyn Network>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let found = engine.list().await?;
        let worker = Self(Arc::new(Inner {
            engine,
            checks,
            network,
            dial: OnceLock::new(),
            clock,
            pods: Mutex::default(),
            found: Mutex::new(found.into_iter().map(|one| (one.id.clone(), one)).collect()),
            changed: Mutex::default(),
            notices: Mutex::default(),
            told: Notify::new(),
            listening: OnceLock::new(),
        }));
        let task = tokio::spawn(listen(Arc::downgrade(&worker.0)));
        let _first = worker.0.listening.set(task.abort_handle());
        Ok(worker)
    }

    /// Says how ports of pods are reached. Only the first call counts.
    #[must_use]
    pub fn dialing(self, dial: Arc<dyn Dial>) -> Self {
        let _first = self.0.dial.set(dial);
        self
    }

    /// The pods that the engine has and nobody asked for since the start.
    pub fn strangers(&self) -> Vec<String> {
        lock(&self.0.found).keys().cloned().collect()
    }

    /// Removes a pod that nobody asked for.
    pub async fn remove_stranger(&self, id: &str) -> Result<(), Error> {
        self.0.engine.remove_pod(id).await?;
        lock(&self.0.found).remove(id);
        Ok(())
    }

    /// Starts a pod, or brings one that runs to a changed spec.
    pub fn run(&self, spec: PodSpec, last: Option<&PodStatus>) -> PodStatus {
        let id = spec.id.clone();
        let mut pods = lock(&self.0.pods);
        if let Some(entry) = pods.get(&id) {
            // The task ends only after its entry is gone.
            let _same = entry.commands.send(Command::Run(Box::new(spec)));
            return entry.status.clone();
        }
        let found = lock(&self.0.found).remove(&id);
        let (commands, told) = mpsc::unbounded_channel();
        let (events, heard) = mpsc::unbounded_channel();
        let pod = pod::Pod::new(spec, last, found.as_ref());
        let status = pod.status();
        let entry = Entry {
            commands,
            events: events.clone(),
            status: status.clone(),
            ids: pod.ids(),
        };
        pods.insert(id, entry);
        drop(pods);
        tokio::spawn(pod::Task::new(Arc::clone(&self.0), pod, events).run(told, heard));
        status
    }

    pub fn status(&self, id: &str) -> Option<PodStatus> {
        Some(lock(&self.0.pods).get(id)?.status.clone())
    }

    /// Ends a pod, at the latest after `grace`, and answers how its containers ended.
    pub async fn stop(&self, id: &str, grace: Duration) -> Option<PodStatus> {
        let (answer, answered) = oneshot::channel();
        self.tell(id, Command::Stop(grace, answer))?;
        answered.await.ok()
    }

    /// Frees all that a pod had; one that runs is killed.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        if self.tell(id, Command::Remove(answer)).is_none() {
            self.0.engine.remove_pod(id).await?;
            lock(&self.0.found).remove(id);
            return Ok(());
        }
        answered.await.unwrap_or(Ok(()))
    }

    fn tell(&self, id: &str, command: Command) -> Option<()> {
        lock(&self.0.pods).get(id)?.commands.send(command).ok()
    }

    /// The ids of pods that changed by themselves since the last call; waits for the first.
    pub async fn changed(&self) -> Vec<String> {
        loop {
            let ids = std::mem::take(&mut *lock(&self.0.changed));
            if !ids.is_empty() {
                return ids.into_iter().collect();
            }
            self.0.told.notified().await;
        }
    }

    /// What happened to pods since the last call.
    pub fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *lock(&self.0.notices))
    }

    /// The id of a container as the engine knows it: as it is now, or as it was before its restart.
    pub fn container(&self, pod: &str, name: &str, previous: bool) -> Result<String, Error> {
        let pods = lock(&self.0.pods);
        let Some(entry) = pods.get(pod) else {
            return self.left(pod, name, previous);
        };
        let ids = entry.ids.get(name).ok_or(Error::NoSuchContainer)?;
        let id = if previous { &ids.1 } else { &ids.0 };
        id.clone().ok_or(Error::NoSuchContainer)
    }

    /// The same of a pod that ended before the start: nobody asks for it again, but it has logs.
    fn left(&self, pod: &str, name: &str, previous: bool) -> Result<String, Error> {
        let found = lock(&self.0.found);
        let found = found.get(pod).ok_or(Error::NoSuchPod)?;
        let own = found.containers.iter().filter(|one| one.name == name);
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|one| std::cmp::Reverse(one.attempt));
        let one = own.get(usize::from(previous));
        one.map(|one| one.id.clone()).ok_or(Error::NoSuchContainer)
    }

    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.engine
    }
}

impl Inner {
    /// Shows how a pod is now.
    fn publish(&self, pod: &pod::Pod) {
        let mut status = pod.status();
        let mut pods = lock(&self.pods);
        let Some(entry) = pods.get_mut(&status.id) else {
            return;
        };
        entry.ids = pod.ids();
        status.generation = entry.status.generation;
        if entry.status == status {
            return;
        }
        status.generation += 1;
        let id = status.id.clone();
        entry.status = status;
        drop(pods);
        lock(&self.changed).insert(id);
        self.told.notify_one();
    }

    fn notice(&self, notice: Notice) {
        let mut notices = lock(&self.notices);
        if notices.len() >= NOTICES {
            notices.remove(0);
        }
        let pod = notice.pod.clone();
        notices.push(notice);
        drop(notices);
        lock(&self.changed).insert(pod);
        self.told.notify_one();
    }
}

/// Wakes the pods of which something ended, until the worker is gone.
async fn listen(worker: std::sync::Weak<Inner>) {
    while let Some(inner) = worker.upgrade() {
        let engine = Arc::clone(&inner.engine);
        drop(inner);
        let ended = engine.ended().await;
        let Some(inner) = worker.upgrade() else {
            return;
        };
        match ended {
            Ok(ids) => {
                for entry in lock(&inner.pods).values() {
                    let own = |id: &String| {
                        *id == entry.status.id
                            || entry.ids.values().any(|(now, _)| now.as_ref() == Some(id))
                    };
                    if ids.iter().any(own) {
                        // A task that has ended wants to know nothing.
                        let _gone = entry.events.send(pod::Event::Ended);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the engine does not say what ended");
                tokio::time::sleep(Duration::from_secs(1)).await;
                for entry in lock(&inner.pods).values() {
                    let _gone = entry.events.send(pod::Event::Ended);
                }
            }
        }
    }
}
