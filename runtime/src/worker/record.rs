//! What is known of one container, and how that is shown.
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use crate::engine::{Exit, FoundContainer, Phase};
use crate::{Container, ContainerState, ContainerStatus, RestartPolicy, Role, Terminated};

/// The number of times that a container was started is also the number of its attempt.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) spec: Container,
    /// Of the container that there is, or that comes.
    pub(super) attempt: u32,
    pub(super) life: Life,
    /// How it ended before it was started again, and its id then.
    pub(super) last: Option<Terminated>,
    pub(super) previous: Option<String>,
    pub(super) image_digest: String,
    pub(super) crashes: Backoff,
    pub(super) pulls: Backoff,
    /// Why it could not be started.
    pub(super) trouble: Option<Trouble>,
    pub(super) flags: Flags,
}

/// What is true of the container that runs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is true or not whatever the others are"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// It was told to end.
    pub(super) ending: bool,
    /// Its spec changed, or what it shared is gone: it is to be made again.
    pub(super) stale: bool,
    /// The hook that follows its start is done.
    pub(super) hooked: bool,
    /// Its startup probe has passed.
    pub(super) started: bool,
    /// Its readiness probe passes.
    pub(super) ready: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Absent,
    Running {
        id: String,
        since: wharf_types::Timestamp,
    },
    Ended {
        id: String,
        end: Terminated,
        at: Instant,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) retry: Instant,
    pub(super) failed: Instant,
}

impl Record {
    pub(super) fn new(spec: Container) -> Self {
        Self {
            spec,
            attempt: 0,
            life: Life::Absent,
            last: None,
            previous: None,
            image_digest: String::new(),
            crashes: Backoff::default(),
            pulls: Backoff::default(),
            trouble: None,
            flags: Flags::default(),
        }
    }

    /// Takes over what the engine has and what was told of it before. The newest of `found` comes
    /// last.
    pub(super) fn adopt(&mut self, found: &[&FoundContainer], told: Option<&ContainerStatus>) {
        if let Some(told) = told {
            self.attempt = told.restarts;
            self.last.clone_from(&told.last);
            self.image_digest.clone_from(&told.image_id);
            if let ContainerState::Terminated(end) = &told.state {
                self.life = Life::Ended {
                    id: told.id.clone(),
                    end: end.clone(),
                    at: Instant::now(),
                };
            }
        }
        let Some((newest, older)) = found.split_last() else {
            if let Some(told) = told.filter(|told| told.is_running()) {
                self.lose(told);
            }
            return;
        };
        self.previous = older.last().map(|one| one.id.clone());
        self.attempt = newest.attempt;
        self.image_digest.clone_from(&newest.image_digest);
        match &newest.phase {
            // Made, but nobody knows why it was not started: the same call makes it again.
            Phase::Created => self.life = Life::Absent,
            Phase::Running { since } => {
                // Hooks ran before the restart; probes begin again.
                self.flags.hooked = true;
                self.flags.started = told.is_some_and(|told| told.started);
                self.flags.ready = told.is_some_and(|told| told.ready);
                self.life = Life::Running {
                    id: newest.id.clone(),
                    since: *since,
                };
            }
            Phase::Ended(exit) => {
                let known = matches!(&self.life, Life::Ended { id, .. } if *id == newest.id);
                if !known {
                    self.end(newest.id.clone(), exit, String::new());
                }
            }
        }
    }

    /// It ran, and the engine has it no more.
    fn lose(&mut self, told: &ContainerStatus) {
        let ContainerState::Running { since } = told.state else {
            return;
        };
        self.life = Life::Ended {
            id: told.id.clone(),
            end: Terminated {
                exit_code: 137,
                reason: "ContainerStatusUnknown".to_owned(),
                message: "The container could not be located when the pod was terminated"
                    .to_owned(),
                started: since,
                finished: since,
            },
            at: Instant::now(),
        };
    }

    pub(super) fn end(&mut self, id: String, exit: &Exit, message: String) {
        self.crashes.forgive(Instant::now());
        self.flags = Flags {
            stale: self.flags.stale,
            ..Flags::default()
        };
        self.life = Life::Ended {
            id,
            end: terminated(exit, message),
            at: Instant::now(),
        };
    }

