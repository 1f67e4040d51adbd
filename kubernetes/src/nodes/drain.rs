//! A node is emptied before its machine goes.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, Deletion, Part};
use crate::scheduler::{budget_of, set_condition};
use crate::store::Object;
use crate::{Status, fields};

/// How long to wait at most before the pods are looked at again.
const LOOK: Duration = Duration::from_millis(100);

/// How an emptied node was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every pod went as its disruption budget allows.
    Gracefully,
    /// The deadline came, and the rest was deleted.
    ByForce,
    /// The deadline came, and pods are left that a budget keeps.
    Held,
}

/// What holds for disruption budgets while a node is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budgets {
    /// A pod stays until its budget has room, also after the deadline.
    Respected,
    /// As EKS does when a group gets smaller: the machine is going in any case.
    Ignored,
}

/// Cordons a node and evicts its pods, but those of daemon sets and static ones, as disruption
/// budgets allow. What is left at the deadline is deleted all the same if budgets are ignored. It may
/// be called again for the same node.
pub async fn drain(
    cluster: &Cluster,
    node: &str,
    deadline: Timestamp,
    budgets: Budgets,
    by: &Actor,
) -> Result<Drained, Status> {
    cordon(cluster, node, by).await?;
    let shelf = cluster.shelf("pods")?;
    let mut changes = shelf.subscribe();
    loop {
        changes.mark_unchanged();
        let left = evictable(&shelf.objects(None), node);
        if left.is_empty() {
            return Ok(Drained::Gracefully);
        }
        if cluster.now() >= deadline {
            break;
        }
        for pod in left.iter().filter(|pod| !pod.deleting) {
            if budgets == Budgets::Ignored || take_room(cluster, pod, by).await?.is_none() {
                evict(cluster, pod, by).await?;
            }
        }
        tokio::time::timeout(LOOK, changes.changed()).await.ok();
    }
    if budgets == Budgets::Respected {
        return Ok(Drained::Held);
    }
    for pod in evictable(&shelf.objects(None), node) {
        let how = Deletion {
            grace_secs: Some(0),
            uid: Some(pod.uid.clone()),
            ..Deletion::default()
        };
        let gone = cluster
            .delete("pods", &pod.namespace, &pod.name, &how, by)
            .await;
        accept_gone(gone)?;
    }
    Ok(Drained::ByForce)
}

/// Marks a node so that no pods come any more.
pub(crate) async fn cordon(cluster: &Cluster, node: &str, by: &Actor) -> Result<(), Status> {
    change(cluster, node, by, |node| {
        node["spec"]["unschedulable"] = true.into();
    })
    .await
}

/// Takes the mark away: pods may come again.
///
/// # Errors
/// The node could not be changed; that it is gone is no error.
pub async fn uncordon(cluster: &Cluster, node: &str, by: &Actor) -> Result<(), Status> {
    change(cluster, node, by, |node| {
        if let Some(spec) = node["spec"].as_object_mut() {
            spec.remove("unschedulable");
        }
    })
    .await
}

async fn change(
    cluster: &Cluster,
    node: &str,
    by: &Actor,
    how: impl Fn(&mut Value) + Send + Sync,
) -> Result<(), Status> {
    let change = |node: &mut Value| {
        how(node);
        Ok(())
    };
    let done = cluster.modify("nodes", "", node, Part::Main, by, change);
    accept_gone(done.await.map(drop))
}

fn accept_gone(done: Result<(), Status>) -> Result<(), Status> {
    match done {
        Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
        _ => Ok(()),
    }
}

/// The pods of a node that have to go.
fn evictable(pods: &[Arc<Object>], node: &str) -> Vec<Arc<Object>> {
    let here = pods.iter().filter(|pod| {
        let value = pod.value();
        let metadata = &value["metadata"];
        let mut owners = fields::list(metadata, "ownerReferences").iter();
        let phase = fields::text(&value["status"], "phase");
        value["spec"]["nodeName"] == *node
            && !matches!(phase, "Succeeded" | "Failed")
            && !owners.any(|owner| fields::text(owner, "kind") == "DaemonSet")
            && metadata["annotations"]["kubernetes.io/config.mirror"].is_null()
    });
    here.cloned().collect()
}

/// Takes the room that a pod needs to go from its disruption budgets. The answer is a budget that has
/// none; then it may go later.
pub(crate) async fn take_room(
    cluster: &Cluster,
    pod: &Object,
    by: &Actor,
) -> Result<Option<Arc<Object>>, Status> {
    let (namespace, name) = (&pod.namespace, &pod.name);
    for (budget, object) in budgets(cluster, pod) {
        if budget.allowed <= 0 {
            return Ok(Some(object));
        }
        // Counted here until its controller counts it: two drains must not take the same room.
        let now = rfc3339(cluster.now());
        let take = |value: &mut Value| {
            let left = fields::integer(&value["status"], "disruptionsAllowed");
            if left <= 0 {
                return Err(Status::too_many_requests(
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    0,
                ));
            }
            value["status"]["disruptionsAllowed"] = (left - 1).into();
            if value["status"]["disruptedPods"].is_null() {
                value["status"]["disruptedPods"] = json!({});
            }
            value["status"]["disruptedPods"][name.as_str()] = now.as_str().into();
            Ok(())
        };
        let resource = "poddisruptionbudgets.policy";
        let taken = cluster.modify(resource, namespace, &object.name, Part::Status, by, take);
        match taken.await {
            Ok(_) => {}
            Err(status) if status.code == http::StatusCode::TOO_MANY_REQUESTS => {
                return Ok(Some(object));
            }
            Err(status) => accept_gone(Err(status))?,
        }
    }
    Ok(None)
}

async fn evict(cluster: &Cluster, pod: &Object, by: &Actor) -> Result<(), Status> {
    let (namespace, name) = (&pod.namespace, &pod.name);
    let now = rfc3339(cluster.now());
    let tell = |value: &mut Value| {
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
            "lastProbeTime": null,
            "lastTransitionTime": now,
        });
        set_condition(value, condition);
        Ok(())
    };
    let told = cluster
        .modify("pods", namespace, name, Part::Status, by, tell)
        .await;
    accept_gone(told.map(drop))?;
    let how = Deletion {
        uid: Some(pod.uid.clone()),
        ..Deletion::default()
    };
    accept_gone(cluster.delete("pods", namespace, name, &how, by).await)
}

/// The budgets that a pod is counted in, if it is well; one that is not ready may always go.
fn budgets(cluster: &Cluster, pod: &Object) -> Vec<(crate::scheduler::Budget, Arc<Object>)> {
    let resource = "poddisruptionbudgets.policy";
    let all = cluster.list(resource, Some(&pod.namespace)).into_iter();
    let labels = pod.labels.iter().cloned().collect();
    let running = pod.value()["status"]["phase"] == "Running";
    all.filter(|_| running)
        .map(|object| (budget_of(&object.value()), object))
        .filter(|(budget, _)| {
            budget
                .selector
                .as_ref()
                .is_some_and(|one| one.matches(&labels))
        })
        .collect()
}
