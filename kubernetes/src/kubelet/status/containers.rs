//! The statuses of containers.
use serde_json::{Value, json};
use wharf_runtime::{ContainerState, ContainerStatus, Terminated};

use super::{Seen, is_sidecar};
use crate::cluster::time::rfc3339;
use crate::fields;

/// By kind, in the order of the spec.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) init: Vec<Value>,
    pub(super) main: Vec<Value>,
    ephemeral: Vec<Value>,
}

impl Lists {
    pub(super) fn into_entries(self) -> [(&'static str, Vec<Value>); 3] {
        [
            ("initContainerStatuses", self.init),
            ("containerStatuses", self.main),
            ("ephemeralContainerStatuses", self.ephemeral),
        ]
    }

    /// The status of a container of the spec.
    pub(super) fn find<'a>(list: &'a [Value], container: &Value) -> Option<&'a Value> {
        let name = fields::text(container, "name");
        list.iter()
            .find(|status| fields::text(status, "name") == name)
    }
}

/// A container that was not made yet.
pub(in super::super) fn waiting(name: &str, reason: &str, message: &str) -> ContainerStatus {
    ContainerStatus {
        name: name.to_owned(),
        id: String::new(),
        image_id: String::new(),
        state: ContainerState::Waiting {
            reason: reason.to_owned(),
            message: message.to_owned(),
        },
        last: None,
        restarts: 0,
        ready: false,
        started: false,
    }
}

pub(super) fn lists(pod: &Value, seen: &Seen<'_>) -> Lists {
    let spec = &pod["spec"];
    let usual = if fields::list(spec, "initContainers").is_empty() {
        "ContainerCreating"
    } else {
        "PodInitializing"
    };
    let of = |list: &str| {
        let statuses = fields::list(spec, list).iter().map(|container| {
            let name = fields::text(container, "name");
            let mut known = seen.containers.iter();
            match known.find(|status| status.name == name) {
                Some(status) => one(container, status, list),
                None => one(container, &waiting(name, usual, ""), list),
            }
        });
        statuses.collect()
    };
    Lists {
        init: of("initContainers"),
        main: of("containers"),
        ephemeral: of("ephemeralContainers"),
    }
}

fn one(container: &Value, status: &ContainerStatus, list: &str) -> Value {
    let text = |key: &str| fields::text(container, key);
    let running = status.is_running();
    let mut json = json!({
        "name": status.name,
        "state": state(&status.state, &status.id),
        "lastState": {},
        "ready": status.ready,
        "restartCount": status.restarts,
        "image": text("image"),
        "imageID": status.image_id,
    });
    if let Some(end) = &status.last {
        json["lastState"] = json!({ "terminated": terminated(end, "") });
    }
    if !status.id.is_empty() {
        json["containerID"] = container_id(&status.id).into();
    }
    // Init containers that end are never said to be started.
    let ends = list == "initContainers" && !is_sidecar(container);
    json["started"] = (status.started && !ends).into();
    let resources = &container["resources"];
    if running && list != "ephemeralContainers" && fields::is_set(resources) {
        json["resources"] = resources.clone();
        if fields::is_set(&resources["requests"]) {
            json["allocatedResources"] = resources["requests"].clone();
        }
    }
    let mounts = mounts(container);
    if !mounts.is_empty() {
        json["volumeMounts"] = mounts.into();
    }
    json
}

fn mounts(container: &Value) -> Vec<Value> {
    let mounts = fields::list(container, "volumeMounts").iter();
    let shown = mounts.map(|mount| {
        let mut shown = json!({ "name": mount["name"], "mountPath": mount["mountPath"] });
        if fields::flag(mount, "readOnly") {
            shown["readOnly"] = true.into();
            shown["recursiveReadOnly"] = "Disabled".into();
        }
        shown
    });
    shown.collect()
}

pub(super) fn container_id(id: &str) -> String {
    format!("containerd://{id}")
}

fn state(state: &ContainerState, id: &str) -> Value {
    match state {
        ContainerState::Waiting { reason, message } => {
            let mut waiting = json!({ "reason": reason });
            if !message.is_empty() {
                waiting["message"] = message.as_str().into();
            }
            json!({ "waiting": waiting })
        }
        ContainerState::Running { since } => json!({ "running": { "startedAt": rfc3339(*since) } }),
        ContainerState::Terminated(end) => json!({ "terminated": terminated(end, id) }),
    }
}

fn terminated(end: &Terminated, id: &str) -> Value {
    let mut json = json!({
        "exitCode": end.exit_code,
        "reason": end.reason,
        "startedAt": rfc3339(end.started),
        "finishedAt": rfc3339(end.finished),
    });
    if !end.message.is_empty() {
        json["message"] = end.message.as_str().into();
    }
    if !id.is_empty() {
        json["containerID"] = container_id(id).into();
    }
    json
}
