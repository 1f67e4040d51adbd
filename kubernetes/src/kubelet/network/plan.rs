//! From a service and its endpoint slices to what pods know of it, by the rules of kube-proxy and of
//! `CoreDNS`.
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use wharf_runtime::network::{Host, Protocol, Row, Service, ServiceKey, ServicePort};

use crate::fields;

/// The most bytes that the addresses of a service may take on their way to a pod.
const MOST_BYTES: usize = 200 * 1024;
/// The most bytes of an address, and of a host with its name.
const ADDRESS_BYTES: usize = 19;
const HOST_BYTES: usize = 84;
/// More nodes than this have no node ports.
const NODES: usize = 256;

/// Who answers at a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Endpoint {
    at: SocketAddr,
    state: State,
    node: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ready,
    /// Not to be used while there is one that is ready.
    Ending,
    NotReady,
}

/// What pods know of a service. `nodes` are the addresses of the cluster's nodes.
pub(super) fn plan(service: &Value, slices: &[Value], nodes: &[IpAddr]) -> Row {
    let spec = &service["spec"];
    let mut base = Service {
        key: ServiceKey {
            namespace: fields::text(&service["metadata"], "namespace").to_owned(),
            name: fields::text(&service["metadata"], "name").to_owned(),
        },
        cluster_ips: Vec::new(),
        external_name: None,
        affinity: fields::text(spec, "sessionAffinity") == "ClientIP",
        ports: Vec::new(),
        hosts: Vec::new(),
    };
    if fields::text(spec, "type") == "ExternalName" {
        base.external_name = Some(fields::text(spec, "externalName").to_owned());
        return Row::new(base);
    }
    base.cluster_ips = cluster_ips(spec);
    let headless = base.cluster_ips.is_empty();
    if headless {
        base.hosts = hosts(slices);
    }
    let mut nodes_of_endpoints = BTreeSet::new();
    let mut ports = Vec::new();
    for port in fields::list(spec, "ports") {
        let Some(own) = service_port(service, port, nodes) else {
            continue;
        };
        let endpoints = endpoints(slices, &own.name, fields::text(port, "protocol"));
        nodes_of_endpoints.extend(endpoints.iter().map(|one| one.node.clone()));
        ports.push((own, endpoints));
    }
    let with = |chosen: &dyn Fn(&[Endpoint]) -> Vec<SocketAddr>| {
        let mut service = base.clone();
        service.ports = ports
            .iter()
            .map(|(port, endpoints)| ServicePort {
                endpoints: chosen(endpoints),
                ..port.clone()
            })
            .collect();
        fit(&mut service);
        service
    };
    if headless {
        // Names tell of those that are ready, and of no others.
        return Row::new(with(&|all| ready(all, |_| true, State::Ready)));
    }
    if fields::text(spec, "internalTrafficPolicy") != "Local" {
        return Row::new(with(&|all| usable(all, |_| true)));
    }
    let mut row = Row::new(with(&|_| Vec::new()));
    for node in nodes_of_endpoints {
        row = row.on_node(&node, with(&|all| usable(all, |one| one.node == node)));
    }
    row
}

/// Who answers at a port of a service for those who come from outside, who are on no node.
pub(crate) fn targets(slices: &[Value], port: &Value) -> Vec<SocketAddr> {
    let (name, protocol) = (fields::text(port, "name"), fields::text(port, "protocol"));
    usable(&endpoints(slices, name, protocol), |_| true)
}

fn cluster_ips(spec: &Value) -> Vec<IpAddr> {
    let all = fields::list(spec, "clusterIPs").iter();
    let mut ips: Vec<IpAddr> = all.filter_map(|ip| ip.as_str()?.parse().ok()).collect();
    if ips.is_empty() {
        ips.extend(fields::text(spec, "clusterIP").parse::<IpAddr>());
    }
    ips
}

/// A port of a service with all places that lead to it, without its endpoints.
fn service_port(service: &Value, port: &Value, nodes: &[IpAddr]) -> Option<ServicePort> {
    let number = u16::try_from(fields::integer(port, "port")).ok()?;
    let spec = &service["spec"];
    let texts = fields::list(spec, "externalIPs")
        .iter()
        .filter_map(Value::as_str);
    let balancers = fields::list(&service["status"]["loadBalancer"], "ingress").iter();
    // Those that keep the destination as it is; the others are called by their own address only.
    let balancers = balancers.filter(|one| fields::text(one, "ipMode") != "Proxy");
    let balancers = balancers.map(|one| fields::text(one, "ip"));
    let outside = texts.chain(balancers).filter_map(|ip| ip.parse().ok());
    let mut also: Vec<SocketAddr> = outside.map(|ip| SocketAddr::new(ip, number)).collect();
    let node_port = u16::try_from(fields::integer(port, "nodePort")).unwrap_or(0);
    if node_port > 0 {
        let nodes = nodes.iter().take(NODES);
        also.extend(nodes.map(|ip| SocketAddr::new(*ip, node_port)));
    }
    Some(ServicePort {
        name: fields::text(port, "name").to_owned(),
        protocol: match fields::text(port, "protocol") {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        },
        port: number,
        also,
        endpoints: Vec::new(),
    })
}

