//! Events are kept for an hour.
use std::time::Duration;

use super::{Frame, Key, Outcome};
use crate::Status;
use crate::cluster::time::parse_rfc3339;
use crate::cluster::{Actor, Cluster, Deletion};
use crate::fields;

const LIFE: Duration = Duration::from_hours(1);

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("event-expiry", &cluster);
    frame.on(cluster.shelf("events")?, |seen| {
        seen.new.map(|event| Key::of(event)).into_iter().collect()
    });
    let by = Actor::system("system:apiserver", "kube-apiserver", "kube-apiserver");
    frame
        .run(1, move |key| {
            let (cluster, by) = (cluster.clone(), by.clone());
            async move { expire(&cluster, &by, &key).await }
        })
        .await;
    Ok(())
}

async fn expire(cluster: &Cluster, by: &Actor, key: &Key) -> Outcome {
    let Some(event) = cluster.get("events", &key.namespace, &key.name) else {
        return Ok(None);
    };
    let value = event.value();
    let metadata = &value["metadata"];
    // The last time that it happened; an event without one counts from its creation.
    let times = [
        fields::text(&value, "lastTimestamp"),
        fields::text(&value, "eventTime"),
        fields::text(metadata, "creationTimestamp"),
    ];
    let last = times.into_iter().filter_map(parse_rfc3339).max();
    let age = last.map_or(Duration::ZERO, |last| cluster.now().since(last));
    if let Some(left) = LIFE.checked_sub(age).filter(|left| !left.is_zero()) {
        return Ok(Some(left));
    }
    let how = Deletion {
        revision: Some(event.revision.to_string()),
        ..Deletion::default()
    };
    match cluster
        .delete("events", &key.namespace, &key.name, &how, by)
        .await
    {
        // Counted up meanwhile, or gone.
        Err(status) if !status.is_conflict() && !status.is_not_found() => Err(status),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn an_event_goes_an_hour_after_it_happened_last() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let event = json!({
            "metadata": { "name": "e", "namespace": "default" },
            "involvedObject": { "namespace": "default", "name": "a", "kind": "Pod" },
            "reason": "Tested",
        });
        cluster.create("events", event, by).await.unwrap();
        let key = Key::new("default", "e");
        assert_eq!(expire(cluster, by, &key).await.unwrap(), Some(LIFE));
        test.clock.advance(LIFE);
        expire(cluster, by, &key).await.unwrap();
        assert!(cluster.get("events", "default", "e").is_none());
    }
}
