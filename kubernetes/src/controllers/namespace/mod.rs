//! The end of namespaces: all that is in one goes, pods first, then the namespace itself.
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use self::plan::Remaining;
use super::{Frame, Key, Outcome, WORKERS, follow_everything};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Deletion, Part, Propagation, Resource};
use crate::{Cluster, Status, fields};

/// In `spec.finalizers`: the content is still there.
const FINALIZER: &str = "kubernetes";

pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let clock = cluster.clone();
    let mut frame = Frame::new("namespace", cluster.store(), move || clock.now());
    if let Ok(shelf) = cluster.shelf("namespaces") {
        frame.on(shelf, |seen| {
            let ends = seen.new.filter(|namespace| namespace.deleting);
            ends.map(|namespace| Key::of(namespace))
                .into_iter()
                .collect()
        });
    }
    let (queue, namespaces) = (frame.queue(), cluster.clone());
    let follow = follow_everything(cluster.store(), move |_shelf, seen| {
        if let (Some(old), None) = (seen.old, seen.new)
            && namespaces
                .get("namespaces", "", &old.namespace)
                .is_some_and(|n| n.deleting)
        {
            queue.add(Key::new("", &old.namespace));
        }
    });
    let working = cluster.clone();
    let work = frame.run(WORKERS, move |key| {
        let cluster = working.clone();
        async move { end(&cluster, &key.name).await }
    });
    tokio::select! {
        () = follow => {}
        () = work => {}
    }
    Ok(())
}

async fn end(cluster: &Cluster, name: &str) -> Outcome {
    let by = Actor::controller("namespace-controller");
    let Some(namespace) = cluster.get("namespaces", "", name) else {
        return Ok(None);
    };
    let value = namespace.value();
    let held = fields::list(&value["spec"], "finalizers")
        .iter()
        .any(|own| own == FINALIZER);
    if !namespace.deleting || !held {
        return Ok(None);
    }
    let remaining = empty(cluster, name, &by).await;
    let now = rfc3339(cluster.now());
    let told = cluster.modify("namespaces", "", name, Part::Status, &by, |object| {
        if let Some(status) = fields::ensure(object, "status") {
            plan::tell(status, &remaining, &now);
        }
        Ok(())
    });
    gone(told.await.map(drop))?;
    if !remaining.failures.is_empty() {
        return Err(Status::bad_request(remaining.failures.join(", ")));
    }
    if remaining.is_nothing() {
        let freed = cluster.modify("namespaces", "", name, Part::Finalize, &by, |object| {
            let spec = fields::ensure(object, "spec");
            if let Some(spec) = spec {
                let mut list = fields::list(spec, "finalizers").to_vec();
                list.retain(|own| own != FINALIZER);
                fields::set(spec, "finalizers", list);
            }
            Ok(())
        });
        gone(freed.await.map(drop))?;
    }
    // Each object that goes wakes us.
    Ok(None)
}

fn gone(outcome: Result<(), Status>) -> Result<(), Status> {
    match outcome {
        Err(status) if status.is_not_found() => Ok(()),
        outcome => outcome,
    }
}

/// Deletes what is in a namespace; the rest only once no pod is left.
async fn empty(cluster: &Cluster, namespace: &str, by: &Actor) -> Remaining {
    let mut remaining = Remaining::default();
    let resources = cluster.resources();
    let mut seen = BTreeSet::new();
    let mut kinds: Vec<Arc<Resource>> = Vec::new();
    for resource in &resources.all {
        if resource.is_namespaced() && seen.insert(resource.shelf.name.clone()) {
            kinds.push(Arc::clone(resource));
        }
    }
    let (pods, others): (Vec<_>, Vec<_>) = kinds
        .into_iter()
        .partition(|resource| resource.qualified() == "pods");
    for group in [pods, others] {
        for resource in group {
            empty_shelf(cluster, &resource, namespace, by, &mut remaining).await;
        }
        if !remaining.is_nothing() {
            break;
        }
    }
    remaining
}

async fn empty_shelf(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    by: &Actor,
    remaining: &mut Remaining,
) {
    let how = Deletion {
        propagation: Some(Propagation::Background),
        ..Deletion::default()
    };
    let name = resource.qualified();
    for object in resource.shelf.objects(Some(namespace)) {
        if object.deleting {
            continue;
        }
        let deleted = cluster
            .delete(&name, namespace, &object.name, &how, by)
            .await;
        if let Err(status) = gone(deleted) {
            remaining.failures.push(status.message);
        }
    }
    for object in resource.shelf.objects(Some(namespace)) {
        let finalizers = fields::list(&object.value()["metadata"], "finalizers").to_vec();
        let finalizers = finalizers
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned);
        let finalizers: Vec<String> = finalizers.collect();
        remaining.add(&resource.plural, &resource.group, &finalizers);
    }
}
