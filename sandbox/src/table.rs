//! What a pod knows of its cluster: the words that the server and the sandbox share, and how a new
//! state replaces the old one.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use crate::Error;

/// More services than this are refused: the table is the server's word, but the sandbox lives in a
/// pod's memory.
pub const MAX_SERVICES: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// Its number in IP headers.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

/// Namespace and name of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    pub namespace: String,
    pub name: String,
}

/// What pods need to know of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub key: ServiceKey,
    /// `spec.clusterIPs`; empty for a headless service and for an `ExternalName`.
    pub cluster_ips: Vec<IpAddr>,
    /// `spec.externalName`: the service is an alias and has nothing else.
    pub external_name: Option<String>,
    /// `sessionAffinity: ClientIP`: the pod always gets the same endpoint while there is that one.
    pub affinity: bool,
    pub ports: Vec<ServicePort>,
    /// Of a headless service: the addresses that DNS shows, with `hostname` where the pod has one.
    pub hosts: Vec<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Empty where a service has one port without a name.
    pub name: String,
    pub protocol: Protocol,
    pub port: u16,
    /// Further places that lead to the same endpoints: node ports, addresses of load balancers,
    /// external IPs.
    pub also: Vec<SocketAddr>,
    /// The ready endpoints, each with its target port. Without one the port refuses connections.
    pub endpoints: Vec<SocketAddr>,
}

/// An address of a headless service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub ip: IpAddr,
    pub hostname: Option<String>,
}

/// What does not change with services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The pod's own addresses; only these and loopback may be dialled.
    pub addresses: Vec<IpAddr>,
    /// As `cluster.local`.
    pub cluster_domain: String,
    /// Where the pod asks for names, at port 53: the address of the service `kube-dns`. IPv4, as
    /// the listeners of the sandbox are.
    pub dns: Vec<IpAddr>,
    /// Connections that go to the server: the API, metadata.
    pub listeners: Vec<Listener>,
    /// Where services have their addresses. What no service has there is refused.
    pub service_ranges: Vec<AddressRange>,
    /// Refused whatever the port, as 169.254.169.254.
    pub refused: Vec<IpAddr>,
    /// Names that are answered here and are no services.
    pub names: Vec<LocalName>,
    pub upstream: Upstream,
    /// Written over the file that `pause --resolv-conf` names.
    pub resolv_conf: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            dns: Vec::new(),
            listeners: Vec::new(),
            service_ranges: Vec::new(),
            refused: Vec::new(),
            names: Vec::new(),
            upstream: Upstream::None,
            resolv_conf: None,
        }
    }
}

/// A place whose TCP connections become streams to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Chosen by the server, to know it again in [`Target::Accepted`](crate::protocol::Target).
    pub id: u16,
    /// Of IPv4; others lead nowhere.
    pub at: Vec<SocketAddr>,
}

/// All addresses that begin with the same `length` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    pub ip: IpAddr,
    pub length: u8,
}

/// `host.docker.internal`, or `*.dkr.ecr.us-east-1.amazonaws.com` for all names below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalName {
    pub name: String,
    pub addresses: Vec<IpAddr>,
}

/// Who answers for names that are not of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Nobody: such names fail.
    None,
    /// These, asked from the pod, in this order. None of them may be the pod's own DNS address.
    Resolvers(Vec<SocketAddr>),
    /// The server, over the link.
    Server,
}

/// The state that is in force.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) config: Config,
    pub(crate) services: BTreeMap<ServiceKey, Service>,
    /// Whose cluster IP or headless address it is, for questions from addresses to names.
    owners: HashMap<IpAddr, ServiceKey>,
    /// The generation of the last commit, 0 before the first.
    pub(crate) generation: u64,
}

impl Table {
    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.get(&ServiceKey {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    pub(crate) fn owner(&self, ip: IpAddr) -> Option<&Service> {
        self.services.get(self.owners.get(&ip)?)
    }

    /// Whether any service is in this namespace.
    pub(crate) fn has_namespace(&self, namespace: &str) -> bool {
        let from = ServiceKey {
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let next = self.services.range(from..).next();
        next.is_some_and(|(key, _)| key.namespace == namespace)
    }

    fn index(&mut self) {
        self.owners.clear();
        for service in self.services.values() {
            // Cluster IPs win over addresses that a headless service shows.
            for ip in &service.cluster_ips {
                self.owners.insert(*ip, service.key.clone());
            }
            for host in &service.hosts {
                let owner = self.owners.entry(host.ip);
                owner.or_insert_with(|| service.key.clone());
            }
        }
    }
}

/// Changes that are not in force before their commit. Whoever drops it has changed nothing.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    clear: bool,
    config: Option<Config>,
    services: BTreeMap<ServiceKey, Option<Service>>,
}

impl Staged {
    pub(crate) fn clear(&mut self) {
        *self = Self {
            clear: true,
            ..Self::default()
        };
    }

    pub(crate) fn configure(&mut self, config: Config) {
        self.config = Some(config);
    }

    pub(crate) fn put(&mut self, service: Service) -> Result<(), Error> {
        self.change(service.key.clone(), Some(service))
    }

    pub(crate) fn remove(&mut self, key: ServiceKey) -> Result<(), Error> {
        self.change(key, None)
    }

    fn change(&mut self, key: ServiceKey, service: Option<Service>) -> Result<(), Error> {
        self.services.insert(key, service);
        if self.services.len() > MAX_SERVICES {
            return Err(Error::Protocol("too many services"));
        }
        Ok(())
    }

    /// Puts all of it in force. `clear` keeps the configuration if no new one came with it.
    pub(crate) fn commit(self, table: &mut Table, generation: u64) -> Result<(), Error> {
        if self.clear {
            table.services.clear();
        }
        if let Some(config) = self.config {
            table.config = config;
        }
        for (key, service) in self.services {
            match service {
                Some(service) => table.services.insert(key, service),
                None => table.services.remove(&key),
            };
        }
        if table.services.len() > MAX_SERVICES {
            return Err(Error::Protocol("too many services"));
        }
        table.index();
        table.generation = generation;
        Ok(())
    }
}
