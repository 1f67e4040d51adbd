//! A question that somebody else answers.

use super::name::Name;
use super::packet::{
    Data, FLAG_TRUNCATED, Message, Query, Record, SERVER_FAILURE, TYPE_A, TYPE_AAAA, TYPE_CNAME,
};
use super::{MAX_ALIASES, alias_records};

const HEADER: usize = 12;
/// Records of an upstream's answer that are looked at behind an alias.
const MAX_RECORDS: u16 = 256;

/// A client's question on its way to another resolver.
#[derive(Debug)]
pub(crate) struct Forward {
    /// As it came.
    packet: Vec<u8>,
    /// How long the answer to the client may be.
    limit: usize,
    /// Aliases of the cluster that led out of it.
    aliases: Vec<(Name, Name)>,
    /// What to ask, with an id that the caller chooses.
    question: Vec<u8>,
}

impl Forward {
    pub(super) fn new(
        packet: &[u8],
        query: &Query<'_>,
        limit: usize,
        aliases: Vec<(Name, Name)>,
        name: &Name,
    ) -> Self {
        let question = if aliases.is_empty() {
            packet.to_vec()
        } else {
            let mut question = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
            name.write(&mut question);
            question.extend(query.kind.to_be_bytes());
            question.extend(query.class.to_be_bytes());
            // EDNS, 1232 bytes: what passes everywhere without fragments.
            question.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
            question
        };
        Self {
            packet: packet.to_vec(),
            limit,
            aliases,
            question,
        }
    }

    /// The packet to send, with this id.
    pub(crate) fn question(&self, id: u16) -> Vec<u8> {
        with_id(&self.question, id)
    }

    /// The packet for the client, if `answer` is one to our question with this id.
    pub(crate) fn finish(&self, id: u16, answer: &[u8]) -> Option<Vec<u8>> {
        let ours = Query::parse(&self.question).ok()?;
        let header = answer.first_chunk::<HEADER>()?;
        if header[..2] != id.to_be_bytes() || header[2] & 0x80 == 0 || header[4..6] != [0, 1] {
            return None;
        }
        let (name, at) = Name::read(answer, HEADER)?;
        let asked = ours.question.len() - 4;
        if name != ours.name || answer.get(at..at + 4)? != ours.question.get(asked..)? {
            return None;
        }
        let query = Query::parse(&self.packet).ok()?;
        if self.aliases.is_empty() {
            return Some(self.pass_on(&query, answer, at + 4));
        }
        let mut message = match header[3] & 15 {
            0 | 3 => Message::found(behind_alias(answer, at + 4), Vec::new()),
            code => Message::failed(code),
        };
        message.prepend(alias_records(self.aliases.clone()));
        let mut packet = message.write(&query, self.limit);
        if let Some(flags) = packet.get_mut(2) {
            *flags |= header[2] & (FLAG_TRUNCATED >> 8) as u8;
        }
        Some(packet)
    }

    /// What the client gets when nobody answers.
    pub(crate) fn failed(&self) -> Option<Vec<u8>> {
        let query = Query::parse(&self.packet).ok()?;
        Some(Message::failed(SERVER_FAILURE).write(&query, self.limit))
    }

    /// The answer as it is; only its question if it is too long.
    fn pass_on(&self, query: &Query<'_>, answer: &[u8], records: usize) -> Vec<u8> {
        if answer.len() <= self.limit {
            return with_id(answer, query.id);
        }
        let mut packet = with_id(answer.get(..records).unwrap_or(answer), query.id);
        for (at, byte) in packet.iter_mut().enumerate().take(HEADER).skip(2) {
            match at {
                2 => *byte |= (FLAG_TRUNCATED >> 8) as u8,
                6.. => *byte = 0,
                _ => {}
            }
        }
        packet
    }
}

fn with_id(packet: &[u8], id: u16) -> Vec<u8> {
    let mut packet = packet.to_vec();
    for (place, byte) in packet.iter_mut().zip(id.to_be_bytes()) {
        *place = byte;
    }
    packet
}

/// The addresses and aliases among an answer's records. Other types are not followed through an
/// alias: their names may point into the packet that they came in.
fn behind_alias(answer: &[u8], mut at: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut aliases = 0;
    let count = answer.get(6..).and_then(<[u8]>::first_chunk);
    let count = count.map_or(0, |count| u16::from_be_bytes(*count));
    for _ in 0..count.min(MAX_RECORDS) {
        let Some((record, next)) = record(answer, at) else {
            break;
        };
        at = next;
        let Some(record) = record else { continue };
        if record.data().kind() == TYPE_CNAME {
            aliases += 1;
        }
        if aliases > MAX_ALIASES {
            break;
        }
        records.push(record);
    }
    records
}

/// A record and where the next one begins. None inside: not of a type that is passed on.
fn record(packet: &[u8], at: usize) -> Option<(Option<Record>, usize)> {
    let (owner, at) = Name::read(packet, at)?;
    let fixed = packet.get(at..)?.first_chunk::<10>()?;
    let kind = u16::from_be_bytes([fixed[0], fixed[1]]);
    let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
    let value = packet.get(at + 10..at + 10 + length)?;
    let data = match kind {
        TYPE_A => <[u8; 4]>::try_from(value).ok().map(|ip| Data::A(ip.into())),
        TYPE_AAAA => <[u8; 16]>::try_from(value)
            .ok()
            .map(|ip| Data::Aaaa(ip.into())),
        TYPE_CNAME => Name::read(packet, at + 10).map(|(target, _)| Data::Cname(target)),
        _ => None,
    };
    Some((data.map(|data| Record::new(owner, data)), at + 10 + length))
}
