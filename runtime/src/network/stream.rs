//! A stream of a link, as bytes to read and write.
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wharf_sandbox::protocol::StreamId;

use super::link::Link;

/// Dropping it hangs up.
#[derive(Debug)]
pub(super) struct LinkStream {
    link: Arc<Link>,
    id: StreamId,
}

impl LinkStream {
    /// Takes over a stream: it ends with this.
    pub(super) const fn new(link: Arc<Link>, id: StreamId) -> Self {
        Self { link, id }
    }

    /// Waits until the other end has answered.
    pub(super) async fn opened(&self) -> Result<(), wharf_sandbox::protocol::Reason> {
        std::future::poll_fn(|cx| self.link.poll_open(self.id, cx)).await
    }
}

impl Drop for LinkStream {
    fn drop(&mut self) {
        self.link.abandon(self.id);
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer")
}

impl AsyncRead for LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = self.link.poll_read(self.id, cx, out);
        read.map(|read| read.map(drop).ok_or_else(reset))
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.link.poll_write(self.id, cx, bytes);
        written.map(|written| written.ok_or_else(reset))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written is on its way.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.finish(self.id);
        Poll::Ready(Ok(()))
    }
}
