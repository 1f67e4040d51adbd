//! What a pod may say: every field that is not in these tables is refused.
use serde_json::Value;
use wharf_runtime::{Capability, Directory, SubPath};

use super::Refusal;
use crate::{Path, fields};

/// A field and what is done about it.
type Row = (&'static str, Rule);

#[derive(Clone, Copy, Debug)]
enum Rule {
    /// The translation reads it, or it means nothing to the computer that runs the pod.
    Fine,
    In(&'static [Row]),
    Each(&'static [Row]),
    /// Why it is refused unless it is empty, false or 0.
    Never(&'static str),
    /// Tells why this value is refused.
    Check(fn(&Value) -> Option<&'static str>),
}

use Rule::{Check, Each, Fine, In, Never};

const UNKNOWN: &str = "wharf does not know what it asks for";
const HOST_FILES: &str = "pods get no files of this computer";
const DEVICES: &str = "pods get no devices of this computer";
const DRIVER: &str = "wharf has no driver for such volumes; use a persistent volume claim";
const WINDOWS: &str = "there are no Windows nodes";
const UNCONFINED: &str = "only the profile RuntimeDefault protects this computer";
const SELINUX: &str = "labels would apply to this computer's own SELinux policy";

const POD: &[Row] = &[
    ("activeDeadlineSeconds", Fine),
    ("affinity", Fine),
    ("automountServiceAccountToken", Fine),
    ("containers", Each(CONTAINER)),
    ("dnsConfig", Fine),
    ("dnsPolicy", Fine),
    ("enableServiceLinks", Fine),
    // Each is looked at by itself: they come when the pod runs already.
    ("ephemeralContainers", Fine),
    ("hostAliases", Fine),
    (
        "hostIPC",
        Never("pods do not see the memory of this computer's processes"),
    ),
    (
        "hostNetwork",
        Never("pods do not join the network of this computer"),
    ),
    (
        "hostPID",
        Never("pods do not see the processes of this computer"),
    ),
    (
        "hostUsers",
        Never("pods do not share the users of this computer"),
    ),
    ("hostname", Fine),
    ("imagePullSecrets", Fine),
    ("initContainers", Each(CONTAINER)),
    ("nodeName", Fine),
    ("nodeSelector", Fine),
    ("os", Check(linux)),
    ("overhead", Fine),
    ("preemptionPolicy", Fine),
    ("priority", Fine),
    ("priorityClassName", Fine),
    ("readinessGates", Fine),
    ("resourceClaims", Never(DEVICES)),
    ("resources", In(RESOURCES)),
    ("restartPolicy", Fine),
    (
        "runtimeClassName",
        Never("there is one runtime, which has no handlers to choose from"),
    ),
    ("schedulerName", Fine),
    ("schedulingGates", Fine),
    ("securityContext", In(POD_SECURITY)),
    ("serviceAccount", Fine),
    ("serviceAccountName", Fine),
    ("setHostnameAsFQDN", Fine),
    (
        "shareProcessNamespace",
        Never("containers do not share their processes"),
    ),
    ("subdomain", Fine),
    ("terminationGracePeriodSeconds", Fine),
    ("tolerations", Fine),
    ("topologySpreadConstraints", Fine),
    ("volumes", Each(VOLUME)),
];

const CONTAINER: &[Row] = &[
    ("args", Fine),
    ("command", Fine),
    ("env", Each(ENV)),
    ("envFrom", Each(ENV_FROM)),
    ("image", Fine),
    ("imagePullPolicy", Fine),
    ("lifecycle", In(LIFECYCLE)),
    ("livenessProbe", In(PROBE)),
    ("name", Fine),
    ("ports", Each(PORT)),
    ("readinessProbe", In(PROBE)),
    ("resizePolicy", Fine),
    ("resources", In(RESOURCES)),
    ("restartPolicy", Fine),
    ("securityContext", In(SECURITY)),
    ("startupProbe", In(PROBE)),
    ("stdin", Fine),
    ("stdinOnce", Fine),
    (
        "targetContainerName",
        Never("containers do not share their processes"),
    ),
    ("terminationMessagePath", Check(absolute)),
    ("terminationMessagePolicy", Fine),
    ("tty", Fine),
    ("volumeDevices", Never(DEVICES)),
    ("volumeMounts", Each(MOUNT)),
    ("workingDir", Check(absolute)),
];

const ENV: &[Row] = &[
    ("name", Fine),
    ("value", Fine),
    ("valueFrom", In(ENV_SOURCE)),
];

const ENV_SOURCE: &[Row] = &[
    ("configMapKeyRef", Fine),
    ("fieldRef", Fine),
    ("resourceFieldRef", Fine),
    ("secretKeyRef", Fine),
];

const ENV_FROM: &[Row] = &[
    ("configMapRef", Fine),
    ("prefix", Fine),
    ("secretRef", Fine),
];

const PORT: &[Row] = &[
    ("containerPort", Fine),
    ("hostIP", Never("pods get no addresses of this computer")),
    (
        "hostPort",
        Never("pods get no ports of this computer; use a service"),
    ),
    ("name", Fine),
    ("protocol", Fine),
];

const MOUNT: &[Row] = &[
    ("mountPath", Check(mount_point)),
    ("mountPropagation", Check(propagation)),
    ("name", Fine),
    ("readOnly", Fine),
    ("recursiveReadOnly", Fine),
    ("subPath", Check(sub_path)),
    // Looked at when its variables have their values.
    ("subPathExpr", Fine),
];

const SECURITY: &[Row] = &[
    ("allowPrivilegeEscalation", Fine),
    ("appArmorProfile", Check(profile)),
    ("capabilities", In(CAPABILITIES)),
    (
        "privileged",
        Never("a privileged container could do anything to this computer"),
    ),
    ("procMount", Check(masked)),
    ("readOnlyRootFilesystem", Fine),
    ("runAsGroup", Fine),
    ("runAsNonRoot", Fine),
    ("runAsUser", Fine),
    ("seLinuxOptions", Never(SELINUX)),
    ("seccompProfile", Check(profile)),
    ("windowsOptions", Never(WINDOWS)),
];

const CAPABILITIES: &[Row] = &[("add", Check(usual)), ("drop", Fine)];

const POD_SECURITY: &[Row] = &[
    ("appArmorProfile", Check(profile)),
    ("fsGroup", Fine),
    ("fsGroupChangePolicy", Fine),
    ("runAsGroup", Fine),
    ("runAsNonRoot", Fine),
    ("runAsUser", Fine),
    ("seLinuxChangePolicy", Fine),
    ("seLinuxOptions", Never(SELINUX)),
    ("seccompProfile", Check(profile)),
    ("supplementalGroups", Fine),
    ("supplementalGroupsPolicy", Fine),
    (
        "sysctls",
        Never("pods do not change settings of the kernel"),
    ),
    ("windowsOptions", Never(WINDOWS)),
];

const RESOURCES: &[Row] = &[
    ("claims", Never(DEVICES)),
    ("limits", Check(amounts)),
    ("requests", Check(amounts)),
];

const PROBE: &[Row] = &[
    ("exec", Fine),
    ("failureThreshold", Fine),
    ("grpc", Fine),
    ("httpGet", Fine),
    ("initialDelaySeconds", Fine),
    ("periodSeconds", Fine),
    ("successThreshold", Fine),
    ("tcpSocket", Fine),
    ("terminationGracePeriodSeconds", Fine),
    ("timeoutSeconds", Fine),
];

const LIFECYCLE: &[Row] = &[("postStart", Fine), ("preStop", Fine), ("stopSignal", Fine)];

const VOLUME: &[Row] = &[
    ("awsElasticBlockStore", Never(DRIVER)),
    ("configMap", Fine),
    ("csi", Never(DRIVER)),
    ("downwardAPI", Fine),
    (
        "emptyDir",
        In(&[("medium", Check(medium)), ("sizeLimit", Fine)]),
    ),
    ("ephemeral", Fine),
    (
        "flexVolume",
        Never("drivers of nodes would run on this computer"),
    ),
    ("hostPath", Never(HOST_FILES)),
    ("image", Never("wharf does not mount images")),
    ("iscsi", Never(DEVICES)),
    ("local", Never(HOST_FILES)),
    ("name", Fine),
    ("nfs", Never(DRIVER)),
    ("persistentVolumeClaim", Fine),
    (
        "projected",
        In(&[("defaultMode", Fine), ("sources", Each(PROJECTED))]),
    ),
    ("secret", Fine),
];

const PROJECTED: &[Row] = &[
    ("configMap", Fine),
    ("downwardAPI", Fine),
    ("secret", Fine),
    ("serviceAccountToken", Fine),
];

fn linux(os: &Value) -> Option<&'static str> {
    let name = fields::text(os, "name");
    (!["", "linux"].contains(&name)).then_some(WINDOWS)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn absolute(path: &Value) -> Option<&'static str> {
    let bad = Directory::new(text(path)).is_err();
    bad.then_some("it must be an absolute path without '..'")
}

fn mount_point(path: &Value) -> Option<&'static str> {
    let bad = Directory::mount_point(text(path)).is_err();
    bad.then_some("it must be a path without '..' that is not the root, /proc or /sys")
}

fn sub_path(path: &Value) -> Option<&'static str> {
    let bad = SubPath::new(text(path)).is_err();
    bad.then_some("it must be a relative path without '..'")
}

fn propagation(mode: &Value) -> Option<&'static str> {
    let harmless = ["None", "HostToContainer"].contains(&text(mode));
    (!harmless).then_some("mounts of containers do not come to this computer")
}

fn profile(profile: &Value) -> Option<&'static str> {
    let usual = fields::text(profile, "type") == "RuntimeDefault"
        && !fields::is_set(&profile["localhostProfile"]);
    (!usual).then_some(UNCONFINED)
}