/// Who answers at a port of this name, each address once.
fn endpoints(slices: &[Value], name: &str, protocol: &str) -> Vec<Endpoint> {
    let mut all: BTreeMap<SocketAddr, Endpoint> = BTreeMap::new();
    for slice in slices {
        for port in fields::list(slice, "ports") {
            let same = fields::text(port, "name") == name && tcp(port) == tcp_text(protocol);
            let number = u16::try_from(fields::integer(port, "port")).unwrap_or(0);
            if !same || number == 0 {
                continue;
            }
            for endpoint in fields::list(slice, "endpoints") {
                let Some(ip) = address(endpoint) else {
                    continue;
                };
                let one = Endpoint {
                    at: SocketAddr::new(ip, number),
                    state: state(endpoint),
                    node: fields::text(endpoint, "nodeName").to_owned(),
                };
                let known = all.entry(one.at).or_insert_with(|| one.clone());
                known.state = known.state.min(one.state);
            }
        }
    }
    all.into_values().collect()
}

fn tcp(port: &Value) -> &str {
    tcp_text(fields::text(port, "protocol"))
}

const fn tcp_text(protocol: &str) -> &str {
    if protocol.is_empty() { "TCP" } else { protocol }
}

/// The first address counts; the others are the same pod's.
fn address(endpoint: &Value) -> Option<IpAddr> {
    let first = fields::list(endpoint, "addresses").first()?;
    first.as_str()?.parse().ok()
}

fn state(endpoint: &Value) -> State {
    let conditions = &endpoint["conditions"];
    let is = |key: &str, usual: bool| conditions[key].as_bool().unwrap_or(usual);
    if is("ready", true) {
        State::Ready
    } else if is("serving", true) && is("terminating", false) {
        State::Ending
    } else {
        State::NotReady
    }
}

fn ready(all: &[Endpoint], wanted: impl Fn(&Endpoint) -> bool, state: State) -> Vec<SocketAddr> {
    let all = all.iter().filter(|one| one.state == state && wanted(one));
    all.map(|one| one.at).collect()
}

/// Those that are ready, or else those that still serve while they end.
fn usable(all: &[Endpoint], wanted: impl Fn(&Endpoint) -> bool) -> Vec<SocketAddr> {
    let found = ready(all, &wanted, State::Ready);
    if found.is_empty() {
        return ready(all, wanted, State::Ending);
    }
    found
}

/// What the name of a headless service stands for.
fn hosts(slices: &[Value]) -> Vec<Host> {
    let mut all: BTreeMap<IpAddr, Option<String>> = BTreeMap::new();
    for endpoint in slices
        .iter()
        .flat_map(|slice| fields::list(slice, "endpoints"))
    {
        if state(endpoint) != State::Ready {
            continue;
        }
        let hostname = fields::text(endpoint, "hostname");
        let hostname = (!hostname.is_empty()).then(|| hostname.to_owned());
        for ip in fields::list(endpoint, "addresses") {
            if let Some(ip) = ip.as_str().and_then(|ip| ip.parse().ok()) {
                let known = all.entry(ip).or_default();
                *known = known.take().or_else(|| hostname.clone());
            }
        }
    }
    let host = |(ip, hostname)| Host { ip, hostname };
    all.into_iter().map(host).collect()
}

/// Keeps a service small enough to be told to pods; who has more endpoints than that has enough.
fn fit(service: &mut Service) {
    let addresses = service
        .ports
        .iter()
        .map(|port| port.endpoints.len() + port.also.len());
    let bytes = addresses.sum::<usize>() * ADDRESS_BYTES + service.hosts.len() * HOST_BYTES;
    if bytes <= MOST_BYTES {
        return;
    }
    let lists = 2 * service.ports.len().max(1);
    for port in &mut service.ports {
        port.endpoints
            .truncate(MOST_BYTES / 2 / lists / ADDRESS_BYTES);
        port.also.truncate(MOST_BYTES / 2 / lists / ADDRESS_BYTES);
    }
    service.hosts.truncate(MOST_BYTES / 2 / HOST_BYTES);
}

/// The slices that say the same as an `Endpoints` object.
pub(super) fn mirrored(endpoints: &Value) -> Vec<Value> {
    let skipped = &endpoints["metadata"]["labels"]["endpointslice.kubernetes.io/skip-mirror"];
    if skipped == "true" {
        return Vec::new();
    }
    let subsets = fields::list(endpoints, "subsets").iter();
    subsets
        .map(|subset| {
            let mut all = Vec::new();
            for (key, ready) in [("addresses", true), ("notReadyAddresses", false)] {
                for address in fields::list(subset, key) {
                    all.push(json!({
                        "addresses": [address["ip"]],
                        "conditions": { "ready": ready, "serving": ready },
                        "hostname": address["hostname"],
                        "nodeName": address["nodeName"],
                    }));
                }
            }
            json!({ "ports": subset["ports"], "endpoints": all })
        })
        .collect()
}
