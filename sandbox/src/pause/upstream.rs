//! Questions that other resolvers answer.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use rustix::rand::{GetRandomFlags, getrandom};

use super::names::Asker;
use crate::dns::{Forward, MAX_TCP, Over};
use crate::protocol::{Message, Mux};
use crate::table;

/// Questions on their way at once; more fail at once.
const MAX_ASKED: usize = 256;
/// How long one resolver has. Clients give up after five seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the server has, which asks resolvers itself.
const SERVER_PATIENCE: Duration = Duration::from_secs(4);
/// How many resolvers are asked in turn, the same one again if there is only that.
const ATTEMPTS: usize = 2;

/// An answer, and whom it is for.
pub(super) type Asked = (Asker, Vec<u8>);

#[derive(Debug, Default)]
pub(super) struct Upstream {
    pending: BTreeMap<u32, Pending>,
    next: u32,
}

#[derive(Debug)]
struct Pending {
    forward: Forward,
    asker: Asker,
    /// The id in the packet, which a stranger does not guess together with the port.
    id: u16,
    way: Way,
    until: Instant,
    attempts: usize,
}

#[derive(Debug)]
enum Way {
    Udp(UdpSocket),
    Tcp {
        socket: TcpStream,
        output: Vec<u8>,
        input: Vec<u8>,
    },
    Server,
}

impl Upstream {
    /// Asks. If nobody can be asked, the answer that says so.
    pub(super) fn ask(
        &mut self,
        policy: &table::Upstream,
        forward: Forward,
        asker: Asker,
        over: Over,
        mux: Option<&mut Mux>,
        now: Instant,
    ) -> Option<Vec<u8>> {
        if self.pending.len() >= MAX_ASKED {
            return forward.failed();
        }
        self.next = self.next.wrapping_add(1);
        let key = self.next;
        let id = random();
        let (way, until) = match (policy, mux) {
            (table::Upstream::Resolvers(resolvers), _) => {
                match first(resolvers, 0, &forward.question(id), over) {
                    Some(way) => (way, now + PATIENCE),
                    None => return forward.failed(),
                }
            }
            (table::Upstream::Server, Some(mux)) => {
                let packet = forward.question(id);
                let query = Message::Query { id: key, packet };
                if mux.send(&query).is_err() {
                    return forward.failed();
                }
                (Way::Server, now + SERVER_PATIENCE)
            }
            _ => return forward.failed(),
        };
        let pending = Pending {
            forward,
            asker,
            id,
            way,
            until,
            attempts: 1,
        };
        self.pending.insert(key, pending);
        None
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>, PollFlags)> {
        self.pending.iter().filter_map(|(key, pending)| {
            let (fd, flags) = match &pending.way {
                Way::Udp(socket) => (socket.as_fd(), PollFlags::IN),
                Way::Tcp { socket, output, .. } if output.is_empty() => {
                    (socket.as_fd(), PollFlags::IN)
                }
                Way::Tcp { socket, .. } => (socket.as_fd(), PollFlags::OUT),
                Way::Server => return None,
            };
            Some((*key, fd, flags))
        })
    }

