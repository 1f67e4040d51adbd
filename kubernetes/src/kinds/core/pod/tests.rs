use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::*;
use crate::kinds::testing::{cells, invalid, refused, stored_pod_spec};

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

/// What is wrong with the stored pod after a change.
fn broken(change: impl FnOnce(&mut Value)) -> String {
    let mut pod = stored();
    change(&mut pod["spec"]);
    invalid(&POD, &pod)
}

#[test]
fn what_users_get_wrong_is_told_in_the_words_of_kubernetes() {
    let in_container =
        |key: &'static str, value: Value| broken(|spec| spec["containers"][0][key] = value);
    for (found, wanted) in [
        (
            broken(|spec| spec["restartPolicy"] = "Foo".into()),
            r#"spec.restartPolicy: Unsupported value: "Foo": supported values: "Always", "OnFailure", "Never""#,
        ),
        (
            broken(|spec| spec["containers"] = json!([])),
            "spec.containers: Required value",
        ),
        (
            in_container("image", "".into()),
            "spec.containers[0].image: Required value",
        ),
        (
            in_container("name", "A".into()),
            "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        (
            in_container("volumeMounts", json!([{ "name": "x", "mountPath": "/x" }])),
            "spec.containers[0].volumeMounts[0].name: Not found: \"x\"",
        ),
        (
            in_container("imagePullPolicy", "Often".into()),
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never""#,
        ),
        (
            in_container(
                "resources",
                json!({ "limits": { "cpu": "1" }, "requests": { "cpu": "2" } }),
            ),
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        ),
        (
            in_container("resources", json!({ "limits": { "memory": "-1" } })),
            "spec.containers[0].resources.limits[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
        ),
        (
            in_container("ports", json!([{ "containerPort": 0, "protocol": "TCP" }])),
            "spec.containers[0].ports[0].containerPort: Required value",
        ),
        (
            in_container(
                "ports",
                json!([{ "containerPort": 70000, "protocol": "TCP" }]),
            ),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            in_container("livenessProbe", json!({ "successThreshold": 1 })),
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            in_container(
                "securityContext",
                json!({ "privileged": true, "allowPrivilegeEscalation": false }),
            ),
            "spec.containers[0].securityContext: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ),
        (
            in_container("env", json!([{ "name": "A", "valueFrom": {} }])),
            "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        ),
        (
            broken(|spec| spec["volumes"] = json!([{ "name": "v" }])),
            "spec.volumes[0]: Required value: must specify a volume type",
        ),
        (
            broken(|spec| {
                spec["volumes"] =
                    json!([{ "name": "v", "emptyDir": {}, "hostPath": { "path": "/" } }]);
            }),
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        (
            broken(|spec| spec["tolerations"] = json!([{ "operator": "Equal" }])),
            "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
        ),
        (
            broken(|spec| {
                spec["initContainers"] = json!([{
                    "name": "main",
                    "image": "a",
                    "imagePullPolicy": "Always",
                    "terminationMessagePolicy": "File",
                }]);
            }),
            "spec.initContainers[0].name: Duplicate value: \"main\"",
        ),
        (
            broken(|spec| spec["dnsPolicy"] = "None".into()),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            broken(|spec| spec["hostAliases"] = json!([{ "ip": "1.2.3" }])),
            "spec.hostAliases[0].ip: Invalid value: \"1.2.3\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        (
            broken(|spec| spec["activeDeadlineSeconds"] = 0.into()),
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        (
            broken(|spec| {
                spec["ephemeralContainers"] = json!([{
                    "name": "debug",
                    "image": "busybox",
                    "imagePullPolicy": "Always",
                    "terminationMessagePolicy": "File",
                }]);
            }),
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn mounts_stay_where_they_may_be() {
    let found = broken(|spec| {
        spec["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
        spec["containers"][0]["volumeMounts"] = json!([
            { "name": "v", "mountPath": "/a", "subPath": "../b" },
            { "name": "v", "mountPath": "/a" },
        ]);
    });
    assert_eq!(
        found,
        "[spec.containers[0].volumeMounts.subPath: Invalid value: \"../b\": must not contain '..', spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique]"
    );
}

#[test]
fn only_a_few_fields_of_a_pod_may_change() {
    let old = stored();
    let mut new = old.clone();
    new["spec"]["containers"][0]["image"] = "nginx:2".into();
    new["spec"]["activeDeadlineSeconds"] = 5.into();
    new["spec"]["tolerations"] = json!([{ "key": "a", "operator": "Exists" }]);
    assert_eq!(refused(&POD, &new, &old), "[]");
    new["spec"]["nodeName"] = "other".into();
    let found = refused(&POD, &new, &old);
    let start = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ ";
    assert!(found.starts_with(start), "{found}");
    assert!(found.contains("\n+  \"nodeName\": \"other\",\n"), "{found}");
    assert_eq!(refused(&POD, &old, &old), "[]");
    let mut fewer = old.clone();
    fewer["spec"]["containers"] = json!([]);
    assert_eq!(
        refused(&POD, &fewer, &old),
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    );
}

#[test]
fn tolerations_are_only_added() {
    let mut old = stored();
    old["spec"]["tolerations"] = json!([{ "key": "a", "operator": "Exists" }]);
    let mut new = old.clone();
    new["spec"]["tolerations"] = json!([]);
    assert_eq!(
        refused(&POD, &new, &old),
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    );
}

#[test]
fn gates_only_go_away() {
    let mut old = stored();
    old["spec"]["schedulingGates"] = json!([{ "name": "a" }]);
    let mut new = old.clone();
    new["spec"]["nodeSelector"] = json!({ "zone": "a" });
    new["spec"]["schedulingGates"] = json!([]);
    assert_eq!(refused(&POD, &new, &old), "[]");
    new["spec"]["schedulingGates"] = json!([{ "name": "b" }]);
    assert_eq!(
        refused(&POD, &new, &old),
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'"
    );
}

#[test]
fn ephemeral_containers_are_only_added() {
    let check = |new: &Value, old: &Value| {
        let mut errors = Errors::default();
        validate_ephemeral_containers_update(new, old, &mut errors);
        errors.to_string()
    };
    let old = stored();
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{ "name": "debug", "image": "busybox" }]);
    assert_eq!(check(&new, &old), "[]");
    assert_eq!(
        check(&old, &new),
        "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"debug\" may not be removed\n"
    );
}

#[test]
fn only_cpu_and_memory_are_resized() {
    let check = |new: &Value, old: &Value| {
        let mut errors = Errors::default();
        validate_resize(new, old, &mut errors);
        errors.to_string()
    };
    let mut old = stored();
    old["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "1" } });
    let mut new = old.clone();
    new["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "2" } });
    assert_eq!(check(&new, &old), "[]");
    new["spec"]["containers"][0]["image"] = "other".into();
    assert_eq!(
        check(&new, &old),
        "spec: Forbidden: only cpu and memory resources are mutable"
    );
}
