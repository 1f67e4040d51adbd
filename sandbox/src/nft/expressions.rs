//! The expressions of rules, in the order in which the kernel evaluates them.

use std::net::{IpAddr, Ipv4Addr};

use super::rules::{Family, GOTO, REFUSE, REGISTER, octets, value, verdict};
use crate::netlink::Buffer;

/// Keys of what the kernel knows beside the packet.
const IN_NAME: u32 = 6;
const OUT_NAME: u32 = 7;
const OUT_KIND: u32 = 27;
const STATE: u32 = 0;
const STATUS: u32 = 2;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
pub(super) const DROP: i32 = 0;
pub(super) const ACCEPT: i32 = 1;

/// States of connections, and that a packet's destination was changed.
pub(super) const INVALID: u32 = 1;
pub(super) const KNOWN: u32 = 2 | 4;
const LED: u32 = 32;

/// The expressions of one rule, in the order in which they are evaluated.
#[derive(Debug)]
pub(super) struct Expressions<'a> {
    b: &'a mut Buffer,
    family: Family,
}

impl<'a> Expressions<'a> {
    pub(super) const fn new(b: &'a mut Buffer, family: Family) -> Self {
        Self { b, family }
    }
}

impl Expressions<'_> {
    fn expression(&mut self, name: &str, body: impl FnOnce(&mut Buffer)) {
        self.b.nest(1, |b| {
            b.text(1, name);
            b.nest(2, body);
        });
    }

    pub(super) fn load_protocol(&mut self, register: u32) {
        self.expression("meta", |b| {
            b.number(1, register);
            b.number(2, 16);
        });
    }

    fn load_destination(&mut self) {
        let (offset, words) = self.family.destination();
        self.expression("payload", |b| {
            b.number(1, REGISTER);
            b.number(2, 1);
            b.number(3, offset);
            b.number(4, 4 * words);
        });
    }

    /// Loads the key of a packet; answers the register behind it.
    fn load_door(&mut self) -> u32 {
        let (_, words) = self.family.destination();
        self.load_destination();
        self.load_protocol(REGISTER + words);
        self.expression("payload", |b| {
            b.number(1, REGISTER + words + 1);
            b.number(2, 2);
            b.number(3, 2);
            b.number(4, 2);
        });
        REGISTER + words + 2
    }

    pub(super) fn equals(&mut self, register: u32, bytes: &[u8]) {
        self.compare(register, EQUAL, bytes);
    }

    fn compare(&mut self, register: u32, how: u32, bytes: &[u8]) {
        self.expression("cmp", |b| {
            b.number(1, register);
            b.number(2, how);
            value(b, 3, bytes);
        });
    }

    fn mask(&mut self, mask: &[u8]) {
        self.expression("bitwise", |b| {
            b.number(1, REGISTER);
            b.number(2, REGISTER);
            b.number(3, u32::try_from(mask.len()).unwrap_or_default());
            value(b, 4, mask);
            value(b, 5, &vec![0; mask.len()]);
        });
    }

    fn meta(&mut self, key: u32, how: u32, text: &str) {
        self.expression("meta", |b| {
            b.number(1, REGISTER);
            b.number(2, key);
        });
        let mut name = text.as_bytes().to_vec();
        name.push(0);
        self.compare(REGISTER, how, &name);
    }

    /// Goes on if the packet comes from this device.
    pub(super) fn from(&mut self, device: &str) {
        self.meta(IN_NAME, EQUAL, device);
    }

    /// Goes on if it leaves by this device.
    pub(super) fn to(&mut self, device: &str) {
        self.meta(OUT_NAME, EQUAL, device);
    }

    pub(super) fn not_to(&mut self, device: &str) {
        self.meta(OUT_NAME, NOT_EQUAL, device);
    }

    /// Goes on if it leaves by a device of this kind, as `bridge`.
    pub(super) fn leaves_by(&mut self, kind: &str) {
        self.meta(OUT_KIND, EQUAL, kind);
    }

    fn connection(&mut self, key: u32, bits: u32, how: u32) {
        self.expression("ct", |b| {
            b.number(1, REGISTER);
            b.number(2, key);
        });
        self.mask(&bits.to_ne_bytes());
        self.compare(REGISTER, how, &0_u32.to_ne_bytes());
    }

    /// Goes on if its connection is in one of these states.
    pub(super) fn in_state(&mut self, states: u32) {
        self.connection(STATE, states, NOT_EQUAL);
    }

    pub(super) fn not_in_state(&mut self, states: u32) {
        self.connection(STATE, states, EQUAL);
    }

    /// Goes on if nothing has led its connection to another destination.
    pub(super) fn not_led(&mut self) {
        self.connection(STATUS, LED, EQUAL);
    }

    fn source(&mut self, how: u32, ip: Ipv4Addr) {
        self.expression("payload", |b| {
            b.number(1, REGISTER);
            b.number(2, 1);
            b.number(3, 12);
            b.number(4, 4);
        });
        self.compare(REGISTER, how, &ip.octets());
    }

    /// Goes on if it is of this address, in a table of IPv4.
    pub(super) fn of(&mut self, ip: Ipv4Addr) {
        self.source(EQUAL, ip);
    }

    pub(super) fn not_of(&mut self, ip: Ipv4Addr) {
        self.source(NOT_EQUAL, ip);
    }

    /// Goes on if it goes elsewhere, in a table of IPv4.
    pub(super) fn not_to_address(&mut self, ip: Ipv4Addr) {
        self.load_destination();
        self.compare(REGISTER, NOT_EQUAL, &ip.octets());
    }

    pub(super) fn masquerade(&mut self) {
        self.expression("masq", |_| {});
    }

    /// As `iptables` writes every rule.
    pub(super) fn counter(&mut self) {
        self.expression("counter", |b| {
            b.attribute(1, &[0; 8]);
            b.attribute(2, &[0; 8]);
        });
    }

    pub(super) fn end(&mut self, code: i32) {
        self.expression("immediate", |b| {
            b.number(1, 0);
            b.nest(2, |b| b.nest(2, |b| b.attribute(1, &code.to_be_bytes())));
        });
    }

    pub(super) fn reject(&mut self, kind: u32, code: u8) {
        self.expression("reject", |b| {
            b.number(1, kind);
            b.attribute(2, &[code]);
        });
    }

    pub(super) fn verdict(&mut self, code: i32, chain: &str) {
        self.expression("immediate", |b| {
            b.number(1, 0);
            b.nest(2, |b| verdict(b, code, chain));
        });
    }

    /// Goes where the map of services says.
    pub(super) fn look_up_service(&mut self) {
        self.load_door();
        self.expression("lookup", |b| {
            b.text(1, "services");
            b.number(2, REGISTER);
            b.number(3, 0);
        });
    }

    /// Refuses what goes to an address that begins with the first `length` bits of `ip`.
    pub(super) fn refuse(&mut self, ip: IpAddr, length: u8) {
        self.goes_to(ip, length);
        self.verdict(GOTO, REFUSE);
    }

    /// Goes on if it goes to such an address.
    pub(super) fn goes_to(&mut self, ip: IpAddr, length: u8) {
        let mut mask = octets(ip);
        let mut prefix = mask.clone();
        for (at, (mask, byte)) in mask.iter_mut().zip(&mut prefix).enumerate() {
            let bits = usize::from(length).saturating_sub(8 * at).min(8);
            *mask = u8::try_from(0xff00_u16 >> bits & 0xff).unwrap_or_default();
            *byte &= *mask;
        }
        self.load_destination();
        self.mask(&mask);
        self.equals(REGISTER, &prefix);
    }

    /// Leads to one of `count` endpoints.
    pub(super) fn choose(&mut self, count: usize) {
        let (_, words) = self.family.destination();
        let index = self.load_door();
        self.expression("numgen", |b| {
            b.number(1, index);
            b.number(2, u32::try_from(count).unwrap_or(u32::MAX));
            b.number(3, 1);
        });
        self.expression("lookup", |b| {
            b.text(1, "endpoints");
            b.number(2, REGISTER);
            b.number(3, REGISTER);
        });
        let family = u32::from(self.family.number());
        self.expression("nat", |b| {
            b.number(1, 1);
            b.number(2, family);
            b.number(3, REGISTER);
            b.number(5, REGISTER + words);
        });
    }
}
