//! The first links of sandboxes: their standard input and output, to which Docker attached us.
//!
//! Docker keeps us attached as long as the container runs, so it is not the other end that ends such
//! a link when there is another one.
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::client::Joined;

/// Those of sandboxes that this server has started.
#[derive(Default)]
pub(super) struct Links(Mutex<HashMap<String, Known>>);

struct Known {
    /// As long as nobody has asked for it.
    link: Option<FirstLink>,
    _alive: oneshot::Sender<()>,
}

impl Links {
    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, pod: &str, link: Joined) {
        let (alive, ended) = oneshot::channel();
        let known = Known {
            link: Some(FirstLink { link, ended }),
            _alive: alive,
        };
        self.lock().insert(pod.to_owned(), known);
    }

    /// The first link of a pod. None: there is none, or it was taken, and ends now.
    pub(super) fn take(&self, pod: &str) -> Option<FirstLink> {
        let mut links = self.lock();
        let first = links.get_mut(pod)?.link.take();
        if first.is_none() {
            links.remove(pod);
        }
        first
    }

    pub(super) fn end(&self, pod: &str) {
        self.lock().remove(pod);
    }
}

/// A link that ends for its reader when there is another one.
#[derive(Debug)]
pub(super) struct FirstLink {
    link: Joined,
    ended: oneshot::Receiver<()>,
}

impl AsyncRead for FirstLink {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ended.is_terminated() && Pin::new(&mut self.ended).poll(context).is_pending() {
            return Pin::new(&mut self.link).poll_read(context, out);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FirstLink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.link).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(context)
    }
}
