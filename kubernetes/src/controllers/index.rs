//! Finding objects by something else than their name, such as their owner.
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Key;
use crate::store::{Object, Shelf, Store, TooOld};

/// How many changes are read at a time.
const BATCH: usize = 1024;

/// The objects of a shelf under terms of one's choice.
///
/// # Guarantees
/// An answer is at least as new as the moment of the question: who created an object finds it. So
/// there is no need to remember what was created or deleted and not seen yet ("expectations").
pub(crate) struct Index {
    store: Store,
    shelf: Arc<Shelf>,
    terms: fn(&Object) -> Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Changes up to here are in; none before the first question.
    at: Option<u64>,
    by: HashMap<String, BTreeMap<Key, Arc<Object>>>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

impl Index {
    /// `terms` says under what an object is found, and depends on nothing else.
    pub(crate) fn new(store: &Store, shelf: Arc<Shelf>, terms: fn(&Object) -> Vec<String>) -> Self {
        Self {
            store: store.clone(),
            shelf,
            terms,
            state: Mutex::default(),
        }
    }

    /// The objects under a term, by namespace and name.
    pub(crate) fn of(&self, term: &str) -> Vec<Arc<Object>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(&mut state);
        let found = state.by.get(term);
        found
            .into_iter()
            .flat_map(BTreeMap::values)
            .cloned()
            .collect()
    }

    fn catch_up(&self, state: &mut State) {
        while let Some(at) = state.at {
            match self.shelf.changes(at, BATCH) {
                Err(TooOld { .. }) => state.at = None,
                Ok(changes) if changes.is_empty() => return,
                Ok(changes) => {
                    for change in changes {
                        state.at = Some(change.revision);
                        if let Some(previous) = &change.previous {
                            state.remove(&(self.terms)(previous), previous);
                        }
                        if !change.deleted {
                            state.insert((self.terms)(&change.object), &change.object);
                        }
                    }
                }
            }
        }
        let listed = self.store.list(&self.shelf, None);
        state.by.clear();
        for object in &listed.objects {
            state.insert((self.terms)(object), object);
        }
        state.at = Some(listed.revision);
    }
}

impl State {
    fn insert(&mut self, terms: Vec<String>, object: &Arc<Object>) {
        for term in terms {
            let under = self.by.entry(term).or_default();
            under.insert(Key::of(object), Arc::clone(object));
        }
    }

    fn remove(&mut self, terms: &[String], object: &Object) {
        for term in terms {
            if let Some(under) = self.by.get_mut(term) {
                under.remove(&Key::of(object));
                if under.is_empty() {
                    self.by.remove(term);
                }
            }
        }
    }
}
