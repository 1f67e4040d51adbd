//! Questions for names: who asks, and who is asked.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::upstream::{Asked, Upstream};
use crate::dns::{self, MAX_UDP, Over, Reply};
use crate::protocol::Mux;
use crate::table::Table;

/// Clients over TCP at once; more wait in the listener's queue.
const MAX_CLIENTS: usize = 64;
/// How long a client over TCP may say nothing.
const IDLE: Duration = Duration::from_secs(10);
/// Packets of one socket before everything else has its turn.
const TURNS: usize = 64;
/// Answers that a client over TCP has not taken. More is asked of it first.
const MAX_UNSENT: usize = 256 * 1024;

/// Whom an answer goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Udp(SocketAddr),
    Tcp(u32),
}

#[derive(Debug, Default)]
pub(super) struct Names {
    clients: BTreeMap<u32, Client>,
    next_client: u32,
    pub(super) upstream: Upstream,
    turn: usize,
}

/// A client over TCP: messages with their lengths in front (RFC 7766).
#[derive(Debug)]
struct Client {
    socket: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    until: Instant,
    ended: bool,
}

impl Names {
    /// Answers what waits at the socket.
    pub(super) fn read_udp(
        &mut self,
        socket: &UdpSocket,
        table: &Table,
        mux: Option<&mut Mux>,
        now: Instant,
    ) {
        let mut mux = mux;
        let mut buffer = [0; MAX_UDP];
        for _ in 0..TURNS {
            let Ok((filled, from)) = socket.recv_from(&mut buffer) else {
                return;
            };
            let packet = buffer.get(..filled).unwrap_or_default();
            let asker = Asker::Udp(from);
            if let Some(answer) = self.ask(table, packet, asker, mux.as_deref_mut(), now) {
                // A client that has gone in between needs no answer.
                drop(socket.send_to(&answer, from));
            }
        }
    }

    /// The answer, unless another resolver is asked first.
    fn ask(
        &mut self,
        table: &Table,
        packet: &[u8],
        asker: Asker,
        mux: Option<&mut Mux>,
        now: Instant,
    ) -> Option<Vec<u8>> {
        self.turn = self.turn.wrapping_add(1);
        let over = match asker {
            Asker::Udp(_) => Over::Udp,
            Asker::Tcp(_) => Over::Tcp,
        };
        match dns::answer(table, packet, over, self.turn) {
            Reply::Silence => None,
            Reply::Answer(answer) => Some(answer),
            Reply::Forward(forward) => {
                let policy = &table.config.upstream;
                self.upstream.ask(policy, forward, asker, over, mux, now)
            }
        }
    }

    pub(super) fn accept(&mut self, listener: &TcpListener, now: Instant) {
        while self.clients.len() < MAX_CLIENTS {
            let Ok((socket, _)) = listener.accept() else {
                return;
            };
            if socket.set_nonblocking(true).is_err() {
                continue;
            }
            self.next_client = self.next_client.wrapping_add(1);
            let client = Client {
                socket,
                input: Vec::new(),
                output: Vec::new(),
                until: now + IDLE,
                ended: false,
            };
            self.clients.insert(self.next_client, client);
        }
    }

    pub(super) fn takes_clients(&self) -> bool {
        self.clients.len() < MAX_CLIENTS
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = (u32, &TcpStream, PollFlags)> {
        self.clients.iter().map(|(id, client)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, client.output.len() < MAX_UNSENT);
            flags.set(PollFlags::OUT, !client.output.is_empty());
            (*id, &client.socket, flags)
        })
    }

    /// A client over TCP has asked something, or takes more of its answer.
    pub(super) fn serve(&mut self, id: u32, table: &Table, mux: Option<&mut Mux>, now: Instant) {
        let mut mux = mux;
        let Some(mut client) = self.clients.remove(&id) else {
            return;
        };
        client.read(now);
        while let Some(question) = client.question() {
            let asker = Asker::Tcp(id);
            if let Some(answer) = self.ask(table, &question, asker, mux.as_deref_mut(), now) {
                client.answer(&answer);
            }
        }
        client.write();
        if !client.ended {
            self.clients.insert(id, client);
        }
    }

    /// Sends answers of other resolvers to who asked.
    pub(super) fn deliver(&mut self, socket: &UdpSocket, answers: Vec<Asked>) {
        for (asker, answer) in answers {
            match asker {
                Asker::Udp(to) => drop(socket.send_to(&answer, to)),
                Asker::Tcp(id) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.answer(&answer);
                        client.write();
                    }
                }
            }
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        self.clients
            .retain(|_, client| !client.ended && client.until > now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let clients = self.clients.values().map(|client| client.until);
        clients.chain(self.upstream.deadline()).min()
    }
}

impl Client {
    fn read(&mut self, now: Instant) {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(filled) => {
                self.until = now + IDLE;
                self.input
                    .extend_from_slice(buffer.get(..filled).unwrap_or_default());
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.ended = true,
        }
    }

    fn question(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(u16::from_be_bytes(*self.input.first_chunk()?));
        let question = self.input.get(2..2 + length)?.to_vec();
        self.input.drain(..2 + length);
        Some(question)
    }

    fn answer(&mut self, packet: &[u8]) {
        if self.output.len() >= 2 * MAX_UNSENT {
            self.ended = true;
            return;
        }
        let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
        self.output.extend(length.to_be_bytes());
        self.output.extend(packet.iter().take(usize::from(length)));
    }

    fn write(&mut self) {
        while !self.output.is_empty() {
            match self.socket.write(&self.output) {
                Ok(written) => drop(self.output.drain(..written)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }
}
