//! What was decided is written.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::bind::{Binding, bind, set_condition};
use super::model::{Claim, Pod, SELECTED_NODE};
use super::run::Scheduler;
use super::state::Key;
use crate::Status;
use crate::cluster::time::rfc3339;
use crate::cluster::{Deletion, EventType, Part, Reference};
use crate::controllers::volumes::{keep_volume, note};
use crate::store::Shelf;

/// How long claims may take to be bound.
const BINDING: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub(super) enum Act {
    Bind {
        pod: Arc<Pod>,
        node: String,
        /// Claims that wait for a node, and the volumes that they get.
        claims: Vec<(Key, Option<String>)>,
    },
    Refuse {
        pod: Arc<Pod>,
        message: String,
        /// For which node room is made; empty if for none any more.
        nominated: Option<String>,
        victims: Vec<Arc<Pod>>,
    },
    Gate {
        pod: Arc<Pod>,
    },
}

pub(super) async fn act(scheduler: &Scheduler, act: Act) {
    match act {
        Act::Bind { pod, node, claims } => place(scheduler, &pod, &node, &claims).await,
        Act::Refuse {
            pod,
            message,
            nominated,
            victims,
        } => {
            for victim in victims {
                evict(scheduler, &pod, &victim).await;
            }
            refuse(scheduler, &pod, &message, nominated.as_deref()).await;
        }
        Act::Gate { pod } => {
            let message = "Scheduling is blocked due to non-empty scheduling gates";
            condition(scheduler, &pod, "SchedulingGated", message, None).await;
        }
    }
}

async fn place(scheduler: &Scheduler, pod: &Pod, node: &str, claims: &[(Key, Option<String>)]) {
    let Pod {
        namespace,
        name,
        uid,
        ..
    } = pod;
    let cluster = &scheduler.cluster;
    let binding = Binding {
        uid: uid.clone(),
        node: node.to_owned(),
        ..Binding::default()
    };
    let bound = async {
        bind_claims(scheduler, pod, node, claims).await?;
        let done = bind(cluster, namespace, name, &binding, &scheduler.by).await;
        done.map_err(|status| status.message)
    };
    match bound.await {
        Ok(()) => {
            let text = format!("Successfully assigned {namespace}/{name} to {node}");
            event(scheduler, pod, EventType::Normal, "Scheduled", &text).await;
        }
        Err(why) => {
            let there = cluster
                .get("pods", namespace, name)
                .filter(|there| there.uid == *uid);
            {
                let mut inner = scheduler.lock();
                // What it is now comes, or came, from the shelf.
                let placed = there
                    .as_ref()
                    .is_some_and(|there| !Pod::read(&there.value()).node.is_empty());
                if !placed {
                    inner.state.remove(uid);
                    inner.queue.again(uid, cluster.now());
                }
            }
            scheduler.wake();
            if there.is_some() {
                refuse(scheduler, pod, &why, None).await;
            }
        }
    }
}

/// Tells for which node claims are wanted, and waits until they have their volumes.
async fn bind_claims(
    scheduler: &Scheduler,
    pod: &Pod,
    node: &str,
    claims: &[(Key, Option<String>)],
) -> Result<(), String> {
    if claims.is_empty() {
        return Ok(());
    }
    let failed =
        |why: &str| format!("running PreBind plugin \"VolumeBinding\": binding volumes: {why}");
    for (key, volume) in claims {
        let asked = match volume {
            Some(volume) => reserve(scheduler, key, volume).await,
            None => select_node(scheduler, key, node).await,
        };
        asked.map_err(|status| failed(&status.message))?;
    }
    let shelf = |name| scheduler.cluster.shelf(name);
    let (shelf, pods) = match (shelf("persistentvolumeclaims"), shelf("pods")) {
        (Ok(claims), Ok(pods)) => (claims, pods),
        (Err(status), _) | (_, Err(status)) => return Err(failed(&status.message)),
    };
    let (mut changes, mut others) = (shelf.subscribe(), pods.subscribe());
    let wait = async {
        loop {
            changes.mark_unchanged();
            others.mark_unchanged();
            let mut waits = false;
            for ((namespace, name), volume) in claims {
                waits |= !is_bound(&shelf, namespace, name, volume.is_none())?;
            }
            let there = pods.get(&pod.namespace, &pod.name);
            let there = there.is_some_and(|there| there.uid == pod.uid && !there.deleting);
            if !waits || !there {
                return Ok(());
            }
            tokio::select! {
                changed = changes.changed() => changed.unwrap_or_default(),
                changed = others.changed() => changed.unwrap_or_default(),
            }
        }
    };
    let waited = tokio::time::timeout(BINDING, wait).await;
    let waited = waited.unwrap_or_else(|_elapsed| Err("context deadline exceeded".to_owned()));
    waited.map_err(|why| failed(&why))
}

