//! The probes of a running container.
use std::sync::Arc;
use std::time::Duration;

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

/// A check ends by its own timeout, which says more; this is for one that does not.
const MARGIN: Duration = Duration::from_secs(1);

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
        let outcome = tokio::time::timeout(probe.timeout + MARGIN, check).await;
        let told = match outcome {
            Ok(Ok(Outcome::Passed)) => None,
            Ok(Ok(Outcome::Warned(said))) => Some((true, format!("warning: {said}"))),
            Ok(Ok(Outcome::Failed(said))) => Some((false, format!("failed: {said}"))),
            Ok(Err(error)) => {
                // Nothing is known of the container, so nothing is held against it.
                let error = wharf_types::chain(&error);
                let title = kind.title();
                let message =
                    format!("{title} probe errored and resulted in unknown state: {error}");
                let name = &target.container;
                inner.notice(Notice::warning(&target.pod, name, "Unhealthy", message));
                continue;
            }
            Err(_) => Some((false, "failed: command timed out".to_owned())),
        };
        let passed = told.as_ref().is_none_or(|(passed, _)| *passed);
        if let Some((passed, said)) = told {
            let reason = if passed { "ProbeWarning" } else { "Unhealthy" };
            let message = format!("{} probe {said}", kind.title());
            let name = &target.container;
            inner.notice(Notice::warning(&target.pod, name, reason, message));
        }
        (passes, failures) = if passed {
            (passes.saturating_add(1), 0)
        } else {
            (0, failures.saturating_add(1))
        };
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
