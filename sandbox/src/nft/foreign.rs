//! Rules of others: a packet that any of their chains drops is dropped, whatever ours say.
//!
//! Only one chain is ever changed: `DOCKER-USER`, which Docker leaves to everybody else, and by rules
//! that name a device of ours. They come behind the user's own.

use super::egress::{PREFIX, list, text};
use super::expressions::{ACCEPT, Expressions};
use super::rules::{Batch, DELETE_RULE, Family, NEW_RULE};
use crate::Error;
use crate::netlink::{APPEND, CREATE, Socket, attributes};

const TABLE: &str = "filter";
const CHAIN: &str = "DOCKER-USER";
const GET_CHAIN: u16 = 4;
const GET_RULE: u16 = 7;
const FORWARD: u32 = 2;
const RETURN: u32 = 0xffff_fffb;

/// Docker and other servers change the chain at the same time, and what was read is no more.
const ATTEMPTS: usize = 5;

fn insist<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut last = attempt();
    for _ in 1..ATTEMPTS {
        if last.is_ok() {
            break;
        }
        last = attempt();
    }
    last
}

/// A chain of somebody's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    family: u8,
    table: String,
    name: String,
    /// Whether it drops what is forwarded and no rule of its own lets through.
    pub(super) drops_forwarded: bool,
}

impl Chain {
    /// Whether Docker's chain is asked on the way to this one's end.
    pub(super) fn is_dockers(&self) -> bool {
        self.family == Family::V4.number() && self.table == TABLE && self.name == "FORWARD"
    }

    pub(super) fn text(&self) -> String {
        format!("{} {}", self.table, self.name)
    }
}

/// All chains for IPv4.
pub(super) fn chains(socket: &mut Socket) -> Result<Vec<Chain>, Error> {
    let mut chains = Vec::new();
    list(
        socket,
        GET_CHAIN,
        |_| {},
        |family, body| {
            let hook = attribute(body, 4).and_then(|hook| number(hook, 1));
            let (Some(table), Some(name)) = (text(body, 1), text(body, 3)) else {
                return;
            };
            chains.push(Chain {
                family,
                table,
                name,
                drops_forwarded: hook == Some(FORWARD) && number(body, 5) == Some(0),
            });
        },
    )?;
    Ok(chains)
}

/// Has Docker let packets through that come from a device or go there. None: it has no chain for
/// that; else whether it was not told before.
pub(super) fn let_through(socket: &mut Socket, device: &str) -> Result<Option<bool>, Error> {
    insist(|| try_let_through(socket, device))
}

fn try_let_through(socket: &mut Socket, device: &str) -> Result<Option<bool>, Error> {
    let there = chains(socket)?;
    if !there
        .iter()
        .any(|chain| chain.table == TABLE && chain.name == CHAIN)
    {
        return Ok(None);
    }
    let known = rules(socket)?;
    if known
        .iter()
        .filter(|rule| rule.device.as_deref() == Some(device))
        .count()
        == 2
    {
        return Ok(Some(false));
    }
    try_forget(socket, &|name: &str| name == device)?;
    // Older versions end the chain themselves: nothing is asked behind that.
    let end = known
        .last()
        .filter(|rule| rule.returns)
        .map(|rule| rule.handle);
    let mut batch = Batch::new(TABLE, socket.next_sequence());
    let flags = if end.is_some() {
        CREATE
    } else {
        CREATE | APPEND
    };
    for direction in [Direction::From, Direction::To] {
        batch.message(Family::V4, NEW_RULE, flags, |b| {
            b.text(2, CHAIN);
            b.nest(4, |b| {
                let mut rule = Expressions::new(b, Family::V4);
                match direction {
                    Direction::From => rule.from(device),
                    Direction::To => rule.to(device),
                }
                rule.counter();
                rule.end(ACCEPT);
            });
            if let Some(end) = end {
                b.attribute(6, &end.to_be_bytes());
            }
        });
    }
    batch.commit(socket)?;
    Ok(Some(true))
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    From,
    To,
}

/// Removes our rules for these devices.
pub(super) fn forget(socket: &mut Socket, of: impl Fn(&str) -> bool) -> Result<(), Error> {
    insist(|| try_forget(socket, &of))
}

fn try_forget(socket: &mut Socket, of: &impl Fn(&str) -> bool) -> Result<(), Error> {
    let mut batch = Batch::new(TABLE, socket.next_sequence());
    for rule in rules(socket)? {
        if rule
            .device
            .is_some_and(|device| device.starts_with(PREFIX) && of(&device))
        {
            batch.message(Family::V4, DELETE_RULE, 0, |b| {
                b.text(2, CHAIN);
                b.attribute(3, &rule.handle.to_be_bytes());
            });
        }
    }
    batch.commit(socket)
}

/// A rule of the chain.
#[derive(Debug, Default)]
struct Rule {
    handle: u64,
    /// The first device that it names.
    device: Option<String>,
    /// Whether it ends the chain for every packet.
    returns: bool,
}

fn rules(socket: &mut Socket) -> Result<Vec<Rule>, Error> {
    let mut rules = Vec::new();
    let question = |b: &mut crate::netlink::Buffer| {
        b.text(1, TABLE);
        b.text(2, CHAIN);
    };
    list(socket, GET_RULE, question, |family, body| {
        // Kernels differ in whether they look at the question.
        let ours =
            text(body, 1).as_deref() == Some(TABLE) && text(body, 2).as_deref() == Some(CHAIN);
        if ours && family == Family::V4.number() {
            rules.extend(Rule::read(body));
        }
    })?;
    Ok(rules)
}

impl Rule {
    fn read(body: &[u8]) -> Option<Self> {
        let handle = attribute(body, 3)?.first_chunk()?;
        let mut rule = Self {
            handle: u64::from_be_bytes(*handle),
            device: None,
            returns: true,
        };
        let mut names_device = false;
        for (_, expression) in attributes(attribute(body, 4).unwrap_or_default()) {
            let data = attribute(expression, 2).unwrap_or_default();
            match text(expression, 1)?.as_str() {
                "counter" => {}
                "immediate" => {
                    let verdict = attribute(data, 2).and_then(|data| attribute(data, 2));
                    rule.returns &= verdict.and_then(|v| number(v, 1)) == Some(RETURN);
                }
                "meta" => {
                    names_device = matches!(number(data, 2), Some(6 | 7));
                    rule.returns = false;
                }
                "cmp" if names_device && rule.device.is_none() => {
                    rule.device = attribute(data, 3).and_then(|data| text(data, 1));
                }
                _ => rule.returns = false,
            }
        }
        Some(rule)
    }
}

fn attribute(body: &[u8], wanted: u16) -> Option<&[u8]> {
    let (_, value) = attributes(body).find(|(kind, _)| *kind == wanted)?;
    Some(value)
}

fn number(body: &[u8], wanted: u16) -> Option<u32> {
    attribute(body, wanted)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)
}
