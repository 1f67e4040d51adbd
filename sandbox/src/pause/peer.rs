//! The link to the server while there is one.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::PollFlags;

use super::connection::Connection;
use crate::Error;
use crate::error::During as _;
use crate::protocol::{Event, Message, Mux, Reason, Side, StreamId, Target};
use crate::table::{Staged, Table};

/// Reads of the link before everything else has its turn.
const TURNS: usize = 4;
const READ: usize = 256 * 1024;

/// What the server wants that is not a matter of streams.
#[derive(Debug)]
pub(super) enum Order {
    Commit {
        staged: Box<Staged>,
        generation: u64,
    },
    Answer {
        id: u32,
        packet: Vec<u8>,
    },
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) socket: UnixStream,
    pub(super) mux: Mux,
    pub(super) connections: BTreeMap<StreamId, Connection>,
    staged: Staged,
    /// The handshake is done.
    pub(super) ready: bool,
    buffer: Vec<u8>,
}

impl Peer {
    pub(super) fn new(socket: UnixStream, generation: u64) -> Self {
        Self {
            socket,
            mux: Mux::new(Side::Sandbox, generation),
            connections: BTreeMap::new(),
            staged: Staged::default(),
            ready: false,
            buffer: vec![0; READ],
        }
    }

    pub(super) fn interest(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.mux.reads());
        flags.set(PollFlags::OUT, !self.mux.output().is_empty());
        flags
    }

    /// Reads what came. `Ok(false)`: the server has closed the link.
    pub(super) fn read(
        &mut self,
        table: &Table,
        now: Instant,
        orders: &mut VecDeque<Order>,
    ) -> Result<bool, Error> {
        for _ in 0..TURNS {
            match self.socket.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(filled) => {
                    self.mux
                        .feed(self.buffer.get(..filled).unwrap_or_default())?;
                    self.handle(table, now, orders)?;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e).during("cannot read from the link"),
            }
        }
        Ok(true)
    }

    /// Writes what waits.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        while !self.mux.output().is_empty() {
            match self.socket.write(self.mux.output()) {
                Ok(written) => self.mux.sent(written),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e).during("cannot write to the link"),
            }
        }
        Ok(())
    }

    /// Handles what the link has told since.
    pub(super) fn handle(
        &mut self,
        table: &Table,
        now: Instant,
        orders: &mut VecDeque<Order>,
    ) -> Result<(), Error> {
        while let Some(event) = self.mux.event() {
            match event {
                Event::Ready { .. } => self.ready = true,
                Event::Message(message) => self.order(message, orders)?,
                Event::Open(id, target) => self.dial(id, target, table, now),
                Event::Data(id, bytes) => {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.receive(&mut self.mux, &bytes);
                    }
                }
                Event::End(id) => {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.end(&mut self.mux);
                    }
                }
                Event::Writable(id) => {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.unblock(&mut self.mux);
                    }
                }
                Event::Reset(id, _) => {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.abort();
                    }
                }
                Event::Opened(_) | Event::Pong => {}
            }
        }
        self.sweep();
        Ok(())
    }

    fn order(&mut self, message: Message, orders: &mut VecDeque<Order>) -> Result<(), Error> {
        match message {
            Message::Clear => self.staged.clear(),
            Message::Config(config) => self.staged.configure(config),
            Message::Put(service) => self.staged.put(service)?,
            Message::Remove(key) => self.staged.remove(key)?,
            Message::Commit { generation } => {
                let staged = Box::new(std::mem::take(&mut self.staged));
                orders.push_back(Order::Commit { staged, generation });
            }
            Message::Answer { id, packet } => orders.push_back(Order::Answer { id, packet }),
            Message::Applied { .. } | Message::Failed { .. } | Message::Query { .. } => {}
        }
        Ok(())
    }

    /// Connects to an application of the pod, and to nothing else.
    fn dial(&mut self, id: StreamId, target: Target, table: &Table, now: Instant) {
        let dialled = match target {
            Target::Dial(to) if is_own(table, to) => Connection::dial(id, to, now),
            _ => Err(Reason::Refused),
        };
        match dialled {
            Ok(connection) => {
                self.connections.insert(id, connection);
            }
            Err(reason) => self.mux.reset(id, reason),
        }
    }

    /// A connection of an application to a listener of the server's. Refused if there are too many.
    pub(super) fn accepted(&mut self, listener: u16, socket: TcpStream, from: SocketAddr) {
        if let Some(id) = self.mux.open(Target::Accepted { listener, from }) {
            let connection = Connection::accepted(id, socket);
            self.connections.insert(id, connection);
        }
    }

    /// Forgets what is over.
    pub(super) fn sweep(&mut self) {
        self.connections
            .retain(|_, connection| !connection.is_over());
    }
}

impl Drop for Peer {
    /// What was connected through the link is told that this is no orderly end.
    fn drop(&mut self) {
        for connection in self.connections.values_mut() {
            connection.abort();
        }
    }
}

fn is_own(table: &Table, to: SocketAddr) -> bool {
    to.ip().is_loopback() || table.config.addresses.contains(&to.ip())
}
