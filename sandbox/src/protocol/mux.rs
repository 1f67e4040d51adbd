//! The state of a link, without any I/O: bytes in, bytes out, and what happened.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::frame::{HEADER, Header, Kind};
use super::message::Message;
use super::output::Output;
use super::stream::{Reason, Stream};
use super::wire::{Reader, Writer};
use super::{MAX_DATA, MAX_FRAME, MAX_STREAMS, OUTPUT_LIMIT, OUTPUT_ROOM, VERSIONS};
use crate::Error;

const MAGIC: [u8; 5] = *b"wharf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Server,
    Sandbox,
}

/// A stream of a link. Never used twice on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Server to sandbox: a TCP connection in the pod, to loopback or to one of its addresses.
    Dial(SocketAddr),
    /// Sandbox to server: a connection of the pod to this listener of the configuration.
    Accepted { listener: u16, from: SocketAddr },
}

impl Target {
    const fn opened_by(&self) -> Side {
        match self {
            Self::Dial(_) => Side::Server,
            Self::Accepted { .. } => Side::Sandbox,
        }
    }
}

/// What the peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done. `applied` is the generation that the sandbox has in force, 0: none
    /// (always, on the sandbox's side).
    Ready {
        version: u16,
        applied: u64,
    },
    Message(Message),
    /// The peer wants a stream. Answer with [`Mux::accept`] or [`Mux::reset`].
    Open(StreamId, Target),
    /// A stream that we opened is connected.
    Opened(StreamId),
    /// Bytes. Say [`Mux::consumed`] once they are passed on, else no more come.
    Data(StreamId, Vec<u8>),
    /// The peer sends nothing more on this stream.
    End(StreamId),
    /// The stream is gone, and what was not yet passed on with it.
    Reset(StreamId, Reason),
    /// [`Mux::write`] took less than it was given; now it takes more.
    Writable(StreamId),
    /// The answer to [`Mux::ping`].
    Pong,
}

/// One end of a link.
///
/// The driver does: give what it reads to [`Mux::feed`], drain [`Mux::event`], write
/// [`Mux::output`] and say [`Mux::sent`]. It stops reading while not [`Mux::reads`]. After an error
/// of `feed` the link must be closed.
#[derive(Debug)]
pub struct Mux {
    side: Side,
    ready: bool,
    /// The beginning of a frame whose rest has not come.
    input: Vec<u8>,
    output: Output,
    events: VecDeque<Event>,
    streams: BTreeMap<u32, Stream>,
    /// The id of the next stream that we open. The server's are even, the sandbox's are odd.
    next: u32,
    /// The lowest id that the peer may still open.
    peer_next: u32,
    /// Some write was cut short because too much output waits.
    crowded: bool,
}

impl Mux {
    /// Begins with our greeting as output. `applied` is the generation that is in force here.
    pub fn new(side: Side, applied: u64) -> Self {
        let (next, peer_next) = match side {
            Side::Server => (2, 1),
            Side::Sandbox => (1, 2),
        };
        let mut mux = Self {
            side,
            ready: false,
            input: Vec::new(),
            output: Output::default(),
            events: VecDeque::new(),
            streams: BTreeMap::new(),
            next,
            peer_next,
            crowded: false,
        };
        let mut hello = Writer::default();
        hello.bytes(&MAGIC);
        hello.u16(VERSIONS.0);
        hello.u16(VERSIONS.1);
        hello.u64(applied);
        mux.frame(Kind::Hello, 0, &hello.0);
        mux
    }

