//! Resource quotas: what a namespace uses is counted anew when something went, or became less.
//!
//! What comes is charged when it is written (`cluster/quotas.rs`), so that nothing is counted twice.
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Frame, Key, Outcome, Queue, Seen, WORKERS, follow_everything};
use crate::admission::resource_quota;
use crate::cluster::quotas::QUOTAS;
use crate::cluster::{Actor, Cluster, Part};
use crate::store::Shelf;
use crate::{Status, fields};

/// Everything is counted anew after this time, for what only time changes.
const RESYNC: Duration = Duration::from_mins(5);

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let mut frame = Frame::of("resourcequota", &cluster);
    frame.on(cluster.shelf(QUOTAS)?, |seen| {
        let quota = seen.new.filter(|_| is_new(seen));
        quota.map(|quota| Key::of(quota)).into_iter().collect()
    });
    let (all, queue) = (cluster.clone(), frame.queue());
    let everything = follow_everything(cluster.store(), move |shelf, seen| {
        if is_less(&all, shelf, seen)
            && let Some(object) = seen.latest()
        {
            ask(&all, &queue, &object.namespace);
        }
    });
    let (all, queue) = (cluster.clone(), frame.queue());
    let landed = async move {
        loop {
            for namespace in all.quota_flights().landed().await {
                ask(&all, &queue, &namespace);
            }
        }
    };
    let counted = cluster.clone();
    let by = Actor::controller("resourcequota-controller");
    let work = frame.run(WORKERS, move |key| {
        let (cluster, by) = (counted.clone(), by.clone());
        async move { count(&cluster, &by, &key).await }
    });
    tokio::select! {
        () = work => {}
        () = everything => {}
        () = landed => {}
    }
    Ok(())
}

/// Asks for all quotas of a namespace.
fn ask(cluster: &Cluster, queue: &Queue, namespace: &str) {
    for quota in cluster.list(QUOTAS, Some(namespace)) {
        queue.add(Key::of(&quota));
    }
}

/// Whether a quota allows something else than before; its own counts are no news.
fn is_new(seen: &Seen<'_>) -> bool {
    let (Some(old), Some(new)) = (seen.old, seen.new) else {
        return true;
    };
    let (old, new) = (old.value(), new.value());
    old["spec"] != new["spec"] || new["spec"]["hard"] != new["status"]["hard"]
}

/// Whether a namespace with quotas may use less than before.
fn is_less(cluster: &Cluster, shelf: &Shelf, seen: &Seen<'_>) -> bool {
    let (Some(old), namespace) = (seen.old, seen.latest().map(|object| &object.namespace)) else {
        return false;
    };
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else {
        return false;
    };
    if shelf.name == "events" || cluster.list(QUOTAS, Some(namespace)).is_empty() {
        return false;
    }
    let Some(new) = seen.new.filter(|new| new.uid == old.uid) else {
        return true;
    };
    let changes = ["pods", "services", "persistentvolumeclaims"].contains(&shelf.name.as_str());
    let used = |value: &Value| resource_quota::uses("", &shelf.name, value, cluster.now());
    changes && used(&old.value()) != used(&new.value())
}

async fn count(cluster: &Cluster, by: &Actor, key: &Key) -> Outcome {
    let Key { namespace, name } = key;
    let Some(quota) = cluster.get(QUOTAS, namespace, name) else {
        return Ok(None);
    };
    if !cluster.quota_flights().is_quiet(namespace) {
        return Ok(None);
    }
    let value = quota.value();
    let status = recount(cluster, namespace, &value);
    let put = |now: &mut Value| {
        // A charge that came meanwhile is not in what was counted.
        if fields::text(&now["metadata"], "resourceVersion") != quota.revision.to_string() {
            return Err(Status::modified(QUOTAS, "", name));
        }
        now["status"] = status.clone();
        Ok(())
    };
    match cluster
        .modify(QUOTAS, namespace, name, Part::Status, by, put)
        .await
    {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(Some(RESYNC)),
    }
}

/// Reads only the kinds of objects that the quota is about.
fn recount(cluster: &Cluster, namespace: &str, quota: &Value) -> Value {
    let mut objects: Vec<(Arc<Shelf>, Value)> = Vec::new();
    for shelf in cluster.store().shelves() {
        let (plural, group) = split(&shelf.name);
        if shelf.name != "events" && resource_quota::is_about(quota, group, plural) {
            let found = shelf.objects(Some(namespace)).into_iter();
            objects.extend(found.map(|object| (Arc::clone(&shelf), object.value())));
        }
    }
    let objects = objects.iter().map(|(shelf, value)| {
        let (plural, group) = split(&shelf.name);
        (group, plural, value)
    });
    resource_quota::recount(quota, objects, cluster.now())
}

/// The plural and the group of a shelf.
fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}

#[cfg(test)]
mod tests;
