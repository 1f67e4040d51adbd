//! What the pods of a cluster know of it: its services and who answers for them, and its name server.
//!
//! Kept in one [`Table`] for all pods, which the links to them follow.
mod plan;
mod slices;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use wharf_runtime::PodSpec;
use wharf_runtime::network::{
    AddressRange, Config, Gates, HostResolver, LinkSettings, Listener, Row, ServiceKey, Table,
    Upstream,
};

pub(crate) use plan::targets;
pub(crate) use slices::{SLICES, Slices, owner};

use super::work::{Feed, any_changed};
use crate::controllers::Key;
use crate::store::{Change, Shelf};
use crate::views::PodView;
use crate::{Cluster, Status, fields};

/// Where AWS has a name server for every machine: `AmazonProvidedDNS`.
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// Where machines have their metadata, which pods are not to see.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const TASKS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
/// Where pods have AWS, and the credentials of pod identities.
pub(super) const IDENTITIES: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 23);

/// The listener behind `kubernetes.default.svc`: connections to it speak TLS with the API server.
pub const API_GATE: u16 = 1;
/// The listener at 169.254.170.2: metadata and credentials of tasks, by HTTP.
pub const TASK_GATE: u16 = 2;
/// The listener at 169.254.170.23: credentials of pod identities and AWS for pods, by HTTP.
pub const IDENTITY_GATE: u16 = 3;

/// What every pod of a cluster has in common.
fn config(cluster: &Cluster) -> Config {
    let ip = |namespace: &str, name: &str| -> Option<IpAddr> {
        let service = cluster.get("services", namespace, name)?.value();
        fields::text(&service["spec"], "clusterIP").parse().ok()
    };
    let api = ip("default", "kubernetes").map(|ip| SocketAddr::new(ip, 443));
    let listener = |id, at: Option<SocketAddr>| Listener {
        id,
        at: at.into_iter().collect(),
    };
    Config {
        dns: ip("kube-system", "kube-dns")
            .into_iter()
            .chain([RESOLVER.into()])
            .collect(),
        listeners: vec![
            listener(API_GATE, api),
            listener(TASK_GATE, Some(SocketAddr::new(TASKS.into(), 80))),
            listener(IDENTITY_GATE, Some(SocketAddr::new(IDENTITIES.into(), 80))),
        ],
        service_ranges: range(&cluster.settings().service_cidr)
            .into_iter()
            .collect(),
        refused: vec![METADATA.into()],
        upstream: Upstream::Server,
        ..Config::default()
    }
}

fn range(cidr: &str) -> Option<AddressRange> {
    let (ip, length) = cidr.split_once('/')?;
    Some(AddressRange {
        ip: ip.parse().ok()?,
        length: length.parse().ok()?,
    })
}

/// The domain of the names that AWS gives to machines of a region.
pub(super) fn private_domain(region: &str) -> String {
    match region {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    }
}

/// What the links to the pods of a cluster need, which must have been bootstrapped. The table is empty until [`tell`] has it; the names
/// that no pod knows are asked for where the machine asks.
pub fn link_settings(cluster: &Cluster, gates: Arc<dyn Gates>) -> LinkSettings {
    let machines = private_domain(&cluster.settings().region);
    LinkSettings {
        config: config(cluster),
        table: Table::default(),
        gates,
        resolver: Arc::new(HostResolver::new(vec![machines])),
        node_of: Box::new(node_of(cluster.clone())),
    }
}

/// Finds the node of a pod.
fn node_of(cluster: Cluster) -> impl Fn(&PodSpec) -> String + Send + Sync + 'static {
    move |pod| {
        let object = cluster.get("pods", &pod.namespace, &pod.name);
        let view = object.filter(|object| object.uid == pod.id);
        view.map_or_else(String::new, |object| {
            object.view::<PodView>().spec.node_name.clone()
        })
    }
}

/// Keeps a table as the cluster is, for as long as somebody follows it.
pub async fn tell(cluster: Cluster, table: Table) -> Result<(), Status> {
    let store = cluster.store();
    let services = cluster.shelf("services")?;
    let names = ["services", SLICES, "endpoints", "nodes"];
    let after = store.revision();
    let mut feeds = Vec::new();
    for name in names {
        feeds.push(Feed::new(cluster.shelf(name)?, after));
    }
    let mut teller = Teller {
        slices: Slices::new(&cluster)?,
        nodes: node_ips(&cluster),
        cluster: cluster.clone(),
    };
    table.replace(teller.all(&services));
    while table.is_shared() {
        any_changed(&mut feeds).await;
        match teller.read(&mut feeds, &services) {
            Some(keys) => table.change(keys.iter().map(|key| teller.row(key)).collect()),
            None => table.replace(teller.all(&services)),
        }
    }
    Ok(())
}

fn node_ips(cluster: &Cluster) -> Vec<IpAddr> {
    let mut ips = BTreeSet::new();
    for node in cluster.list("nodes", None) {
        let node = node.value();
        for address in fields::list(&node["status"], "addresses") {
            if fields::text(address, "type") == "InternalIP" {
                ips.extend(fields::text(address, "address").parse::<IpAddr>());
            }
        }
    }
    ips.into_iter().collect()
}

struct Teller {
    cluster: Cluster,
    slices: Slices,
    nodes: Vec<IpAddr>,
}

impl Teller {
    fn all(&self, services: &Shelf) -> Vec<Row> {
        let all = services.objects(None).into_iter();
        all.filter_map(|service| self.row(&Key::of(&service)).1)
            .collect()
    }

    /// How a service is now.
    fn row(&self, key: &Key) -> (ServiceKey, Option<Row>) {
        let service = self.cluster.get("services", &key.namespace, &key.name);
        let row = service.map(|service| {
            let service = service.value();
            let slices = self.slices.of(key, &service);
            plan::plan(&service, &slices, &self.nodes)
        });
        let key = ServiceKey {
            namespace: key.namespace.as_ref().to_owned(),
            name: key.name.as_ref().to_owned(),
        };
        (key, row)
    }

    /// The services that may look different now. None: all of them.
    fn read(&mut self, feeds: &mut [Feed], services: &Shelf) -> Option<BTreeSet<Key>> {
        let mut keys = BTreeSet::new();
        let mut known = true;
        for feed in feeds {
            feed.told.mark_unchanged();
            let name = feed.shelf.name.clone();
            match feed.read() {
                Some(changes) if name == "nodes" => {
                    if !changes.is_empty() {
                        keys.extend(self.moved(services));
                    }
                }
                Some(changes) => keys.extend(changes.iter().flat_map(|one| about(&name, one))),
                None => {
                    self.nodes = node_ips(&self.cluster);
                    known = false;
                }
            }
        }
        known.then_some(keys)
    }

    /// The services that are at ports of nodes, if nodes came or went.
    fn moved(&mut self, services: &Shelf) -> Vec<Key> {
        let nodes = node_ips(&self.cluster);
        if nodes == self.nodes {
            return Vec::new();
        }
        self.nodes = nodes;
        let all = services.objects(None).into_iter();
        all.map(|service| Key::of(&service)).collect()
    }
}

/// The services that a change is about.
fn about(shelf: &str, change: &Change) -> Vec<Key> {
    let states = [Some(&change.object), change.previous.as_ref()];
    let states = states.into_iter().flatten().map(Arc::as_ref);
    if shelf == SLICES {
        return states.filter_map(owner).collect();
    }
    states.map(Key::of).collect()
}
