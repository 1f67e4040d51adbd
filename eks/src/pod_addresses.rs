//! Addresses of pods on machines: those of the machine's network interfaces, as the VPC's plugin has
//! them.
//!
//! # Guarantees
//!
//! * A machine's pods are in its subnet, in the upper quarter of its range: machines are below.
//! * Clusters of an account and region share a VPC, and no two of their pods an address.
//!
//! They are only known in memory: after a restart every pod says which one it had.
use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use wharf_compute::{
    addresses,
    network::{Cidr, Network},
};
use wharf_kubernetes::{Cluster, kubelet::PodAddresses};
use wharf_types::Registry;

use crate::Place;

/// Where to look first, and what is taken, of a range.
#[derive(Debug, Default)]
struct Range {
    next: u32,
    taken: BTreeSet<u32>,
}

/// What is taken of the VPCs of all accounts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pools(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    ranges: HashMap<(Registry, String), Range>,
    /// By cluster, node and pod: the range and the place.
    pods: HashMap<(String, String, String), (Cidr, u32)>,
}

impl Pools {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all addresses of a cluster's pods back.
    pub(crate) fn forget(&self, registry: &Registry, cluster: &str) {
        let mut taken = self.taken();
        let Taken { ranges, pods } = &mut *taken;
        pods.retain(|(of, _, _), (cidr, place)| {
            if of != cluster {
                return true;
            }
            if let Some(range) = ranges.get_mut(&(registry.clone(), cidr.to_string())) {
                range.taken.remove(place);
            }
            false
        });
    }
}

/// The addresses of one cluster's pods.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) pools: Pools,
    pub(crate) at: Place,
    pub(crate) vpc: Cidr,
    pub(crate) cluster: Cluster,
}

impl Addresses {
    fn key(&self, node: &str, pod: &str) -> (String, String, String) {
        let id = self.cluster.settings().id.clone();
        (id, node.to_owned(), pod.to_owned())
    }

    /// The address of a node, by which its subnet is known.
    fn address(&self, node: &str) -> Option<Ipv4Addr> {
        let node = self.cluster.get("nodes", "", node)?.value();
        let mut all = node["status"]["addresses"].as_array()?.iter();
        let own = all.find(|address| address["type"] == "InternalIP")?;
        own["address"].as_str()?.parse().ok()
    }

    fn take(&self, node: &str, pod: &str, before: Option<IpAddr>) -> Option<Ipv4Addr> {
        let own = self.address(node)?;
        if node.starts_with("fargate-") {
            return Some(own);
        }
        let network = Network::new(self.at.registry.clone(), self.vpc);
        let mut subnets = network.subnets().into_iter();
        let cidr = subnets
            .find(|subnet| subnet.cidr.place(own).is_some())?
            .cidr;
        let end = u32::try_from(cidr.size()).ok()?.checked_sub(1)?;
        let start = u32::try_from(addresses::pods_from(cidr)).ok()?;
        let mut taken = self.pools.taken();
        let Taken { ranges, pods } = &mut *taken;
        let key = self.key(node, pod);
        if let Some((cidr, place)) = pods.get(&key) {
            return Some(cidr.at(*place));
        }
        let range = ranges.entry((self.at.registry.clone(), cidr.to_string()));
        let range = range.or_default();
        let before = match before {
            Some(IpAddr::V4(before)) => cidr.place(before),
            _ => None,
        };
        let is_free = |place: &u32| !range.taken.contains(place);
        let before = before.filter(|place| (start..end).contains(place) && is_free(place));
        let next = range.next.clamp(start, end);
        let place = before.or_else(|| (next..end).chain(start..next).find(is_free))?;
        range.taken.insert(place);
        range.next = place + 1;
        pods.insert(key, (cidr, place));
        Some(cidr.at(place))
    }
}

impl PodAddresses for Addresses {
    fn allocate(&self, node: &str, pod: &str, before: Option<IpAddr>) -> Option<IpAddr> {
        self.take(node, pod, before).map(IpAddr::V4)
    }

    fn release(&self, node: &str, pod: &str) {
        let mut taken = self.pools.taken();
        let Taken { ranges, pods } = &mut *taken;
        if let Some((cidr, place)) = pods.remove(&self.key(node, pod))
            && let Some(range) = ranges.get_mut(&(self.at.registry.clone(), cidr.to_string()))
        {
            range.taken.remove(&place);
        }
    }

    fn is_up(&self, node: &str) -> bool {
        // A node is there only while its machine runs.
        self.cluster.get("nodes", "", node).is_some()
    }
}
