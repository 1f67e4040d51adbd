//! Messages of `nf_tables`: what a table of ours consists of.
//!
//! ```text
//! map services   { address . protocol . port         : verdict }        one element a service port
//! map endpoints  { address . protocol . port . index : address . port } one element an endpoint
//! chain refuse   { tcp: reset; else: ICMP port unreachable }
//! chain of-N     { dnat to (address . protocol . port . random % N) of @endpoints }
//! chain pick     { (address . protocol . port) verdict of @services; what is refused: goto refuse }
//! chains prerouting, output { type nat, priority dstnat; jump pick }
//! ```
//!
//! A service with N endpoints leads to the chain `of-N`: what changes with services are elements of
//! two maps, whatever their number, and never rules. Only the first packet of a connection comes
//! here; the kernel's connection tracking remembers the choice, so that a change breaks none.

use std::net::{IpAddr, SocketAddr};

use super::expressions::Expressions;
use crate::netlink::{APPEND, Buffer, CREATE, REQUEST};

pub(super) const TABLE: &str = "wharf";
pub(super) const REFUSE: &str = "refuse";
pub(super) const PICK: &str = "pick";

pub(super) const SUBSYSTEM: u16 = 10 << 8;
pub(super) const NEW_TABLE: u16 = 0;
pub(super) const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
pub(super) const NEW_RULE: u16 = 6;
pub(super) const DELETE_RULE: u16 = 8;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const DELETE_ELEMENT: u16 = 14;
pub(super) const BATCH_BEGIN: u16 = 0x10;
pub(super) const BATCH_END: u16 = 0x11;

const DATA_VERDICT: u32 = 0xffff_ff00;
pub(super) const JUMP: i32 = -3;
pub(super) const GOTO: i32 = -4;
/// The types of parts of keys, as `nft list` knows them.
const TYPE_INDEX: u32 = 0x4;
const TYPE_IPV4: u32 = 0x7;
const TYPE_IPV6: u32 = 0x8;
const TYPE_PROTOCOL: u32 = 0xc;
const TYPE_PORT: u32 = 0xd;
/// The kernel's registers of 32 bits begin with this number.
pub(super) const REGISTER: u32 = 8;
/// What a list of elements may be long; an attribute's length is a `u16`.
const MAX_LIST: usize = 60_000;

/// IPv4 or IPv6: the same table, but for the place and the length of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }

    /// Where the destination is in the header, and how many registers it fills.
    pub(super) const fn destination(self) -> (u32, u32) {
        match self {
            Self::V4 => (16, 1),
            Self::V6 => (24, 4),
        }
    }

    /// The ICMP code for "port unreachable".
    pub(super) const fn unreachable(self) -> u8 {
        match self {
            Self::V4 => 3,
            Self::V6 => 4,
        }
    }

    /// The type of an address as `nft list` shows it; the kernel does not look at types.
    const fn address_type(self) -> u32 {
        match self {
            Self::V4 => TYPE_IPV4,
            Self::V6 => TYPE_IPV6,
        }
    }
}

/// An address, protocol and port that lead somewhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Door {
    pub(super) ip: IpAddr,
    pub(super) protocol: u8,
    pub(super) port: u16,
}

pub(super) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

impl Door {
    /// As the registers hold it: each part at the beginning of its own.
    fn key(self) -> Vec<u8> {
        let mut key = octets(self.ip);
        key.extend([self.protocol, 0, 0, 0]);
        key.extend(self.port.to_be_bytes());
        key.extend([0, 0]);
        key
    }
}

/// The messages of one transaction about a table: all of them or none.
#[derive(Debug)]
pub(super) struct Batch {
    table: String,
    pub(super) buffer: Buffer,
    pub(super) first: u32,
    /// The sequence number that the next message gets.
    pub(super) next: u32,
}

impl Batch {
    pub(super) fn new(table: &str, first: u32) -> Self {
        let mut batch = Self {
            table: table.to_owned(),
            buffer: Buffer::default(),
            first,
            next: first,
        };
        batch.frame(BATCH_BEGIN);
        batch
    }

    /// Begins or ends a batch: a message that names the subsystem.
    pub(super) fn frame(&mut self, kind: u16) {
        let sequence = self.sequence();
        self.buffer.message(kind, REQUEST, sequence, |b| {
            b.bytes(&[0, 0]);
            b.bytes(&10_u16.to_be_bytes());
        });
    }

    const fn sequence(&mut self) -> u32 {
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        sequence
    }

