//! Pods that wait to be looked at. One loop owns it.
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use wharf_types::Timestamp;

/// The pause after a first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Namespace and name.
pub(super) type Key = (String, String);

#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: VecDeque<Key>,
    /// Those that are ready.
    waiting: HashSet<Key>,
    /// Those that are worked on, and whether they changed meanwhile.
    taken: HashMap<Key, bool>,
    failures: HashMap<Key, u32>,
    timers: BTreeSet<(Timestamp, Key)>,
    due: HashMap<Key, Timestamp>,
}

impl Queue {
    /// Adds a pod, unless it waits already. One that is worked on is looked at again after that.
    pub(super) fn push(&mut self, key: Key) {
        if let Some(again) = self.taken.get_mut(&key) {
            *again = true;
        } else if self.waiting.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Key> {
        let key = self.ready.pop_front()?;
        self.waiting.remove(&key);
        self.taken.insert(key.clone(), false);
        Some(key)
    }

    /// A pod was looked at; `again` is when it changes by itself.
    pub(super) fn done(&mut self, key: Key, again: Option<Timestamp>) {
        self.failures.remove(&key);
        self.finish(&key);
        self.set_timer(key, again);
    }

    /// Looking at a pod failed: it is tried again, later and later.
    pub(super) fn failed(&mut self, key: Key, now: Timestamp) {
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = FIRST_PAUSE
            .saturating_mul(1 << (*failures).min(16))
            .min(LONGEST_PAUSE);
        *failures += 1;
        self.finish(&key);
        self.set_timer(key, Some(now + pause));
    }

    /// Adds a pod when its time has come.
    pub(super) fn later(&mut self, key: Key, at: Timestamp) {
        self.set_timer(key, Some(at));
    }

    fn finish(&mut self, key: &Key) {
        if self.taken.remove(key) == Some(true) {
            self.push(key.clone());
        }
    }

    fn set_timer(&mut self, key: Key, at: Option<Timestamp>) {
        if let Some(old) = self.due.remove(&key) {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert(key.clone(), at);
            self.timers.insert((at, key));
        }
    }

    /// Adds those whose time has come.
    pub(super) fn ripen(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.timers.first()
            && *at <= now
        {
            if let Some((_, key)) = self.timers.pop_first() {
                self.due.remove(&key);
                self.push(key);
            }
        }
    }

    /// Whether anything waits for its time.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        ("default".to_owned(), name.to_owned())
    }

    #[test]
    fn a_pod_that_changes_while_it_is_looked_at_is_looked_at_again() {
        let mut queue = Queue::default();
        queue.push(key("a"));
        queue.push(key("a"));
        assert_eq!(queue.pop(), Some(key("a")));
        queue.push(key("a"));
        assert_eq!(queue.pop(), None, "nobody else has it meanwhile");
        queue.done(key("a"), None);
        assert_eq!(queue.pop(), Some(key("a")));
        queue.done(key("a"), None);
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let mut queue = Queue::default();
        let mut now = Timestamp::from_secs(0);
        let mut pauses = Vec::new();
        for _ in 0..3 {
            queue.push(key("a"));
            let taken = queue.pop().unwrap();
            queue.failed(taken, now);
            let due = queue.next_due().unwrap();
            pauses.push(due.since(now));
            now = due;
            queue.ripen(now);
        }
        let wanted = [200, 400, 800].map(Duration::from_millis);
        assert_eq!(pauses, wanted);
    }
}
