//! The loop: which pods are looked at, and when.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Kubelet;
use super::queue::{Key, Queue};
use super::worker::{Ended, Next, Stop};
use crate::Status;
use crate::store::{Change, Object, Shelf};

/// How many pods are worked on at a time.
const AT_ONCE: usize = 64;

/// How many changes are read at a time.
const CHANGES: usize = 1000;

/// How often the cluster's clock is looked at while something waits for its time.
const LOOK: Duration = Duration::from_millis(250);

/// What pods may wait for.
const NEEDED: [&str; 4] = [
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "persistentvolumes",
];

/// After how long an engine that did not stop a pod is asked again.
const STOP_RETRY: Duration = Duration::from_secs(1);

type Looked = (Key, Result<Next, Status>);

/// The changes of a resource.
pub(super) struct Feed {
    pub(super) shelf: Arc<Shelf>,
    pub(super) told: watch::Receiver<u64>,
    after: u64,
}

impl Feed {
    /// Begins after everything that there is now.
    pub(super) fn new(shelf: Arc<Shelf>, after: u64) -> Self {
        let mut told = shelf.subscribe();
        told.mark_changed();
        Self { shelf, told, after }
    }

    /// What changed. None: so much that it is not known any more.
    pub(super) fn read(&mut self) -> Option<Vec<Change>> {
        let mut all = Vec::new();
        loop {
            let Ok(more) = self.shelf.changes(self.after, CHANGES) else {
                self.after = *self.told.borrow_and_update();
                return None;
            };
            let Some(last) = more.last() else {
                return Some(all);
            };
            self.after = last.revision;
            all.extend(more);
        }
    }
}

/// Waits for a change of any of them.
pub(super) async fn any_changed(feeds: &mut [Feed]) {
    let all = feeds.iter_mut().map(|feed| Box::pin(feed.told.changed()));
    // The shelf is kept by the feed, so its sender does not go away.
    let _first = futures::future::select_all(all).await;
}

impl Kubelet {
    /// Looks at every pod that changes.
    pub(super) async fn run_pods(self) {
        let store = self.0.cluster.store();
        let Some(pods) = store.find("pods") else {
            return;
        };
        let after = store.revision();
        let names = ["pods", "nodes"].into_iter().chain(NEEDED);
        let mut feeds: Vec<Feed> = names
            .filter_map(|name| store.find(name))
            .map(|shelf| Feed::new(shelf, after))
            .collect();
        let mut queue = Queue::default();
        let mut tasks: JoinSet<Looked> = JoinSet::new();
        let mut ends: JoinSet<Ended> = JoinSet::new();
        let there = pods.objects(None);
        // First of all, so that no new pod gets the address of one that runs.
        for pod in &there {
            self.reserve(pod);
        }
        for pod in &there {
            queue.push(key(pod));
        }
        drop(there);
        loop {
            queue.ripen(self.0.cluster.now());
            while tasks.len() < AT_ONCE
                && let Some(key) = queue.pop()
            {
                let kubelet = self.clone();
                tasks.spawn(async move {
                    let looked = kubelet.sync(&key).await;
                    (key, looked)
                });
            }
            let timed = queue.next_due().is_some();
            tokio::select! {
                () = any_changed(&mut feeds) => self.read(&mut feeds, &pods, &mut queue),
                Some(looked) = tasks.join_next() => {
                    if let Some(stop) = self.looked(looked, &mut queue) {
                        ends.spawn(self.clone().stop(stop));
                    }
                }
                Some(ended) = ends.join_next() => self.ended_one(ended, &mut queue),
                changed = self.0.engine.changed() => {
                    self.hear();
                    let ids = changed.unwrap_or_default();
                    let keys = ids.iter().filter_map(|id| self.0.state.key_of(id));
                    for key in keys {
                        queue.push(key);
                    }
                }
                () = tokio::time::sleep(LOOK), if timed => {}
            }
        }
    }

    /// A pod was looked at. Answers what is to be stopped beside the loop.
    fn looked(
        &self,
        looked: Result<Looked, tokio::task::JoinError>,
        queue: &mut Queue,
    ) -> Option<Stop> {
        match looked {
            Ok((key, Ok(Next::At(again)))) => queue.done(key, again),
            Ok((key, Ok(Next::Stop(stop)))) => {
                queue.done(key, None);
                return Some(stop);
            }
            Ok((key, Err(status))) => {
                let (namespace, name) = &key;
                // Somebody else was faster; the change that they made is looked at, too.
                if !status.is_conflict() && !status.is_not_found() {
                    tracing::warn!(namespace, name, %status, "a pod could not be handled");
                }
                queue.failed(key, self.0.cluster.now());
            }
            Err(error) => tracing::error!(%error, "the handling of a pod broke off"),
        }
        None
    }

    /// A pod has ended, or could not be stopped: it is looked at again.
    fn ended_one(&self, ended: Result<Ended, tokio::task::JoinError>, queue: &mut Queue) {
        match ended {
            Ok((key, None)) => queue.push(key),
            Ok((key, Some(failure))) => {
                let (namespace, name) = &key;
                tracing::warn!(namespace, name, error = %failure, "a pod could not be stopped");
                queue.later(key, self.0.cluster.now() + STOP_RETRY);
            }
            Err(error) => tracing::error!(%error, "the stopping of a pod broke off"),
        }
    }

    fn read(&self, feeds: &mut [Feed], pods: &Shelf, queue: &mut Queue) {
        for feed in feeds {
            feed.told.mark_unchanged();
            let name = feed.shelf.name.clone();
            let Some(changes) = feed.read() else {
                pods.objects(None)
                    .iter()
                    .for_each(|pod| queue.push(key(pod)));
                self.0
                    .state
                    .keys()
                    .into_iter()
                    .for_each(|key| queue.push(key));
                continue;
            };
            for change in changes {
                let object = &change.object;
                match name.as_str() {
                    "pods" => {
                        let key = key(object);
                        if change.deleted || !self.0.state.wrote(&key, change.revision) {
                            queue.push(key);
                        }
                    }
                    "nodes" if change.previous.is_none() => {
                        for key in on_node(pods, &object.name) {
                            queue.push(key);
                        }
                    }
                    "nodes" => {}
                    resource => {
                        let state = &self.0.state;
                        let (namespace, name) = (&object.namespace, &object.name);
                        let naming = state.naming(resource, namespace, name);
                        for key in naming.into_iter().chain(state.waiting(namespace)) {
                            queue.push(key);
                        }
                    }
                }
            }
        }
    }
}

fn key(object: &Object) -> Key {
    (object.namespace.clone(), object.name.clone())
}

/// The pods of a node that has just come.
fn on_node(pods: &Shelf, node: &str) -> Vec<Key> {
    let field = pods.field("spec.nodeName");
    let all = pods.objects(None).into_iter();
    all.filter(|pod| field.and_then(|at| pod.fields.get(at)) == Some(node))
        .map(|pod| key(&pod))
        .collect()
}
