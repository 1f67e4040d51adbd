//! DNS messages (RFC 1035, RFC 2782, RFC 6891): the questions of clients, and our answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::Name;
use super::{MAX_TCP, MAX_UDP, Over, TTL_SECONDS};

pub(super) const CLASS_IN: u16 = 1;
pub(super) const TYPE_A: u16 = 1;
pub(super) const TYPE_CNAME: u16 = 5;
pub(super) const TYPE_SOA: u16 = 6;
pub(super) const TYPE_PTR: u16 = 12;
pub(super) const TYPE_TXT: u16 = 16;
pub(super) const TYPE_AAAA: u16 = 28;
pub(super) const TYPE_SRV: u16 = 33;
pub(super) const TYPE_OPT: u16 = 41;
pub(super) const TYPE_ANY: u16 = 255;

pub(super) const NO_ERROR: u8 = 0;
const FORMAT_ERROR: u8 = 1;
pub(super) const SERVER_FAILURE: u8 = 2;
pub(super) const NO_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;
pub(super) const REFUSED: u8 = 5;

const HEADER: usize = 12;
const OPT_LENGTH: usize = 11;
const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
pub(super) const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const OPCODE: u16 = 0x7800;
/// What a client that says nothing takes over UDP.
const DEFAULT_UDP: usize = 512;

/// A question as it came.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) id: u16,
    flags: u16,
    pub(super) name: Name,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// The question's own bytes, which are given back as they are: resolvers compare their case.
    pub(super) question: &'a [u8],
    /// What the client takes over UDP, if it knows EDNS.
    edns: Option<usize>,
}

/// Why a packet is no question for us.
#[derive(Debug)]
pub(super) enum Refusal {
    Silence,
    Code { id: u16, flags: u16, code: u8 },
}

