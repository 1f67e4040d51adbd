//! What the two sides say to each other apart from streams.

use super::wire::{Reader, Writer};
use crate::Error;
use crate::table::{
    AddressRange, Config, Host, Listener, LocalName, Protocol, Service, ServiceKey, ServicePort,
    Upstream,
};

/// A message. Which side may send one is [`Message::from_server`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Server: from here on the table is built anew. The old one stays in force until the commit.
    Clear,
    /// Server: replaces the configuration, with the commit.
    Config(Config),
    /// Server: adds or replaces a service, with the commit.
    Put(Service),
    /// Server: removes a service, with the commit.
    Remove(ServiceKey),
    /// Server: all changes since the last commit take effect.
    Commit { generation: u64 },
    /// Sandbox: this generation is in force, for names and for addresses.
    Applied { generation: u64 },
    /// Sandbox: this generation is not in force, or only for names; why, for people.
    Failed { generation: u64, why: String },
    /// Sandbox: somebody in the pod asks for a name; the packet is as it came.
    Query { id: u32, packet: Vec<u8> },
    /// Server: the answer, at full length. Empty: there is none.
    Answer { id: u32, packet: Vec<u8> },
}

impl Message {
    /// Whether it is the server's to send.
    pub const fn from_server(&self) -> bool {
        match self {
            Self::Clear
            | Self::Config(_)
            | Self::Put(_)
            | Self::Remove(_)
            | Self::Commit { .. }
            | Self::Answer { .. } => true,
            Self::Applied { .. } | Self::Failed { .. } | Self::Query { .. } => false,
        }
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        match self {
            Self::Clear => w.u8(1),
            Self::Config(config) => {
                w.u8(2);
                write_config(w, config);
            }
            Self::Put(service) => {
                w.u8(3);
                write_service(w, service);
            }
            Self::Remove(key) => {
                w.u8(4);
                write_key(w, key);
            }
            Self::Commit { generation } => {
                w.u8(5);
                w.u64(*generation);
            }
            Self::Applied { generation } => {
                w.u8(6);
                w.u64(*generation);
            }
            Self::Failed { generation, why } => {
                w.u8(7);
                w.u64(*generation);
                w.text(why);
            }
            Self::Query { id, packet } => {
                w.u8(8);
                w.u32(*id);
                w.bytes(packet);
            }
            Self::Answer { id, packet } => {
                w.u8(9);
                w.u32(*id);
                w.bytes(packet);
            }
        }
    }

    pub(crate) fn read(payload: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new(payload);
        let message = match r.u8()? {
            1 => Self::Clear,
            2 => Self::Config(read_config(&mut r)?),
            3 => Self::Put(read_service(&mut r)?),
            4 => Self::Remove(read_key(&mut r)?),
            5 => Self::Commit {
                generation: r.u64()?,
            },
            6 => Self::Applied {
                generation: r.u64()?,
            },
            7 => Self::Failed {
                generation: r.u64()?,
                why: r.text()?,
            },
            8 => Self::Query {
                id: r.u32()?,
                packet: r.rest().to_vec(),
            },
            9 => Self::Answer {
                id: r.u32()?,
                packet: r.rest().to_vec(),
            },
            _ => return Err(Error::Protocol("a message of no known kind")),
        };
        r.end()?;
        Ok(message)
    }
}

fn write_key(w: &mut Writer, key: &ServiceKey) {
    w.text(&key.namespace);
    w.text(&key.name);
}

fn read_key(r: &mut Reader<'_>) -> Result<ServiceKey, Error> {
    Ok(ServiceKey {
        namespace: r.text()?,
        name: r.text()?,
    })
}

