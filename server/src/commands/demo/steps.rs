//! What is printed of each step, and waiting for what comes by itself.
use std::{fmt::Display, time::Duration};

use anyhow::bail;
use tokio::time::{Instant, sleep};

use super::say;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// How long anything may take to come about.
const LIMIT: Duration = Duration::from_mins(3);

/// Prints each step with the time it took.
pub(super) struct Steps(Instant);

impl Steps {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn done(&mut self, what: impl Display) -> anyhow::Result<()> {
        let ms = self.0.elapsed().as_secs_f64() * 1000.0;
        say(format_args!("{ms:8.1} ms  {what}"))?;
        self.skip();
        Ok(())
    }

    /// What took the time until now was no step.
    pub(super) fn skip(&mut self) {
        self.0 = Instant::now();
    }
}

/// What a look at something shows.
pub(super) enum Look<T> {
    There(T),
    /// And why.
    NotYet(String),
}

/// Looks until it is there.
pub(super) async fn until<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Look<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + LIMIT;
    loop {
        match look().await? {
            Look::There(found) => return Ok(found),
            Look::NotYet(why) if Instant::now() >= end => {
                bail!("{what}: not within {} s: {why}", LIMIT.as_secs())
            }
            Look::NotYet(_) => sleep(PAUSE).await,
        }
    }
}
