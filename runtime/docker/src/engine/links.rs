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

enum Known {
    Starting,
    Ready(FirstLink, oneshot::Sender<()>),
    /// Dropped when the link is to end.
    Taken(#[expect(dead_code, reason = "its end is what counts")] oneshot::Sender<()>),
}

/// The first link of a pod.
pub(super) enum First {
    Here(FirstLink),
    /// The sandbox is being started.
    Coming,
    /// It was taken, and ends now; or another server had it.
    Gone,
}

/// A sandbox that is being started. Dropped if it does not.
pub(super) struct Starting<'a> {
    links: &'a Links,
    pod: &'a str,
}

impl Links {
    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start<'a>(&'a self, pod: &'a str) -> Starting<'a> {
        self.lock().insert(pod.to_owned(), Known::Starting);
        Starting { links: self, pod }
    }

    pub(super) fn take(&self, pod: &str) -> First {
        let mut links = self.lock();
        match links.remove(pod) {
            Some(Known::Ready(link, alive)) => {
                links.insert(pod.to_owned(), Known::Taken(alive));
                First::Here(link)
            }
            Some(Known::Starting) => {
                links.insert(pod.to_owned(), Known::Starting);
                First::Coming
            }
            Some(Known::Taken(_)) | None => First::Gone,
        }
    }

    pub(super) fn end(&self, pod: &str) {
        self.lock().remove(pod);
    }
}

impl Starting<'_> {
    pub(super) fn done(self, link: Joined) {
        let (alive, ended) = oneshot::channel();
        let ready = Known::Ready(FirstLink { link, ended }, alive);
        self.links.lock().insert(self.pod.to_owned(), ready);
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        let mut links = self.links.lock();
        if matches!(links.get(self.pod), Some(Known::Starting)) {
            links.remove(self.pod);
        }
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
