//! Connection tracking remembers where packets of a UDP "connection" go for as long as some come.
//! When a service changes, what leads elsewhere must be forgotten; TCP connections are left to end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::rules::Door;
use crate::netlink::{ACK, DUMP, REQUEST, Socket, attributes};

pub(super) const UDP: u8 = 17;

const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
/// A pod with more flows than this to changed services keeps some of them until they fall silent.
const MAX_FLOWS: usize = 10_000;

/// Forgets flows to these doors that lead to none of their endpoints any more. A kernel without
/// this interface lets them run out by themselves, so that its errors are nobody's.
pub(super) fn forget(
    socket: &mut Socket,
    changed: &[Door],
    doors: &BTreeMap<Door, Vec<SocketAddr>>,
) {
    let changed: BTreeSet<Door> = changed.iter().copied().collect();
    let mut stale: Vec<(u8, Vec<u8>)> = Vec::new();
    let sequence = socket.next_sequence();
    let mut request = crate::netlink::Buffer::default();
    request.message(GET, REQUEST | DUMP, sequence, |b| b.bytes(&[0, 0, 0, 0]));
    let listed = socket.dump(&request.sent, sequence, |body| {
        stale.extend(is_stale(body, &changed, doors).filter(|_| stale.len() < MAX_FLOWS));
    });
    if listed.is_err() {
        return;
    }
    for (family, original) in stale {
        let sequence = socket.next_sequence();
        let mut request = crate::netlink::Buffer::default();
        request.message(DELETE, REQUEST | ACK, sequence, |b| {
            b.bytes(&[family, 0, 0, 0]);
            b.nest(ORIGINAL, |b| b.bytes(&original));
        });
        // It may have run out in between.
        socket.transact(&request.sent, sequence, sequence).ok();
    }
}

/// The family and the original direction of a flow that must be forgotten.
fn is_stale(
    body: &[u8],
    changed: &BTreeSet<Door>,
    doors: &BTreeMap<Door, Vec<SocketAddr>>,
) -> Option<(u8, Vec<u8>)> {
    let (header, rest) = body.split_first_chunk::<4>()?;
    let (_, original) = attributes(rest).find(|(kind, _)| *kind == ORIGINAL)?;
    let (_, reply) = attributes(rest).find(|(kind, _)| *kind == REPLY)?;
    let to = Tuple::read(original)?;
    let door = Door {
        ip: to.destination.ip(),
        protocol: to.protocol,
        port: to.destination.port(),
    };
    if !changed.contains(&door) {
        return None;
    }
    let answers = Tuple::read(reply)?.source;
    let current = doors.get(&door).is_some_and(|all| all.contains(&answers));
    (!current).then(|| (header[0], original.to_vec()))
}

/// One direction of a flow.
#[derive(Debug)]
struct Tuple {
    protocol: u8,
    source: SocketAddr,
    destination: SocketAddr,
}

impl Tuple {
    fn read(bytes: &[u8]) -> Option<Self> {
        let part =
            |wanted| attributes(bytes).find_map(|(kind, value)| (kind == wanted).then_some(value));
        let (ips, ports) = (part(1)?, part(2)?);
        let ip = |v4, v6| {
            attributes(ips).find_map(|(kind, value)| match value.len() {
                4 if kind == v4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
                16 if kind == v6 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
                _ => None,
            })
        };
        let port = |wanted| {
            let value = attributes(ports).find(|(kind, _)| *kind == wanted)?.1;
            Some(u16::from_be_bytes(*value.first_chunk()?))
        };
        let number = attributes(ports).find(|(kind, _)| *kind == 1)?.1;
        Some(Self {
            protocol: *number.first()?,
            source: SocketAddr::new(ip(1, 3)?, port(2)?),
            destination: SocketAddr::new(ip(2, 4)?, port(3)?),
        })
    }
}
