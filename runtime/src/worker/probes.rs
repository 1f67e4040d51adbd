//! The probes of a running container.
use std::sync::Arc;

use tokio::sync::mpsc;

use super::pod::Event;
use super::{Inner, Outcome};
use crate::{Notice, Probe};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Startup,
    Readiness,
    Liveness,
}

impl Kind {
    const fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }
}

/// The container that is probed.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) id: String,
    pub(super) at: usize,
}

/// Probes until nobody listens, or (a startup probe) until it has passed.
pub(super) async fn run(
    inner: Arc<Inner>,
    target: Target,
    kind: Kind,
    probe: Probe,
    events: mpsc::UnboundedSender<Event>,
) {
    tokio::time::sleep(probe.initial_delay).await;
    let mut ticks = tokio::time::interval(probe.period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut passes, mut failures) = (0_u32, 0_u32);
    loop {
        ticks.tick().await;
        let check = inner
            .checks
            .check(&target.pod, &target.id, &probe.action, probe.timeout);
        let failure = match tokio::time::timeout(probe.timeout, check).await {
            Ok(Ok(Outcome::Passed)) => None,
            Ok(Ok(Outcome::Failed(said))) => Some(said),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("command timed out after {:?}", probe.timeout)),
        };
        let passed = failure.is_none();
        if let Some(said) = failure {
            let message = format!("{} probe failed: {said}", kind.title());
            let name = &target.container;
            inner.notice(Notice::warning(&target.pod, name, "Unhealthy", message));
            (passes, failures) = (0, failures.saturating_add(1));
        } else {
            (passes, failures) = (passes.saturating_add(1), 0);
        }
        let turned = (passed && passes == probe.success_threshold)
            || (!passed && failures == probe.failure_threshold);
        if !turned {
            continue;
        }
        let event = Event::Probed {
            at: target.at,
            id: target.id.clone(),
            kind,
            passed,
        };
        if events.send(event).is_err() || (passed && kind == Kind::Startup) {
            return;
        }
    }
}
