//! The way out of a network of pods: what is masqueraded, what is not let through.
//!
//! ```text
//! pods ── bridge [ namespace of the pods ] out0 ══ wharf-… [ the machine ] ── everything else
//! ```
//!
//! Addresses are translated twice: in the pods' namespace, so that the machine needs no route to
//! pods, and where packets leave the machine.

use std::net::{IpAddr, Ipv4Addr};

use super::expressions::{DROP, INVALID, KNOWN};
use super::foreign::{self, Chain};
use super::rules::{Batch, Family, SUBSYSTEM};
use crate::Error;
use crate::netlink::{self, Buffer, DUMP, REQUEST, Socket, attributes};

/// What the names of devices and tables on the machine begin with.
pub const PREFIX: &str = "wharf-";
/// The table in the namespace of the pods.
const INSIDE: &str = "wharf-egress";

const GET_TABLE: u16 = 1;
const FORWARD: u32 = 2;
const POSTROUTING: u32 = 4;
/// Where the kernel's own documentation puts the translation of sources.
const SOURCES: i32 = 100;
/// Before the filters of others: what is dropped here is dropped.
const EARLY: i32 = -10;

/// Where addresses are that only have a meaning on one link, such as the metadata of machines.
const LINK_LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0));

/// A cable between the pods' namespace and the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cable {
    /// The device on the machine, after which its table is called.
    pub device: String,
    /// The device in the namespace.
    pub inner: String,
    /// The machine's own address at it.
    pub host: Ipv4Addr,
    /// The namespace's.
    pub pods: Ipv4Addr,
}

/// What there is on the machine that may not let packets of pods through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Chains that drop what nobody lets through, and that are not ours to change.
    pub in_doubt: Vec<String>,
    /// Whether Docker was told just now to let them through.
    pub told_docker: bool,
}

fn open() -> Result<Socket, Error> {
    Socket::netfilter().map_err(netlink::error)
}

impl Cable {
    /// Makes the table in the namespace of the pods, which the thread is in.
    pub fn prepare_inside(&self) -> Result<(), Error> {
        let (mut socket, v4) = (open()?, Family::V4);
        let mut batch = Batch::new(INSIDE, socket.next_sequence());
        batch.replace_table(v4);
        batch.hook(v4, "postrouting", "nat", POSTROUTING, SOURCES);
        batch.rule(v4, "postrouting", |e| {
            e.to(&self.inner);
            e.masquerade();
        });
        batch.hook(v4, "forward", "filter", FORWARD, EARLY);
        batch.rule(v4, "forward", |e| {
            e.from(&self.inner);
            e.not_in_state(KNOWN);
            e.end(DROP);
        });
        // Such packets are not translated, and would show the machine an address of a pod.
        batch.rule(v4, "forward", |e| {
            e.to(&self.inner);
            e.in_state(INVALID);
            e.end(DROP);
        });
        batch.rule(v4, "forward", |e| {
            e.to(&self.inner);
            e.not_to_address(self.host);
            e.goes_to(LINK_LOCAL, 16);
            e.reject(0, v4.unreachable());
        });
        batch.commit(&mut socket)
    }

    /// Makes the table on the machine. `uplinks` are bridges that lead to other machines.
    pub fn prepare_outside(&self, uplinks: &[String]) -> Result<(), Error> {
        let (mut socket, v4) = (open()?, Family::V4);
        let mut batch = Batch::new(&self.device, socket.next_sequence());
        batch.replace_table(v4);
        batch.hook(v4, "postrouting", "nat", POSTROUTING, SOURCES);
        batch.rule(v4, "postrouting", |e| {
            e.of(self.pods);
            e.not_to(&self.device);
            e.masquerade();
        });
        batch.hook(v4, "forward", "filter", FORWARD, EARLY);
        batch.rule(v4, "forward", |e| {
            e.from(&self.device);
            e.not_of(self.pods);
            e.end(DROP);
        });
        // Nobody comes in who was not called.
        batch.rule(v4, "forward", |e| {
            e.to(&self.device);
            e.not_in_state(KNOWN);
            e.end(DROP);
        });
        // Bridges of Docker and of virtual machines are networks of others, but for what they
        // publish at an address of the machine.
        batch.rule(v4, "forward", |e| {
            e.from(&self.device);
            e.leaves_by("bridge");
            for uplink in uplinks {
                e.not_to(uplink);
            }
            e.not_led();
            e.not_in_state(KNOWN);
            e.reject(0, v4.unreachable());
        });
        batch.commit(&mut socket)
    }

