//! Keys that wait to be worked on.
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use wharf_types::Timestamp;

use crate::store::Object;

/// The pause after a first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(1000);

/// How often the cluster's clock is looked at while a timer runs: it can be moved, and nobody tells.
const LOOK: Duration = Duration::from_millis(100);

/// An object by its name. Cheap to clone: a queue has it in several places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Empty for objects of the cluster.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    pub(crate) fn of(object: &Object) -> Self {
        Self::new(&object.namespace, &object.name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A queue in which a key waits once however often it is added. A cheap handle.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Shared>);

struct Shared {
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    ready: VecDeque<Key>,
    /// To be worked on; those that are worked on just now are not among the ready ones.
    dirty: HashSet<Key>,
    taken: HashSet<Key>,
    failures: HashMap<Key, u32>,
    retries: BTreeSet<(Instant, Key)>,
    timers: BTreeSet<(Timestamp, Key)>,
    /// When each key's timer is due: it has one, the earliest.
    due: HashMap<Key, Timestamp>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&*self.waiting()).finish()
    }
}

impl Queue {
    pub(crate) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            now: Box::new(now),
            waiting: Mutex::default(),
            added: Notify::new(),
        }))
    }

    // Nothing panics while it holds the lock.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        let locked = self.0.waiting.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key that is to be worked on now.
    pub(crate) fn add(&self, key: Key) {
        self.waiting().add(key);
        self.0.added.notify_one();
    }

    /// Adds a key once some time has passed on the cluster's clock.
    pub(crate) fn after(&self, key: Key, time: Duration) {
        if time.is_zero() {
            return self.add(key);
        }
        let at = (self.0.now)() + time;
        self.waiting().set_timer(key, at);
        self.0.added.notify_one();
    }

    /// The next key. It is not given to anyone else until the answer is dropped.
    pub(crate) async fn take(&self) -> Taken {
        loop {
            let pause = {
                let mut waiting = self.waiting();
                waiting.ripen((self.0.now)(), Instant::now());
                if let Some(key) = waiting.next() {
                    let more = !waiting.ready.is_empty();
                    drop(waiting);
                    if more {
                        self.0.added.notify_one();
                    }
                    let queue = self.clone();
                    return Taken { queue, key };
                }
                waiting.pause((self.0.now)(), Instant::now())
            };
            let added = self.0.added.notified();
            match pause {
                Some(pause) => {
                    // Late or early, it looks again.
                    let _looked = tokio::time::timeout(pause, added).await.is_ok();
                }
                None => added.await,
            }
        }
    }
}

impl Waiting {
    fn add(&mut self, key: Key) {
        if self.dirty.insert(key.clone()) && !self.taken.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn set_timer(&mut self, key: Key, at: Timestamp) {
        if let Some(&earlier) = self.due.get(&key) {
            if earlier <= at {
                return;
            }
            self.timers.remove(&(earlier, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.timers.insert((at, key));
    }

    /// Moves what is due to the ready ones.
    fn ripen(&mut self, now: Timestamp, instant: Instant) {
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.timers.pop_first() {
                self.due.remove(&key);
                self.add(key);
            }
        }
        while self.retries.first().is_some_and(|(at, _)| *at <= instant) {
            if let Some((_, key)) = self.retries.pop_first() {
                self.add(key);
            }
        }
    }

    fn next(&mut self) -> Option<Key> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.taken.insert(key.clone());
        Some(key)
    }

    /// How long nothing will be due.
    fn pause(&self, now: Timestamp, instant: Instant) -> Option<Duration> {
        let timer = self.timers.first().map(|(at, _)| at.since(now).min(LOOK));
        let retry = self.retries.first();
        let retry = retry.map(|(at, _)| at.saturating_duration_since(instant));
        timer.into_iter().chain(retry).min()
    }

    fn give_back(&mut self, key: &Key) {
        self.taken.remove(key);
        if self.dirty.contains(key) {
            self.ready.push_back(key.clone());
        }
    }

    fn fail(&mut self, key: &Key, instant: Instant) {
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = FIRST_PAUSE.saturating_mul(1u32.checked_shl(*failures).unwrap_or(u32::MAX));
        *failures = failures.saturating_add(1);
        let at = instant + pause.min(LONGEST_PAUSE);
        self.retries.insert((at, key.clone()));
    }
}

/// A key that is being worked on.
#[derive(Debug)]
pub(crate) struct Taken {
    queue: Queue,
    key: Key,
}

impl Taken {
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// It went well: earlier failures are forgotten.
    pub(crate) fn done(self) {
        self.queue.waiting().failures.remove(&self.key);
    }

    /// It went well and is to be looked at again after some time of the cluster's clock.
    pub(crate) fn again(self, after: Duration) {
        self.queue.waiting().failures.remove(&self.key);
        self.queue.after(self.key.clone(), after);
    }

    /// It comes back, the later the more often it failed.
    pub(crate) fn failed(self) {
        self.queue.waiting().fail(&self.key, Instant::now());
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.queue.waiting().give_back(&self.key);
        self.queue.0.added.notify_one();
    }
}
