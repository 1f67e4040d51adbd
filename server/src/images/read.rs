//! Streams of bytes, read.
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, ReadBuf};

/// Reads what comes in pieces.
pub(super) struct Reading {
    pieces: BoxStream<'static, io::Result<Bytes>>,
    /// What is left of the last piece.
    left: Bytes,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Reading {
    pub(super) fn of<E>(pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        Self {
            pieces: pieces.map(|piece| piece.map_err(io::Error::other)).boxed(),
            left: Bytes::new(),
        }
    }
}

impl AsyncRead for Reading {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.left.is_empty() {
            match ready!(this.pieces.poll_next_unpin(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(piece) => this.left = piece?,
            }
        }
        let count = this.left.len().min(into.remaining());
        into.put_slice(this.left.get(..count).unwrap_or_default());
        this.left.advance(count);
        Poll::Ready(Ok(()))
    }
}
