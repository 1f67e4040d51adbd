//! The three kinds of connection as one type, closed when the peer stops reading.
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::server::TlsStream;

use wharf_kubernetes::api::Patience;

use super::{body::Owed, watchdog::Watchdog};

/// What hyper reads and writes.
pub(super) enum Stream {
    Plain(Stalling<TcpStream>),
    /// The watch is below TLS, where progress is bytes that the peer took.
    Tls(Box<TlsStream<Stalling<TcpStream>>>),
    Unix(Stalling<UnixStream>),
}

macro_rules! each {
    ($self:expr, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($io) => $call,
            Stream::Tls($io) => $call,
            Stream::Unix($io) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
            Self::Unix(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

/// How long a peer may go on sending what nobody reads any more.
const LINGER: Duration = Duration::from_secs(2);

/// How much of that is thrown away before the connection is closed over it.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Fails a write that has waited for `limit` without the peer taking a byte.
///
/// It is closed in the way of RFC 9112, section 9.6: an answer that was sent before the request's
/// body had come would be lost if the socket were closed with bytes in it that nobody read.
pub(super) struct Stalling<T> {
    inner: T,
    watchdog: Watchdog,
    limit: Duration,
    owed: Owed,
    patience: Patience,
    lingering: Option<Lingering>,
}

/// Our end is closed; what still comes is thrown away.
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<T> Stalling<T> {
    pub(super) fn new(inner: T, limit: Duration, owed: Owed, patience: Patience) -> Self {
        Self {
            inner,
            watchdog: Watchdog::default(),
            limit,
            owed,
            patience,
            lingering: None,
        }
    }

    fn watch<R>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if outcome.is_ready() || self.patience.is_granted() {
            self.watchdog.stop();
            return outcome;
        }
        ready!(self.watchdog.poll(cx, self.limit));
        tracing::debug!("the peer does not read: closing");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + Unpin> Stalling<T> {
    /// Ready when the peer has closed, has nothing under way, or has had its time.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let begun = self.lingering.is_some();
        let lingering = self.lingering.get_or_insert_with(|| Lingering {
            until: Box::pin(sleep(LINGER)),
            left: LINGER_BYTES,
        });
        let mut scrap = [0; 16 * 1024];
        loop {
            let mut buf = ReadBuf::new(&mut scrap);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() && lingering.left > 0 => {
                    lingering.left = lingering.left.saturating_sub(buf.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                // An idle peer has sent nothing that closing could hurt, unless more of a body is
                // on its way.
                Poll::Pending
                    if !begun && lingering.left == LINGER_BYTES && !self.owed.is_set() =>
                {
                    return Poll::Ready(());
                }
                Poll::Pending => return lingering.until.as_mut().poll(cx),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
        }
        ready!(self.poll_linger(cx));
        Poll::Ready(Ok(()))
    }
}
