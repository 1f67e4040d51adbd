//! Controllers: each makes the cluster look the way the objects of one kind say.
//!
//! A controller is level-triggered. A change of a shelf names keys of objects that may now need work
//! ([`Frame::on`]); a worker takes a key, looks at everything there is *now*, plans, and acts. What
//! woke it does not matter, and doing it twice does no harm.
//!
//! # Guarantees
//! * A key is worked on by one worker at a time; a key that comes up meanwhile is worked on again.
//! * A failed key comes back after a pause that doubles; a panic is a failure like any other.
//! * Nothing is lost if the program stops halfway: everything is looked at again at the start.

mod index;
mod queue;
#[cfg(test)]
mod tests;
mod watch;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
pub(crate) use index::Index;
pub(crate) use queue::{Key, Queue};
use tokio::task::JoinSet;
pub(crate) use watch::{Seen, follow};
use wharf_types::Timestamp;

use crate::Status;
use crate::store::{Shelf, Store};

/// How many keys of one controller are worked on at a time.
pub(crate) const WORKERS: usize = 4;

/// How a key was dealt with: it may ask to be looked at again after a time of the cluster's clock.
pub(crate) type Outcome = Result<Option<Duration>, Status>;

/// A controller: a queue of keys, what fills it, and those who empty it.
#[derive(Debug)]
pub(crate) struct Frame {
    name: &'static str,
    store: Store,
    queue: Queue,
    tasks: JoinSet<()>,
}

impl Frame {
    /// `now` is the cluster's clock, by which [`Queue::after`] waits.
    pub(crate) fn new(
        name: &'static str,
        store: &Store,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            store: store.clone(),
            queue: Queue::new(now),
            tasks: JoinSet::new(),
        }
    }

    /// For keys that come from elsewhere than a shelf.
    pub(crate) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Asks for the keys that each object of a shelf concerns, in its old and in its new state: at
    /// the start for what is there, then at every change.
    pub(crate) fn on(
        &mut self,
        shelf: Arc<Shelf>,
        keys: impl Fn(&Seen<'_>) -> Vec<Key> + Send + Sync + 'static,
    ) {
        let (store, queue) = (self.store.clone(), self.queue.clone());
        self.tasks.spawn(async move {
            follow(&store, &shelf, |seen| {
                for key in keys(seen) {
                    queue.add(key);
                }
            })
            .await;
        });
    }

    /// Works until it is dropped. An error, or a panic, brings the key back later.
    pub(crate) async fn run<F, W>(mut self, workers: usize, work: F)
    where
        F: Fn(Key) -> W + Send + Sync + 'static,
        W: Future<Output = Outcome> + Send,
    {
        let work = Arc::new(work);
        for _ in 0..workers {
            let (name, queue, work) = (self.name, self.queue.clone(), Arc::clone(&work));
            self.tasks.spawn(async move {
                loop {
                    let taken = queue.take().await;
                    let key = taken.key().clone();
                    let done = AssertUnwindSafe(async { work(key).await }).catch_unwind();
                    match done.await {
                        Ok(Ok(None)) => taken.done(),
                        Ok(Ok(Some(after))) => taken.again(after),
                        Ok(Err(status)) => {
                            tracing::debug!(controller = name, key = %taken.key(), error = %status, "a key failed and is tried again");
                            taken.failed();
                        }
                        Err(_panic) => {
                            tracing::error!(controller = name, key = %taken.key(), "a controller panicked");
                            taken.failed();
                        }
                    }
                }
            });
        }
        // They only end by a panic: whoever runs this starts it anew.
        let ended = self.tasks.join_next().await;
        tracing::error!(
            controller = self.name,
            ?ended,
            "a part of a controller ended"
        );
    }
}