    /// It is about to be made again: what it was becomes what it was before.
    pub(super) fn renew(&mut self, now: Instant) -> Option<String> {
        let Life::Ended { id, end, .. } = std::mem::replace(&mut self.life, Life::Absent) else {
            return None;
        };
        self.last = Some(end);
        self.attempt = self.attempt.saturating_add(1);
        self.flags = Flags::default();
        self.crashes.next(now);
        self.previous.replace(id)
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.life, Life::Running { .. })
    }

    pub(super) fn id(&self) -> Option<&str> {
        match &self.life {
            Life::Absent => None,
            Life::Running { id, .. } | Life::Ended { id, .. } => Some(id),
        }
    }

    /// Whether it is started again after it ended like this.
    pub(super) fn restarts(&self, policy: RestartPolicy) -> bool {
        let Life::Ended { end, .. } = &self.life else {
            return false;
        };
        match (self.spec.role, policy) {
            (Role::Ephemeral, _) => false,
            (Role::Sidecar, _) => true,
            _ if self.flags.stale => true,
            // An init container that did its work is done, whatever the policy.
            (Role::Init, RestartPolicy::Always | RestartPolicy::OnFailure)
            | (Role::Main, RestartPolicy::OnFailure) => end.exit_code != 0,
            (Role::Main, RestartPolicy::Always) => true,
            (_, RestartPolicy::Never) => false,
        }
    }

    /// When it may be started: at once, later, or (None) never.
    pub(super) fn due(&self, policy: RestartPolicy, now: Instant) -> Option<Instant> {
        let after = match &self.life {
            Life::Absent => now,
            Life::Running { .. } => return None,
            Life::Ended { .. } if !self.restarts(policy) => return None,
            Life::Ended { at, .. } if self.flags.stale => *at,
            Life::Ended { at, .. } => *at + self.crashes.delay(),
        };
        let retry = self.trouble.as_ref().map(|trouble| trouble.retry);
        Some(retry.map_or(after, |retry| retry.max(after)))
    }

    pub(super) fn status(&self, policy: RestartPolicy, pod: &str, usual: &str) -> ContainerStatus {
        let waiting = |reason: &str, message: String| ContainerState::Waiting {
            reason: reason.to_owned(),
            message,
        };
        let mut last = self.last.clone();
        let state = match (&self.life, &self.trouble) {
            (Life::Running { since, .. }, _) => ContainerState::Running { since: *since },
            (Life::Absent, None) => waiting(usual, String::new()),
            (_, Some(trouble)) => {
                let (reason, message) = super::step::shown(self, trouble, Instant::now());
                waiting(&reason, message)
            }
            (Life::Ended { end, .. }, None) => {
                let delay = self.crashes.delay();
                if self.restarts(policy) && !self.flags.stale && delay > Duration::ZERO {
                    last = Some(end.clone());
                    waiting("CrashLoopBackOff", self.back_off(pod))
                } else {
                    ContainerState::Terminated(end.clone())
                }
            }
        };
        ContainerStatus {
            name: self.spec.name.clone(),
            id: self.id().unwrap_or_default().to_owned(),
            image_id: self.image_digest.clone(),
            ready: self.shows_ready(),
            started: self.flags.started && self.is_running(),
            last,
            restarts: self.attempt,
            state,
        }
    }

    pub(super) fn back_off(&self, pod: &str) -> String {
        let delay = span(self.crashes.delay());
        let name = &self.spec.name;
        format!("back-off {delay} restarting failed container={name} pod={pod}")
    }

    fn shows_ready(&self) -> bool {
        match (self.spec.role, &self.life) {
            (Role::Ephemeral, _) => false,
            (Role::Init, Life::Ended { end, .. }) => end.exit_code == 0,
            (Role::Init, _) => false,
            (_, Life::Running { .. }) => {
                self.flags.ready && self.flags.started && !self.flags.ending
            }
            _ => false,
        }
    }
}

/// As Go prints it: `10s`, `1m20s`, `5m0s`.
fn span(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, secs) => format!("{secs}s"),
        (mins, secs) => format!("{mins}m{secs}s"),
    }
}

fn terminated(exit: &Exit, message: String) -> Terminated {
    let (code, reason, message) = match &exit.problem {
        Some(problem) => (128, "StartError", problem.clone()),
        None if exit.oom_killed => (exit.code, "OOMKilled", message),
        None if exit.code == 0 => (0, "Completed", message),
        None => (exit.code, "Error", message),
    };
    Terminated {
        exit_code: code,
        reason: reason.to_owned(),
        message,
        started: exit.started,
        finished: exit.finished,
    }
}
