//! The addresses of pods.
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Gives pods their addresses, and knows which nodes run.
pub trait PodAddresses: Send + Sync + fmt::Debug {
    /// An address for a pod on a node; the same one if it has one already. `before` is the one that
    /// it had before a restart of the server. None: the node has no more.
    fn allocate(&self, node: &str, pod: &str, before: Option<IpAddr>) -> Option<IpAddr>;

    /// Takes the address of a pod back. Harmless if it has none.
    fn release(&self, node: &str, pod: &str);

    /// Whether the computer of a node runs. Pods and heartbeats of one that does not stand still.
    fn is_up(&self, node: &str) -> bool;
}

/// Addresses of one network, whatever the node.
#[derive(Debug)]
pub struct MemoryAddresses {
    first: u32,
    count: u32,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_pod: HashMap<String, u32>,
    used: BTreeSet<u32>,
    next: u32,
}

impl MemoryAddresses {
    /// The `count` addresses from `first` on.
    pub fn new(first: Ipv4Addr, count: u32) -> Self {
        Self {
            first: u32::from(first),
            count,
            taken: Mutex::default(),
        }
    }

    // Nothing panics while it holds the lock.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(&self, offset: u32) -> IpAddr {
        Ipv4Addr::from(self.first.saturating_add(offset)).into()
    }

    /// The place of an address in the network.
    fn offset(&self, ip: IpAddr) -> Option<u32> {
        let IpAddr::V4(ip) = ip else { return None };
        let offset = u32::from(ip).checked_sub(self.first)?;
        (offset < self.count).then_some(offset)
    }
}

impl PodAddresses for MemoryAddresses {
    fn allocate(&self, _node: &str, pod: &str, before: Option<IpAddr>) -> Option<IpAddr> {
        let mut taken = self.taken();
        if let Some(offset) = taken.by_pod.get(pod) {
            return Some(self.address(*offset));
        }
        let before = before.and_then(|ip| self.offset(ip));
        let before = before.filter(|offset| !taken.used.contains(offset));
        let free = || {
            if u32::try_from(taken.used.len()).is_ok_and(|used| used >= self.count) {
                return None;
            }
            let from = taken.next;
            let mut all = (from..self.count).chain(0..from);
            all.find(|offset| !taken.used.contains(offset))
        };
        let offset = before.or_else(free)?;
        taken.next = (offset + 1) % self.count;
        taken.used.insert(offset);
        taken.by_pod.insert(pod.to_owned(), offset);
        Some(self.address(offset))
    }

    fn release(&self, _node: &str, pod: &str) {
        let mut taken = self.taken();
        if let Some(offset) = taken.by_pod.remove(pod) {
            taken.used.remove(&offset);
        }
    }

    fn is_up(&self, _node: &str) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_once_and_taken_back() {
        let all = MemoryAddresses::new(Ipv4Addr::new(10, 0, 0, 1), 2);
        let ip = |last| Some(IpAddr::from([10, 0, 0, last]));
        assert_eq!(all.allocate("n", "a", None), ip(1));
        assert_eq!(all.allocate("n", "a", None), ip(1));
        assert_eq!(all.allocate("n", "b", ip(1)), ip(2), "another has it");
        assert_eq!(all.allocate("n", "c", None), None);
        all.release("n", "a");
        all.release("n", "a");
        assert_eq!(all.allocate("n", "c", ip(1)), ip(1));
    }
}
