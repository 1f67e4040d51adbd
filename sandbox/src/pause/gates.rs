//! The sandbox's own listeners, at high ports of its own address.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use crate::Error;
use crate::LOCAL_ADDRESS;
use crate::error::During as _;
use crate::nft::Place;
use crate::table::{Config, Protocol};

/// Above the ports that the kernel gives to connections. An application that wants one of these on
/// all addresses is the one that loses, so that there are few, at the upper end.
const PORTS: std::ops::Range<u16> = 64_000..64_512;
const DNS_PORT: u16 = 53;

/// Listens at a free port of ours, the same one for both protocols where it is wanted.
fn listen<T>(mut bind: impl FnMut(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    for port in PORTS {
        match bind(SocketAddr::from((LOCAL_ADDRESS, port))) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
            other => return other,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[derive(Debug)]
pub(super) struct Gates {
    pub(super) dns_udp: UdpSocket,
    pub(super) dns_tcp: TcpListener,
    pub(super) listeners: BTreeMap<u16, TcpListener>,
}

impl Gates {
    pub(super) fn open() -> Result<Self, Error> {
        let (dns_udp, dns_tcp) = listen(|at| {
            let udp = UdpSocket::bind(at)?;
            let tcp = TcpListener::bind(at)?;
            udp.set_nonblocking(true)?;
            tcp.set_nonblocking(true)?;
            Ok((udp, tcp))
        })
        .during("cannot listen for names")?;
        Ok(Self {
            dns_udp,
            dns_tcp,
            listeners: BTreeMap::new(),
        })
    }

    /// Listens for what the configuration names, and no longer for what it does not.
    pub(super) fn configure(&mut self, config: &Config) -> Result<(), Error> {
        self.listeners
            .retain(|id, _| config.listeners.iter().any(|wanted| wanted.id == *id));
        for wanted in &config.listeners {
            if let Entry::Vacant(place) = self.listeners.entry(wanted.id) {
                let listener = listen(|at| {
                    let listener = TcpListener::bind(at)?;
                    listener.set_nonblocking(true)?;
                    Ok(listener)
                });
                let listener = listener.during("cannot listen for the server")?;
                place.insert(listener);
            }
        }
        Ok(())
    }

    /// Where connections to these come from. Of IPv4 only, as the address of the listeners is.
    pub(super) fn places(&self, config: &Config) -> io::Result<Vec<Place>> {
        let mut places = Vec::new();
        for ip in &config.dns {
            let at = SocketAddr::new(*ip, DNS_PORT);
            for (protocol, listener) in [
                (Protocol::Udp, self.dns_udp.local_addr()?),
                (Protocol::Tcp, self.dns_tcp.local_addr()?),
            ] {
                places.push(Place {
                    at,
                    protocol,
                    listener,
                });
            }
        }
        for wanted in &config.listeners {
            let Some(listener) = self.listeners.get(&wanted.id) else {
                continue;
            };
            let listener = listener.local_addr()?;
            places.extend(wanted.at.iter().map(|at| Place {
                at: *at,
                protocol: Protocol::Tcp,
                listener,
            }));
        }
        places.retain(|place| place.at.is_ipv4());
        Ok(places)
    }

    /// A connection that waits at a listener.
    pub(super) fn accept(&self, id: u16) -> Option<(TcpStream, SocketAddr)> {
        let (socket, from) = self.listeners.get(&id)?.accept().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.set_nodelay(true).ok()?;
        Some((socket, from))
    }
}
