//! What pods use of CPUs and memory, from what their engine counts: the figures of `kubectl top` and of
//! autoscalers.
//!
//! An engine counts since the start of a container. A figure is the difference of two looks, so a new
//! container has none until it was looked at twice.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use wharf_runtime::engine::Usage;

use super::Kubelet;
use super::queue::Key;
use crate::metrics::{ContainerUsage, PodMetrics, PodUsage};

/// How often pods are looked at, as the chart of metrics-server has it.
const EVERY: Duration = Duration::from_secs(15);

/// How many pods are looked at at once.
const AT_ONCE: usize = 16;

/// What the containers of a pod were counted to have used, by name.
type Counts = HashMap<String, Usage>;

#[derive(Debug, Default)]
struct Measured {
    uid: String,
    counts: Counts,
    usage: Option<PodUsage>,
}

/// The latest figures of all pods.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<HashMap<Key, Measured>>);

impl Figures {
    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Measured>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a pod was counted to have used.
    fn take(&self, key: Key, uid: &str, counts: Vec<(String, Usage)>) {
        let counts: Counts = counts.into_iter().collect();
        let mut all = self.lock();
        let own = all.entry(key).or_default();
        if own.uid != uid {
            *own = Measured {
                uid: uid.to_owned(),
                ..Measured::default()
            };
        }
        own.usage = between(&own.counts, &counts);
        own.counts = counts;
    }

    /// Forgets pods that are none of these.
    fn keep(&self, keys: &[Key]) {
        let keys: std::collections::HashSet<&Key> = keys.iter().collect();
        self.lock().retain(|key, _| keys.contains(key));
    }
}

impl PodMetrics for Figures {
    fn usage(&self, namespace: &str, name: &str) -> Option<PodUsage> {
        let key = (namespace.to_owned(), name.to_owned());
        self.lock().get(&key)?.usage.clone()
    }
}

/// What was used between two looks. None if no container was there at both: like metrics-server, nothing
/// is said of a pod of which something is not known.
fn between(before: &Counts, after: &Counts) -> Option<PodUsage> {
    let mut containers = Vec::new();
    let (mut at, mut window) = (None, Duration::ZERO);
    for (name, now) in after {
        let last = before.get(name)?;
        // One that was started anew counts from its own start.
        let used = now.cpu_nanos.checked_sub(last.cpu_nanos)?;
        let passed = now.at.since(last.at);
        let millis = u64::try_from(passed.as_millis()).ok()?;
        let cpu_nanos = used.saturating_mul(1000).checked_div(millis)?;
        containers.push(ContainerUsage {
            name: name.clone(),
            cpu_nanos,
            memory_bytes: now.memory_bytes,
        });
        at = at.max(Some(now.at));
        window = window.max(passed);
    }
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    Some(PodUsage {
        at: at?,
        window,
        containers,
    })
}

impl Kubelet {
    /// Looks at what pods use, again and again.
    #[expect(clippy::infinite_loop, reason = "ends with its task")]
    pub(super) async fn measure(self, figures: Arc<Figures>) {
        let mut looks = tokio::time::interval(EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look_at_usage(&figures).await;
        }
    }

    async fn look_at_usage(&self, figures: &Figures) {
        let keys = self.0.state.keys();
        figures.keep(&keys);
        let looks = keys.into_iter().filter_map(|key| {
            let known = self.0.state.get(&key)?;
            (!known.is_virtual).then_some((key, known.uid))
        });
        let looks = stream::iter(looks).map(|(key, uid)| async move {
            // A pod that does not run is none of which there could be figures.
            let counts = self.0.engine.usage(&uid).await.unwrap_or_default();
            figures.take(key, &uid, counts);
        });
        looks.buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use wharf_types::Timestamp;

    use super::*;

    fn counted(name: &str, cpu_millis: u64, at_secs: i64) -> (String, Usage) {
        let usage = Usage {
            cpu_nanos: cpu_millis * 1_000_000,
            memory_bytes: 3 << 20,
            at: Timestamp::from_secs(at_secs),
        };
        (name.to_owned(), usage)
    }

    fn cpu(figures: &Figures) -> Option<Vec<(String, u64)>> {
        let usage = figures.usage("default", "a")?;
        let containers = usage.containers.into_iter();
        Some(containers.map(|one| (one.name, one.cpu_nanos)).collect())
    }

    #[test]
    fn a_figure_is_what_was_used_in_between() {
        let figures = Figures::default();
        let key = || ("default".to_owned(), "a".to_owned());
        figures.take(key(), "1", vec![counted("web", 5000, 100)]);
        assert_eq!(cpu(&figures), None, "it was looked at once");
        // Half a CPU for ten seconds.
        figures.take(key(), "1", vec![counted("web", 10_000, 110)]);
        assert_eq!(cpu(&figures).unwrap(), [("web".to_owned(), 500_000_000)]);
        let usage = figures.usage("default", "a").unwrap();
        assert_eq!(usage.window, Duration::from_secs(10));
        assert_eq!(usage.at, Timestamp::from_secs(110));
        assert_eq!(usage.containers[0].memory_bytes, 3 << 20);
        // Started anew, it counts from nothing.
        figures.take(key(), "1", vec![counted("web", 10, 120)]);
        assert_eq!(cpu(&figures), None);
        figures.take(key(), "1", vec![counted("web", 10, 120)]);
        assert_eq!(cpu(&figures), None, "no time has passed");
        // Another pod of the name has figures of its own.
        figures.take(key(), "2", vec![counted("web", 20, 130)]);
        assert_eq!(cpu(&figures), None);
        figures.take(key(), "2", vec![counted("web", 20, 140)]);
        assert_eq!(cpu(&figures).unwrap(), [("web".to_owned(), 0)]);
        figures.keep(&[]);
        assert_eq!(cpu(&figures), None);
    }

    #[test]
    fn a_pod_that_does_not_run_has_no_figures() {
        let figures = Figures::default();
        let key = || ("default".to_owned(), "a".to_owned());
        figures.take(key(), "1", Vec::new());
        figures.take(key(), "1", Vec::new());
        assert_eq!(cpu(&figures), None);
    }
}