    /// A resolver has said something.
    pub(super) fn ready(&mut self, key: u32) -> Option<Asked> {
        let pending = self.pending.get_mut(&key)?;
        let received = match &mut pending.way {
            Way::Udp(socket) => {
                let mut buffer = vec![0; MAX_TCP];
                match socket.recv(&mut buffer) {
                    Ok(filled) => {
                        buffer.truncate(filled);
                        Ok(Some(buffer))
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
                    Err(e) => Err(e),
                }
            }
            Way::Tcp {
                socket,
                output,
                input,
            } => over_tcp(socket, output, input),
            Way::Server => Ok(None),
        };
        match received {
            Ok(None) => None,
            Ok(Some(packet)) => self.answered(key, &packet),
            Err(_) => {
                // Its turn is over now; the next resolver is asked by `tick`.
                pending.until = pending.until.checked_sub(PATIENCE)?;
                None
            }
        }
    }

    /// The server has an answer; an empty one if it has none.
    pub(super) fn answered_by_server(&mut self, key: u32, packet: &[u8]) -> Option<Asked> {
        let pending = self.pending.get(&key)?;
        if !matches!(pending.way, Way::Server) {
            return None;
        }
        if packet.is_empty() {
            let pending = self.pending.remove(&key)?;
            return Some((pending.asker, pending.forward.failed()?));
        }
        self.answered(key, packet)
    }

    /// What is no answer to our question is dropped, and the wait goes on: anybody can send it.
    fn answered(&mut self, key: u32, packet: &[u8]) -> Option<Asked> {
        let pending = self.pending.get(&key)?;
        let answer = pending.forward.finish(pending.id, packet)?;
        let asker = pending.asker;
        self.pending.remove(&key);
        Some((asker, answer))
    }

    /// Asks the next resolver where one took too long; gives up where that was the last.
    pub(super) fn tick(&mut self, policy: &table::Upstream, now: Instant) -> Vec<Asked> {
        let late = self.pending.iter().filter(|(_, p)| p.until <= now);
        let late: Vec<u32> = late.map(|(key, _)| *key).collect();
        let mut answers = Vec::new();
        for key in late {
            let Some(mut pending) = self.pending.remove(&key) else {
                continue;
            };
            if let Some(way) = pending.again(policy) {
                pending.way = way;
                pending.until = now + PATIENCE;
                pending.attempts += 1;
                self.pending.insert(key, pending);
            } else if let Some(answer) = pending.forward.failed() {
                answers.push((pending.asker, answer));
            }
        }
        answers
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.until).min()
    }
}

impl Pending {
    fn again(&self, policy: &table::Upstream) -> Option<Way> {
        let table::Upstream::Resolvers(resolvers) = policy else {
            return None;
        };
        let over = match self.way {
            Way::Udp(_) => Over::Udp,
            Way::Tcp { .. } => Over::Tcp,
            Way::Server => return None,
        };
        if self.attempts >= ATTEMPTS.max(resolvers.len().min(3)) {
            return None;
        }
        let question = self.forward.question(self.id);
        first(resolvers, self.attempts, &question, over)
    }
}

/// The way to the first resolver from `turn` on that can be sent to.
fn first(resolvers: &[SocketAddr], turn: usize, question: &[u8], over: Over) -> Option<Way> {
    let count = resolvers.len();
    let turns = (turn..turn + count).filter_map(|turn| resolvers.get(turn % count));
    let mut ways = turns.filter_map(|to| match over {
        Over::Udp => udp(*to, question).ok(),
        Over::Tcp => tcp(*to, question).ok(),
    });
    ways.next()
}

fn udp(to: SocketAddr, question: &[u8]) -> io::Result<Way> {
    let any = match to.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    // Connected: packets of others do not come in.
    socket.connect(to)?;
    socket.send(question)?;
    Ok(Way::Udp(socket))
}

fn tcp(to: SocketAddr, question: &[u8]) -> io::Result<Way> {
    let family = if to.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(e) => return Err(e.into()),
    }
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    let mut output = length.to_be_bytes().to_vec();
    output.extend_from_slice(question);
    Ok(Way::Tcp {
        socket: TcpStream::from(socket),
        output,
        input: Vec::new(),
    })
}

/// Sends the question, then reads the answer; it is whole when there is one.
fn over_tcp(
    socket: &mut TcpStream,
    output: &mut Vec<u8>,
    input: &mut Vec<u8>,
) -> io::Result<Option<Vec<u8>>> {
    let waits = |e: io::Error| match e.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(None),
        _ => Err(e),
    };
    if !output.is_empty() {
        return match socket.write(output) {
            Ok(written) => {
                output.drain(..written);
                Ok(None)
            }
            Err(e) => waits(e),
        };
    }
    let mut buffer = [0; 4096];
    match socket.read(&mut buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(filled) => {
            input.extend_from_slice(buffer.get(..filled).unwrap_or_default());
            let Some(length) = input.first_chunk() else {
                return Ok(None);
            };
            let length = usize::from(u16::from_be_bytes(*length));
            Ok(input.get(2..2 + length).map(<[u8]>::to_vec))
        }
        Err(e) => waits(e),
    }
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // It does not fail on kernels of this decade; the port is random too.
    getrandom(&mut bytes[..], GetRandomFlags::empty()).ok();
    u16::from_ne_bytes(bytes)
}
