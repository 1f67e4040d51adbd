//! The matrix of what is refused, and a generator of hostile pods.
use proptest::prelude::*;
use serde_json::json;
use wharf_runtime::{Capability, Content, VolumeSource};

use super::*;

fn pod(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = json!({
        "metadata": { "name": "a", "namespace": "default", "uid": "1" },
        "spec": { "containers": [{ "name": "c", "image": "nginx" }] },
    });
    change(&mut pod);
    pod
}

fn run(
    pod: &Value,
    lookup: &(dyn Fn(&str, &str, &str) -> Option<Value> + Sync),
) -> Result<Translated, Refusal> {
    let context = Context {
        lookup,
        pod_ip: None,
        host_ip: None,
        allocatable: &json!({ "cpu": "2", "memory": "4Gi" }),
        services: &["KUBERNETES_SERVICE_HOST", "SHOP_SERVICE_HOST"]
            .map(|name| (name.to_owned(), "10.100.0.1".to_owned())),
        dns: None,
        machine_domain: "",
        finishes: false,
    };
    translate(pod, &context)
}

fn nothing(_resource: &str, _namespace: &str, _name: &str) -> Option<Value> {
    None
}

/// What is refused, by where it is said in a pod or in a container.
fn of_pod() -> Vec<(&'static str, Value)> {
    vec![
        ("hostNetwork", json!(true)),
        ("hostPID", json!(true)),
        ("hostIPC", json!(true)),
        ("hostUsers", json!(true)),
        ("shareProcessNamespace", json!(true)),
        ("runtimeClassName", json!("gvisor")),
        ("resourceClaims", json!([{ "name": "gpu" }])),
        ("os", json!({ "name": "windows" })),
        ("hostnameOverride", json!("host")),
        ("somethingNew", json!({ "a": 1 })),
        (
            "securityContext.sysctls",
            json!([{ "name": "kernel.msgmax", "value": "1" }]),
        ),
        (
            "securityContext.seccompProfile",
            json!({ "type": "Unconfined" }),
        ),
        (
            "securityContext.seccompProfile",
            json!({ "type": "Localhost", "localhostProfile": "x" }),
        ),
        (
            "securityContext.appArmorProfile",
            json!({ "type": "Unconfined" }),
        ),
        ("securityContext.seLinuxOptions", json!({ "type": "spc_t" })),
        (
            "securityContext.windowsOptions",
            json!({ "hostProcess": true }),
        ),
    ]
}

fn of_container() -> Vec<(&'static str, Value)> {
    vec![
        ("securityContext.privileged", json!(true)),
        ("securityContext.privileged", json!("true")),
        ("securityContext.procMount", json!("Unmasked")),
        (
            "securityContext.seccompProfile",
            json!({ "type": "Unconfined" }),
        ),
        (
            "securityContext.appArmorProfile",
            json!({ "type": "Localhost", "localhostProfile": "x" }),
        ),
        ("securityContext.seLinuxOptions", json!({ "level": "s0" })),
        (
            "securityContext.windowsOptions",
            json!({ "hostProcess": true }),
        ),
        ("securityContext.capabilities.add", json!(["SYS_ADMIN"])),
        ("securityContext.capabilities.add", json!(["CHOWN", "ALL"])),
        ("securityContext.capabilities.add", json!(["CAP_NET_ADMIN"])),
        (
            "volumeDevices",
            json!([{ "name": "v", "devicePath": "/dev/sda" }]),
        ),
        ("targetContainerName", json!("c")),
        ("resources.limits", json!({ "nvidia.com/gpu": "1" })),
        ("resources.requests", json!({ "hugepages-2Mi": "2Mi" })),
        ("resources.claims", json!([{ "name": "gpu" }])),
        ("workingDir", json!("/a/../..")),
        ("terminationMessagePath", json!("/../etc/passwd")),
        ("somethingNew", json!([1])),
    ]
}

/// Elements of lists: the list, the field that is named, and the element.
fn in_lists() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "ports",
            "hostPort",
            json!({ "containerPort": 80, "hostPort": 80 }),
        ),
        (
            "ports",
            "hostIP",
            json!({ "containerPort": 80, "hostIP": "0.0.0.0" }),
        ),
        (
            "volumeMounts",
            "subPath",
            json!({ "name": "v", "mountPath": "/a", "subPath": "../x" }),
        ),
        (
            "volumeMounts",
            "subPath",
            json!({ "name": "v", "mountPath": "/a", "subPath": "/etc" }),
        ),
        (
            "volumeMounts",
            "subPathExpr",
            json!({ "name": "v", "mountPath": "/a", "subPathExpr": "$(UP)/$(UP)" }),
        ),
        (
            "volumeMounts",
            "mountPath",
            json!({ "name": "v", "mountPath": "/proc/sys" }),
        ),
        (
            "volumeMounts",
            "mountPropagation",
            json!({ "name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional" }),
        ),
    ]
}