fn write_service(w: &mut Writer, service: &Service) {
    write_key(w, &service.key);
    w.list(&service.cluster_ips, |w, ip| w.ip(*ip));
    write_optional(w, service.external_name.as_deref());
    w.u8(u8::from(service.affinity));
    w.list(&service.ports, |w, port| {
        w.text(&port.name);
        w.u8(port.protocol.number());
        w.u16(port.port);
        w.list(&port.also, |w, at| w.address(*at));
        w.list(&port.endpoints, |w, at| w.address(*at));
    });
    w.list(&service.hosts, |w, host| {
        w.ip(host.ip);
        write_optional(w, host.hostname.as_deref());
    });
}

fn read_service(r: &mut Reader<'_>) -> Result<Service, Error> {
    Ok(Service {
        key: read_key(r)?,
        cluster_ips: r.list(Reader::ip)?,
        external_name: read_optional(r)?,
        affinity: r.flag()?,
        ports: r.list(|r| {
            Ok(ServicePort {
                name: r.text()?,
                protocol: read_protocol(r)?,
                port: r.u16()?,
                also: r.list(Reader::address)?,
                endpoints: r.list(Reader::address)?,
            })
        })?,
        hosts: r.list(|r| {
            Ok(Host {
                ip: r.ip()?,
                hostname: read_optional(r)?,
            })
        })?,
    })
}

fn read_protocol(r: &mut Reader<'_>) -> Result<Protocol, Error> {
    let number = r.u8()?;
    [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
        .into_iter()
        .find(|protocol| protocol.number() == number)
        .ok_or(Error::Protocol("a port of no known protocol"))
}

fn write_optional(w: &mut Writer, text: Option<&str>) {
    w.u8(u8::from(text.is_some()));
    if let Some(text) = text {
        w.text(text);
    }
}

fn read_optional(r: &mut Reader<'_>) -> Result<Option<String>, Error> {
    Ok(if r.flag()? { Some(r.text()?) } else { None })
}

fn write_config(w: &mut Writer, config: &Config) {
    w.list(&config.addresses, |w, ip| w.ip(*ip));
    w.text(&config.cluster_domain);
    w.list(&config.dns, |w, ip| w.ip(*ip));
    w.list(&config.listeners, |w, listener| {
        w.u16(listener.id);
        w.list(&listener.at, |w, at| w.address(*at));
    });
    w.list(&config.service_ranges, |w, range| {
        w.ip(range.ip);
        w.u8(range.length);
    });
    w.list(&config.refused, |w, ip| w.ip(*ip));
    w.list(&config.names, |w, local| {
        w.text(&local.name);
        w.list(&local.addresses, |w, ip| w.ip(*ip));
    });
    match &config.upstream {
        Upstream::None => w.u8(0),
        Upstream::Resolvers(resolvers) => {
            w.u8(1);
            w.list(resolvers, |w, at| w.address(*at));
        }
        Upstream::Server => w.u8(2),
    }
    write_optional(w, config.resolv_conf.as_deref());
}

fn read_config(r: &mut Reader<'_>) -> Result<Config, Error> {
    Ok(Config {
        addresses: r.list(Reader::ip)?,
        cluster_domain: r.text()?,
        dns: r.list(Reader::ip)?,
        listeners: r.list(|r| {
            Ok(Listener {
                id: r.u16()?,
                at: r.list(Reader::address)?,
            })
        })?,
        service_ranges: r.list(read_range)?,
        refused: r.list(Reader::ip)?,
        names: r.list(|r| {
            Ok(LocalName {
                name: r.text()?,
                addresses: r.list(Reader::ip)?,
            })
        })?,
        upstream: match r.u8()? {
            0 => Upstream::None,
            1 => Upstream::Resolvers(r.list(Reader::address)?),
            2 => Upstream::Server,
            _ => return Err(Error::Protocol("an upstream of no known kind")),
        },
        resolv_conf: read_optional(r)?,
    })
}

fn read_range(r: &mut Reader<'_>) -> Result<AddressRange, Error> {
    let (ip, length) = (r.ip()?, r.u8()?);
    if length > if ip.is_ipv4() { 32 } else { 128 } {
        return Err(Error::Protocol("a range is longer than an address"));
    }
    Ok(AddressRange { ip, length })
}
