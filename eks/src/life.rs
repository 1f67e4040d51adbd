//! The life of a resource, which is the same for all of EKS's:
//!
//! ```text
//! CREATING ──Ready──▶ ACTIVE ──UpdateRequested──▶ UPDATING ──Ready──▶ ACTIVE
//!     └──Failed──▶ CREATE_FAILED      ▲                └──Failed──▶ UPDATE_FAILED
//! PENDING ──Ready───────┘   ACTIVE ──Unhealthy──▶ DEGRADED ──Ready──▶ ACTIVE
//! any but DELETING ──DeleteRequested──▶ DELETING ──Ready──▶ (gone)
//!                                          └──Failed──▶ DELETE_FAILED
//! ```
use serde::{Deserialize, Serialize};
use wharf_types::Timestamp;

/// Where in its life a resource is. A kind has those that its model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Creating,
    Active,
    Updating,
    Deleting,
    CreateFailed,
    UpdateFailed,
    DeleteFailed,
    Degraded,
    /// A registered cluster that has not connected yet.
    Pending,
}

/// What happens to a resource. Operations apply only those that end in `Requested`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    UpdateRequested,
    DeleteRequested,
    Ready,
    Failed,
    Unhealthy,
}

/// What cannot happen in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub phase: Phase,
    pub event: Event,
}

impl Phase {
    /// What comes after an event: the whole table.
    pub const fn on(self, event: Event) -> Result<Self, Rejected> {
        Ok(match (self, event) {
            (Self::Creating | Self::Updating | Self::Degraded | Self::Pending, Event::Ready) => {
                Self::Active
            }
            (Self::Creating, Event::Failed) => Self::CreateFailed,
            (Self::Updating, Event::Failed) => Self::UpdateFailed,
            (Self::Deleting, Event::Failed) => Self::DeleteFailed,
            (Self::Active, Event::Unhealthy) => Self::Degraded,
            (Self::Active | Self::Degraded | Self::UpdateFailed, Event::UpdateRequested) => {
                Self::Updating
            }
            (
                Self::Creating
                | Self::Active
                | Self::Updating
                | Self::CreateFailed
                | Self::UpdateFailed
                | Self::DeleteFailed
                | Self::Degraded
                | Self::Pending,
                Event::DeleteRequested,
            ) => Self::Deleting,
            (phase, event) => return Err(Rejected { phase, event }),
        })
    }

    /// Whether the worker has something to do.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::Deleting)
    }

    /// As AWS writes it. Clusters have one word for what failed: see their own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
            Self::CreateFailed => "CREATE_FAILED",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::Degraded => "DEGRADED",
            Self::Pending => "PENDING",
        }
    }
}

/// A phase, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    pub phase: Phase,
    pub since_ms: i64,
}

impl Life {
    /// The beginning of a life in a phase.
    pub const fn begin(phase: Phase, now: Timestamp) -> Self {
        Self {
            phase,
            since_ms: now.as_ms(),
        }
    }

    /// What comes after an event.
    pub fn on(self, event: Event, now: Timestamp) -> Result<Self, Rejected> {
        Ok(Self::begin(self.phase.on(event)?, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASES: [Phase; 9] = [
        Phase::Creating,
        Phase::Active,
        Phase::Updating,
        Phase::Deleting,
        Phase::CreateFailed,
        Phase::UpdateFailed,
        Phase::DeleteFailed,
        Phase::Degraded,
        Phase::Pending,
    ];
    const EVENTS: [Event; 5] = [
        Event::UpdateRequested,
        Event::DeleteRequested,
        Event::Ready,
        Event::Failed,
        Event::Unhealthy,
    ];

    #[test]
    fn the_table_of_a_life() {
        let mut lines = Vec::new();
        for phase in PHASES {
            for event in EVENTS {
                if let Ok(next) = phase.on(event) {
                    lines.push(format!("{} {event:?} {}", phase.as_str(), next.as_str()));
                }
            }
        }
        let expected = "CREATING DeleteRequested DELETING
CREATING Ready ACTIVE
CREATING Failed CREATE_FAILED
ACTIVE UpdateRequested UPDATING
ACTIVE DeleteRequested DELETING
ACTIVE Unhealthy DEGRADED
UPDATING DeleteRequested DELETING
UPDATING Ready ACTIVE
UPDATING Failed UPDATE_FAILED
DELETING Failed DELETE_FAILED
CREATE_FAILED DeleteRequested DELETING
UPDATE_FAILED UpdateRequested UPDATING
UPDATE_FAILED DeleteRequested DELETING
DELETE_FAILED DeleteRequested DELETING
DEGRADED UpdateRequested UPDATING
DEGRADED DeleteRequested DELETING
DEGRADED Ready ACTIVE
PENDING DeleteRequested DELETING
PENDING Ready ACTIVE";
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn every_phase_can_reach_deleting_and_no_open_one_is_an_end() {
        for phase in PHASES {
            let deleted = phase == Phase::Deleting || phase.on(Event::DeleteRequested).is_ok();
            assert!(deleted, "{phase:?}");
            assert!(
                !phase.is_open() || phase.on(Event::Failed).is_ok(),
                "{phase:?}"
            );
        }
    }
}