fn word(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

impl<'a> Query<'a> {
    pub(super) fn parse(packet: &'a [u8]) -> Result<Self, Refusal> {
        let (Some(id), Some(flags)) = (word(packet, 0), word(packet, 2)) else {
            return Err(Refusal::Silence);
        };
        if flags & FLAG_RESPONSE != 0 {
            return Err(Refusal::Silence);
        }
        let refused = |code| Refusal::Code { id, flags, code };
        if flags & OPCODE != 0 {
            return Err(refused(NOT_IMPLEMENTED));
        }
        Self::parse_body(packet, id, flags).ok_or(refused(FORMAT_ERROR))
    }

    fn parse_body(packet: &'a [u8], id: u16, flags: u16) -> Option<Self> {
        if word(packet, 4)? != 1 {
            return None;
        }
        let (name, at) = Name::read(packet, HEADER)?;
        let (kind, class) = (word(packet, at)?, word(packet, at + 2)?);
        let question = packet.get(HEADER..at + 4)?;
        Some(Self {
            id,
            flags,
            name,
            kind,
            class,
            question,
            edns: edns(packet, at + 4)?,
        })
    }

    /// How long an answer may be.
    pub(super) fn limit(&self, over: Over) -> usize {
        match over {
            Over::Tcp => MAX_TCP,
            Over::Udp => self.edns.unwrap_or(DEFAULT_UDP).clamp(DEFAULT_UDP, MAX_UDP),
        }
    }
}

/// The size in the OPT record, if there is one. The outer None: the records are broken.
#[expect(clippy::option_option, reason = "broken and absent are two things")]
fn edns(packet: &[u8], mut at: usize) -> Option<Option<usize>> {
    let records = u32::from(word(packet, 6)?) + u32::from(word(packet, 8)?);
    let records = records + u32::from(word(packet, 10)?);
    for _ in 0..records {
        let (_, next) = Name::read(packet, at)?;
        let (kind, class) = (word(packet, next)?, word(packet, next + 2)?);
        let length = usize::from(word(packet, next + 8)?);
        at = next + 10 + length;
        packet.get(..at)?;
        if kind == TYPE_OPT {
            return Some(Some(usize::from(class)));
        }
    }
    Some(None)
}

/// An answer to what could not be read as a question: a header only.
pub(super) fn refusal(id: u16, flags: u16, code: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    let flags = flags & (OPCODE | FLAG_RECURSION_DESIRED) | FLAG_RESPONSE | u16::from(code & 15);
    for value in [id, flags, 0, 0, 0, 0] {
        out.extend(value.to_be_bytes());
    }
    out
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(Name),
    Ptr(Name),
    Txt(&'static str),
    Srv {
        weight: u16,
        port: u16,
        target: Name,
    },
    Soa {
        apex: Name,
    },
}

impl Data {
    pub(super) const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::A(ip),
            IpAddr::V6(ip) => Self::Aaaa(ip),
        }
    }

    pub(super) const fn kind(&self) -> u16 {
        match self {
            Self::A(_) => TYPE_A,
            Self::Aaaa(_) => TYPE_AAAA,
            Self::Cname(_) => TYPE_CNAME,
            Self::Ptr(_) => TYPE_PTR,
            Self::Txt(_) => TYPE_TXT,
            Self::Srv { .. } => TYPE_SRV,
            Self::Soa { .. } => TYPE_SOA,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::A(ip) => out.extend(ip.octets()),
            Self::Aaaa(ip) => out.extend(ip.octets()),
            Self::Cname(name) | Self::Ptr(name) => name.write(out),
            Self::Txt(text) => {
                out.push(u8::try_from(text.len()).unwrap_or_default());
                out.extend(text.bytes());
            }
            Self::Srv {
                weight,
                port,
                target,
            } => {
                for value in [0, *weight, *port] {
                    out.extend(value.to_be_bytes());
                }
                target.write(out);
            }
            Self::Soa { apex } => {
                apex.child("dns").child("ns").write(out);
                apex.child("hostmaster").write(out);
                // Serial, refresh, retry, expire; the last is how long a "no" may be kept.
                for value in [1, 7200, 1800, 86_400, TTL_SECONDS] {
                    out.extend(value.to_be_bytes());
                }
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    owner: Name,
    data: Data,
}

impl Record {
    pub(super) const fn new(owner: Name, data: Data) -> Self {
        Self { owner, data }
    }

    pub(super) const fn data(&self) -> &Data {
        &self.data
    }

    fn write(&self, query: &Query<'_>, out: &mut Vec<u8>) {
        if self.owner == query.name {
            // The question's name, at its place behind the header.
            out.extend([0xc0, 12]);
        } else {
            self.owner.write(out);
        }
        out.extend(self.data.kind().to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        out.extend(TTL_SECONDS.to_be_bytes());
        let at = out.len();
        out.extend([0, 0]);
        self.data.write(out);
        let length = u16::try_from(out.len() - at - 2).unwrap_or_default();
        for (place, byte) in out.iter_mut().skip(at).zip(length.to_be_bytes()) {
            *place = byte;
        }
    }
}

/// An answer of ours.
#[derive(Debug)]
pub(super) struct Message {
    code: u8,
    answers: Vec<Record>,
    authority: Vec<Record>,
    /// What helps and may be left out.
    more: Vec<Record>,
}

impl Message {
    pub(super) const fn found(answers: Vec<Record>, more: Vec<Record>) -> Self {
        Self {
            code: NO_ERROR,
            answers,
            authority: Vec::new(),
            more,
        }
    }

    /// No such name, or none of that type: with the SOA that says how long this holds (RFC 2308).
    pub(super) fn empty(code: u8, apex: Name) -> Self {
        let authority = vec![Record::new(apex.clone(), Data::Soa { apex })];
        Self {
            code,
            answers: Vec::new(),
            authority,
            more: Vec::new(),
        }
    }

    pub(super) const fn failed(code: u8) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authority: Vec::new(),
            more: Vec::new(),
        }
    }

    pub(super) fn prepend(&mut self, records: Vec<Record>) {
        self.answers.splice(0..0, records);
    }

    /// The packet, of at most `limit` bytes: what does not fit is left out, and the client is told.
    pub(super) fn write(&self, query: &Query<'_>, limit: usize) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        out.extend_from_slice(query.question);
        let limit = limit - query.edns.map_or(0, |_| OPT_LENGTH);
        let mut flags = FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE | u16::from(self.code);
        flags |= query.flags & FLAG_RECURSION_DESIRED;
        if matches!(self.code, NO_ERROR | NO_NAME) {
            flags |= FLAG_AUTHORITATIVE;
        }
        let (answers, whole) = append(&mut out, query, limit, &self.answers);
        let (authority, said) = append(&mut out, query, limit, &self.authority);
        if !whole || !said {
            flags |= FLAG_TRUNCATED;
        }
        let (mut more, _) = append(&mut out, query, limit, &self.more);
        if query.edns.is_some() {
            let size = u16::try_from(MAX_UDP).unwrap_or(u16::MAX).to_be_bytes();
            out.extend([0, 0, 41, size[0], size[1], 0, 0, 0, 0, 0, 0]);
            more += 1;
        }
        let header = [query.id, flags, 1, answers, authority, more];
        let header = header.into_iter().flat_map(u16::to_be_bytes);
        for (place, byte) in out.iter_mut().zip(header) {
            *place = byte;
        }
        out
    }
}

/// Appends records while they fit; answers how many, and whether these were all.
fn append(out: &mut Vec<u8>, query: &Query<'_>, limit: usize, records: &[Record]) -> (u16, bool) {
    let mut count = 0;
    for record in records {
        let before = out.len();
        record.write(query, out);
        if out.len() > limit || count == u16::MAX {
            out.truncate(before);
            return (count, false);
        }
        count += 1;
    }
    (count, true)
}
