//! A timer for "nothing has happened for too long" that costs next to nothing while things happen.
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Measures one wait after the other. The timer underneath is moved when it fires, not at every
/// wait: on a busy connection it fires once in its whole period, for nothing.
///
/// Deadlines (start of the wait and its limit) must never move back.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Watchdog {
    /// Ends the wait, if there is one, and says how long it was.
    pub(super) fn stop(&mut self) -> Duration {
        self.since.take().map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// Starts a wait, or goes on with it; ready when it has lasted for `limit`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        let deadline = *self.since.get_or_insert_with(Instant::now) + limit;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}