fn volumes() -> Vec<(&'static str, Value)> {
    let host = ["/", "/var/run/docker.sock", "/proc", "../..", ""];
    let host = host.map(|path| ("hostPath", json!({ "path": path, "type": "" })));
    let mut all = host.to_vec();
    all.extend([
        ("csi", json!({ "driver": "secrets-store.csi.k8s.io" })),
        ("flexVolume", json!({ "driver": "x" })),
        ("nfs", json!({ "server": "h", "path": "/" })),
        ("iscsi", json!({ "iqn": "x" })),
        ("local", json!({ "path": "/" })),
        ("image", json!({ "reference": "x" })),
        ("awsElasticBlockStore", json!({ "volumeID": "vol-1" })),
        ("gitRepo", json!({ "repository": "x" })),
        ("cephfs", json!({ "monitors": ["x"] })),
        ("emptyDir.medium", json!("HugePages-2Mi")),
        (
            "projected.sources",
            json!([{ "clusterTrustBundle": { "path": "x" } }]),
        ),
    ]);
    all
}

/// Sets a field by its dotted name.
fn set(value: &mut Value, name: &str, new: Value) {
    let mut at = value;
    for part in name.split('.') {
        at = &mut at[part];
    }
    *at = new;
}

/// Puts something forbidden into a container of a pod, and tells the field that must be named.
fn poison(container: &mut Value, path: &str, what: usize) -> String {
    let (fields, lists) = (of_container(), in_lists());
    container["env"] = json!([{ "name": "UP", "value": ".." }]);
    let what = what % (fields.len() + lists.len());
    if let Some((name, value)) = fields.get(what) {
        set(container, name, value.clone());
        return format!("{path}.{name}");
    }
    let (list, name, element) = lists[what - fields.len()].clone();
    container[list] = json!([element]);
    format!("{path}.{list}[0].{name}")
}

fn refusal_of(pod: &Value) -> Refusal {
    match run(pod, &nothing) {
        Err(refusal) => refusal,
        Ok(translated) => translated
            .refused
            .into_iter()
            .next()
            .expect("it must be refused"),
    }
}

#[test]
fn every_row_is_refused_and_named_in_pods() {
    for (name, value) in of_pod() {
        let refusal = refusal_of(&pod(|pod| set(&mut pod["spec"], name, value)));
        assert_eq!(refusal.trouble, Trouble::Policy, "{name}");
        let prefix = format!("wharf refuses spec.{name}: ");
        assert!(refusal.message.starts_with(&prefix), "{}", refusal.message);
        assert_eq!(refusal.reason(), "CreateContainerConfigError");
    }
}

#[test]
fn every_row_is_refused_and_named_in_all_kinds_of_containers() {
    for what in 0..of_container().len() + in_lists().len() {
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let mut path = String::new();
            let pod = pod(|pod| {
                let mut container = json!({ "name": "d", "image": "x" });
                if list == "initContainers" && what % 2 == 0 {
                    container["restartPolicy"] = "Always".into();
                }
                let at = usize::from(list == "containers");
                path = poison(&mut container, &format!("spec.{list}[{at}]"), what);
                let mut all = pod["spec"][list].as_array().cloned().unwrap_or_default();
                all.push(container);
                pod["spec"][list] = all.into();
            });
            let refusal = refusal_of(&pod);
            assert!(
                refusal
                    .message
                    .starts_with(&format!("wharf refuses {path}")),
                "{path}: {}",
                refusal.message
            );
            assert_eq!(refusal.container.as_deref(), Some("d"));
        }
    }
}

#[test]
fn every_other_kind_of_volume_is_refused() {
    for (name, value) in volumes() {
        let pod = pod(|pod| {
            let mut volume = json!({ "name": "v" });
            set(&mut volume, name, value);
            pod["spec"]["volumes"] = json!([volume]);
        });
        let message = refusal_of(&pod).message;
        assert!(
            message.starts_with(&format!("wharf refuses spec.volumes[0].{name}")),
            "{message}"
        );
    }
}

