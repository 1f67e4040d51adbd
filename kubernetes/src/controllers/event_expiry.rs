//! Events are kept for an hour.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Deserialize;
use wharf_types::Timestamp;

use super::follow;
use crate::Status;
use crate::cluster::time::parse_rfc3339;
use crate::cluster::{Actor, Cluster, Deletion};
use crate::store::Object;

const LIFE: Duration = Duration::from_hours(1);

/// How often it is looked for events whose time has come.
const PERIOD: Duration = Duration::from_secs(1);

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let shelf = cluster.shelf("events")?;
    let waiting = Waiting::default();
    let follow = follow(cluster.store(), &shelf, |seen| {
        if let Some(event) = seen.new {
            waiting.add(event);
        }
    });
    let work = async {
        loop {
            tokio::time::sleep(PERIOD).await;
            waiting.expire(&cluster).await;
        }
    };
    tokio::select! {
        () = follow => {}
        () = work => {}
    }
    Ok(())
}

/// Events by the last time that they happened and their revision. There may be many: they are not
/// held, and a state that was superseded is no more.
#[derive(Debug, Default)]
struct Waiting(Mutex<BTreeMap<(Timestamp, u64), Weak<Object>>>);

impl Waiting {
    // Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Timestamp, u64), Weak<Object>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, event: &Arc<Object>) {
        if let Some(last) = last_time(event) {
            let place = (last, event.revision);
            self.lock().insert(place, Arc::downgrade(event));
        }
    }

    /// The events that are to go, the oldest first.
    fn take(&self, now: Timestamp) -> Vec<Arc<Object>> {
        let mut waiting = self.lock();
        let mut over = Vec::new();
        while let Some(first) = waiting.first_entry()
            && now.since(first.key().0) >= LIFE
        {
            over.extend(first.remove().upgrade());
        }
        over
    }

    async fn expire(&self, cluster: &Cluster) {
        let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
        for event in self.take(cluster.now()) {
            let how = Deletion {
                revision: Some(event.revision.to_string()),
                ..Deletion::default()
            };
            let (namespace, name) = (&event.namespace, &event.name);
            match cluster.delete("events", namespace, name, &how, &by).await {
                // Counted up meanwhile, or gone.
                Err(status) if !status.is_conflict() && !status.is_not_found() => {
                    tracing::debug!(%status, "an old event could not be deleted, and is tried again");
                    self.add(&event);
                }
                _ => {}
            }
        }
    }
}

/// When it happened last; one that does not say it counts from its creation.
fn last_time(event: &Object) -> Option<Timestamp> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Metadata {
        creation_timestamp: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Times {
        metadata: Metadata,
        last_timestamp: Option<String>,
        event_time: Option<String>,
    }
    let times: Times = serde_json::from_slice(&event.body()).unwrap_or_default();
    let created = times.metadata.creation_timestamp;
    let all = [created, times.last_timestamp, times.event_time];
    let read = all.iter().flatten().filter_map(|time| parse_rfc3339(time));
    read.max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::Part;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn an_event_goes_an_hour_after_it_happened_last() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        for name in ["once", "again"] {
            let event = json!({
                "metadata": { "name": name, "namespace": "default" },
                "involvedObject": { "namespace": "default", "name": "a", "kind": "Pod" },
                "reason": "Tested",
            });
            cluster.create("events", event, by).await.unwrap();
        }
        let waiting = Waiting::default();
        let look = || {
            for event in &cluster.list("events", None) {
                waiting.add(event);
            }
        };
        look();
        waiting.expire(cluster).await;
        test.clock.advance(LIFE / 2);
        let now = crate::cluster::time::rfc3339(cluster.now());
        let counted = cluster.modify("events", "default", "again", Part::Main, by, |event| {
            event["lastTimestamp"] = now.as_str().into();
            Ok(())
        });
        counted.await.unwrap();
        look();
        let names = || -> Vec<String> {
            let events = cluster.list("events", None);
            events.iter().map(|event| event.name.clone()).collect()
        };
        assert_eq!(names(), ["again", "once"]);
        test.clock.advance(LIFE / 2);
        waiting.expire(cluster).await;
        assert_eq!(names(), ["again"]);
        test.clock.advance(LIFE / 2);
        waiting.expire(cluster).await;
        assert_eq!(names(), [""; 0]);
    }
}
