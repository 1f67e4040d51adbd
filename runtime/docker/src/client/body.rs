//! Bodies that are streams.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// How many pieces of a body wait to be sent.
const WAITING: usize = 4;

/// What is sent piece by piece. An error breaks the connection, so that Docker does not take what
/// it has for the whole.
pub(crate) type Pieces = mpsc::Receiver<io::Result<Bytes>>;

pub(crate) fn pieces() -> (mpsc::Sender<io::Result<Bytes>>, Pieces) {
    mpsc::channel(WAITING)
}

pub(super) enum Body {
    Full(Option<Bytes>),
    Streamed(Pieces),
}

impl Body {
    pub(super) const fn empty() -> Self {
        Self::Full(None)
    }

    pub(super) const fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes))
    }

    pub(super) const fn streamed(pieces: Pieces) -> Self {
        Self::Streamed(pieces)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(pieces) => {
                let piece = ready!(pieces.poll_recv(context));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}

/// Reads the body of an answer.
#[derive(Debug)]
pub(crate) struct BodyReader {
    body: Incoming,
    left: Bytes,
}

impl BodyReader {
    pub(super) const fn new(body: Incoming) -> Self {
        Self {
            body,
            left: Bytes::new(),
        }
    }
}

impl AsyncRead for BodyReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.left.is_empty() {
            let frame = ready!(http_body::Body::poll_frame(
                Pin::new(&mut self.body),
                context
            ));
            match frame {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(frame)) => self.left = frame.into_data().unwrap_or_default(),
            }
        }
        let length = self.left.len().min(out.remaining());
        out.put_slice(self.left.get(..length).unwrap_or_default());
        self.left.advance(length);
        Poll::Ready(Ok(()))
    }
}
