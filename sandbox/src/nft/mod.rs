//! Service addresses: a table of `nf_tables` in the pod's network namespace.
//!
//! *Guarantees*: a service changes at once and as a whole. What is programmed stays when the sandbox
//! ends; the next one begins with an empty table. Only what differs is sent.
//!
//! *Assumptions*: nobody else touches the table `wharf`; it needs `CAP_NET_ADMIN` in the namespace,
//! which containers do not have.

mod conntrack;
mod desired;
pub mod egress;
mod expressions;
mod foreign;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub(crate) use desired::{Desired, Place};
use rules::{BATCH_END, Batch, Door, Family, PICK};
use rustix::thread::UnshareFlags;

use crate::netlink::{self, ACK, Socket};
use crate::table::AddressRange;
use crate::{Error, error::During as _};

/// More endpoints than this of one port are not used: a pod needs no more to choose from.
const MAX_ENDPOINTS: usize = 1024;

/// Whether this machine can lead service addresses to endpoints: builds the table of a pod in a
/// network namespace of its own, which is gone afterwards. For `--engine=auto`.
pub fn probe() -> Result<(), Error> {
    let probe = std::thread::Builder::new().spawn(|| {
        unshare_network()?;
        Nft::open().map(drop)
    });
    let probe = probe.during("cannot start a thread")?;
    probe
        .join()
        .unwrap_or(Err(Error::Protocol("the probe of nf_tables panicked")))
}

/// The same in the network namespace that we are in, for a container that may not make another one.
pub(crate) fn probe_here() -> Result<(), Error> {
    Nft::open().map(drop)
}

#[expect(
    unsafe_code,
    reason = "rustix marks all of unshare; a network namespace is the thread's own and holds no memory"
)]
fn unshare_network() -> Result<(), Error> {
    // SAFETY: no file descriptors are unshared, which is what makes the call unsafe.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.map_err(netlink::error)
}

/// The table in the kernel, and what is in it.
#[derive(Debug)]
pub(crate) struct Nft {
    socket: Socket,
    families: Vec<Family>,
    doors: BTreeMap<Door, Vec<SocketAddr>>,
    chains: BTreeSet<(Family, usize)>,
    refused: Option<Vec<AddressRange>>,
}

impl Nft {
    /// Makes an empty table in this network namespace.
    pub(crate) fn open() -> Result<Self, Error> {
        let socket = Socket::netfilter().map_err(netlink::error)?;
        let mut nft = Self {
            socket,
            families: Vec::new(),
            doors: BTreeMap::new(),
            chains: BTreeSet::new(),
            refused: None,
        };
        nft.make(Family::V4)?;
        // A kernel without IPv6 has no such services either.
        if let Err(error @ Error::NotPermitted(_)) = nft.make(Family::V6) {
            return Err(error);
        }
        Ok(nft)
    }

    fn make(&mut self, family: Family) -> Result<(), Error> {
        let mut batch = self.batch();
        batch.table(family);
        // Which also tells whether the kernel has these.
        batch.chain(family, &rules::of(1));
        batch.rule(family, &rules::of(1), |e| e.choose(1));
        self.commit(batch)?;
        self.chains.insert((family, 1));
        self.families.push(family);
        Ok(())
    }

    /// Makes the kernel's table say what is wanted.
    pub(crate) fn apply(&mut self, desired: Desired) -> Result<(), Error> {
        // Containers are started after the first one. To look through all flows takes 10 ms and more.
        let may_have_flows = self.refused.is_some();
        if self.refused.as_ref() != Some(&desired.refused) {
            self.refuse(&desired.refused)?;
            self.refused = Some(desired.refused);
        }
        let mut stale = Vec::new();
        for family in self.families.clone() {
            let wanted = desired
                .doors
                .iter()
                .filter(|(d, _)| Family::of(d.ip) == family);
            let wanted: BTreeMap<Door, &Vec<SocketAddr>> = wanted.map(|(d, e)| (*d, e)).collect();
            let gone = self.doors.keys().copied();
            let gone = gone.filter(|d| Family::of(d.ip) == family && !wanted.contains_key(d));
            let mut changes: Vec<(Door, Option<&Vec<SocketAddr>>)> =
                gone.map(|door| (door, None)).collect();
            let changed = wanted
                .iter()
                .filter(|(d, e)| self.doors.get(d) != Some(**e));
            changes.extend(changed.map(|(door, endpoints)| (*door, Some(*endpoints))));
            stale.extend(changes.iter().map(|(door, _)| *door));
            self.change(family, &changes)?;
        }
        stale.retain(|door| door.protocol == conntrack::UDP);
        if may_have_flows && !stale.is_empty() {
            conntrack::forget(&mut self.socket, &stale, &self.doors);
        }
        Ok(())
    }

