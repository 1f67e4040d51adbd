//! What `kubectl get pods` says of a pod: how many containers are ready, why it does not run, and
//! how often it was restarted.
use serde_json::Value;
use wharf_types::Timestamp;

use crate::fields;
use crate::table::duration;

#[derive(Debug)]
pub(super) struct Summary {
    ready: usize,
    total: usize,
    pub(super) reason: String,
    restarts: i64,
    /// When a container was last restarted, in seconds since 1970.
    last_restart: Option<i64>,
}

impl Summary {
    pub(super) fn of(pod: &Value) -> Self {
        let (spec, status) = (&pod["spec"], &pod["status"]);
        let init = fields::list(spec, "initContainers").iter();
        let sidecars = init.filter(|container| is_sidecar(container)).count();
        let mut summary = Self {
            ready: 0,
            total: fields::list(spec, "containers").len() + sidecars,
            reason: starting_reason(status),
            restarts: 0,
            last_restart: None,
        };
        let (initializing, restarts, last) = summary.read_init(spec, status);
        if !initializing || condition(status, "Initialized") == Some("True") {
            summary.restarts = restarts;
            summary.last_restart = last;
            summary.read_containers(status);
        }
        if fields::has(&pod["metadata"], "deletionTimestamp") {
            let phase = fields::text(status, "phase");
            if fields::text(status, "reason") == "NodeLost" {
                "Unknown".clone_into(&mut summary.reason);
            } else if !["Failed", "Succeeded"].contains(&phase) {
                "Terminating".clone_into(&mut summary.reason);
            }
        }
        summary
    }

    pub(super) fn ready(&self) -> String {
        format!("{}/{}", self.ready, self.total)
    }

    pub(super) fn restarts(&self, now: Timestamp) -> String {
        let number = self.restarts;
        match self.last_restart {
            Some(last) if number != 0 => {
                let ago = duration::human(duration::now_seconds(now) - last);
                format!("{number} ({ago} ago)")
            }
            _ => number.to_string(),
        }
    }

    fn count_restart(&mut self, container: &Value) {
        self.restarts = self
            .restarts
            .saturating_add(fields::integer(container, "restartCount"));
        self.last_restart = self.last_restart.max(restarted(container));
    }

    /// Whether the pod still initializes, and the restarts of its sidecars.
    fn read_init(&mut self, spec: &Value, status: &Value) -> (bool, i64, Option<i64>) {
        let declared = fields::list(spec, "initContainers");
        let sidecars: std::collections::BTreeSet<&str> = declared
            .iter()
            .filter(|container| is_sidecar(container))
            .map(|container| fields::text(container, "name"))
            .collect();
        let (mut restarts, mut last) = (0i64, None);
        let list = fields::list(status, "initContainerStatuses");
        for (i, container) in list.iter().enumerate() {
            self.count_restart(container);
            let sidecar = sidecars.contains(fields::text(container, "name"));
            if sidecar {
                restarts = restarts.saturating_add(fields::integer(container, "restartCount"));
                last = last.max(restarted(container));
            }
            let (ended, waiting) = (
                &container["state"]["terminated"],
                &container["state"]["waiting"],
            );
            if !ended.is_null() && fields::integer(ended, "exitCode") == 0 {
                continue;
            }
            if sidecar && fields::flag(container, "started") {
                self.ready += usize::from(fields::flag(container, "ready"));
                continue;
            }
            let why = fields::text(waiting, "reason");
            self.reason = if !ended.is_null() {
                format!("Init:{}", ending(ended))
            } else if !why.is_empty() && why != "PodInitializing" {
                format!("Init:{why}")
            } else {
                format!("Init:{i}/{}", declared.len())
            };
            return (true, restarts, last);
        }
        (false, restarts, last)
    }

    fn read_containers(&mut self, status: &Value) {
        let mut running = false;
        for container in fields::list(status, "containerStatuses").iter().rev() {
            self.count_restart(container);
            let state = &container["state"];
            let waiting = fields::text(&state["waiting"], "reason");
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.reason);
            } else if fields::has(state, "terminated") {
                self.reason = ending(&state["terminated"]);
            } else if fields::flag(container, "ready") && fields::has(state, "running") {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && running {
            let ready = fields::list(status, "conditions").iter().any(|condition| {
                fields::text(condition, "type") == "Ready"
                    && fields::text(condition, "status") == "True"
            });
            let shown = if ready { "Running" } else { "NotReady" };
            shown.clone_into(&mut self.reason);
        }
    }
}

fn starting_reason(status: &Value) -> String {
    let gated = fields::list(status, "conditions").iter().any(|condition| {
        fields::text(condition, "type") == "PodScheduled"
            && fields::text(condition, "reason") == "SchedulingGated"
    });
    let reason = fields::text(status, "reason");
    if gated {
        "SchedulingGated".to_owned()
    } else if reason.is_empty() {
        fields::text(status, "phase").to_owned()
    } else {
        reason.to_owned()
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a str> {
    let mut list = fields::list(status, "conditions").iter();
    let found = list.find(|condition| fields::text(condition, "type") == kind)?;
    found["status"].as_str()
}

/// Why a container ended.
fn ending(terminated: &Value) -> String {
    let reason = fields::text(terminated, "reason");
    let signal = fields::integer(terminated, "signal");
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", fields::integer(terminated, "exitCode"))
    }
}

fn restarted(container: &Value) -> Option<i64> {
    duration::seconds(&container["lastState"]["terminated"]["finishedAt"])
}

fn is_sidecar(container: &Value) -> bool {
    fields::text(container, "restartPolicy") == "Always"
}
