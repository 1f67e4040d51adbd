//! The way out of a network of pods: a cable from its namespace to the machine, and the tables that
//! translate addresses at both ends.
//!
//! # Guarantees
//! * It is called after its namespace, so it is found again and never there twice.
//! * No address of a pod is seen on the machine, and nothing of the machine's is changed but one
//!   switch, which is said in the log, and rules in the chain that Docker leaves to others.
//! * If a server is killed, the kernel removes the cable together with the namespace, and the next
//!   server's start the rest.
use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::path::Path;

use wharf_sandbox::egress::{self, Cable};

use super::enter;
use super::links::Links;
use super::subnet::{PREFIX, Subnet, candidates};
use crate::Error;
use crate::engine::{Network, sha256};

/// The device in the namespace of the pods.
const INNER: &str = "out0";

/// Whether this machine sends on what is not for itself.
const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";

/// How a list of routes writes no bits at all.
const NOWHERE: &str = "00000000";

/// The kernel keeps no longer text with a device.
const LONGEST_ALIAS: usize = 255;

/// A cable that is laid.
#[derive(Clone, Debug)]
pub(crate) struct WayOut(Cable);

fn tables(error: wharf_sandbox::Error) -> Error {
    Error::Tables(Box::new(error))
}

/// Removes what is left of cables that are gone.
pub(crate) fn sweep() -> Result<(), Error> {
    egress::sweep(|name| Links::index(name).is_ok()).map_err(tables)
}

impl WayOut {
    /// Opens the way out of a namespace, or finds it. `owner` is the directory of its pods.
    pub(crate) fn open(
        space: BorrowedFd<'_>,
        network: Network,
        owner: &Path,
    ) -> Result<Self, Error> {
        let links = Links::open()?;
        sweep()?;
        let device = name(space, owner)?;
        let subnet = if let Some(host) = links.address(&device)? {
            Subnet::of(host)
        } else {
            let laid = lay(&links, &device, space, network, owner);
            laid.inspect_err(|_| links.remove(&device))?
        };
        let way = Self(Cable {
            device,
            inner: INNER.to_owned(),
            host: subnet.host(),
            pods: subnet.pods(),
        });
        let opened = way.connect(&links, space);
        if opened.is_err() {
            // Half of a way out is none.
            way.close();
        }
        opened.map(|()| way)
    }

    fn connect(&self, links: &Links, space: BorrowedFd<'_>) -> Result<(), Error> {
        in_space(space, || prepare_inside(&self.0))?;
        let uplinks = bridges_to_elsewhere();
        self.0.prepare_outside(&uplinks).map_err(tables)?;
        switch_on()?;
        links.up(&self.0.device, None)?;
        let mut in_doubt = self.admit()?;
        let old = fs::read_to_string("/proc/thread-self/net/ip_tables_names");
        // Of such tables nothing is known but their names.
        in_doubt.extend(
            old.unwrap_or_default()
                .lines()
                .filter(|name| *name == "filter")
                .map(|name| format!("{name} of iptables-legacy")),
        );
        for chain in in_doubt {
            tracing::warn!(
                chain,
                device = self.0.device,
                "pods may have no way out: a firewall drops what it does not know"
            );
        }
        Ok(())
    }

    /// The machine's own address for pods.
    pub(crate) const fn host(&self) -> Ipv4Addr {
        self.0.host
    }

    /// Opens it again if somebody flushed the machine's tables, or has started Docker since.
    pub(crate) fn keep(&self) -> Result<(), Error> {
        if !self.0.is_prepared().map_err(tables)? {
            let uplinks = bridges_to_elsewhere();
            self.0.prepare_outside(&uplinks).map_err(tables)?;
        }
        self.admit().map(drop)
    }

    /// The chains that may be in the way.
    pub(super) fn admit(&self) -> Result<Vec<String>, Error> {
        let admitted = self.0.admit().map_err(tables)?;
        if admitted.told_docker {
            tracing::info!(
                device = self.0.device,
                "Docker drops what this machine forwards; its chain DOCKER-USER now lets through what pods send"
            );
        }
        Ok(admitted.in_doubt)
    }