    /// What is refused comes after what services have.
    fn refuse(&mut self, refused: &[AddressRange]) -> Result<(), Error> {
        let mut batch = self.batch();
        for family in &self.families {
            batch.empty(*family, PICK);
            batch.rule(*family, PICK, |e| e.look_up_service());
            for range in refused.iter().filter(|r| Family::of(r.ip) == *family) {
                batch.rule(*family, PICK, |e| e.refuse(range.ip, range.length));
            }
        }
        self.commit(batch)
    }

    /// Applies changes in as few transactions as the socket's buffer permits; each is of whole doors.
    fn change(
        &mut self,
        family: Family,
        changes: &[(Door, Option<&Vec<SocketAddr>>)],
    ) -> Result<(), Error> {
        let mut rest = changes;
        while !rest.is_empty() {
            let mut step = Step::default();
            let mut taken = 0;
            for (door, endpoints) in rest {
                // What an element of an IPv6 table needs, with its attributes.
                if taken > 0 && step.elements * 128 > self.socket.longest {
                    break;
                }
                let old = self.doors.get(door).map(Vec::as_slice);
                step.add(*door, old, endpoints.map(Vec::as_slice));
                taken += 1;
            }
            let (done, later) = rest.split_at(taken);
            rest = later;
            self.run(family, &step)?;
            for (door, endpoints) in done {
                match endpoints {
                    Some(endpoints) => self.doors.insert(*door, (*endpoints).clone()),
                    None => self.doors.remove(door),
                };
            }
        }
        Ok(())
    }

    fn run(&mut self, family: Family, step: &Step) -> Result<(), Error> {
        let mut batch = self.batch();
        let counts: BTreeSet<usize> = step.services.iter().map(|(_, count)| *count).collect();
        let new: Vec<usize> = counts
            .into_iter()
            .filter(|count| *count > 0 && !self.chains.contains(&(family, *count)))
            .collect();
        for count in &new {
            batch.chain(family, &rules::of(*count));
            batch.rule(family, &rules::of(*count), |e| e.choose(*count));
            if *count > 1 {
                // A packet that read the count just before it shrank may choose one too many.
                batch.rule(family, &rules::of(*count), |e| e.choose(1));
            }
        }
        batch.delete_services(family, &step.old_services);
        batch.delete_endpoints(family, &step.old_endpoints);
        batch.add_endpoints(family, &step.endpoints);
        batch.add_services(family, &step.services);
        self.commit(batch)?;
        self.chains
            .extend(new.into_iter().map(|count| (family, count)));
        Ok(())
    }

    fn batch(&mut self) -> Batch {
        Batch::new(rules::TABLE, self.socket.next_sequence())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        batch.commit(&mut self.socket)
    }
}

/// The elements that a transaction deletes and adds.
#[derive(Debug, Default)]
struct Step {
    old_services: Vec<Door>,
    old_endpoints: Vec<(Door, u32)>,
    endpoints: Vec<(Door, u32, SocketAddr)>,
    services: Vec<(Door, usize)>,
    elements: usize,
}

impl Step {
    fn add(&mut self, door: Door, old: Option<&[SocketAddr]>, new: Option<&[SocketAddr]>) {
        if old.map(<[_]>::len) != new.map(<[_]>::len) {
            self.old_services.extend(old.map(|_| door));
            self.services.extend(new.map(|new| (door, new.len())));
        }
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        for (index, at) in (0..old.len().max(new.len())).zip(0_u32..) {
            let (old, new) = (old.get(index), new.get(index));
            if old != new {
                self.old_endpoints.extend(old.map(|_| (door, at)));
                self.endpoints.extend(new.map(|new| (door, at, *new)));
            }
        }
        self.elements = self.old_services.len()
            + self.old_endpoints.len()
            + self.endpoints.len()
            + self.services.len();
    }
}

impl Batch {
    /// All of the batch is in force, or nothing of it.
    fn commit(mut self, socket: &mut Socket) -> Result<(), Error> {
        let last = self.confirm();
        self.frame(BATCH_END);
        socket.skip_to(self.next);
        let Some(last) = last else { return Ok(()) };
        socket
            .transact(&self.buffer.sent, self.first, last)
            .map_err(netlink::error)
    }

    /// Has the kernel answer the last message; its number.
    fn confirm(&mut self) -> Option<u32> {
        let last = self.next.wrapping_sub(1);
        if last == self.first {
            return None;
        }
        self.buffer.flag_last(ACK);
        Some(last)
    }
}