    /// Whether the table on the machine is there.
    pub fn is_prepared(&self) -> Result<bool, Error> {
        Ok(tables(&mut open()?)?.contains(&self.device))
    }

    /// Has Docker let packets of pods through, if it drops what it does not know. Harmless if it
    /// was told before.
    pub fn admit(&self) -> Result<Admitted, Error> {
        let mut socket = open()?;
        let dropping: Vec<Chain> = foreign::chains(&mut socket)?
            .into_iter()
            .filter(|chain| chain.drops_forwarded)
            .collect();
        let told = if dropping.iter().any(Chain::is_dockers) {
            foreign::let_through(&mut socket, &self.device)?
        } else {
            None
        };
        let heard = |chain: &&Chain| told.is_none() || !chain.is_dockers();
        Ok(Admitted {
            in_doubt: dropping.iter().filter(heard).map(Chain::text).collect(),
            told_docker: told == Some(true),
        })
    }

    /// Removes all that was made on the machine, but for the device.
    pub fn forget(&self) -> Result<(), Error> {
        forget(&mut open()?, &self.device)
    }
}

fn forget(socket: &mut Socket, device: &str) -> Result<(), Error> {
    let mut batch = Batch::new(device, socket.next_sequence());
    batch.remove_table(Family::V4);
    batch.commit(socket)?;
    foreign::forget(socket, |name| name == device)
}

/// Removes what servers left that were killed: all that names a device of ours that is gone.
pub fn sweep(is_device: impl Fn(&str) -> bool) -> Result<(), Error> {
    let mut socket = open()?;
    let is_stale = |name: &str| name.starts_with(PREFIX) && !is_device(name);
    for table in tables(&mut socket)? {
        if table != INSIDE && is_stale(&table) {
            forget(&mut socket, &table)?;
        }
    }
    foreign::forget(&mut socket, is_stale)
}

/// The names of all tables for IPv4.
fn tables(socket: &mut Socket) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    list(
        socket,
        GET_TABLE,
        |_| {},
        |_, body| names.extend(text(body, 1)),
    )?;
    Ok(names)
}

/// Gives each answer to a question for a list of IPv4's, or of a table for both, to `each`, with
/// its family.
pub(super) fn list(
    socket: &mut Socket,
    kind: u16,
    question: impl FnOnce(&mut Buffer),
    mut each: impl FnMut(u8, &[u8]),
) -> Result<(), Error> {
    let sequence = socket.next_sequence();
    let mut request = Buffer::default();
    request.message(SUBSYSTEM | kind, REQUEST | DUMP, sequence, |b| {
        b.bytes(&[0, 0, 0, 0]);
        question(b);
    });
    let listed = socket.dump(&request.sent, sequence, |body| {
        if let Some((head, rest)) = body.split_first_chunk::<4>()
            && [INET, Family::V4.number()].contains(&head[0])
        {
            each(head[0], rest);
        }
    });
    listed.map_err(netlink::error)
}

/// The family of tables for IPv4 and IPv6 together.
const INET: u8 = 1;

/// The attribute of a kind, as a text.
pub(super) fn text(body: &[u8], wanted: u16) -> Option<String> {
    let (_, value) = attributes(body).find(|(kind, _)| *kind == wanted)?;
    let value = value.split(|byte| *byte == 0).next()?;
    String::from_utf8(value.to_vec()).ok()
}
