//! The life of an instance as a table.
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

/// What happens to an instance. Calls only request; the rest is the chore's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    StartRequested,
    StopRequested,
    TerminateRequested,
    /// What it was doing is done.
    Done,
}

impl State {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::ShuttingDown,
        Self::Terminated,
        Self::Stopping,
        Self::Stopped,
    ];

    /// What comes of an event; `None` where it cannot happen.
    pub const fn on(self, event: Event) -> Option<Self> {
        Some(match (self, event) {
            (Self::Stopped, Event::StartRequested) => Self::Pending,
            (Self::Pending | Self::Running, Event::StartRequested) => self,
            (Self::Pending | Self::Running, Event::StopRequested) => Self::Stopping,
            (Self::Stopping | Self::Stopped, Event::StopRequested) => self,
            (Self::ShuttingDown | Self::Terminated, Event::TerminateRequested) => self,
            (_, Event::TerminateRequested) => Self::ShuttingDown,
            (Self::Pending, Event::Done) => Self::Running,
            (Self::Stopping, Event::Done) => Self::Stopped,
            (Self::ShuttingDown, Event::Done) => Self::Terminated,
            (_, _) => return None,
        })
    }

    /// EC2's number and name.
    pub const fn wire(self) -> (u8, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }

    /// Whether it is, or will be without another request, running.
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Whether it is on its way out or gone.
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

#[cfg(test)]
mod tests {
    use super::{Event::*, *};

    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
    #[test]
    fn every_state_can_be_terminated_and_nothing_leaves_terminated() {
        for state in State::ALL {
            let after = state.on(TerminateRequested).unwrap();
            assert!(after.is_gone(), "{state:?}");
        }
        for event in [StartRequested, StopRequested, Done] {
            assert_eq!(State::Terminated.on(event), None);
        }
        assert_eq!(State::ShuttingDown.on(StartRequested), None);
        assert_eq!(State::Stopping.on(StartRequested), None);
        assert_eq!(State::Stopped.on(StartRequested), Some(State::Pending));
        assert_eq!(State::Running.on(StopRequested), Some(State::Stopping));
        assert_eq!(State::Running.on(Done), None);
    }
}
