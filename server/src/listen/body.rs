//! The body of a request, which must keep coming.
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Limits, watchdog::Watchdog};

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It brought less than [`Limits::body_bytes`] in [`Limits::body_window`].
    #[error("the request body comes too slowly")]
    TooSlow,
    /// The peer is gone, or sent something that is no body.
    #[error("cannot read the request body")]
    Transport(#[source] hyper::Error),
}

/// Whether the peer of a connection may still be sending a body, which nobody may ever read.
#[derive(Clone, Default)]
pub(super) struct Owed(Arc<AtomicBool>);

impl Owed {
    pub(super) fn set(&self, owed: bool) {
        self.0.store(owed, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Wraps a body so that it fails when it is too slow; hyper then closes the connection, because
/// the body was not read to its end.
pub(super) fn paced(incoming: Incoming, limits: &Limits, owed: &Owed) -> Body {
    if incoming.is_end_stream() {
        return Body::empty();
    }
    Body::new(Paced {
        incoming,
        pace: Pace::new(limits),
        owed: owed.clone(),
        failed: false,
    })
}

struct Paced {
    incoming: Incoming,
    pace: Pace,
    owed: Owed,
    failed: bool,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    self.pace.brought(bytes);
                }
                if frame.is_none() || self.incoming.is_end_stream() {
                    self.owed.set(false);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Transport)))
            }
            Poll::Pending => {
                ready!(self.pace.poll_too_slow(cx));
                self.failed = true;
                Poll::Ready(Some(Err(BodyError::TooSlow)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Bytes against time spent waiting for them.
struct Pace {
    watchdog: Watchdog,
    waited: Duration,
    bytes: u64,
    window: Duration,
    minimum: u64,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        Self {
            watchdog: Watchdog::default(),
            waited: Duration::ZERO,
            bytes: 0,
            window: limits.body_window,
            minimum: limits.body_bytes,
        }
    }

    fn brought(&mut self, bytes: usize) {
        self.waited += self.watchdog.stop();
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let rest = self.window.saturating_sub(self.waited);
            ready!(self.watchdog.poll(cx, rest));
            self.watchdog.stop();
            if self.bytes < self.minimum {
                return Poll::Ready(());
            }
            self.waited = Duration::ZERO;
            self.bytes = 0;
        }
    }
}
