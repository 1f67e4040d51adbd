//! Which target a connection goes to.
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Targets;

/// How many clients are remembered for their affinity; then those that were seen first are forgotten.
const CLIENTS: usize = 10_000;

/// In turn, but for clients that stay with their target.
#[derive(Debug, Default)]
pub(super) struct Choice {
    turn: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, (SocketAddr, Instant)>>,
}

impl Choice {
    // Nothing panics while it holds the lock.
    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, (SocketAddr, Instant)>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All targets, the one to try first at the beginning.
    pub(super) fn order(&self, targets: &Targets, client: IpAddr) -> Vec<SocketAddr> {
        let mut all = targets.endpoints.clone();
        if all.is_empty() {
            return all;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % all.len();
        all.rotate_left(turn);
        if let Some(last) = self.last(targets, client)
            && let Some(at) = all.iter().position(|one| *one == last)
        {
            all.swap(0, at);
        }
        all
    }

    fn last(&self, targets: &Targets, client: IpAddr) -> Option<SocketAddr> {
        let timeout = targets.affinity?;
        let (target, seen) = *self.clients().get(&client)?;
        (seen.elapsed() < timeout).then_some(target)
    }

    /// Remembers that a client was let in.
    pub(super) fn took(&self, targets: &Targets, client: IpAddr, target: SocketAddr) {
        if targets.affinity.is_none() {
            return;
        }
        let mut clients = self.clients();
        if clients.len() >= CLIENTS && !clients.contains_key(&client) {
            let first = clients.iter().min_by_key(|(_, (_, seen))| *seen);
            if let Some(first) = first.map(|(first, _)| *first) {
                clients.remove(&first);
            }
        }
        clients.insert(client, (target, Instant::now()));
    }
}
