//! How long nothing was heard of a connection.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Kubernetes' own limit, `streaming-connection-idle-timeout`.
const LIMIT: Duration = Duration::from_hours(4);

/// When something last went over a connection. A cheap handle.
#[derive(Clone, Debug)]
pub(super) struct Idle(Arc<Mutex<Instant>>);

impl Idle {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ready when nothing went over it for too long.
    pub(super) async fn expired(&self) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= LIMIT {
                return;
            }
            sleep_until(last + LIMIT).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends_after_four_hours() {
        let idle = Idle::new();
        let begun = Instant::now();
        let touched = idle.clone();
        tokio::join!(idle.expired(), async {
            tokio::time::sleep(Duration::from_hours(3)).await;
            touched.touch();
        });
        assert_eq!(begun.elapsed().as_secs(), 7 * 3600);
    }
}
