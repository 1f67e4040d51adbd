//! Bodies that are read as a whole, and how much of them is in memory at once.
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

/// How many bytes of bodies there may be at once. A layer's part in JSON is decoded as well, so that
/// the memory is up to twice this.
const ROOM: usize = 256 * 1024 * 1024;

/// Bodies up to this size need no room: there are no more of them than connections, and they do not
/// wait for the large ones.
const SMALL: usize = 64 * 1024;

/// The room for bodies. Who finds none waits, and their clients with them.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Semaphore>);

/// A body's room, which is free again when this is dropped: when the request is answered.
#[derive(Debug)]
#[must_use]
pub struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

impl Bodies {
    /// Reads a body that is announced to have so many bytes, and has at most `limit`.
    pub async fn read(
        &self,
        body: Body,
        announced: Option<u64>,
        limit: usize,
    ) -> Result<(Bytes, Room), Error> {
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit));
        }
        let announced = announced.and_then(|length| usize::try_from(length).ok());
        // Taking room as the bytes come could leave all with a part and none with the whole.
        let room = self.room(announced.unwrap_or(limit)).await?;
        Ok((collect(body, announced, limit).await?, room))
    }

    async fn room(&self, size: usize) -> Result<Room, Error> {
        if size <= SMALL {
            return Ok(Room { _permit: None });
        }
        // More than all would be waited for for ever.
        let permits = u32::try_from(size.min(ROOM)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).acquire_many_owned(permits).await;
        let permit = permit.map_err(|_closed| Error::BodyBroken)?;
        Ok(Room {
            _permit: Some(permit),
        })
    }
}

async fn collect(body: Body, announced: Option<usize>, limit: usize) -> Result<Bytes, Error> {
    let mut stream = body.into_data_stream();
    // Growing would hold the body twice for a moment. A page is not there before it is written to.
    let mut all = BytesMut::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_broken| Error::BodyBroken)?;
        if all.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

const fn too_large(limit: usize) -> Error {
    Error::TooLarge {
        limit: limit as u64,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const LARGE: usize = 20 * 1024 * 1024;

    fn read(bodies: &Bodies, announced: usize) -> Option<Result<(Bytes, Room), Error>> {
        let body = Body::from("{}");
        let read = bodies.read(body, Some(announced as u64), LARGE);
        read.now_or_never()
    }

    #[test]
    fn a_large_body_waits_until_others_are_answered_and_a_small_one_does_not() {
        let bodies = Bodies::default();
        let mut held: Vec<_> = std::iter::from_fn(|| read(&bodies, LARGE)).collect();
        assert_eq!(held.len(), ROOM / LARGE);
        assert!(read(&bodies, LARGE).is_none());
        assert!(read(&bodies, SMALL).is_some());
        drop(held.pop());
        assert!(read(&bodies, LARGE).is_some());
    }

    #[test]
    fn a_body_of_unknown_length_takes_the_room_of_the_largest() {
        let bodies = Bodies::default();
        let read = || bodies.read(Body::from("{}"), None, LARGE).now_or_never();
        let held: Vec<_> = std::iter::from_fn(read).collect();
        assert_eq!(held.len(), ROOM / LARGE);
    }

    #[test]
    fn a_body_that_is_too_large_does_not_wait() {
        let bodies = Bodies::default();
        let _held: Vec<_> = std::iter::from_fn(|| read(&bodies, LARGE)).collect();
        let refused = read(&bodies, LARGE + 1).unwrap();
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
        let lying = Body::from(vec![0; 11]);
        let refused = bodies.read(lying, Some(1), 10).now_or_never().unwrap();
        assert!(matches!(refused, Err(Error::TooLarge { limit: 10 })));
    }
}
