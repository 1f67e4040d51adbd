//! What the kubelet remembers of pods between two looks at them.
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wharf_runtime::PodStatus;

use wharf_types::Timestamp;

use super::queue::Key;

#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) uid: String,
    pub(super) node: String,
    pub(super) is_virtual: bool,
    /// What the engine has of the pod: differs with all that a translation looks at in it.
    pub(super) given: Option<u64>,
    /// The config maps and secrets that were looked for, by resource and name.
    pub(super) names: BTreeSet<(String, String)>,
    /// When it gets new tokens.
    pub(super) renew: Option<Timestamp>,
    /// What was last complained about.
    pub(super) complaint: String,
    /// What was refused of its ephemeral containers: name, reason and message.
    pub(super) refused: Vec<(String, &'static str, String)>,
    /// The ids of containers whose start was told.
    pub(super) told: Vec<String>,
    /// The revision of the last status that we wrote.
    pub(super) written: u64,
    pub(super) ending: Ending,
}

/// How far a pod that is deleted is.
#[derive(Clone, Debug, Default)]
pub(super) enum Ending {
    #[default]
    NotAsked,
    /// The engine was asked to stop it within this grace.
    Asked(Duration),
    /// As the engine said. None: it did not have it.
    Ended(Option<PodStatus>),
}

#[derive(Debug, Default)]
struct Pods {
    known: HashMap<Key, Known>,
    by_uid: HashMap<String, Key>,
    /// Those that miss something.
    waiting: BTreeSet<Key>,
}

#[derive(Debug, Default)]
pub(super) struct State(Mutex<Pods>);

impl State {
    // Nothing panics while it holds the lock.
    fn pods(&self) -> MutexGuard<'_, Pods> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Known> {
        self.pods().known.get(key).cloned()
    }

    /// Changes what is known of a pod.
    pub(super) fn change(&self, key: &Key, change: impl FnOnce(&mut Known)) {
        let mut pods = self.pods();
        let known = pods.known.entry(key.clone()).or_default();
        change(known);
        let uid = known.uid.clone();
        pods.by_uid.insert(uid, key.clone());
    }

    /// The same, unless nothing is known of it or another pod has its name now.
    pub(super) fn change_known(&self, key: &Key, uid: &str, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.pods().known.get_mut(key)
            && known.uid == uid
        {
            change(known);
        }
    }

    pub(super) fn forget(&self, key: &Key) -> Option<Known> {
        let mut pods = self.pods();
        pods.waiting.remove(key);
        let known = pods.known.remove(key)?;
        pods.by_uid.remove(&known.uid);
        Some(known)
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.pods().known.keys().cloned().collect()
    }

    pub(super) fn key_of(&self, uid: &str) -> Option<Key> {
        self.pods().by_uid.get(uid).cloned()
    }

    /// Whether a change of a pod is the status that we wrote.
    pub(super) fn wrote(&self, key: &Key, revision: u64) -> bool {
        let pods = self.pods();
        pods.known
            .get(key)
            .is_some_and(|known| known.written == revision)
    }

    pub(super) fn set_waiting(&self, key: &Key, waits: bool) {
        let mut pods = self.pods();
        if waits {
            pods.waiting.insert(key.clone());
        } else {
            pods.waiting.remove(key);
        }
    }

    /// Those that name an object: they are given to the engine again.
    pub(super) fn naming(&self, resource: &str, namespace: &str, name: &str) -> Vec<Key> {
        let wanted = (resource.to_owned(), name.to_owned());
        let mut pods = self.pods();
        let all = pods.known.iter_mut();
        let naming = all.filter(|(key, known)| key.0 == namespace && known.names.contains(&wanted));
        naming
            .map(|(key, known)| {
                known.given = None;
                key.clone()
            })
            .collect()
    }

    /// Those that may wait for an object of a namespace, or of the cluster if it is empty.
    pub(super) fn waiting(&self, namespace: &str) -> Vec<Key> {
        let pods = self.pods();
        let all = pods.waiting.iter();
        let all = all.filter(|(own, _)| namespace.is_empty() || own == namespace);
        all.cloned().collect()
    }
}
