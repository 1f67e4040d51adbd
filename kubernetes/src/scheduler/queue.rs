//! Pods that wait for a node: who is next, and who is tried again when.
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use wharf_types::Timestamp;

use super::model::Pod;

/// How long a pod waits after its first failure; twice as long after each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// A pod that nothing woke is tried again after this time all the same.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// The higher priority first, then the older, then by uid.
type Rank = (Reverse<i64>, String, String);

#[derive(Debug)]
struct Waiting {
    pod: Arc<Pod>,
    attempts: u32,
    place: Place,
    /// Whether a pod that is placed elsewhere may help.
    by_pods: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    BackOff(Timestamp),
    /// Until something changes; since when.
    Unschedulable(Timestamp),
    /// Its decision is being written.
    InFlight,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pods: HashMap<String, Waiting>,
    ready: BTreeSet<Rank>,
    later: BTreeSet<(Timestamp, String)>,
    /// Those that wait for a change, by when they are tried at the latest.
    idle: BTreeSet<(Timestamp, String)>,
    /// Those of them whom other pods may help.
    picky: BTreeSet<String>,
}

/// What may help pods that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// All of them: room, a node, a volume.
    All,
    /// Those that want other pods near or far.
    ByPods,
}

fn rank(pod: &Pod) -> Rank {
    (Reverse(pod.priority), pod.created.clone(), pod.uid.clone())
}

impl Queue {
    /// Adds a pod, or notes how it is now. One that changed in a way that matters is tried again.
    pub(crate) fn put(&mut self, pod: Arc<Pod>, changed: bool, now: Timestamp) {
        let uid = pod.uid.clone();
        let Some(waiting) = self.pods.get_mut(&uid) else {
            self.ready.insert(rank(&pod));
            let place = Place::Ready;
            let waiting = Waiting {
                pod,
                attempts: 0,
                place,
                by_pods: false,
            };
            self.pods.insert(uid, waiting);
            return;
        };
        if waiting.place == Place::Ready {
            self.ready.remove(&rank(&waiting.pod));
            self.ready.insert(rank(&pod));
        }
        waiting.pod = pod;
        if changed && matches!(waiting.place, Place::Unschedulable(_)) {
            self.wake_one(&uid, now);
        }
    }

    pub(crate) fn remove(&mut self, uid: &str) {
        self.unlist(uid);
        self.pods.remove(uid);
    }

    fn unlist(&mut self, uid: &str) {
        let Some(waiting) = self.pods.get(uid) else {
            return;
        };
        match &waiting.place {
            Place::Ready => {
                self.ready.remove(&rank(&waiting.pod));
            }
            Place::BackOff(at) => {
                self.later.remove(&(*at, uid.to_owned()));
            }
            Place::Unschedulable(since) => {
                self.idle.remove(&(*since + LONGEST_WAIT, uid.to_owned()));
                self.picky.remove(uid);
            }
            Place::InFlight => {}
        }
    }

    /// The next pod to be placed.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Arc<Pod>> {
        while let Some((at, _)) = self.later.first()
            && *at <= now
        {
            if let Some((_, uid)) = self.later.pop_first() {
                self.set(&uid, Place::Ready);
            }
        }
        while let Some((at, _)) = self.idle.first()
            && *at <= now
        {
            if let Some((_, uid)) = self.idle.pop_first() {
                self.picky.remove(&uid);
                self.set(&uid, Place::Ready);
            }
        }
        let (_, _, uid) = self.ready.pop_first()?;
        let waiting = self.pods.get_mut(&uid)?;
        waiting.place = Place::InFlight;
        Some(Arc::clone(&waiting.pod))
    }

    fn set(&mut self, uid: &str, place: Place) {
        let Some(waiting) = self.pods.get_mut(uid) else {
            return;
        };
        match &place {
            Place::Ready => {
                self.ready.insert(rank(&waiting.pod));
            }
            Place::BackOff(at) => {
                self.later.insert((*at, uid.to_owned()));
            }
            Place::Unschedulable(since) => {
                self.idle.insert((*since + LONGEST_WAIT, uid.to_owned()));
                if waiting.by_pods {
                    self.picky.insert(uid.to_owned());
                }
            }
            Place::InFlight => {}
        }
        waiting.place = place;
    }

    /// A pod could not be placed: it waits for a change.
    pub(crate) fn failed(&mut self, uid: &str, by_pods: bool, now: Timestamp) {
        self.unlist(uid);
        if let Some(waiting) = self.pods.get_mut(uid) {
            waiting.attempts = waiting.attempts.saturating_add(1);
            waiting.by_pods = by_pods;
        }
        self.set(uid, Place::Unschedulable(now));
    }

    /// A decision could not be written: the pod is tried again soon.
    pub(crate) fn again(&mut self, uid: &str, now: Timestamp) {
        self.unlist(uid);
        let Some(waiting) = self.pods.get_mut(uid) else {
            return;
        };
        waiting.attempts = waiting.attempts.saturating_add(1);
        let at = now + backoff(waiting.attempts);
        self.set(uid, Place::BackOff(at));
    }

    /// Something changed that may help those that wait.
    pub(crate) fn wake(&mut self, whom: Wake, now: Timestamp) {
        let uids: Vec<String> = match whom {
            Wake::All => self.idle.iter().map(|(_, uid)| uid.clone()).collect(),
            Wake::ByPods => self.picky.iter().cloned().collect(),
        };
        for uid in uids {
            self.wake_one(&uid, now);
        }
    }

    fn wake_one(&mut self, uid: &str, now: Timestamp) {
        let Some(waiting) = self.pods.get(uid) else {
            return;
        };
        let Place::Unschedulable(since) = waiting.place else {
            return;
        };
        let at = since + backoff(waiting.attempts);
        self.unlist(uid);
        let place = if at <= now {
            Place::Ready
        } else {
            Place::BackOff(at)
        };
        self.set(uid, place);
    }

    /// When the next pod is due that waits for nothing but time.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let later = self.later.first().map(|(at, _)| *at);
        let idle = self.idle.first().map(|(at, _)| *at);
        later.into_iter().chain(idle).min()
    }
}

fn backoff(attempts: u32) -> Duration {
    let factor = 1u32 << attempts.saturating_sub(1).min(8);
    (FIRST_BACKOFF * factor).min(LONGEST_BACKOFF)
}
