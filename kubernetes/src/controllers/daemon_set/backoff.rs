//! How soon a pod that failed is replaced: the later, the more often that happened on a node.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wharf_types::Timestamp;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(15);

/// How many nodes are remembered; then those that have long been well are forgotten.
const REMEMBERED: usize = 4096;

/// Failures by set, generation and node.
#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<HashMap<(String, i64, String), Entry>>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    pause: Duration,
    last: Timestamp,
}

impl Backoff {
    /// Notes a failure, or says how long it must be waited.
    pub(super) fn fail(&self, key: (String, i64, String), now: Timestamp) -> Result<(), Duration> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= REMEMBERED {
            entries.retain(|_, entry| now.since(entry.last) < LONGEST * 2);
        }
        let pause = match entries.get(&key) {
            Some(entry) => {
                let passed = now.since(entry.last);
                if passed < entry.pause {
                    return Err(entry.pause.saturating_sub(passed));
                }
                // Long ago is as good as never.
                if passed > LONGEST * 2 {
                    FIRST
                } else {
                    (entry.pause * 2).min(LONGEST)
                }
            }
            None => FIRST,
        };
        entries.insert(key, Entry { pause, last: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_with_each_failure() {
        let backoff = Backoff::default();
        let key = || ("set".to_owned(), 1, "node".to_owned());
        let at = Timestamp::from_secs;
        assert_eq!(backoff.fail(key(), at(0)), Ok(()));
        assert_eq!(backoff.fail(key(), at(0)), Err(FIRST));
        assert_eq!(backoff.fail(key(), at(1)), Ok(()));
        assert_eq!(backoff.fail(key(), at(2)), Err(FIRST));
        assert_eq!(backoff.fail(key(), at(3)), Ok(()));
        assert_eq!(backoff.fail(key(), at(10_000)), Ok(()));
        assert_eq!(backoff.fail(key(), at(10_000)), Err(FIRST));
    }
}
