//! Where a load balancer listens.
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use wharf_balancer::{Listener, Targets};
use wharf_runtime::network::Reach;

/// Ports below this need a privilege; instead of them, the same ports above 8000 are tried.
const PRIVILEGED: u16 = 1024;
const INSTEAD: u16 = 8000;
/// All load balancers with the same port have addresses of this network.
const ADDRESSES: u8 = 254;

/// The address of a load balancer, with its listeners by the ports of the service.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) ip: Ipv4Addr,
    pub(super) ports: BTreeMap<u16, Listener>,
}

/// Where a load balancer was before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) ip: Ipv4Addr,
    /// Where a port of the service has another number.
    pub(super) moved: BTreeMap<u16, u16>,
}

type Ports = BTreeMap<u16, Targets>;

impl Place {
    /// Opens all ports: where they were, else by their own numbers at the first address that has them
    /// free, else by any numbers at 127.0.0.1.
    pub(super) async fn open(
        ports: &Ports,
        before: Option<&Before>,
        pods: &Arc<dyn Reach>,
    ) -> io::Result<Self> {
        if let Some(Before { ip, moved }) = before {
            let number = |port: u16| moved.get(&port).copied().unwrap_or(port);
            if let Ok(place) = Self::all_at(*ip, ports, number, pods).await {
                return Ok(place);
            }
        }
        for last in 1..=ADDRESSES {
            let ip = Ipv4Addr::new(127, 0, 0, last);
            match Self::all_at(ip, ports, |port| port, pods).await {
                Ok(place) => return Ok(place),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                // Another address is not there, or would not be permitted either.
                Err(_) => break,
            }
        }
        let ip = Ipv4Addr::LOCALHOST;
        let mut place = Self {
            ip,
            ports: BTreeMap::new(),
        };
        for (&port, targets) in ports {
            let listener = any(ip, port, targets, pods).await?;
            place.ports.insert(port, listener);
        }
        Ok(place)
    }

    async fn all_at(
        ip: Ipv4Addr,
        ports: &Ports,
        number: impl Fn(u16) -> u16 + Send,
        pods: &Arc<dyn Reach>,
    ) -> io::Result<Self> {
        let mut open = BTreeMap::new();
        for (&port, targets) in ports {
            let at = SocketAddr::from((ip, number(port)));
            let listener = Listener::open(at, targets.clone(), Arc::clone(pods)).await?;
            open.insert(port, listener);
        }
        Ok(Self { ip, ports: open })
    }

    /// Brings it to other ports at the same address. An error: it has lost what it had to lose, and
    /// cannot have all that is new.
    pub(super) async fn change(&mut self, ports: &Ports, pods: &Arc<dyn Reach>) -> io::Result<()> {
        let there: Vec<u16> = self.ports.keys().copied().collect();
        for port in there {
            if !ports.contains_key(&port)
                && let Some(listener) = self.ports.remove(&port)
            {
                listener.close().await;
            }
        }
        for (&port, targets) in ports {
            if let Some(listener) = self.ports.get(&port) {
                listener.lead_to(targets.clone());
                continue;
            }
            let at = SocketAddr::from((self.ip, port));
            let listener = Listener::open(at, targets.clone(), Arc::clone(pods)).await?;
            self.ports.insert(port, listener);
        }
        Ok(())
    }

    pub(super) async fn close(self) {
        for listener in self.ports.into_values() {
            listener.close().await;
        }
    }

    /// The ports of the service that have another number here.
    pub(super) fn moved(&self) -> BTreeMap<u16, u16> {
        let all = self
            .ports
            .iter()
            .map(|(port, open)| (*port, open.at().port()));
        all.filter(|(port, at)| port != at).collect()
    }
}

/// Opens a port by another number, if it must be.
async fn any(
    ip: Ipv4Addr,
    port: u16,
    targets: &Targets,
    pods: &Arc<dyn Reach>,
) -> io::Result<Listener> {
    let instead = (port < PRIVILEGED).then_some(port + INSTEAD);
    for number in [Some(port), instead].into_iter().flatten() {
        let at = SocketAddr::from((ip, number));
        if let Ok(listener) = Listener::open(at, targets.clone(), Arc::clone(pods)).await {
            return Ok(listener);
        }
    }
    let at = SocketAddr::from((ip, 0));
    Listener::open(at, targets.clone(), Arc::clone(pods)).await
}
