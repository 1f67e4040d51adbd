use wharf_types::Timestamp;

use super::*;
use crate::kinds::testing::{cells, invalid, stored_pod_spec};

mod invalid;
mod update;

fn web() -> Value {
    json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
    })
}

fn stored() -> Value {
    let mut pod = web();
    (POD.default)(&mut pod);
    pod
}

/// Status, containers that are ready, and restarts.
fn shown(pod: &Value) -> [String; 3] {
    let row = cells(&POD, pod, Timestamp::from_secs(1000));
    [2, 1, 3].map(|i| row[i].as_str().unwrap().to_owned())
}

fn with_status(status: Value) -> Value {
    let mut pod = web();
    pod["status"] = status;
    pod
}

#[test]
fn a_pod_is_filled_in_as_by_the_api_server() {
    let mut wanted = stored_pod_spec();
    wanted["enableServiceLinks"] = true.into();
    assert_eq!(stored()["spec"], wanted);
    assert_eq!(invalid(&POD, &stored()), "[]");
}

#[test]
fn containers_are_filled_in() {
    let mut pod = web();
    pod["spec"]["serviceAccount"] = "bot".into();
    pod["spec"]["hostNetwork"] = true.into();
    pod["spec"]["containers"][0] = json!({
        "name": "main",
        "image": "nginx:1.27",
        "ports": [{ "containerPort": 80 }],
        "env": [{ "name": "IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } }],
        "resources": { "limits": { "cpu": "0.5", "memory": "1024Mi" } },
        "livenessProbe": { "httpGet": { "port": 80 }, "timeoutSeconds": 0 },
        "lifecycle": { "preStop": { "httpGet": { "port": 80, "path": "/bye" } } },
    });
    pod["spec"]["volumes"] = json!([
        { "name": "a" },
        { "name": "b", "secret": { "secretName": "s" } },
        { "name": "c", "hostPath": { "path": "/tmp" } },
        { "name": "d", "projected": { "sources": [{ "serviceAccountToken": { "path": "t" } }] } },
    ]);
    (POD.default)(&mut pod);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(
        *container,
        json!({
            "name": "main",
            "image": "nginx:1.27",
            "imagePullPolicy": "IfNotPresent",
            "ports": [{ "containerPort": 80, "hostPort": 80, "protocol": "TCP" }],
            "env": [{
                "name": "IP",
                "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "status.podIP" } },
            }],
            "resources": {
                "limits": { "cpu": "500m", "memory": "1Gi" },
                "requests": { "cpu": "500m", "memory": "1Gi" },
            },
            "livenessProbe": {
                "httpGet": { "port": 80, "path": "/", "scheme": "HTTP" },
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "successThreshold": 1,
                "failureThreshold": 3,
            },
            "lifecycle": { "preStop": { "httpGet": { "port": 80, "path": "/bye", "scheme": "HTTP" } } },
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        })
    );
    assert_eq!(
        pod["spec"]["volumes"],
        json!([
            { "name": "a", "emptyDir": {} },
            { "name": "b", "secret": { "secretName": "s", "defaultMode": 420 } },
            { "name": "c", "hostPath": { "path": "/tmp", "type": "" } },
            { "name": "d", "projected": {
                "defaultMode": 420,
                "sources": [{ "serviceAccountToken": { "path": "t", "expirationSeconds": 3600 } }],
            } },
        ])
    );
    assert_eq!(pod["spec"]["serviceAccountName"], "bot");
    assert_eq!(invalid(&POD, &pod), "[]");
}

#[test]
fn a_new_pod_is_pending_and_has_a_class() {
    let mut pod = stored();
    (POD.prepare_create)(&mut pod);
    assert_eq!(
        pod["status"],
        json!({ "phase": "Pending", "qosClass": "BestEffort" })
    );
    pod["spec"]["schedulingGates"] = json!([{ "name": "wait" }]);
    (POD.prepare_create)(&mut pod);
    assert_eq!(shown(&pod)[0], "SchedulingGated");
}

#[test]
fn match_label_keys_become_selectors() {
    let mut pod = stored();
    pod["metadata"]["labels"] = json!({ "hash": "1" });
    pod["spec"]["topologySpreadConstraints"] = json!([{
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {},
        "matchLabelKeys": ["hash", "other"],
    }]);
    (POD.prepare_create)(&mut pod);
    assert_eq!(
        pod["spec"]["topologySpreadConstraints"][0]["labelSelector"],
        json!({ "matchExpressions": [{ "key": "hash", "operator": "In", "values": ["1"] }] })
    );
    assert_eq!(invalid(&POD, &pod), "[]");
}

#[test]
fn the_status_follows_the_containers() {
    let waiting = |reason: &str| json!({ "waiting": { "reason": reason } });
    let ended =
        |code: i32, reason: &str| json!({ "terminated": { "exitCode": code, "reason": reason } });
    let main =
        |state: Value, ready: bool| json!([{ "name": "main", "state": state, "ready": ready }]);
    let running = json!({ "running": {} });
    for (state, ready, wanted, number) in [
        (
            waiting("ContainerCreating"),
            false,
            "ContainerCreating",
            "0/1",
        ),
        (
            waiting("CrashLoopBackOff"),
            false,
            "CrashLoopBackOff",
            "0/1",
        ),
        (running.clone(), true, "Running", "1/1"),
        (running, false, "Running", "0/1"),
        (ended(0, "Completed"), false, "Completed", "0/1"),
        (ended(1, "Error"), false, "Error", "0/1"),
        (ended(137, "OOMKilled"), false, "OOMKilled", "0/1"),
        (ended(3, ""), false, "ExitCode:3", "0/1"),
        (
            json!({ "terminated": { "exitCode": 137, "signal": 9 } }),
            false,
            "Signal:9",
            "0/1",
        ),
    ] {
        let pod = with_status(json!({
            "phase": "Running",
            "containerStatuses": main(state, ready),
        }));
        assert_eq!(shown(&pod), [wanted, number, "0"]);
    }
    assert_eq!(
        shown(&with_status(json!({ "phase": "Pending" })))[0],
        "Pending"
    );
    let evicted = with_status(json!({ "phase": "Failed", "reason": "Evicted" }));
    assert_eq!(shown(&evicted)[0], "Evicted");
}

#[test]
fn init_containers_come_first() {
    let mut pod = web();
    pod["spec"]["initContainers"] = json!([{ "name": "one" }, { "name": "two" }]);
    let mut check = |statuses: Value, wanted: &str| {
        pod["status"] = json!({ "phase": "Pending", "initContainerStatuses": statuses });
        assert_eq!(shown(&pod), [wanted, "0/1", "0"]);
    };
    let done = json!({ "name": "one", "state": { "terminated": { "exitCode": 0 } } });
    let two = |state: Value| json!({ "name": "two", "state": state });
    check(
        json!([{ "name": "one", "state": { "running": {} } }]),
        "Init:0/2",
    );
    check(json!([done, two(json!({ "running": {} }))]), "Init:1/2");
    check(
        json!([
            done,
            two(json!({ "waiting": { "reason": "PodInitializing" } }))
        ]),
        "Init:1/2",
    );
    check(
        json!([
            done,
            two(json!({ "waiting": { "reason": "CrashLoopBackOff" } }))
        ]),
        "Init:CrashLoopBackOff",
    );
    check(
        json!([
            done,
            two(json!({ "terminated": { "exitCode": 2, "reason": "Error" } }))
        ]),
        "Init:Error",
    );
    check(
        json!([done, two(json!({ "terminated": { "exitCode": 2 } }))]),
        "Init:ExitCode:2",
    );
}

#[test]
fn sidecars_count_as_containers() {
    let mut pod = web();
    pod["spec"]["initContainers"] = json!([{ "name": "proxy", "restartPolicy": "Always" }]);
    pod["status"] = json!({
        "phase": "Running",
        "initContainerStatuses": [{
            "name": "proxy",
            "started": true,
            "ready": true,
            "restartCount": 2,
            "state": { "running": {} },
            "lastState": { "terminated": { "finishedAt": "1970-01-01T00:11:40Z" } },
        }],
        "containerStatuses": [{
            "name": "main",
            "ready": true,
            "restartCount": 1,
            "state": { "running": {} },
        }],
    });
    assert_eq!(shown(&pod), ["Running", "2/2", "3 (5m ago)"]);
}

#[test]
fn what_is_deleted_terminates() {
    let mut pod = with_status(json!({ "phase": "Running" }));
    pod["metadata"]["deletionTimestamp"] = "1970-01-01T00:00:00Z".into();
    assert_eq!(shown(&pod)[0], "Terminating");
    pod["status"]["reason"] = "NodeLost".into();
    assert_eq!(shown(&pod)[0], "Unknown");
    pod["status"] = json!({ "phase": "Succeeded" });
    assert_eq!(shown(&pod)[0], "Succeeded");
}

#[test]
fn a_pod_that_is_half_done_is_not_ready() {
    let mut pod = with_status(json!({
        "phase": "Running",
        "containerStatuses": [
            { "name": "a", "state": { "terminated": { "exitCode": 0, "reason": "Completed" } } },
            { "name": "b", "ready": true, "state": { "running": {} } },
        ],
    }));
    assert_eq!(shown(&pod)[0], "NotReady");
    pod["status"]["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
    assert_eq!(shown(&pod)[0], "Running");
}

#[test]
fn wide_columns_say_none() {
    let row = cells(&POD, &web(), Timestamp::from_secs(0));
    let wanted = json!([
        "web",
        "0/1",
        "",
        "0",
        "<unknown>",
        "<none>",
        "<none>",
        "<none>",
        "<none>"
    ]);
    assert_eq!(row, wanted);
    let mut pod = with_status(json!({
        "podIPs": [{ "ip": "10.0.0.1" }],
        "conditions": [{ "type": "lb", "status": "True" }],
    }));
    pod["spec"]["readinessGates"] = json!([{ "conditionType": "lb" }, { "conditionType": "x" }]);
    let row = cells(&POD, &pod, Timestamp::from_secs(0));
    assert_eq!((&row[5], &row[8]), (&json!("10.0.0.1"), &json!("1/2")));
}
