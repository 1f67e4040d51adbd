//! How long a container that fails waits before it is tried again.
use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(5);

/// After this long without a failure, everything is forgotten.
const FORGIVEN: Duration = Duration::from_mins(10);

/// Ten seconds, doubled with every failure. The first restart of a container does not wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    delay: Option<(Duration, Instant)>,
}

impl Backoff {
    /// What has run long enough since it was tried has done well.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.delay = self
            .delay
            .filter(|(_, at)| now.duration_since(*at) < FORGIVEN);
    }

    /// How long it waits now.
    pub(super) fn delay(&self) -> Duration {
        self.delay.map_or(Duration::ZERO, |(delay, _)| delay)
    }

    /// It is tried again now: the next time waits longer.
    pub(super) fn next(&mut self, now: Instant) {
        let delay = match self.delay {
            Some((delay, _)) => (delay * 2).min(LONGEST),
            None => FIRST,
        };
        self.delay = Some((delay, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_doubled_up_to_five_minutes_and_forgiven_after_ten() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.delay(), Duration::ZERO);
        let mut delays = Vec::new();
        for _ in 0..7 {
            backoff.next(start);
            delays.push(backoff.delay().as_secs());
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300]);
        backoff.forgive(start + FORGIVEN / 2);
        assert_eq!(backoff.delay(), LONGEST);
        backoff.forgive(start + FORGIVEN);
        assert_eq!(
            backoff.delay(),
            Duration::ZERO,
            "the next restart does not wait"
        );
        backoff.next(start + FORGIVEN);
        assert_eq!(backoff.delay(), FIRST);
    }
}