fn masked(mount: &Value) -> Option<&'static str> {
    (text(mount) != "Default").then_some("what the kernel shows of this computer stays masked")
}

fn usual(names: &Value) -> Option<&'static str> {
    let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
    let known = |name: &Value| Capability::find(text(name)).is_some();
    let why = "only capabilities that containers have by default may be added";
    (names.is_empty() || !names.iter().all(known)).then_some(why)
}

fn amounts(amounts: &Value) -> Option<&'static str> {
    let plain = ["cpu", "memory", "ephemeral-storage"];
    let map = amounts.as_object();
    let well = map.is_some_and(|map| map.keys().all(|name| plain.contains(&name.as_str())));
    (!well).then_some("only cpu, memory and ephemeral-storage can be had")
}

fn medium(medium: &Value) -> Option<&'static str> {
    (text(medium) != "Memory").then_some("pods get no huge pages of this computer")
}

/// Looks at every field of a pod's spec but its ephemeral containers.
pub(super) fn check_pod(pod: &Value) -> Result<(), Refusal> {
    check_annotations(pod)?;
    let spec = &pod["spec"];
    walk(spec, POD, &Path::new("spec"), None)
}

/// Looks at one container.
pub(super) fn check_container(container: &Value, path: &Path) -> Result<(), Refusal> {
    walk(
        container,
        CONTAINER,
        path,
        Some(fields::text(container, "name")),
    )
}

