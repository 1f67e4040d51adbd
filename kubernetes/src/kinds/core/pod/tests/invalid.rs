use super::super::*;
use super::stored;
use crate::kinds::testing::invalid;

/// What is wrong with the stored pod after a change.
fn broken(change: impl FnOnce(&mut Value)) -> String {
    let mut pod = stored();
    change(&mut pod["spec"]);
    invalid(&POD, &pod)
}

/// The same for a field of its container.
fn broken_container(key: &str, value: Value) -> String {
    broken(|spec| spec["containers"][0][key] = value)
}

#[test]
fn containers_name_and_size_themselves_well() {
    for (found, wanted) in [
        (
            broken_container("image", "".into()),
            "spec.containers[0].image: Required value",
        ),
        (
            broken_container("name", "A".into()),
            "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        (
            broken_container("volumeMounts", json!([{ "name": "x", "mountPath": "/x" }])),
            "spec.containers[0].volumeMounts[0].name: Not found: \"x\"",
        ),
        (
            broken_container("imagePullPolicy", "Often".into()),
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "Often": supported values: "Always", "IfNotPresent", "Never""#,
        ),
        (
            broken_container(
                "resources",
                json!({ "limits": { "cpu": "1" }, "requests": { "cpu": "2" } }),
            ),
            "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        ),
        (
            broken_container("resources", json!({ "limits": { "memory": "-1" } })),
            "spec.containers[0].resources.limits[memory]: Invalid value: \"-1\": must be greater than or equal to 0",
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn containers_behave_well() {
    for (found, wanted) in [
        (
            broken_container("ports", json!([{ "containerPort": 0, "protocol": "TCP" }])),
            "spec.containers[0].ports[0].containerPort: Required value",
        ),
        (
            broken_container(
                "ports",
                json!([{ "containerPort": 70000, "protocol": "TCP" }]),
            ),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            broken_container("livenessProbe", json!({ "successThreshold": 1 })),
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            broken_container(
                "securityContext",
                json!({ "privileged": true, "allowPrivilegeEscalation": false }),
            ),
            "spec.containers[0].securityContext: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ),
        (
            broken_container("env", json!([{ "name": "A", "valueFrom": {} }])),
            "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn pods_are_checked() {
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
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn the_rest_of_pods_is_checked() {
    for (found, wanted) in [
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
