//! Names: answers from the table, and what to ask others.
//!
//! Follows the specification "Kubernetes DNS-Based Service Discovery" 1.1.0, and `CoreDNS` as EKS
//! configures it where that is silent (`pods insecure`, `fallthrough in-addr.arpa`). No I/O here.

mod forward;
mod name;
mod packet;
#[cfg(test)]
mod tests;
mod zone;

pub(crate) use forward::Forward;
use name::Name;
use packet::{Data, Message, Query, Record};
use zone::Outcome;

use crate::table::Table;

/// An answer over TCP is as long as its length prefix can say.
pub(crate) const MAX_TCP: usize = 65_535;
/// What we send over UDP at most, whatever the client offers: it stays within the pod.
pub(crate) const MAX_UDP: usize = 4096;
/// Aliases of aliases that are followed.
const MAX_ALIASES: usize = 8;
/// As `CoreDNS`: changes are seen soon, and nobody asks twice for one page.
const TTL_SECONDS: u32 = 5;

/// What becomes of a packet.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It is no question; nothing is said.
    Silence,
    Answer(Vec<u8>),
    Forward(Forward),
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Udp,
    Tcp,
}

/// Answers a packet, or says what to ask another resolver. `turn` changes from call to call, so that
/// equal addresses take turns in being the first.
pub(crate) fn answer(table: &Table, packet: &[u8], over: Over, turn: usize) -> Reply {
    let query = match Query::parse(packet) {
        Ok(query) => query,
        Err(packet::Refusal::Silence) => return Reply::Silence,
        Err(packet::Refusal::Code { id, flags, code }) => {
            return Reply::Answer(packet::refusal(id, flags, code));
        }
    };
    let limit = query.limit(over);
    if query.class != packet::CLASS_IN {
        let message = Message::failed(packet::REFUSED);
        return Reply::Answer(message.write(&query, limit));
    }
    let mut aliases: Vec<(Name, Name)> = Vec::new();
    let mut name = query.name.clone();
    let mut message = loop {
        match zone::resolve(table, &name, query.kind) {
            Outcome::Alias(target) => {
                let last = aliases.len() == MAX_ALIASES || query.kind == packet::TYPE_CNAME;
                aliases.push((name, target.clone()));
                if last {
                    break Message::found(Vec::new(), Vec::new());
                }
                name = target;
            }
            Outcome::Found(mut records, more) => {
                let first = turn.checked_rem(records.len()).unwrap_or_default();
                records.rotate_left(first);
                break Message::found(records, more);
            }
            Outcome::NoData(apex) => break Message::empty(packet::NO_ERROR, apex),
            Outcome::NoName(apex) => break Message::empty(packet::NO_NAME, apex),
            Outcome::Elsewhere => {
                return Reply::Forward(Forward::new(packet, &query, limit, aliases, &name));
            }
        }
    };
    message.prepend(alias_records(aliases));
    Reply::Answer(message.write(&query, limit))
}

fn alias_records(aliases: Vec<(Name, Name)>) -> Vec<Record> {
    let record = |(owner, target)| Record::new(owner, Data::Cname(target));
    aliases.into_iter().map(record).collect()
}
