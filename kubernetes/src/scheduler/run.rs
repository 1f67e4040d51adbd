//! The loop: changes come in, decisions go out.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use wharf_types::Timestamp;

use super::act::{self, Act};
use super::decide::{Unschedulable, schedule};
use super::model::{Claim, Labels, Node, Pod, StorageClass, Volume};
use super::preempt::preempt;
use super::queue::{Queue, Wake};
use super::state::{Key, State, budget_of};
use crate::Status;
use crate::cluster::{Actor, Cluster};
use crate::controllers::{Seen, follow};

/// How many decisions may be waiting to be written.
const WRITES: usize = 256;

/// How long to wait at most for a time of the cluster's clock, which tests move.
const LOOK: Duration = Duration::from_millis(100);

/// How many decisions are made before others may run.
const BURST: usize = 32;

/// What is followed: a resource, and what its changes do. Pods come last, when all else is known.
const FOLLOWED: [(&str, Apply); 7] = [
    ("nodes", Inner::node),
    ("namespaces", Inner::namespace),
    ("storageclasses.storage.k8s.io", Inner::class),
    ("persistentvolumes", Inner::volume),
    ("persistentvolumeclaims", Inner::claim),
    ("poddisruptionbudgets.policy", Inner::budget),
    ("pods", Inner::pod),
];

type Apply = fn(&mut Inner, &Seen<'_>, Timestamp);

#[derive(Debug)]
pub(super) struct Scheduler {
    pub(super) cluster: Cluster,
    pub(super) by: Actor,
    inner: Mutex<Inner>,
    woken: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) state: State,
    pub(super) queue: Queue,
    /// Pods that have to be told that their gates are closed.
    gated: Vec<Arc<Pod>>,
    /// Where the next pod begins to look for a node.
    start: usize,
}

/// Runs for ever.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let scheduler = Arc::new(Scheduler {
        cluster: cluster.clone(),
        by: Actor::system("system:kube-scheduler", "kube-scheduler", super::NAME),
        inner: Mutex::default(),
        woken: Notify::new(),
    });
    let mut followers = JoinSet::new();
    for (resource, apply) in FOLLOWED {
        let (cluster, shelf) = (cluster.clone(), cluster.shelf(resource)?);
        let scheduler = Arc::clone(&scheduler);
        let mut following = Box::pin(async move {
            let tell = |seen: &Seen<'_>| scheduler.change(seen, apply);
            follow(cluster.store(), &shelf, tell).await;
        });
        // The first look is at all that there is.
        if futures::poll!(&mut following).is_pending() {
            followers.spawn(following);
        }
    }
    scheduler.decide_for_ever().await;
    Ok(())
}

impl Scheduler {
    // Nothing panics while it holds the lock; if it did, the next start would read everything again.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, seen: &Seen<'_>, apply: Apply) {
        apply(&mut self.lock(), seen, self.cluster.now());
        self.woken.notify_one();
    }

    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    #[expect(clippy::infinite_loop, reason = "it runs until the cluster is closed")]
    async fn decide_for_ever(self: &Arc<Self>) {
        let room = Arc::new(Semaphore::new(WRITES));
        let mut writes = JoinSet::new();
        let mut burst = 0;
        loop {
            while writes.try_join_next().is_some() {}
            let act = self.lock().next(self.cluster.now());
            if let Some(act) = act {
                let permit = Arc::clone(&room).acquire_owned().await;
                let scheduler = Arc::clone(self);
                writes.spawn(async move {
                    act::act(&scheduler, act).await;
                    drop(permit);
                });
                burst += 1;
                if burst % BURST == 0 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            self.pause().await;
        }
    }

    async fn pause(&self) {
        let due = self.lock().queue.due();
        let woken = self.woken.notified();
        match due {
            None => woken.await,
            Some(at) => {
                let left = at
                    .since(self.cluster.now())
                    .clamp(Duration::from_millis(1), LOOK);
                tokio::time::timeout(left, woken).await.ok();
            }
        }
    }
}

impl Inner {
    /// The next thing to be written, if a pod waits.
    fn next(&mut self, now: Timestamp) -> Option<Act> {
        if let Some(pod) = self.gated.pop() {
            return Some(Act::Gate { pod });
        }
        let pod = self.queue.pop(now)?;
        match schedule(&self.state, &pod, self.start) {
            Ok(decision) => {
                let nodes = self.state.nodes().len().max(1);
                self.start = (self.start + decision.seen) % nodes;
                let info = self.state.node(&decision.node);
                let choices = info.map(|info| decision.cycle.claims().choices(info, &self.state));
                let placed = Arc::new(Pod {
                    node: decision.node.clone(),
                    ..Pod::clone(&pod)
                });
                self.state.place(&placed);
                self.queue.wake(Wake::ByPods, now);
                Some(Act::Bind {
                    pod,
                    node: decision.node,
                    claims: choices.unwrap_or_default(),
                })
            }
            Err(why) => Some(self.refuse(&pod, &why, now)),
        }
    }

