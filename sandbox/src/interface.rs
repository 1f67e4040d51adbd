//! The network namespace of a pod, as far as the sandbox prepares it.

use std::net::Ipv4Addr;

use rustix::io::Errno;

use crate::Error;
use crate::error::During as _;
use crate::netlink::{ACK, Buffer, CREATE, REPLACE, REQUEST, Socket};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
const MAIN_TABLE: u8 = 254;
const STATIC: u8 = 4;
const SCOPE_LINK: u8 = 253;
const UNICAST: u8 = 1;
/// `lo` is the first interface of every namespace.
const LOOPBACK: u32 = 1;
const UP: u32 = 1;
/// An address of this machine alone.
const SCOPE_HOST: u8 = 254;
const INET: u8 = 2;

/// Brings `lo` up and gives it an address.
pub(crate) fn prepare(address: Ipv4Addr) -> Result<(), Error> {
    let mut socket = Socket::route().during("cannot open a netlink socket")?;
    loopback_up(&mut socket).during("cannot bring lo up")?;
    add_address(&mut socket, address).during("cannot give lo the sandbox's address")
}

/// Makes sure that the kernel sends packets for these addresses at all: it looks for a route before
/// it translates, and a pod without a way out has none. Their own leads to `lo`, where nothing that
/// is not translated goes on. The kernel chooses the right one again after the translation.
pub(crate) fn route(ranges: &[(Ipv4Addr, u8)], from: Ipv4Addr) -> Result<(), Error> {
    let mut socket = Socket::route().during("cannot open a netlink socket")?;
    for (ip, length) in ranges {
        if !is_routed(&mut socket, *ip) {
            add_route(&mut socket, *ip, *length, from).during("cannot add a route")?;
        }
    }
    Ok(())
}

fn is_routed(socket: &mut Socket, ip: Ipv4Addr) -> bool {
    let sequence = socket.next_sequence();
    let mut buffer = Buffer::default();
    buffer.message(GET_ROUTE, REQUEST | ACK, sequence, |b| {
        b.bytes(&[INET, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        b.attribute(1, &ip.octets());
    });
    socket.dump(&buffer.sent, sequence, |_| {}).is_ok()
}

fn add_route(socket: &mut Socket, ip: Ipv4Addr, length: u8, from: Ipv4Addr) -> Result<(), Errno> {
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    let network = Ipv4Addr::from(u32::from(ip) & mask);
    transact(socket, NEW_ROUTE, REQUEST | ACK | CREATE | REPLACE, |b| {
        b.bytes(&[INET, length, 0, 0, MAIN_TABLE, STATIC, SCOPE_LINK, UNICAST]);
        b.bytes(&[0; 4]);
        b.attribute(1, &network.octets());
        b.attribute(4, &LOOPBACK.to_ne_bytes());
        b.attribute(7, &from.octets());
    })
}

fn loopback_up(socket: &mut Socket) -> Result<(), Errno> {
    transact(socket, NEW_LINK, REQUEST | ACK, |b| {
        b.bytes(&[0; 4]);
        b.bytes(&LOOPBACK.to_ne_bytes());
        b.bytes(&UP.to_ne_bytes());
        b.bytes(&UP.to_ne_bytes());
    })
}

fn add_address(socket: &mut Socket, address: Ipv4Addr) -> Result<(), Errno> {
    transact(socket, NEW_ADDRESS, REQUEST | ACK | CREATE | REPLACE, |b| {
        b.bytes(&[INET, 32, 0, SCOPE_HOST]);
        b.bytes(&LOOPBACK.to_ne_bytes());
        b.attribute(1, &address.octets());
        b.attribute(2, &address.octets());
    })
}

fn transact(
    socket: &mut Socket,
    kind: u16,
    flags: u16,
    body: impl FnOnce(&mut Buffer),
) -> Result<(), Errno> {
    let sequence = socket.next_sequence();
    let mut buffer = Buffer::default();
    buffer.message(kind, flags, sequence, body);
    socket.transact(&buffer.sent, sequence, sequence)
}
