//! A TCP connection in the pod that is a stream of the link.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::protocol::{MAX_DATA, Mux, Reason, StreamId};

const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// Reads of one connection before the others have their turn.
const TURNS: usize = 8;

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "two directions, each of which ends and stalls by itself"
)]
pub(super) struct Connection {
    id: StreamId,
    pub(super) socket: TcpStream,
    /// Until when it must be connected, while it is not.
    connecting: Option<Instant>,
    /// Bytes from the link that the application has not taken.
    waiting: VecDeque<u8>,
    peer_ended: bool,
    read_ended: bool,
    /// The link takes nothing more for now.
    blocked: bool,
    over: bool,
}

impl Connection {
    /// A connection that an application made.
    pub(super) fn accepted(id: StreamId, socket: TcpStream) -> Self {
        Self {
            id,
            socket,
            connecting: None,
            waiting: VecDeque::new(),
            peer_ended: false,
            read_ended: false,
            blocked: false,
            over: false,
        }
    }

    /// Begins to connect to an application.
    pub(super) fn dial(id: StreamId, to: SocketAddr, now: Instant) -> Result<Self, Reason> {
        let family = if to.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None).map_err(reason)?;
        match connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(e) => return Err(reason(e)),
        }
        Ok(Self {
            connecting: Some(now + CONNECT_PATIENCE),
            ..Self::accepted(id, TcpStream::from(socket))
        })
    }

    /// What to wait for. Nothing at all while both directions are held up by the link: a broken
    /// connection would be reported again and again.
    pub(super) fn interest(&self) -> PollFlags {
        if self.connecting.is_some() {
            return PollFlags::OUT;
        }
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, !self.read_ended && !self.blocked);
        flags.set(PollFlags::OUT, !self.waiting.is_empty());
        flags
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.connecting
    }

    /// Whether nothing remains to be done.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Something of what it waits for is there.
    pub(super) fn ready(&mut self, mux: &mut Mux) {
        if self.connecting.is_some() {
            match sockopt::socket_error(&self.socket) {
                Ok(Ok(())) => {
                    self.connecting = None;
                    // Small writes of clients are not held back; that it is faster is all.
                    drop(self.socket.set_nodelay(true));
                    mux.accept(self.id);
                }
                Ok(Err(e)) | Err(e) => return self.fail(mux, reason(e)),
            }
        }
        self.write(mux);
        self.read(mux);
    }

    /// Time passed.
    pub(super) fn tick(&mut self, mux: &mut Mux, now: Instant) {
        if self.connecting.is_some_and(|until| until <= now) {
            self.fail(mux, Reason::TimedOut);
        }
    }

    /// Bytes came over the link.
    pub(super) fn receive(&mut self, mux: &mut Mux, bytes: &[u8]) {
        self.waiting.extend(bytes);
        if self.connecting.is_none() {
            self.write(mux);
        }
    }

    /// The link takes more.
    pub(super) fn unblock(&mut self, mux: &mut Mux) {
        self.blocked = false;
        if self.connecting.is_none() {
            self.read(mux);
        }
    }

    /// The other side writes nothing more.
    pub(super) fn end(&mut self, mux: &mut Mux) {
        self.peer_ended = true;
        if self.connecting.is_none() {
            self.write(mux);
        }
    }

    /// The other side is gone: the application is told that this is no orderly end.
    pub(super) fn abort(&mut self) {
        self.over = true;
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).ok();
    }

    fn fail(&mut self, mux: &mut Mux, reason: Reason) {
        mux.reset(self.id, reason);
        self.abort();
    }

    fn write(&mut self, mux: &mut Mux) {
        while !self.over && !self.waiting.is_empty() {
            let (head, _) = self.waiting.as_slices();
            match self.socket.write(head) {
                Ok(written) => {
                    self.waiting.drain(..written);
                    mux.consumed(self.id, written);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.fail(mux, Reason::Reset),
            }
        }
        if self.peer_ended && !self.over {
            // Fails if the application has closed already, which is the same end.
            drop(self.socket.shutdown(Shutdown::Write));
            self.over = self.read_ended;
        }
    }

    fn read(&mut self, mux: &mut Mux) {
        let mut buffer = vec![0; MAX_DATA];
        for _ in 0..TURNS {
            if self.over || self.read_ended {
                return;
            }
            let room = mux.room(self.id).min(buffer.len());
            if room == 0 {
                self.blocked = true;
                return;
            }
            let space = buffer.get_mut(..room).unwrap_or_default();
            match self.socket.read(space) {
                Ok(0) => {
                    self.read_ended = true;
                    mux.finish(self.id);
                    self.over = self.peer_ended && self.waiting.is_empty();
                }
                Ok(filled) => {
                    mux.write(self.id, buffer.get(..filled).unwrap_or_default());
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.fail(mux, Reason::Reset),
            }
        }
    }
}

const fn reason(errno: Errno) -> Reason {
    match errno {
        Errno::CONNREFUSED => Reason::Refused,
        Errno::TIMEDOUT => Reason::TimedOut,
        Errno::CONNRESET => Reason::Reset,
        _ => Reason::Unreachable,
    }
}