#[test]
fn annotations_of_old_are_refused_too() {
    for (key, value) in [
        (
            "container.apparmor.security.beta.kubernetes.io/c",
            "unconfined",
        ),
        ("kubernetes.io/config.mirror", "x"),
    ] {
        let pod = pod(|pod| pod["metadata"]["annotations"] = json!({ key: value }));
        assert!(refusal_of(&pod).message.contains(key));
    }
}

#[test]
fn a_persistent_volume_of_the_host_is_refused() {
    let claimed = json!({ "uid": "c1" });
    let mut volume = json!({ "spec": { "hostPath": { "path": "/" }, "claimRef": claimed } });
    let claim = json!({
        "metadata": { "uid": "c1" }, "spec": { "volumeName": "pv" }, "status": { "phase": "Bound" },
    });
    let pod = pod(|pod| {
        pod["spec"]["volumes"] =
            json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }]);
    });
    let look = |volume: &Value| {
        let (volume, claim) = (volume.clone(), claim.clone());
        run(
            &pod,
            &move |resource: &str, _: &str, _: &str| match resource {
                "persistentvolumeclaims" => Some(claim.clone()),
                "persistentvolumes" => Some(volume.clone()),
                _ => None,
            },
        )
    };
    assert_eq!(look(&volume).unwrap_err().trouble, Trouble::Policy);
    let csi = json!({ "driver": "ebs.csi.aws.com", "volumeHandle": "../../etc" });
    volume["spec"] = json!({ "csi": csi, "claimRef": { "uid": "of another claim" } });
    let why = look(&volume).unwrap_err();
    assert_eq!(why.trouble, Trouble::Mount);
    assert!(why.message.contains("does not point to claim.UID c1"));
    volume["spec"] = json!({ "csi": csi, "claimRef": claimed });
    let translated = look(&volume).unwrap();
    match &translated.spec.volumes[0].source {
        VolumeSource::Persistent { id, .. } => assert!(!id.contains(['.', '/'])),
        other => panic!("{other:?}"),
    }
    assert_eq!(run(&pod, &nothing).unwrap_err().trouble, Trouble::Mount);
}

#[test]
fn what_charts_say_is_understood() {
    let pod = pod(|pod| {
        pod["spec"] = json!({
            "securityContext": { "fsGroup": 1001, "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" }, "sysctls": [], "seLinuxOptions": {} },
            "hostNetwork": false, "hostIPC": false,
            "containers": [{
                "name": "mysql", "image": "docker.io/bitnamilegacy/mysql:8.4",
                "command": ["/bin/sh", "-c", "echo $(A) $$(A) $(NO); `id`"],
                "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "$(A)2" }, { "name": "CPU", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu" } } }],
                "ports": [{ "name": "mysql", "containerPort": 3306 }],
                "livenessProbe": { "tcpSocket": { "port": "mysql" }, "periodSeconds": 7 },
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"], "add": ["NET_BIND_SERVICE"] }, "privileged": false, "runAsUser": 1001 },
                "volumeMounts": [{ "name": "t", "mountPath": "/tmp", "subPath": "tmp" }, { "name": "f", "mountPath": "/etc/f" }],
            }],
            "volumes": [{ "name": "t", "emptyDir": {} }, { "name": "f", "projected": { "sources": [
                { "serviceAccountToken": { "path": "token" } }, { "secret": { "name": "s" } },
            ] } }],
        });
    });
    let secret = |resource: &str, _: &str, _: &str| {
        (resource == "secrets").then(|| json!({ "data": { "k": "aGk=" } }))
    };
    let spec = run(&pod, &secret).unwrap().spec;
    let container = &spec.containers[0];
    assert_eq!(
        container.command.as_ref().unwrap()[2],
        "echo 1 $(A) $(NO); `id`"
    );
    let wanted = [
        ("A", "1"),
        ("B", "12"),
        ("CPU", "2"),
        ("KUBERNETES_SERVICE_HOST", "10.100.0.1"),
        ("SHOP_SERVICE_HOST", "10.100.0.1"),
    ];
    assert_eq!(
        container.env,
        wanted.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        container.security.capabilities,
        [Capability::NetBindService]
    );
    assert!(container.security.no_new_privileges && container.security.must_not_be_root);
    assert_eq!(container.security.volume_group, Some(1001));
    let VolumeSource::Files(files) = &spec.volumes[1].source else {
        panic!()
    };
    assert!(matches!(files[0].content, Content::Token { .. }));
    assert_eq!(files[1].content, Content::Bytes(b"hi".to_vec()));
}

