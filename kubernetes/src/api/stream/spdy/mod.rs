//! SPDY/3.1, as much of it as Kubernetes speaks:
//! <https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/>.
//!
//! There are no flow control windows, because Kubernetes' clients know none: who is slow slows the
//! connection.
mod frame;
mod headers;
#[cfg(test)]
pub(super) mod tests;

use bytes::Bytes;
pub(super) use frame::{Event, PIECE, Reader};
pub(super) use headers::Headers;

/// What a stream that is not wanted is told: section 2.6.3.
const REFUSED_STREAM: u32 = 3;

/// What we send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// Takes a stream that the client opened.
    Reply(u32),
    Refuse(u32),
    Data {
        stream: u32,
        bytes: Bytes,
        end: bool,
    },
    Ping(u32),
    /// No stream after this one was looked at.
    GoAway(u32),
}

impl Out {
    pub(super) fn last(stream: u32, bytes: impl Into<Bytes>) -> Self {
        Self::Data {
            stream,
            bytes: bytes.into(),
            end: true,
        }
    }
}

/// Turns what we send into bytes, in this order.
#[derive(Debug, Default)]
pub(super) struct Encoder(headers::Deflater);

impl Encoder {
    pub(super) fn frame(&mut self, out: &Out) -> Vec<u8> {
        match out {
            Out::Reply(stream) => frame::reply(*stream, &self.0.block(&[])),
            Out::Refuse(stream) => frame::reset(*stream, REFUSED_STREAM),
            Out::Data { stream, bytes, end } => frame::data(*stream, bytes, *end),
            Out::Ping(id) => frame::ping(*id),
            Out::GoAway(last) => frame::go_away(*last),
        }
    }
}
