//! How a container is brought to its end: the hook, the signal, and at last the kill.
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Inner;
use crate::{Container, Notice};

/// Even without grace, a hook and a signal get this long.
const LEAST: Duration = Duration::from_secs(2);

/// How often a kill is tried that an engine did not take.
const RETRY: Duration = Duration::from_secs(1);
const KILLS: usize = 1000;

pub(super) struct Ending {
    pub(super) pod: String,
    pub(super) id: String,
    pub(super) container: Container,
    pub(super) stop_signal: Option<String>,
    pub(super) grace: Duration,
}

/// Ends a container. The engine says when it has ended; this only sees to it that it does.
pub(super) async fn end(inner: Arc<Inner>, ending: Ending) {
    let deadline = Instant::now() + ending.grace;
    let hook = ending.container.lifecycle.pre_stop.as_ref();
    if let Some(action) = hook.filter(|_| !ending.grace.is_zero()) {
        let checks = &inner.checks;
        let check = checks.hook(&ending.pod, &ending.id, action, ending.grace);
        let outcome = tokio::time::timeout_at(deadline, check).await;
        if !matches!(outcome, Ok(Ok(super::Outcome::Passed))) {
            inner.notice(Notice::warning(
                &ending.pod,
                &ending.container.name,
                "FailedPreStopHook",
                "PreStopHook failed".to_owned(),
            ));
        }
    }
    if !ending.grace.is_zero() {
        let signal = ending.container.lifecycle.stop_signal.as_deref();
        let signal = signal.or(ending.stop_signal.as_deref());
        let sent = inner.engine.signal(&ending.id, signal.unwrap_or("SIGTERM"));
        if let Err(error) = sent.await {
            tracing::warn!(container = ending.id, %error, "a container could not be told to end");
        }
        tokio::time::sleep_until(deadline.max(Instant::now() + LEAST)).await;
    }
    // Whoever sees it end aborts this.
    for _ in 0..KILLS {
        if let Err(error) = inner.engine.signal(&ending.id, "SIGKILL").await {
            tracing::warn!(container = ending.id, %error, "a container could not be killed");
        }
        tokio::time::sleep(RETRY).await;
    }
}
