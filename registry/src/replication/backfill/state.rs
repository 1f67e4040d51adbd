//! The life of a backfill.
//!
//! ```text
//! PREPARING --Prepared--> IN_PROGRESS --Finished--> COMPLETE
//!     |                        |
//!     |                        +--StopRequested, some under way--> STOPPING --Settled--> STOPPED
//!     +--StopRequested-------->+--StopRequested, none under way------------------------> STOPPED
//!     +--Impossible----------> FAILED
//! ```
use serde::{Deserialize, Serialize};

/// How far a backfill is, spelled as ECR spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The images to replicate are being listed.
    Preparing,
    InProgress,
    Complete,
    Failed,
    /// What is under way goes on to its end, and nothing else begins.
    Stopping,
    Stopped,
}

/// What happens to a backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// All images are listed.
    Prepared,
    /// They cannot be.
    Impossible,
    /// Every replication has an outcome.
    Finished,
    /// A user asks for the end.
    StopRequested { under_way: bool },
    /// After that, what was under way has its outcome.
    Settled,
}

/// An event that cannot happen in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub state: State,
    pub event: Event,
}

impl State {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::InProgress => "IN_PROGRESS",
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }

    /// Whether nothing happens any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Stopped)
    }

    /// The state after an event.
    pub const fn on(self, event: Event) -> Result<Self, Rejected> {
        use Event as E;
        Ok(match (self, event) {
            (Self::Preparing, E::Prepared) => Self::InProgress,
            (Self::Preparing, E::Impossible) => Self::Failed,
            (Self::Preparing, E::StopRequested { .. }) => Self::Stopped,
            (Self::InProgress, E::Finished) => Self::Complete,
            (Self::InProgress, E::StopRequested { under_way: true }) => Self::Stopping,
            (Self::InProgress, E::StopRequested { under_way: false }) => Self::Stopped,
            (Self::Stopping, E::Settled) => Self::Stopped,
            (state, event) => return Err(Rejected { state, event }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] = [
        State::Preparing,
        State::InProgress,
        State::Complete,
        State::Failed,
        State::Stopping,
        State::Stopped,
    ];
    const EVENTS: [Event; 6] = [
        Event::Prepared,
        Event::Impossible,
        Event::Finished,
        Event::StopRequested { under_way: true },
        Event::StopRequested { under_way: false },
        Event::Settled,
    ];

    #[test]
    fn the_table_is_the_one_that_is_drawn() {
        let mut edges = Vec::new();
        for state in STATES {
            for event in EVENTS {
                match state.on(event) {
                    Ok(next) => edges.push((state.as_str(), next.as_str())),
                    Err(rejected) => assert_eq!(rejected, Rejected { state, event }),
                }
            }
        }
        edges.dedup();
        assert_eq!(
            edges,
            [
                ("PREPARING", "IN_PROGRESS"),
                ("PREPARING", "FAILED"),
                ("PREPARING", "STOPPED"),
                ("IN_PROGRESS", "COMPLETE"),
                ("IN_PROGRESS", "STOPPING"),
                ("IN_PROGRESS", "STOPPED"),
                ("STOPPING", "STOPPED"),
            ]
        );
    }

    #[test]
    fn terminal_states_are_reached_from_all_others_and_left_for_none() {
        for state in STATES {
            let next: Vec<State> = EVENTS.iter().filter_map(|e| state.on(*e).ok()).collect();
            assert_eq!(next.is_empty(), state.is_terminal(), "{state:?}");
            let reaches = |s: &State| s.is_terminal() || *s == State::InProgress;
            assert!(state.is_terminal() || next.iter().any(reaches), "{state:?}");
        }
    }
}
