//! How soon a pod that failed is replaced: the later, the more failed since one succeeded.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wharf_types::Timestamp;

use super::super::Key;
use crate::cluster::time::parse_rfc3339;
use crate::views::{ContainerStatus, PodView};

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(10);

/// The failures of a job since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    pub count: u32,
    pub last: Option<Timestamp>,
}

impl Failures {
    /// With the pods that ended since.
    pub(super) fn with(self, succeeded: &[&PodView], failed: &[&PodView]) -> Self {
        let success = succeeded.iter().map(|pod| finished_at(pod)).max();
        let begin = if success.is_some() {
            Self::default()
        } else {
            self
        };
        let times = failed.iter().map(|pod| finished_at(pod));
        let times = times.filter(|time| success.is_none_or(|success| *time > success));
        times.fold(begin, |sum, time| Self {
            count: sum.count.saturating_add(1),
            last: sum.last.max(Some(time)),
        })
    }

    /// How long it is to be waited before the next pod.
    pub(super) fn left(self, now: Timestamp) -> Duration {
        let Some(last) = self.last.filter(|_| self.count > 0) else {
            return Duration::ZERO;
        };
        let factor = 1u32.checked_shl(self.count - 1).unwrap_or(u32::MAX);
        let pause = FIRST.saturating_mul(factor).min(LONGEST);
        pause.saturating_sub(now.since(last))
    }
}

/// When a pod ended: its last container, or when it was no longer ready, or was told to end.
pub(super) fn finished_at(pod: &PodView) -> Timestamp {
    let not_ready = || {
        let ready = pod.condition("Ready")?;
        ready.since().filter(|_| ready.status == "False")
    };
    let deleted = || {
        let at = parse_rfc3339(pod.metadata.deletion_timestamp.as_deref()?)?;
        let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
        let grace = grace.saturating_mul(1000);
        Some(Timestamp::from_ms(at.as_ms().saturating_sub(grace)))
    };
    let found = containers_ended(pod).or_else(not_ready).or_else(deleted);
    let found = found.or_else(|| pod.metadata.created());
    found.unwrap_or(Timestamp::from_ms(0))
}

/// The end of the last container, or sidecar, if all have ended.
fn containers_ended(pod: &PodView) -> Option<Timestamp> {
    let is_sidecar = |status: &&ContainerStatus| {
        let mut all = pod.spec.init_containers.iter();
        all.any(|container| {
            container.name == status.name && container.restart_policy.as_deref() == Some("Always")
        })
    };
    let main = pod.status.container_statuses.iter();
    let sidecars = pod.status.init_container_statuses.iter();
    let mut last = None;
    for status in main.chain(sidecars.filter(is_sidecar)) {
        let end = status.state.terminated.as_ref()?;
        let end = parse_rfc3339(end.finished_at.as_deref()?)?;
        last = last.max(Some(end));
    }
    last
}

/// What is known of each job that runs. It is forgotten when the program ends.
#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<HashMap<Key, (String, Failures)>>);

impl Backoff {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, (String, Failures)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, job: &Key, uid: &str) -> Failures {
        let all = self.all();
        let known = all.get(job).filter(|(known, _)| known == uid);
        known.map_or_else(Failures::default, |(_, failures)| *failures)
    }

    pub(super) fn keep(&self, job: &Key, uid: &str, failures: Failures) {
        if failures == Failures::default() {
            self.all().remove(job);
        } else {
            self.all().insert(job.clone(), (uid.to_owned(), failures));
        }
    }

    pub(super) fn forget(&self, job: &Key) {
        self.all().remove(job);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::time::rfc3339;

    fn ended(secs: i64) -> PodView {
        let end = json!({ "terminated": { "finishedAt": rfc3339(Timestamp::from_secs(secs)) } });
        let status = json!({ "containerStatuses": [{ "name": "main", "state": end }] });
        serde_json::from_value(json!({ "status": status })).unwrap()
    }

    #[test]
    fn failures_count_since_the_last_success() {
        let at = |secs| Some(Timestamp::from_secs(secs));
        let known = Failures {
            count: 2,
            last: at(5),
        };
        let (a, b, c) = (ended(10), ended(20), ended(30));
        assert_eq!(known.with(&[], &[]), known);
        assert_eq!(
            known.with(&[], &[&c, &a]),
            Failures {
                count: 4,
                last: at(30)
            }
        );
        assert_eq!(known.with(&[&a], &[]), Failures::default());
        assert_eq!(
            known.with(&[&a], &[&b, &c]),
            Failures {
                count: 2,
                last: at(30)
            }
        );
        assert_eq!(
            known.with(&[&a, &b], &[&c]),
            Failures {
                count: 1,
                last: at(30)
            }
        );
        assert_eq!(known.with(&[&b], &[&a, &b]), Failures::default());
    }

    #[test]
    fn ten_seconds_double_up_to_ten_minutes() {
        let left = |count, since: i64| {
            let last = Some(Timestamp::from_secs(1000));
            let now = Timestamp::from_secs(1000 + since);
            Failures { count, last }.left(now).as_secs()
        };
        assert_eq!(left(0, 0), 0);
        assert_eq!(
            (left(1, 0), left(1, 4), left(1, 10), left(1, 99)),
            (10, 6, 0, 0)
        );
        assert_eq!((left(2, 0), left(3, 0), left(6, 20)), (20, 40, 300));
        assert_eq!(
            (left(7, 0), left(40, 0), left(u32::MAX, 0)),
            (600, 600, 600)
        );
    }

    #[test]
    fn the_end_of_a_pod_is_found_where_it_is_told() {
        let pod = |value: Value| -> PodView { serde_json::from_value(value).unwrap() };
        let at = |pod: &PodView| finished_at(pod).as_secs();
        let time = |secs| rfc3339(Timestamp::from_secs(secs));
        let end = |name: &str, secs| json!({ "name": name, "state": { "terminated": { "finishedAt": time(secs) } } });
        let sidecar = pod(json!({
            "spec": { "initContainers": [{ "name": "s", "restartPolicy": "Always" }, { "name": "i" }] },
            "status": {
                "containerStatuses": [end("a", 3), end("b", 5)],
                "initContainerStatuses": [end("s", 7), end("i", 9)],
            },
        }));
        assert_eq!(at(&sidecar), 7);
        let ready = json!({ "type": "Ready", "status": "False", "lastTransitionTime": time(4) });
        let running = json!([end("a", 3), { "name": "b", "state": { "running": {} } }]);
        let status = json!({ "conditions": [ready], "containerStatuses": running });
        assert_eq!(at(&pod(json!({ "status": status }))), 4);
        let metadata = json!({
            "creationTimestamp": time(1),
            "deletionTimestamp": time(40),
            "deletionGracePeriodSeconds": 30,
        });
        assert_eq!(at(&pod(json!({ "metadata": metadata }))), 10);
        assert_eq!(
            at(&pod(
                json!({ "metadata": { "creationTimestamp": time(1) } })
            )),
            1
        );
    }
}