    /// Removes it.
    pub(crate) fn close(&self) {
        let device = &self.0.device;
        if let Ok(links) = Links::open() {
            links.remove(device);
        }
        if let Err(error) = self.0.forget() {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, device, "a way out of pods could not be removed");
        }
    }
}

/// Of 15 bytes, as devices have. Two namespaces of one directory differ in their inodes.
fn name(space: BorrowedFd<'_>, owner: &Path) -> Result<String, Error> {
    let inode = super::inode(space)?;
    let id = sha256(format!("{}\0{inode}", owner.display()).as_bytes());
    Ok(format!(
        "{}{}",
        egress::PREFIX,
        id.get(..9).unwrap_or_default()
    ))
}

/// Lays the cable where nothing else is.
fn lay(
    links: &Links,
    device: &str,
    space: BorrowedFd<'_>,
    network: Network,
    owner: &Path,
) -> Result<Subnet, Error> {
    // One that was not finished.
    links.remove(device);
    links.add_cable(device, INNER, space)?;
    let owner = owner.display().to_string();
    let start = owner
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| owner.len() - at <= LONGEST_ALIAS);
    let owner = owner.get(start.unwrap_or_default()..).unwrap_or_default();
    links.describe(device, owner)?;
    links.up(device, None)?;
    let mut taken = links.routes()?;
    taken.push((network.gateway, network.prefix));
    let seed = device.bytes().fold(0_u32, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    });
    let free = candidates(seed);
    let mut free = free.filter(|one| {
        !taken
            .iter()
            .any(|(first, prefix)| one.is_in(*first, *prefix))
    });
    let subnet = loop {
        let subnet = free
            .next()
            .ok_or_else(|| Error::Network("no addresses are free for a way out".to_owned()))?;
        if links.claim(device, subnet.first(), PREFIX)? {
            break subnet;
        }
    };
    links.add_address_of_claim(device, subnet.host(), PREFIX)?;
    Ok(subnet)
}

/// Does something in a namespace, in a thread that ends in it.
pub(super) fn in_space<T: Send>(
    space: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            enter(space)?;
            work()
        });
        let broken = |_| Error::Network("the thread broke off".to_owned());
        done.join().map_err(broken)?
    })
}

/// The tables come first: nothing gets past them.
fn prepare_inside(cable: &Cable) -> Result<(), Error> {
    cable.prepare_inside().map_err(tables)?;
    if !is_on()? {
        write_switch()?;
    }
    let links = Links::open()?;
    links.up(INNER, None)?;
    if links.address(INNER)?.is_none() {
        links.add_address(INNER, cable.pods, PREFIX)?;
    }
    links.ensure_default_route(cable.host)
}

fn is_on() -> Result<bool, Error> {
    Ok(fs::read_to_string(SWITCH).map_err(Error::Io)?.trim() != "0")
}

fn write_switch() -> Result<(), Error> {
    fs::write(SWITCH, "1")
        .map_err(|error| Error::Network(format!("{SWITCH} cannot be written: {error}")))
}

fn switch_on() -> Result<(), Error> {
    if !is_on()? {
        write_switch()?;
        tracing::info!(
            "net.ipv4.ip_forward was 0 and is 1 now: without it pods have no way out of their network"
        );
    }
    Ok(())
}

/// Bridges that the way to everywhere leads over: they are no networks of others.
fn bridges_to_elsewhere() -> Vec<String> {
    let routes = fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
    let devices = routes.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (device, to, mask) = (words.first()?, words.get(1)?, words.get(7)?);
        (*to == NOWHERE && *mask == NOWHERE).then_some(*device)
    });
    let is_bridge = |device: &&str| {
        Path::new("/sys/class/net")
            .join(device)
            .join("bridge")
            .exists()
    };
    devices.filter(is_bridge).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
impl WayOut {
    pub(super) fn device(&self) -> &str {
        &self.0.device
    }

    pub(super) const fn pods(&self) -> Ipv4Addr {
        self.0.pods
    }

    pub(super) fn is_prepared(&self) -> bool {
        self.0.is_prepared().is_ok_and(|there| there)
    }

    pub(super) fn flush(&self) {
        assert!(self.0.forget().is_ok());
    }
}