/// Whether a claim has its volume. An error means that it will not get one for this node.
fn is_bound(shelf: &Shelf, namespace: &str, name: &str, provisioned: bool) -> Result<bool, String> {
    let Some(object) = shelf.get(namespace, name) else {
        return Err(format!("failed to get pvc: {name}"));
    };
    let value = object.value();
    let claim = Claim::read(&value);
    if value["status"]["phase"] == "Bound" {
        return Ok(true);
    }
    if provisioned && claim.selected_node.is_empty() {
        return Err(format!("provisioning failed for PVC {name:?}"));
    }
    Ok(false)
}

async fn select_node(scheduler: &Scheduler, key: &Key, node: &str) -> Result<(), Status> {
    let select = |claim: &mut Value| {
        note(claim, SELECTED_NODE, node);
        Ok(())
    };
    let (cluster, by) = (&scheduler.cluster, &scheduler.by);
    let claims = "persistentvolumeclaims";
    let done = cluster.modify(claims, &key.0, &key.1, Part::Main, by, select);
    done.await.map(drop)
}

/// Keeps a volume for a claim.
async fn reserve(scheduler: &Scheduler, key: &Key, volume: &str) -> Result<(), Status> {
    let cluster = &scheduler.cluster;
    let claim = cluster.get("persistentvolumeclaims", &key.0, &key.1);
    let claim = claim.ok_or_else(|| Status::not_found("persistentvolumeclaims", "", &key.1))?;
    let keep = |volume: &mut Value| keep_volume(volume, &claim);
    let by = &scheduler.by;
    let done = cluster.modify("persistentvolumes", "", volume, Part::Main, by, keep);
    done.await.map(drop)
}

async fn refuse(scheduler: &Scheduler, pod: &Pod, message: &str, nominated: Option<&str>) {
    event(
        scheduler,
        pod,
        EventType::Warning,
        "FailedScheduling",
        message,
    )
    .await;
    condition(scheduler, pod, "Unschedulable", message, nominated).await;
}

async fn condition(
    scheduler: &Scheduler,
    pod: &Pod,
    reason: &str,
    message: &str,
    nominated: Option<&str>,
) {
    let cluster = &scheduler.cluster;
    let now = rfc3339(cluster.now());
    let change = |value: &mut Value| {
        let spec = &value["spec"];
        if value["metadata"]["uid"] != *pod.uid
            || spec["nodeName"].as_str().is_some_and(|n| !n.is_empty())
        {
            return Ok(());
        }
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": null,
            "lastTransitionTime": now,
        });
        set_condition(value, condition);
        match nominated {
            None => {}
            Some("") => {
                if let Some(status) = value["status"].as_object_mut() {
                    status.remove("nominatedNodeName");
                }
            }
            Some(node) => value["status"]["nominatedNodeName"] = node.into(),
        }
        Ok(())
    };
    let (namespace, name, by) = (&pod.namespace, &pod.name, &scheduler.by);
    let done = cluster
        .modify("pods", namespace, name, Part::Status, by, change)
        .await;
    if let Err(status) = done
        && !status.is_not_found()
    {
        tracing::warn!(pod = name, error = %status, "the condition of a pod was not written");
    }
}

/// A pod goes so that another one can come.
async fn evict(scheduler: &Scheduler, preemptor: &Pod, victim: &Pod) {
    let (cluster, by) = (&scheduler.cluster, &scheduler.by);
    let now = rfc3339(cluster.now());
    let (namespace, name) = (&victim.namespace, &victim.name);
    let tell = |value: &mut Value| {
        let condition = json!({
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": format!("{}: preempting to accommodate a higher priority pod", super::NAME),
            "lastProbeTime": null,
            "lastTransitionTime": now,
        });
        set_condition(value, condition);
        Ok(())
    };
    let how = Deletion {
        uid: Some(victim.uid.clone()),
        ..Deletion::default()
    };
    let gone = async {
        cluster
            .modify("pods", namespace, name, Part::Status, by, tell)
            .await?;
        cluster.delete("pods", namespace, name, &how, by).await
    };
    match gone.await {
        Ok(()) => {
            let text = format!("Preempted by pod {} on node {}", preemptor.uid, victim.node);
            event(scheduler, victim, EventType::Normal, "Preempted", &text).await;
        }
        Err(status) if status.is_not_found() => {}
        Err(status) => {
            tracing::warn!(pod = name, error = %status, "a pod could not be preempted");
        }
    }
}

async fn event(scheduler: &Scheduler, pod: &Pod, kind: EventType, reason: &str, message: &str) {
    let about = Reference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        field_path: String::new(),
    };
    scheduler
        .cluster
        .event(&scheduler.by, &about, kind, reason, message)
        .await;
}