fn check_annotations(pod: &Value) -> Result<(), Refusal> {
    const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
    for (key, value) in fields::entries(&pod["metadata"], "annotations") {
        let path = || Path::new("metadata").field("annotations").key(key);
        if let Some(container) = key.strip_prefix(APPARMOR)
            && text(value) != "runtime/default"
        {
            return Err(Refusal::policy(&path(), UNCONFINED, Some(container)));
        }
        if key == "kubernetes.io/config.mirror" {
            let why = "there are no static pods";
            return Err(Refusal::policy(&path(), why, None));
        }
    }
    Ok(())
}

/// Recursion ends with the tables.
fn walk(value: &Value, rows: &[Row], path: &Path, owner: Option<&str>) -> Result<(), Refusal> {
    let Some(map) = value.as_object() else {
        return if fields::is_set(value) {
            Err(Refusal::policy(path, UNKNOWN, owner))
        } else {
            Ok(())
        };
    };
    for (key, value) in map.iter().filter(|(_, value)| fields::is_set(value)) {
        let path = path.field(key);
        let row = rows.iter().find(|(name, _)| name == key);
        let why = match row.map(|(_, rule)| *rule) {
            Some(Fine) => None,
            Some(Never(why)) => Some(why),
            Some(Check(check)) => check(value),
            None => Some(UNKNOWN),
            Some(In(rows)) => {
                walk(value, rows, &path, owner)?;
                None
            }
            Some(Each(rows)) => {
                let list = value.as_array().map(Vec::as_slice);
                for (i, element) in list.unwrap_or_default().iter().enumerate() {
                    let own = matches!(key.as_str(), "containers" | "initContainers");
                    let own = own.then(|| fields::text(element, "name"));
                    walk(element, rows, &path.index(i), own.or(owner))?;
                }
                list.is_none().then_some(UNKNOWN)
            }
        };
        if let Some(why) = why {
            return Err(Refusal::policy(&path, why, owner));
        }
    }
    Ok(())
}
