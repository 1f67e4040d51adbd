//! The phase of a pod, as the kubelet counts it.
use serde_json::Value;

use super::containers::Lists;
use super::is_sidecar;
use crate::fields;

#[derive(Debug, Default)]
struct Count {
    initializing: usize,
    failed_init: usize,
    unknown: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    succeeded: usize,
}

/// `ended`: its containers are not started again, whatever its restart policy says.
pub(super) fn phase(pod: &Value, lists: &Lists, ended: bool) -> &'static str {
    let spec = &pod["spec"];
    let policy = fields::text(spec, "restartPolicy");
    let mut count = Count::default();
    let begun = any_main_started(lists);
    for container in fields::list(spec, "initContainers") {
        let status = Lists::find(&lists.init, container);
        if is_sidecar(container) {
            count.sidecar(status, begun);
        } else {
            count.init(status);
        }
    }
    for container in fields::list(spec, "containers") {
        count.main(Lists::find(&lists.main, container));
    }
    if count.failed_init > 0 && policy == "Never" {
        return "Failed";
    }
    if count.initializing > 0 || count.waiting > 0 {
        // A pod that is told to end before it began has failed.
        return if ended { "Failed" } else { "Pending" };
    }
    if count.running > 0 && count.unknown == 0 {
        return "Running";
    }
    if count.running > 0 || count.stopped == 0 || count.unknown > 0 {
        return "Pending";
    }
    let well = count.stopped == count.succeeded;
    match (policy, well) {
        (_, true) if ended => "Succeeded",
        (_, false) if ended => "Failed",
        ("Always" | "", _) => "Running",
        (_, true) => "Succeeded",
        ("Never", false) => "Failed",
        _ => "Running",
    }
}

/// Whether a container that is no init container runs or ran.
pub(super) fn any_main_started(lists: &Lists) -> bool {
    lists.main.iter().any(|status| {
        let state = &status["state"];
        fields::has(state, "running")
            || fields::has(state, "terminated")
            || fields::has(&status["lastState"], "terminated")
    })
}

impl Count {
    fn init(&mut self, status: Option<&Value>) {
        let Some(status) = status else {
            self.initializing += 1;
            return;
        };
        let (state, last) = (&status["state"], &status["lastState"]);
        let end = match (&state["terminated"], &last["terminated"]) {
            (Value::Null, last) if fields::has(state, "waiting") => last,
            (end, _) => end,
        };
        if end.is_null() {
            self.initializing += 1;
        } else if fields::integer(end, "exitCode") != 0 {
            self.failed_init += 1;
            // It has failed, and is tried again.
            self.initializing += usize::from(fields::has(state, "waiting"));
        }
    }

    fn sidecar(&mut self, status: Option<&Value>, begun: bool) {
        let Some(status) = status else {
            self.unknown += 1;
            return;
        };
        let (state, last) = (&status["state"], &status["lastState"]);
        let pending = usize::from(!begun);
        if fields::has(state, "running") {
            if !fields::flag(status, "started") {
                self.initializing += pending;
            }
            self.running += 1;
        } else if fields::has(state, "waiting") && !fields::has(last, "terminated") {
            self.initializing += pending;
            self.waiting += 1;
        }
    }

    fn main(&mut self, status: Option<&Value>) {
        let Some(status) = status else {
            self.unknown += 1;
            return;
        };
        let (state, last) = (&status["state"], &status["lastState"]);
        if fields::has(state, "running") {
            self.running += 1;
        } else if fields::has(state, "terminated") {
            self.stopped += 1;
            let code = fields::integer(&state["terminated"], "exitCode");
            self.succeeded += usize::from(code == 0);
        } else if fields::has(last, "terminated") {
            self.stopped += 1;
        } else {
            self.waiting += 1;
        }
    }
}
