//! The link between the server and a pod: one stream of bytes, opened by the server, that carries
//! the table, questions for names, and any number of streams in both directions.
//!
//! Frame: kind (1 byte), stream (4), length of the payload (4), payload; numbers are big-endian.
//! Each side first sends `Hello` with the versions that it speaks; the highest common one holds.
//!
//! *Guarantees*: bytes of a stream arrive whole and in order or the stream is reset; a stream that
//! nobody reads holds at most its window and stops no other; every frame from the peer is checked
//! and bounded, and a peer that breaks a rule ends the link, not the process.
//!
//! ```
//! use wharf_sandbox::protocol::{Event, Message, Mux, Side};
//!
//! let (mut server, mut sandbox) = (Mux::new(Side::Server, 0), Mux::new(Side::Sandbox, 7));
//! server.send(&Message::Commit { generation: 8 })?;
//! // In between, whatever carries bytes.
//! sandbox.feed(server.output())?;
//! server.sent(server.output().len());
//! let ready = Event::Ready { version: 1, applied: 0 };
//! assert_eq!(sandbox.event(), Some(ready));
//! let commit = Message::Commit { generation: 8 };
//! assert_eq!(sandbox.event(), Some(Event::Message(commit)));
//! # Ok::<(), wharf_sandbox::Error>(())
//! ```
//!
//! *When it stops halfway*: streams are gone, changes without their commit never happened, and the
//! table that was committed last stays in force. The server connects again and sends all of it.

mod frame;
mod message;
mod mux;
mod output;
mod stream;
#[cfg(test)]
mod tests;
mod wire;

pub use message::Message;
pub use mux::{Event, Mux, Side, StreamId, Target};
pub use stream::Reason;

/// The versions of the protocol that this build speaks. Pods outlive upgrades of the server: raise
/// the second, and keep what the first promises.
pub const VERSIONS: (u16, u16) = (1, 1);
/// The longest payload of a frame. A service with 9,000 endpoints fits.
pub const MAX_FRAME: usize = 256 * 1024;
/// The longest payload of a frame with a stream's bytes.
pub const MAX_DATA: usize = 64 * 1024;
/// Streams that each side may have opened at once: applications that call the API leave room for
/// those that the server opens.
pub const MAX_STREAMS: usize = 256;
/// What a peer may send on a new stream before it is given more.
pub const FIRST_WINDOW: usize = 64 * 1024;
/// What the window of a stream that is read as fast as it comes grows to.
pub const MAX_WINDOW: usize = 1024 * 1024;
/// Streams may not add to output that waits longer than this.
pub const OUTPUT_ROOM: usize = 512 * 1024;
/// With more output than this waiting, nothing more should be read from the peer: it asks and does
/// not listen.
pub const OUTPUT_LIMIT: usize = 16 * 1024 * 1024;