    /// Takes bytes that came from the peer.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.input.is_empty() {
            let used = self.frames(bytes)?;
            self.input
                .extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        // However small the pieces are, what waits is looked at by its header only.
        let input = std::mem::take(&mut self.input);
        let used = self.frames(&input)?;
        self.input = input;
        self.input.drain(..used);
        Ok(())
    }

    /// What happened, oldest first.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes to write to the peer.
    pub fn output(&self) -> &[u8] {
        self.output.waiting()
    }

    /// So many bytes of the output are written.
    pub fn sent(&mut self, count: usize) {
        self.output.sent(count);
        if self.crowded && self.output.waiting().len() < OUTPUT_ROOM / 2 {
            self.crowded = false;
            for (id, stream) in &mut self.streams {
                if stream.starved && stream.credit() > 0 {
                    stream.starved = false;
                    self.events.push_back(Event::Writable(StreamId(*id)));
                }
            }
        }
    }

    /// Whether more should be read from the peer.
    pub fn reads(&self) -> bool {
        self.output.waiting().len() < OUTPUT_LIMIT
    }

    /// Sends a message. Fails if it is longer than a frame may be; then nothing is sent.
    pub fn send(&mut self, message: &Message) -> Result<(), Error> {
        let mut payload = Writer::default();
        message.write(&mut payload);
        if payload.0.len() > MAX_FRAME {
            return Err(Error::Protocol("a message is too long"));
        }
        self.frame(Kind::Message, 0, &payload.0);
        Ok(())
    }

    /// Asks for a sign of life.
    pub fn ping(&mut self) {
        self.frame(Kind::Ping, 0, &[]);
    }

    /// Whether one more stream may be opened now.
    pub fn can_open(&self) -> bool {
        self.opened_like(self.next) < MAX_STREAMS
    }

    /// How many streams are open whose ids are of the same side as this one.
    fn opened_like(&self, id: u32) -> usize {
        let same = self.streams.keys().filter(|open| *open % 2 == id % 2);
        same.count()
    }

    /// Opens a stream. None: too many are open. Bytes may be written at once.
    pub fn open(&mut self, target: Target) -> Option<StreamId> {
        let next = self.next.checked_add(2)?;
        if !self.can_open() || target.opened_by() != self.side {
            return None;
        }
        let id = std::mem::replace(&mut self.next, next);
        self.streams.insert(id, Stream::new());
        let mut payload = Writer::default();
        match target {
            Target::Dial(to) => payload.address(to),
            Target::Accepted { listener, from } => {
                payload.u16(listener);
                payload.address(from);
            }
        }
        self.frame(Kind::Open, id, &payload.0);
        Some(StreamId(id))
    }

    /// Says that a stream of the peer is connected.
    pub fn accept(&mut self, id: StreamId) {
        if self.streams.contains_key(&id.0) {
            self.frame(Kind::Opened, id.0, &[]);
        }
    }

    /// How much [`Mux::write`] would take now. After a 0 there is [`Event::Writable`].
    pub fn room(&mut self, id: StreamId) -> usize {
        let Some(stream) = self.streams.get_mut(&id.0) else {
            return 0;
        };
        if stream.ended {
            return 0;
        }
        let room = OUTPUT_ROOM.saturating_sub(self.output.waiting().len());
        let possible = room.min(stream.credit());
        if possible == 0 {
            stream.starved = true;
            self.crowded |= room == 0;
        }
        possible
    }

    /// Sends the beginning of `bytes` on a stream, as much as may be sent; answers how much.
    pub fn write(&mut self, id: StreamId, bytes: &[u8]) -> usize {
        let possible = self.room(id).min(bytes.len());
        let head = bytes.get(..possible).unwrap_or_default();
        for piece in head.chunks(MAX_DATA) {
            self.frame(Kind::Data, id.0, piece);
        }
        if let Some(stream) = self.streams.get_mut(&id.0) {
            stream.spend(possible);
        }
        if possible < bytes.len() {
            self.room(id);
        }
        possible
    }

    /// Bytes of [`Event::Data`] were passed on: the peer may send as many more.
    pub fn consumed(&mut self, id: StreamId, count: usize) {
        let Some(stream) = self.streams.get_mut(&id.0) else {
            return;
        };
        let more = stream.read(count);
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            self.frame(Kind::Credit, id.0, &more.to_be_bytes());
        }
    }

    /// Nothing more will be written on this stream; the peer may still write.
    pub fn finish(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id.0) else {
            return;
        };
        if !std::mem::replace(&mut stream.ended, true) {
            let over = stream.peer_ended;
            self.frame(Kind::End, id.0, &[]);
            if over {
                self.streams.remove(&id.0);
            }
        }
    }

    /// Ends a stream in both directions at once.
    pub fn reset(&mut self, id: StreamId, reason: Reason) {
        if self.streams.remove(&id.0).is_some() {
            self.frame(Kind::Reset, id.0, &[reason.number()]);
        }
    }

    fn frame(&mut self, kind: Kind, stream: u32, payload: &[u8]) {
        let header = Header {
            kind,
            stream,
            length: payload.len(),
        };
        self.output.frame(header, payload);
    }

    /// Handles all whole frames at the beginning of `bytes`; answers how long they are.
    fn frames(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some(header) = Header::read(rest)? else {
                return Ok(used);
            };
            let Some(payload) = rest.get(HEADER..HEADER + header.length) else {
                return Ok(used);
            };
            self.received(header, payload)?;
            used += HEADER + header.length;
        }
    }

    fn received(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        if (header.kind == Kind::Hello) == self.ready {
            return Err(Error::Protocol("a greeting must come first, and once"));
        }
        match header.kind {
            Kind::Hello => self.greeted(payload),
            Kind::Message => {
                let message = Message::read(payload)?;
                if message.from_server() == (self.side == Side::Server) {
                    return Err(Error::Protocol("a message that is ours to send"));
                }
                self.events.push_back(Event::Message(message));
                Ok(())
            }
            Kind::Open => self.peer_opened(header.stream, payload),
            Kind::Ping => {
                self.frame(Kind::Pong, 0, &[]);
                Ok(())
            }
            Kind::Pong => {
                self.events.push_back(Event::Pong);
                Ok(())
            }
            Kind::Opened | Kind::Data | Kind::End | Kind::Reset | Kind::Credit => {
                self.on_stream(header, payload)
            }
        }
    }

    fn greeted(&mut self, payload: &[u8]) -> Result<(), Error> {
        let mut r = Reader::new(payload);
        if r.array()? != MAGIC {
            return Err(Error::Protocol("the peer is none of ours"));
        }
        let theirs = (r.u16()?, r.u16()?);
        let applied = r.u64()?;
        // What follows is of a later version, which will speak ours.
        let version = VERSIONS.1.min(theirs.1);
        if version < VERSIONS.0.max(theirs.0) {
            let ours = VERSIONS;
            return Err(Error::Version { ours, theirs });
        }
        self.ready = true;
        self.events.push_back(Event::Ready { version, applied });
        Ok(())
    }

    fn peer_opened(&mut self, id: u32, payload: &[u8]) -> Result<(), Error> {
        if id % 2 != self.peer_next % 2 || id < self.peer_next {
            return Err(Error::Protocol("a stream's id is not the peer's to use"));
        }
        self.peer_next = id.saturating_add(2);
        let mut r = Reader::new(payload);
        let target = match self.side {
            Side::Sandbox => Target::Dial(r.address()?),
            Side::Server => Target::Accepted {
                listener: r.u16()?,
                from: r.address()?,
            },
        };
        r.end()?;
        if self.opened_like(id) >= MAX_STREAMS {
            self.frame(Kind::Reset, id, &[Reason::Busy.number()]);
            return Ok(());
        }
        self.streams.insert(id, Stream::new());
        self.events.push_back(Event::Open(StreamId(id), target));
        Ok(())
    }

    fn on_stream(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        let id = StreamId(header.stream);
        let Some(stream) = self.streams.get_mut(&id.0) else {
            // On its way when the stream was reset here, unless there was no such stream ever.
            let ours = id.0 % 2 == self.next % 2;
            let bound = if ours { self.next } else { self.peer_next };
            if id.0 == 0 || id.0 >= bound {
                return Err(Error::Protocol("a stream that was never opened"));
            }
            return Ok(());
        };
        match header.kind {
            Kind::Data => {
                stream.receive(payload.len())?;
                self.events.push_back(Event::Data(id, payload.to_vec()));
            }
            Kind::Credit => {
                let more = Reader::new(payload).u32()?;
                stream.earn(usize::try_from(more).unwrap_or(usize::MAX))?;
                if std::mem::take(&mut stream.starved) {
                    self.events.push_back(Event::Writable(id));
                }
            }
            Kind::End => {
                if std::mem::replace(&mut stream.peer_ended, true) {
                    return Err(Error::Protocol("a stream ended twice"));
                }
                if stream.ended {
                    self.streams.remove(&id.0);
                }
                self.events.push_back(Event::End(id));
            }
            Kind::Reset => {
                let reason = payload.first().copied().map_or(Reason::Reset, Reason::of);
                self.streams.remove(&id.0);
                self.events.push_back(Event::Reset(id, reason));
            }
            Kind::Opened => self.events.push_back(Event::Opened(id)),
            Kind::Hello | Kind::Message | Kind::Open | Kind::Ping | Kind::Pong => {}
        }
        Ok(())
    }
}
