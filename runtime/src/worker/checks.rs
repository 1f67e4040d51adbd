//! What probes and hooks ask.
use std::fmt;
use std::time::Duration;

use crate::{Action, Later};

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// It passed, with something to be told of it.
    Warned(String),
    /// With what it said.
    Failed(String),
}

/// Does what probes and hooks ask for, in the network and with the rights of a container.
pub trait Checks: Send + Sync + fmt::Debug {
    /// Takes an action in a container of a pod, for at most `timeout`.
    fn check<'a>(
        &'a self,
        pod: &'a str,
        container: &'a str,
        action: &'a Action,
        timeout: Duration,
    ) -> Later<'a, Outcome>;

    /// The same for a hook at the start or the end of the container, if that differs from a probe.
    fn hook<'a>(
        &'a self,
        pod: &'a str,
        container: &'a str,
        action: &'a Action,
        timeout: Duration,
    ) -> Later<'a, Outcome> {
        self.check(pod, container, action, timeout)
    }
}