    fn refuse(&mut self, pod: &Arc<Pod>, why: &Unschedulable, now: Timestamp) -> Act {
        self.queue.failed(&pod.uid, why.by_pods(), now);
        let mut message = why.message.clone();
        let (mut nominated, mut victims) = (None, Vec::new());
        if why.nodes > 0 {
            match preempt(&mut self.state, pod, why) {
                Ok(room) => {
                    let coming = Pod {
                        nominated: room.node.clone(),
                        ..Pod::clone(pod)
                    };
                    self.state
                        .nominated
                        .insert(pod.uid.clone(), Arc::new(coming));
                    nominated = Some(room.node);
                    victims = room.victims;
                }
                Err(said) => {
                    let waits = said.contains("terminating pod on the nominated node");
                    if !waits {
                        self.state.nominated.remove(&pod.uid);
                        nominated = Some(String::new());
                    }
                    message = format!("{message} {said}");
                }
            }
        }
        Act::Refuse {
            pod: Arc::clone(pod),
            message,
            nominated,
            victims,
        }
    }

    fn node(&mut self, seen: &Seen<'_>, now: Timestamp) {
        match (seen.new, seen.old) {
            (Some(object), _) => {
                if self.state.put_node(Node::read(&object.value())) {
                    self.queue.wake(Wake::All, now);
                }
            }
            (None, Some(object)) => self.state.remove_node(&object.name),
            (None, None) => {}
        }
    }

    fn pod(&mut self, seen: &Seen<'_>, now: Timestamp) {
        if let Some(old) = seen.old
            && seen.new.is_none_or(|new| new.uid != old.uid)
        {
            self.forget(&old.uid, now);
        }
        let Some(object) = seen.new else {
            return;
        };
        let pod = Arc::new(Pod::read(&object.value()));
        if pod.finished {
            self.forget(&pod.uid, now);
        } else if !pod.node.is_empty() {
            self.queue.remove(&pod.uid);
            let before = self.state.placed(&pod.uid).cloned();
            self.state.place(&pod);
            let same = before.is_some_and(|before| {
                before.labels == pod.labels
                    && before.deleting == pod.deleting
                    && before.request == pod.request
            });
            if !same {
                self.queue.wake(Wake::ByPods, now);
            }
        } else if pod.deleting || pod.scheduler != super::NAME {
            self.forget(&pod.uid, now);
        } else if !pod.gates.is_empty() {
            self.gated.push(pod);
        } else {
            let old = seen.old.map(|old| Pod::read(&old.value()));
            let changed = old.is_some_and(|old| {
                old.labels != pod.labels || old.tolerations.len() != pod.tolerations.len()
            });
            if !pod.nominated.is_empty() && self.state.placed(&pod.uid).is_none() {
                self.state
                    .nominated
                    .insert(pod.uid.clone(), Arc::clone(&pod));
            }
            self.queue.put(pod, changed, now);
        }
    }

    /// A pod is gone, or needs no room any more.
    fn forget(&mut self, uid: &str, now: Timestamp) {
        self.queue.remove(uid);
        let nominated = self.state.nominated.remove(uid).is_some();
        if self.state.remove(uid).is_some() || nominated {
            self.queue.wake(Wake::All, now);
        }
    }

    fn namespace(&mut self, seen: &Seen<'_>, _now: Timestamp) {
        if let Some(object) = seen.new {
            let labels: Labels = object.labels.iter().cloned().collect();
            self.state.namespaces.insert(object.name.clone(), labels);
        } else if let Some(object) = seen.old {
            self.state.namespaces.remove(&object.name);
        }
    }

    fn class(&mut self, seen: &Seen<'_>, now: Timestamp) {
        if let Some(object) = seen.new {
            let class = StorageClass::read(&object.value());
            self.state.classes.insert(object.name.clone(), class);
            self.queue.wake(Wake::All, now);
        } else if let Some(object) = seen.old {
            self.state.classes.remove(&object.name);
        }
    }

    fn volume(&mut self, seen: &Seen<'_>, now: Timestamp) {
        if let Some(object) = seen.new {
            let volume = Volume::read(&object.value());
            self.state.volumes.insert(object.name.clone(), volume);
            self.queue.wake(Wake::All, now);
        } else if let Some(object) = seen.old {
            self.state.volumes.remove(&object.name);
        }
    }

    fn claim(&mut self, seen: &Seen<'_>, now: Timestamp) {
        if let Some(object) = seen.new {
            let claim = Claim::read(&object.value());
            let known = self.state.claims.insert(key(object), claim.clone());
            if known.is_none_or(|known| known != claim) {
                self.queue.wake(Wake::All, now);
            }
        } else if let Some(object) = seen.old {
            self.state.claims.remove(&key(object));
        }
    }

    fn budget(&mut self, seen: &Seen<'_>, _now: Timestamp) {
        if let Some(object) = seen.new {
            let budget = budget_of(&object.value());
            self.state.budgets.insert(key(object), budget);
        } else if let Some(object) = seen.old {
            self.state.budgets.remove(&key(object));
        }
    }
}

fn key(object: &crate::store::Object) -> Key {
    (object.namespace.clone(), object.name.clone())
}
