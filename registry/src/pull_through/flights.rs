//! Work that is done once for all who wait for it.
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use tokio::sync::watch;

/// What is under way, by what it is for. The last state is told to all who wait.
#[derive(Debug)]
pub(super) struct Flights<K, S>(Arc<Mutex<HashMap<K, watch::Receiver<S>>>>);

impl<K, S> Default for Flights<K, S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The part of one who came first: tells the others, and ends the flight when it is dropped.
#[derive(Debug)]
pub(super) struct Pilot<K: Eq + Hash, S> {
    key: K,
    state: watch::Sender<S>,
    flights: Arc<Mutex<HashMap<K, watch::Receiver<S>>>>,
}

impl<K: Eq + Hash + Clone, S> Flights<K, S> {
    /// Joins what is under way for a key, or begins it: then the work is the caller's.
    pub(super) fn join(&self, key: &K, initial: S) -> (watch::Receiver<S>, Option<Pilot<K, S>>) {
        let mut flights = match self.0.lock() {
            Ok(flights) => flights,
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(state) = flights.get(key) {
            return (state.clone(), None);
        }
        let (sender, receiver) = watch::channel(initial);
        flights.insert(key.clone(), receiver.clone());
        let pilot = Pilot {
            key: key.clone(),
            state: sender,
            flights: Arc::clone(&self.0),
        };
        (receiver, Some(pilot))
    }
}

impl<K: Eq + Hash, S> Pilot<K, S> {
    pub(super) fn tell(&self, state: S) {
        self.state.send_replace(state);
    }
}

impl<K: Eq + Hash, S> Drop for Pilot<K, S> {
    fn drop(&mut self) {
        let mut flights = match self.flights.lock() {
            Ok(flights) => flights,
            Err(poisoned) => poisoned.into_inner(),
        };
        flights.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_works_and_all_hear_of_it() {
        let flights = Flights::default();
        let (mut first, pilot) = flights.join(&1, 0);
        let pilot = pilot.unwrap();
        let (mut second, none) = flights.join(&1, 0);
        assert!(none.is_none());
        assert!(flights.join(&2, 0).1.is_some());
        pilot.tell(7);
        drop(pilot);
        assert_eq!(*first.wait_for(|state| *state > 0).await.unwrap(), 7);
        assert_eq!(*second.wait_for(|state| *state > 0).await.unwrap(), 7);
        assert!(flights.join(&1, 0).1.is_some(), "it is over");
    }

    #[tokio::test]
    async fn who_waits_for_work_that_died_is_not_left_waiting() {
        let flights = Flights::default();
        let (mut state, pilot) = flights.join(&1, 0);
        drop(pilot);
        assert!(state.wait_for(|state| *state > 0).await.is_err());
    }
}