#[test]
fn without_service_links_a_pod_knows_where_the_api_is() {
    for (links, wanted) in [(true, 2), (false, 1)] {
        let pod = pod(|pod| pod["spec"]["enableServiceLinks"] = links.into());
        let env = &run(&pod, &nothing).unwrap().spec.containers[0].env;
        assert_eq!(
            (env.len(), env[0].0.as_str()),
            (wanted, "KUBERNETES_SERVICE_HOST")
        );
    }
}

#[test]
fn pods_of_a_stateful_set_know_their_full_name() {
    for (whole, wanted) in [
        (false, ("web-0", "web.default.svc.cluster.local")),
        (true, ("web-0.web.default.svc.cluster.local", "")),
    ] {
        let pod = pod(|pod| {
            pod["spec"]["hostname"] = "web-0".into();
            pod["spec"]["subdomain"] = "web".into();
            pod["spec"]["setHostnameAsFQDN"] = whole.into();
        });
        let spec = run(&pod, &nothing).unwrap().spec;
        assert_eq!((spec.hostname.as_str(), spec.domain.as_str()), wanted);
    }
}

#[test]
fn roots_are_not_started_where_they_must_not_be() {
    let pod =
        pod(|pod| pod["spec"]["securityContext"] = json!({ "runAsNonRoot": true, "runAsUser": 0 }));
    assert_eq!(
        refusal_of(&pod).message,
        "container's runAsUser breaks non-root policy (pod: \"a_default(1)\", container: c)"
    );
}

proptest! {
    /// One forbidden thing anywhere among harmless ones is found and named, and nothing is made of it.
    #[test]
    fn a_hostile_pod_never_becomes_a_spec(
        kind in 0..3_usize,
        what in 0..1000_usize,
        before in 0..3_usize,
        list in 0..3_usize,
        sidecar: bool,
    ) {
        let mut named = String::new();
        let hostile = pod(|pod| {
            pod["spec"]["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
            let list = ["containers", "initContainers", "ephemeralContainers"][list];
            let mut all = vec![json!({ "name": "h", "image": "x" }); before];
            let mut last = json!({ "name": "d", "image": "x" });
            if sidecar && list == "initContainers" {
                last["restartPolicy"] = "Always".into();
            }
            match kind {
                0 => {
                    let rows = of_pod();
                    let (name, value) = rows[what % rows.len()].clone();
                    set(&mut pod["spec"], name, value);
                    named = format!("spec.{name}");
                }
                1 => {
                    let rows = volumes();
                    let (name, value) = rows[what % rows.len()].clone();
                    let mut volume = json!({ "name": "w" });
                    set(&mut volume, name, value);
                    pod["spec"]["volumes"] = json!([{ "name": "v", "emptyDir": {} }, volume]);
                    named = format!("spec.volumes[1].{name}");
                }
                _ => named = poison(&mut last, &format!("spec.{list}[{before}]"), what),
            }
            all.push(last);
            pod["spec"][list] = all.into();
        });
        match run(&hostile, &nothing) {
            Err(refusal) => prop_assert!(refusal.message.contains(&named), "{named}: {}", refusal.message),
            Ok(translated) => {
                prop_assert_eq!(list, 2, "only an ephemeral container is refused by itself");
                prop_assert!(translated.spec.containers.iter().all(|one| one.name != "d"));
                prop_assert!(translated.refused[0].message.contains(&named));
            }
        }
    }

    /// Whatever JSON is said, it does not panic, and no path of the host comes through.
    #[test]
    fn arbitrary_fields_do_not_come_through(key in "[a-zA-Z]{1,16}", text in "(/|\\.\\./)[a-z/.]{0,12}") {
        let known = ["hostname", "nodeName", "subdomain", "schedulerName", "restartPolicy", "dnsPolicy",
            "serviceAccount", "serviceAccountName", "priorityClassName", "preemptionPolicy"];
        prop_assume!(!known.contains(&key.as_str()));
        let pod = pod(|pod| pod["spec"][key.as_str()] = json!({ "hostPath": text, "path": [text] }));
        if let Ok(translated) = run(&pod, &nothing) {
            let shown = format!("{:?}", translated.spec);
            prop_assert!(text.len() < 3 || !shown.contains(&text), "{}", shown);
        }
    }
}
