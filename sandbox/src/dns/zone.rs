//! What the cluster's own names mean.

use std::net::IpAddr;

use super::name::{Name, dashed, undashed};
use super::packet::{Data, Record, TYPE_ANY, TYPE_SRV};
use crate::table::{Host, Protocol, Service, ServicePort, Table};

/// The version of the specification that this follows, which the zone itself says.
const SCHEMA_VERSION: &str = "1.1.0";

#[derive(Debug)]
pub(super) enum Outcome {
    /// The records of the type that was asked for, and what the client would ask next.
    Found(Vec<Record>, Vec<Record>),
    /// The name is there, but has nothing of the type. The zone's apex.
    NoData(Name),
    NoName(Name),
    Alias(Name),
    /// Not ours to know.
    Elsewhere,
}

pub(super) fn resolve(table: &Table, name: &Name, kind: u16) -> Outcome {
    if let Some(local) = local(table, name, kind) {
        return local;
    }
    if let Some(ip) = name.reversed() {
        return reverse(table, name, ip, kind);
    }
    let Some(apex) = Name::parse(&table.config.cluster_domain) else {
        return Outcome::Elsewhere;
    };
    let Some(labels) = name.below(&apex) else {
        return Outcome::Elsewhere;
    };
    let zone = Zone {
        table,
        name,
        kind,
        apex,
    };
    zone.cluster(&labels)
}

/// A name of the configuration, exact or below `*.`.
fn local(table: &Table, name: &Name, kind: u16) -> Option<Outcome> {
    let found = table.config.names.iter().find(|local| {
        if let Some(parent) = local.name.strip_prefix("*.") {
            let labels = Name::parse(parent).and_then(|parent| Some(name.below(&parent)?.len()));
            labels.is_some_and(|labels| labels > 0)
        } else {
            Name::parse(&local.name).as_ref() == Some(name)
        }
    })?;
    let records = addresses(name, found.addresses.iter().copied(), kind);
    Some(if records.is_empty() {
        Outcome::NoData(name.clone())
    } else {
        Outcome::Found(records, Vec::new())
    })
}

fn reverse(table: &Table, name: &Name, ip: IpAddr, kind: u16) -> Outcome {
    let (Some(service), Some(apex)) = (table.owner(ip), Name::parse(&table.config.cluster_domain))
    else {
        return Outcome::Elsewhere;
    };
    let target = service_name(service, &apex);
    let host = service.hosts.iter().find(|host| host.ip == ip);
    let target = match host.filter(|_| !service.cluster_ips.contains(&ip)) {
        Some(host) => target.child(&host_label(host)),
        None => target,
    };
    of_kind(
        vec![Record::new(name.clone(), Data::Ptr(target))],
        kind,
        apex,
    )
}

fn service_name(service: &Service, apex: &Name) -> Name {
    let namespace = apex.child("svc").child(&service.key.namespace);
    namespace.child(&service.key.name)
}

/// The label of an endpoint: its hostname, or its address.
fn host_label(host: &Host) -> String {
    let hostname = host.hostname.clone();
    hostname.unwrap_or_else(|| dashed(host.ip))
}

fn addresses(name: &Name, ips: impl Iterator<Item = IpAddr>, kind: u16) -> Vec<Record> {
    ips.map(Data::of)
        .filter(|data| matches(data, kind))
        .map(|data| Record::new(name.clone(), data))
        .collect()
}

const fn matches(data: &Data, kind: u16) -> bool {
    kind == TYPE_ANY || data.kind() == kind
}

/// Records of one type, or the "none of that type" of their name.
fn of_kind(records: Vec<Record>, kind: u16, apex: Name) -> Outcome {
    let records: Vec<Record> = records
        .into_iter()
        .filter(|record| matches(record.data(), kind))
        .collect();
    if records.is_empty() {
        Outcome::NoData(apex)
    } else {
        Outcome::Found(records, Vec::new())
    }
}

/// A question below the cluster's domain.
struct Zone<'a> {
    table: &'a Table,
    name: &'a Name,
    kind: u16,
    apex: Name,
}

