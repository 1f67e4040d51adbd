//! How many connections there may be: of everybody, and of one address.
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// The counts of one server.
#[derive(Debug)]
pub(super) struct Admission {
    total: Arc<Semaphore>,
    per_ip: usize,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

/// The right to a connection of one address; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    admission: Arc<Admission>,
    peer: Option<IpAddr>,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            total: Arc::new(Semaphore::new(limits.connections)),
            per_ip: limits.connections_per_ip,
            peers: Mutex::default(),
        })
    }

    /// Counts a connection of `peer`, or refuses it. Loopback and Unix sockets are not counted.
    pub(super) fn slot(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Slot> {
        let peer = peer.map(network).filter(|ip| !ip.is_loopback());
        if let Some(ip) = peer {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            let count = peers.entry(ip).or_default();
            if *count >= self.per_ip {
                return None;
            }
            *count += 1;
        }
        Some(Slot {
            admission: Arc::clone(self),
            peer,
        })
    }

    /// Waits until there are fewer connections than there may be.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.total).acquire_owned().await.ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(ip) = self.peer else { return };
        let mut peers = self
            .admission
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&ip);
            }
        }
    }
}

/// What one peer can be expected to hold: an IPv4 address, an IPv6 /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(per_ip: usize) -> Arc<Admission> {
        Admission::new(&Limits {
            connections_per_ip: per_ip,
            ..Limits::default()
        })
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let admission = admission(2);
        let peer = |text: &str| Some(text.parse().unwrap());
        let first = admission.slot(peer("192.0.2.1")).unwrap();
        let _second = admission.slot(peer("::ffff:192.0.2.1")).unwrap();
        assert!(admission.slot(peer("192.0.2.1")).is_none());
        let _other = admission.slot(peer("192.0.2.2")).unwrap();
        drop(first);
        assert!(admission.slot(peer("192.0.2.1")).is_some());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_peer() {
        let admission = admission(1);
        let _first = admission
            .slot(Some("2001:db8::1".parse().unwrap()))
            .unwrap();
        assert!(
            admission
                .slot(Some("2001:db8::ffff:2".parse().unwrap()))
                .is_none()
        );
        assert!(
            admission
                .slot(Some("2001:db8:0:1::1".parse().unwrap()))
                .is_some()
        );
    }

    #[test]
    fn loopback_is_exempt() {
        let admission = admission(0);
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(admission.slot(Some(ip.parse().unwrap())).is_some(), "{ip}");
        }
        assert!(admission.slot(None).is_some());
        assert!(admission.peers.lock().unwrap().is_empty());
    }
}
