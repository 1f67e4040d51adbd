//! What the engine said before a restart of the server, read back from the pod.
use serde_json::Value;
use wharf_runtime::{ContainerState, ContainerStatus, PodStatus, Terminated};
use wharf_types::Timestamp;

use crate::cluster::time::parse_rfc3339;
use crate::fields;

/// None if the pod was never started.
pub(in super::super) fn adopted(pod: &Value) -> Option<PodStatus> {
    let status = &pod["status"];
    let lists = [
        "initContainerStatuses",
        "containerStatuses",
        "ephemeralContainerStatuses",
    ];
    let all = lists
        .into_iter()
        .flat_map(|list| fields::list(status, list));
    let containers: Vec<ContainerStatus> = all.filter_map(container).collect();
    (!containers.is_empty()).then(|| PodStatus {
        id: fields::text(&pod["metadata"], "uid").to_owned(),
        generation: 0,
        ip: fields::text(status, "podIP").parse().ok(),
        containers,
        next_change: None,
    })
}

fn time(value: &Value, key: &str) -> Option<Timestamp> {
    parse_rfc3339(fields::text(value, key))
}

fn terminated(value: &Value) -> Option<Terminated> {
    Some(Terminated {
        exit_code: i32::try_from(fields::integer(value, "exitCode")).unwrap_or(-1),
        reason: fields::text(value, "reason").to_owned(),
        message: fields::text(value, "message").to_owned(),
        started: time(value, "startedAt")?,
        finished: time(value, "finishedAt")?,
    })
}

/// None for one that was never made.
fn container(status: &Value) -> Option<ContainerStatus> {
    let id = fields::text(status, "containerID");
    let id = id.strip_prefix("containerd://")?;
    let state = &status["state"];
    let state = match time(&state["running"], "startedAt") {
        Some(since) => ContainerState::Running { since },
        None => ContainerState::Terminated(terminated(&state["terminated"])?),
    };
    Some(ContainerStatus {
        name: fields::text(status, "name").to_owned(),
        id: id.to_owned(),
        image_id: fields::text(status, "imageID").to_owned(),
        state,
        last: terminated(&status["lastState"]["terminated"]),
        restarts: u32::try_from(fields::integer(status, "restartCount")).unwrap_or(0),
        ready: fields::flag(status, "ready"),
        started: fields::flag(status, "started"),
    })
}