impl Zone<'_> {
    fn cluster(self, labels: &[&str]) -> Outcome {
        match labels {
            [] => {
                let apex = self.apex.clone();
                let soa = Record::new(apex.clone(), Data::Soa { apex });
                of_kind(vec![soa], self.kind, self.apex)
            }
            ["dns-version"] => {
                let version = Data::Txt(SCHEMA_VERSION);
                let version = Record::new(self.name.clone(), version);
                of_kind(vec![version], self.kind, self.apex)
            }
            ["svc" | "pod"] => Outcome::NoData(self.apex),
            [namespace, "svc" | "pod"] if self.table.has_namespace(namespace) => {
                Outcome::NoData(self.apex)
            }
            [ip, _, "pod"] => match undashed(ip) {
                Some(ip) => self.addresses(&[ip]),
                None => Outcome::NoName(self.apex),
            },
            [rest @ .., service, namespace, "svc"] => {
                match self.table.service(namespace, service) {
                    Some(service) => self.service(service, rest),
                    None => Outcome::NoName(self.apex),
                }
            }
            _ => Outcome::NoName(self.apex),
        }
    }

    fn service(self, service: &Service, rest: &[&str]) -> Outcome {
        if let Some(target) = &service.external_name {
            return match Name::parse(target).filter(|_| rest.is_empty()) {
                Some(target) => Outcome::Alias(target),
                None => Outcome::NoName(self.apex),
            };
        }
        match rest {
            [] => self.ports(service, &service.ports.iter().collect::<Vec<_>>()),
            [host] => {
                let of_label = |known: &&Host| host_label(known).eq_ignore_ascii_case(host);
                let hosts = service.hosts.iter().filter(of_label);
                let ips: Vec<IpAddr> = hosts.map(|host| host.ip).collect();
                if ips.is_empty() {
                    return Outcome::NoName(self.apex);
                }
                self.addresses(&ips)
            }
            [port, protocol] => {
                let ports: Vec<&ServicePort> = service
                    .ports
                    .iter()
                    .filter(|known| {
                        port.strip_prefix('_') == Some(known.name.as_str())
                            && *protocol == protocol_label(known.protocol)
                    })
                    .collect();
                if ports.is_empty() {
                    return Outcome::NoName(self.apex);
                }
                self.ports(service, &ports)
            }
            _ => Outcome::NoName(self.apex),
        }
    }

    /// The addresses of a service, or where its ports are.
    fn ports(self, service: &Service, ports: &[&ServicePort]) -> Outcome {
        let headless = service.cluster_ips.is_empty();
        if self.kind == TYPE_SRV {
            let owner = service_name(service, &self.apex);
            return if headless {
                self.headless_srv(service, &owner, ports)
            } else {
                self.cluster_ip_srv(service, &owner, ports)
            };
        }
        let hosts: Vec<IpAddr> = service.hosts.iter().map(|host| host.ip).collect();
        if headless && hosts.is_empty() {
            // As CoreDNS: nobody is behind the name, so there is no name.
            return Outcome::NoName(self.apex);
        }
        self.addresses(if headless {
            &hosts
        } else {
            &service.cluster_ips
        })
    }

    fn addresses(self, ips: &[IpAddr]) -> Outcome {
        let records = addresses(self.name, ips.iter().copied(), self.kind);
        if records.is_empty() {
            return Outcome::NoData(self.apex);
        }
        Outcome::Found(records, Vec::new())
    }

    fn cluster_ip_srv(self, service: &Service, owner: &Name, ports: &[&ServicePort]) -> Outcome {
        let targets: Vec<(u16, Name)> = ports
            .iter()
            .map(|port| (port.port, owner.clone()))
            .collect();
        let more = addresses(owner, service.cluster_ips.iter().copied(), TYPE_ANY);
        self.srv(targets, more)
    }

    fn headless_srv(self, service: &Service, owner: &Name, ports: &[&ServicePort]) -> Outcome {
        let mut targets = Vec::new();
        let mut more = Vec::new();
        let endpoints = ports.iter().flat_map(|port| &port.endpoints);
        let hosts: std::collections::HashMap<IpAddr, &Host> =
            service.hosts.iter().map(|host| (host.ip, host)).collect();
        for endpoint in endpoints {
            let label = hosts
                .get(&endpoint.ip())
                .map_or_else(|| dashed(endpoint.ip()), |host| host_label(host));
            let target = owner.child(&label);
            more.push(Record::new(target.clone(), Data::of(endpoint.ip())));
            targets.push((endpoint.port(), target));
        }
        more.dedup();
        self.srv(targets, more)
    }

    fn srv(self, targets: Vec<(u16, Name)>, more: Vec<Record>) -> Outcome {
        if targets.is_empty() {
            return Outcome::NoData(self.apex);
        }
        let share = 100 / targets.len().min(100);
        let weight = u16::try_from(share).unwrap_or(1);
        let record = |(port, target)| {
            let data = Data::Srv {
                weight,
                port,
                target,
            };
            Record::new(self.name.clone(), data)
        };
        Outcome::Found(targets.into_iter().map(record).collect(), more)
    }
}

const fn protocol_label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "_tcp",
        Protocol::Udp => "_udp",
        Protocol::Sctp => "_sctp",
    }
}
