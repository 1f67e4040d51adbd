//! What the table of a pod should say, from what it knows of the cluster.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};

use super::MAX_ENDPOINTS;
use super::rules::{Door, Family};
use crate::table::{AddressRange, Protocol, Service, Table};

/// The content of the kernel's table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(super) doors: BTreeMap<Door, Vec<SocketAddr>>,
    pub(super) refused: Vec<AddressRange>,
}

/// A place of the sandbox's own that a listener of it stands behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) at: SocketAddr,
    pub(crate) protocol: Protocol,
    pub(crate) listener: SocketAddr,
}

impl Desired {
    /// `places` are the sandbox's own, which win over services: the API's service has endpoints that
    /// no pod reaches.
    pub(crate) fn new(table: &Table, places: &[Place]) -> Self {
        let mut doors = BTreeMap::new();
        for service in table.services.values() {
            for port in &service.ports {
                let own = service.cluster_ips.iter();
                let own = own.map(|ip| SocketAddr::new(*ip, port.port));
                for at in own.chain(port.also.iter().copied()) {
                    let endpoints = endpoints(table, service, &port.endpoints, at.ip());
                    doors.entry(door(at, port.protocol)).or_insert(endpoints);
                }
            }
        }
        for place in places {
            doors.insert(door(place.at, place.protocol), vec![place.listener]);
        }
        let single = table.config.refused.iter().map(|ip| AddressRange {
            ip: *ip,
            length: if ip.is_ipv4() { 32 } else { 128 },
        });
        let refused = single.chain(table.config.service_ranges.iter().copied());
        Self {
            doors,
            refused: refused.collect(),
        }
    }
}

const fn door(at: SocketAddr, protocol: Protocol) -> Door {
    Door {
        ip: at.ip(),
        protocol: protocol.number(),
        port: at.port(),
    }
}

fn endpoints(table: &Table, service: &Service, all: &[SocketAddr], at: IpAddr) -> Vec<SocketAddr> {
    let reachable = all.iter().copied();
    let reachable = reachable.filter(|endpoint| Family::of(endpoint.ip()) == Family::of(at));
    if service.affinity {
        return reachable
            .max_by_key(|endpoint| preference(table, service, *endpoint))
            .into_iter()
            .collect();
    }
    reachable.take(MAX_ENDPOINTS).collect()
}

/// How much this pod likes an endpoint: a pod is one client, so that its affinity is one choice, the
/// same in every generation while the endpoint is there (rendezvous hashing). By address alone, so
/// that all ports of a service lead to the same pod.
fn preference(table: &Table, service: &Service, endpoint: SocketAddr) -> (u64, SocketAddr) {
    let mut hasher = DefaultHasher::new();
    table.config.addresses.hash(&mut hasher);
    service.key.hash(&mut hasher);
    endpoint.ip().hash(&mut hasher);
    (hasher.finish(), endpoint)
}
