//! The network namespace of a pod, as far as the sandbox prepares it.

use std::net::Ipv4Addr;

use rustix::io::Errno;

use crate::Error;
use crate::error::During as _;
use crate::netlink::{ACK, Buffer, CREATE, REPLACE, REQUEST, Socket};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
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
