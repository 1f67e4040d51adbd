//! Bodies that nobody read to their end, because the answer was known before.
//!
//! With HTTP/1.1 the rest of a body stands before the next request, and a connection on which it still
//! comes is closed after the answer. A client that has just sent its next request then gets none. So, as
//! in Go's servers, a short rest is read and forgotten before the answer goes out.
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};

/// How much is read for nothing. Go's servers have the same limit.
const MAX: usize = 256 * 1024;
/// How long the rest of a body may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a body that was lent comes back to.
#[derive(Debug, Default)]
pub(super) struct Unread(Arc<Mutex<Option<Body>>>);

/// A body that comes back when it is dropped.
struct Lent {
    body: Body,
    back: Arc<Mutex<Option<Body>>>,
}

impl Unread {
    pub(super) fn lend(&self, body: Body) -> Body {
        if http_body::Body::is_end_stream(&body) {
            return body;
        }
        let back = Arc::clone(&self.0);
        Body::new(Lent { body, back })
    }

    /// Reads what is left, if it is not much.
    pub(super) async fn discard(self) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = body else { return };
        let most = http_body::Body::size_hint(&body).upper().unwrap_or(0);
        if http_body::Body::is_end_stream(&body) || most > MAX as u64 {
            return;
        }
        // Whatever comes of it: nobody wants it.
        drop(tokio::time::timeout(PATIENCE, Limited::new(body, MAX).collect()).await);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let body = std::mem::replace(&mut self.body, Body::empty());
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that tells when it is read.
    struct Watched {
        body: Body,
        read: Arc<Mutex<bool>>,
    }

    impl http_body::Body for Watched {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            *self.read.lock().unwrap() = true;
            Pin::new(&mut self.body).poll_frame(cx)
        }

        fn size_hint(&self) -> SizeHint {
            http_body::Body::size_hint(&self.body)
        }
    }

    async fn is_read(body: Body) -> bool {
        let read = Arc::new(Mutex::new(false));
        let unread = Unread::default();
        let watched = Watched {
            body,
            read: Arc::clone(&read),
        };
        drop(unread.lend(Body::new(watched)));
        unread.discard().await;
        *read.lock().unwrap()
    }

    #[tokio::test]
    async fn a_short_rest_is_read_and_a_long_one_is_left() {
        assert!(is_read(Body::from("x")).await);
        assert!(is_read(Body::from(vec![0_u8; MAX])).await);
        assert!(!is_read(Body::from(vec![0_u8; MAX + 1])).await);
        // Of unknown length: as far as the limit.
        let unknown = futures::stream::iter([Ok::<_, std::io::Error>("x")]);
        assert!(is_read(Body::from_stream(unknown)).await);
    }
}
