//! When something that failed is tried again.
use std::time::Duration;

use wharf_types::Timestamp;

use super::{Failure, Outcome};

/// How often a replication is tried: for a good hour.
pub(super) const ATTEMPTS: u32 = 12;

/// How long the first retry waits; each further one four times as long.
const FIRST: Duration = Duration::from_secs(2);

/// The longest wait.
const LONGEST: Duration = Duration::from_mins(10);

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Complete,
    Failed(Failure),
    Again { attempts: u32, due: Timestamp },
}

/// What follows from an attempt after so many others.
pub(super) fn next(outcome: &Outcome, attempts: u32, now: Timestamp) -> Next {
    match outcome {
        Outcome::Complete => Next::Complete,
        Outcome::Failed(failed) => Next::Failed(failed.failure),
        Outcome::Later(failure) if attempts + 1 >= ATTEMPTS => Next::Failed(*failure),
        Outcome::Later(_) => Next::Again {
            attempts: attempts + 1,
            due: now + wait(attempts),
        },
    }
}

fn wait(attempts: u32) -> Duration {
    let factor = 4u32.checked_pow(attempts).unwrap_or(u32::MAX);
    FIRST.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_over_an_hour_and_end() {
        let mut now = Timestamp::from_secs(0);
        let mut attempts = 0;
        let later = Outcome::Later(Failure::Unavailable);
        loop {
            match next(&later, attempts, now) {
                Next::Again { attempts: n, due } => {
                    assert!(due > now && due.since(now) <= LONGEST);
                    assert_eq!(n, attempts + 1);
                    (attempts, now) = (n, due);
                }
                Next::Failed(failure) => {
                    assert_eq!(failure, Failure::Unavailable);
                    break;
                }
                Next::Complete => panic!("it is not"),
            }
        }
        assert_eq!(attempts, ATTEMPTS - 1);
        assert!((3600..7200).contains(&now.as_secs()), "{now}");
    }
}
