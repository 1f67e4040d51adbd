//! Fargate: pods that a profile matches get a machine, and thereby a node, of their own.
//!
//! # Guarantees
//! * Whether a pod runs on Fargate is decided when it is made ([`mutate`]), never later.
//! * A node is there for one pod and goes with it, and so does its machine.
//! * Every step may be done twice: a machine is named by its pod, and its node says whose it is.

mod node;
mod profile;
mod scheduler;
mod size;
mod support;
#[cfg(test)]
mod tests;

pub use profile::{Profile, Selector, matching};
pub use scheduler::run;
use serde_json::{Value, json};

use crate::cluster::{Actor, Cluster, Deletion};
use crate::{Status, fields};

/// The scheduler of pods on Fargate.
pub const SCHEDULER: &str = "fargate-scheduler";

pub const PROFILE_LABEL: &str = "eks.amazonaws.com/fargate-profile";

/// What nodes of Fargate have as a label and as a taint.
pub const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";

const CLASS: &str = "system-node-critical";
const PRIORITY: i64 = 2_000_001_000;

/// What the webhook of Fargate makes of a new pod, before anything looks at its priority.
pub fn mutate(pod: &mut Value, namespace: &str, profiles: &[Profile]) {
    let spec = &pod["spec"];
    let scheduler = fields::text(spec, "schedulerName");
    let other = !scheduler.is_empty() && scheduler != crate::scheduler::NAME;
    let mut owners = fields::list(&pod["metadata"], "ownerReferences").iter();
    let of_each_node = owners.any(|owner| fields::text(owner, "kind") == "DaemonSet");
    if other || of_each_node || !fields::text(spec, "nodeName").is_empty() {
        return;
    }
    let Some(profile) = matching(profiles, namespace, pod) else {
        return;
    };
    if pod["metadata"]["labels"].is_null() {
        pod["metadata"]["labels"] = json!({});
    }
    pod["metadata"]["labels"][PROFILE_LABEL] = profile.name.as_str().into();
    pod["spec"]["schedulerName"] = SCHEDULER.into();
    pod["spec"]["priorityClassName"] = CLASS.into();
    pod["spec"]["priority"] = PRIORITY.into();
}

/// Deletes the pods of a profile, because it is being deleted. Their controllers make new ones.
pub async fn delete_pods(cluster: &Cluster, profile: &str, by: &Actor) -> Result<(), Status> {
    for pod in cluster.list("pods", None) {
        let is_ours = pod.label(PROFILE_LABEL) == Some(profile)
            && pod.value()["spec"]["schedulerName"] == SCHEDULER;
        if !is_ours || pod.deleting {
            continue;
        }
        let how = Deletion {
            uid: Some(pod.uid.clone()),
            ..Deletion::default()
        };
        let done = cluster
            .delete("pods", &pod.namespace, &pod.name, &how, by)
            .await;
        match done {
            Err(status) if !status.is_not_found() && !status.is_conflict() => return Err(status),
            _ => {}
        }
    }
    Ok(())
}

/// Whether pods of a profile are there, those that are ending included.
pub fn has_pods(cluster: &Cluster, profile: &str) -> bool {
    let pods = cluster.list("pods", None);
    pods.iter().any(|pod| {
        pod.label(PROFILE_LABEL) == Some(profile)
            && pod.value()["spec"]["schedulerName"] == SCHEDULER
    })
}
