//! The status of a pod, from what the engine says. Pure.
use std::net::IpAddr;

use serde_json::{Value, json};
use wharf_runtime::ContainerStatus;
use wharf_types::Timestamp;

use crate::cluster::time::rfc3339;
use crate::fields;

mod adopt;
mod conditions;
mod containers;
mod phase;
#[cfg(test)]
mod tests;

pub(super) use adopt::adopted;
pub(super) use containers::waiting;

/// What is known of a pod besides its own object.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) containers: &'a [ContainerStatus],
    /// Whether it has its network.
    pub(super) sandbox: bool,
    pub(super) ip: Option<IpAddr>,
    pub(super) host_ip: Option<IpAddr>,
    /// Whether it never runs again: it is being deleted, or its time is over.
    pub(super) ended: bool,
    /// Why the kubelet ended it: reason and message.
    pub(super) failure: Option<(&'static str, &'static str)>,
    /// Whether the version of the cluster tells the generation that was seen.
    pub(super) generations: bool,
    pub(super) now: Timestamp,
}

/// The status that a pod has now. What belongs to others stays.
pub(super) fn status(pod: &Value, seen: &Seen<'_>) -> Value {
    let old = &pod["status"];
    let mut status = old.clone();
    if !status.is_object() {
        status = json!({});
    }
    let lists = containers::lists(pod, seen);
    let phase = match fields::text(old, "phase") {
        // What has ended stays ended.
        phase @ ("Succeeded" | "Failed") => phase,
        _ if seen.failure.is_some() => "Failed",
        _ => phase::phase(pod, &lists, seen.ended),
    };
    fields::set(&mut status, "phase", phase);
    if let Some((reason, message)) = seen.failure {
        fields::set(&mut status, "reason", reason);
        fields::set(&mut status, "message", message);
    }
    fields::default_pointer(&mut status, "startTime", rfc3339(seen.now));
    addresses(&mut status, "hostIP", "hostIPs", seen.host_ip);
    addresses(&mut status, "podIP", "podIPs", seen.ip);
    let generation = seen
        .generations
        .then(|| fields::integer(&pod["metadata"], "generation"));
    if let Some(generation) = generation {
        fields::set(&mut status, "observedGeneration", generation);
    }
    let conditions = conditions::conditions(pod, &lists, phase, seen);
    fields::set(&mut status, "conditions", conditions);
    for (key, list) in lists.into_entries() {
        if list.is_empty() {
            fields::remove(&mut status, key);
        } else {
            fields::set(&mut status, key, list);
        }
    }
    status
}

fn addresses(status: &mut Value, one: &str, all: &str, ip: Option<IpAddr>) {
    if let Some(ip) = ip {
        let ip = ip.to_string();
        fields::set(status, all, json!([{ "ip": ip }]));
        fields::set(status, one, ip);
    }
}

/// Whether a container runs beside the others although it is an init container.
fn is_sidecar(container: &Value) -> bool {
    fields::text(container, "restartPolicy") == "Always"
}