    pub(super) fn message(
        &mut self,
        family: Family,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Buffer),
    ) {
        let sequence = self.sequence();
        let (buffer, table) = (&mut self.buffer, &self.table);
        buffer.message(SUBSYSTEM | kind, REQUEST | flags, sequence, |b| {
            b.bytes(&[family.number(), 0, 0, 0]);
            b.text(1, table);
            body(b);
        });
    }

    /// An empty table in the place of whatever was left by another process.
    pub(super) fn replace_table(&mut self, family: Family) {
        self.remove_table(family);
        self.message(family, NEW_TABLE, CREATE, |_| {});
    }

    /// Removes the table whether it is there or not.
    pub(super) fn remove_table(&mut self, family: Family) {
        self.message(family, NEW_TABLE, CREATE, |_| {});
        self.message(family, DELETE_TABLE, 0, |_| {});
    }

    /// The table of a pod without services.
    pub(super) fn table(&mut self, family: Family) {
        self.replace_table(family);
        let (_, words) = family.destination();
        let key = 4 * words + 8;
        let address = family.address_type();
        let door = address << 12 | TYPE_PROTOCOL << 6 | TYPE_PORT;
        self.map(family, "services", key, door, DATA_VERDICT, 0);
        let indexed = door << 6 | TYPE_INDEX;
        let pair = address << 6 | TYPE_PORT;
        self.map(family, "endpoints", key + 4, indexed, pair, 4 * words + 4);
        self.chain(family, REFUSE);
        self.rule(family, REFUSE, |e| {
            e.load_protocol(REGISTER);
            e.equals(REGISTER, &[6]);
            e.reject(1, 0);
        });
        self.rule(family, REFUSE, |e| e.reject(0, family.unreachable()));
        self.chain(family, PICK);
        for (name, hook) in [("prerouting", 0), ("output", 3)] {
            self.hook(family, name, "nat", hook, -100);
            self.rule(family, name, |e| e.verdict(JUMP, PICK));
        }
    }

    fn map(&mut self, f: Family, name: &str, key: u32, key_type: u32, data_type: u32, data: u32) {
        let id = self.next;
        self.message(f, NEW_SET, CREATE, |b| {
            b.text(2, name);
            // The flag of a map.
            b.number(3, 8);
            b.number(4, key_type);
            b.number(5, key);
            b.number(6, data_type);
            b.number(7, data);
            b.number(10, id);
        });
    }

    pub(super) fn chain(&mut self, family: Family, name: &str) {
        self.message(family, NEW_CHAIN, CREATE, |b| b.text(3, name));
    }

    /// A chain that packets come to by themselves.
    pub(super) fn hook(&mut self, family: Family, name: &str, kind: &str, hook: u32, place: i32) {
        self.message(family, NEW_CHAIN, CREATE, |b| {
            b.text(3, name);
            b.nest(4, |b| {
                b.number(1, hook);
                b.attribute(2, &place.to_be_bytes());
            });
            b.text(7, kind);
        });
    }

    /// Appends a rule to a chain.
    pub(super) fn rule(
        &mut self,
        family: Family,
        chain: &str,
        body: impl FnOnce(&mut Expressions<'_>),
    ) {
        self.message(family, NEW_RULE, CREATE | APPEND, |b| {
            b.text(2, chain);
            b.nest(4, |b| body(&mut Expressions::new(b, family)));
        });
    }

    /// Removes all rules of a chain.
    pub(super) fn empty(&mut self, family: Family, chain: &str) {
        self.message(family, DELETE_RULE, 0, |b| b.text(2, chain));
    }

    pub(super) fn add_services(&mut self, family: Family, all: &[(Door, usize)]) {
        self.elements(family, NEW_ELEMENT, "services", all, |b, (door, count)| {
            value(b, 1, &door.key());
            b.nest(2, |b| verdict(b, GOTO, &of(*count)));
        });
    }

    pub(super) fn delete_services(&mut self, family: Family, all: &[Door]) {
        self.elements(family, DELETE_ELEMENT, "services", all, |b, door| {
            value(b, 1, &door.key());
        });
    }

    pub(super) fn add_endpoints(&mut self, family: Family, all: &[(Door, u32, SocketAddr)]) {
        self.elements(family, NEW_ELEMENT, "endpoints", all, |b, element| {
            let (door, index, endpoint) = element;
            value(b, 1, &indexed(*door, *index));
            let mut to = octets(endpoint.ip());
            to.extend(endpoint.port().to_be_bytes());
            to.extend([0, 0]);
            value(b, 2, &to);
        });
    }

    pub(super) fn delete_endpoints(&mut self, family: Family, all: &[(Door, u32)]) {
        self.elements(family, DELETE_ELEMENT, "endpoints", all, |b, element| {
            value(b, 1, &indexed(element.0, element.1));
        });
    }

    /// Elements, in as many messages as lists of them need.
    fn elements<T>(
        &mut self,
        family: Family,
        kind: u16,
        set: &str,
        all: &[T],
        one: impl Fn(&mut Buffer, &T),
    ) {
        let mut rest = all.iter().peekable();
        while rest.peek().is_some() {
            let flags = if kind == NEW_ELEMENT { CREATE } else { 0 };
            self.message(family, kind, flags, |b| {
                b.text(2, set);
                b.nest(3, |b| {
                    let start = b.sent.len();
                    while let Some(element) = rest.next_if(|_| b.sent.len() - start < MAX_LIST) {
                        b.nest(1, |b| one(b, element));
                    }
                });
            });
        }
    }
}

/// The chain for services with so many endpoints.
pub(super) fn of(count: usize) -> String {
    match count {
        0 => REFUSE.to_owned(),
        _ => format!("of-{count}"),
    }
}

fn indexed(door: Door, index: u32) -> Vec<u8> {
    let mut key = door.key();
    // As numgen writes it: in the machine's own order.
    key.extend(index.to_ne_bytes());
    key
}

pub(super) fn value(b: &mut Buffer, kind: u16, bytes: &[u8]) {
    b.nest(kind, |b| b.attribute(1, bytes));
}

pub(super) fn verdict(b: &mut Buffer, code: i32, chain: &str) {
    b.nest(2, |b| {
        b.attribute(1, &code.to_be_bytes());
        b.text(2, chain);
    });
}
