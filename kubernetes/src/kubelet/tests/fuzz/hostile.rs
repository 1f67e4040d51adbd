//! Pods that follow from a seed: hostile ones and odd ones.
use serde_json::{Value, json};

/// Where no part of what an engine gets may come from.
pub(super) const HOST: &str = "/canary/of/the/host";

/// Numbers that follow from a seed (`SplitMix64`).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Kinds with a template of pods: resource, version, and where the template is.
pub(super) const OWNERS: [(&str, &str, &str, &str); 5] = [
    (
        "deployments.apps",
        "apps/v1",
        "Deployment",
        "/spec/template",
    ),
    (
        "statefulsets.apps",
        "apps/v1",
        "StatefulSet",
        "/spec/template",
    ),
    ("daemonsets.apps", "apps/v1", "DaemonSet", "/spec/template"),
    ("jobs.batch", "batch/v1", "Job", "/spec/template"),
    (
        "cronjobs.batch",
        "batch/v1",
        "CronJob",
        "/spec/jobTemplate/spec/template",
    ),
];

/// What a pod must not have: where it is said, and how.
fn of_pods() -> Vec<(&'static str, Value)> {
    let path = |path: &str| json!([{ "name": "v", "hostPath": { "path": path } }]);
    vec![
        ("/volumes", path(HOST)),
        ("/volumes", path("/var/run/docker.sock")),
        ("/volumes", path("/")),
        (
            "/volumes",
            json!([{ "name": "v", "gitRepo": { "repository": HOST } }]),
        ),
        (
            "/volumes",
            json!([{ "name": "v", "nfs": { "server": "h", "path": HOST } }]),
        ),
        (
            "/volumes",
            json!([{ "name": "v", "csi": { "driver": "hostpath.csi.k8s.io", "volumeAttributes": { "path": HOST } } }]),
        ),
        (
            "/volumes",
            json!([{ "name": "v", "flexVolume": { "driver": HOST } }]),
        ),
        (
            "/volumes",
            json!([{ "name": "v", "emptyDir": { "medium": "HugePages" } }]),
        ),
        ("/hostNetwork", json!(true)),
        ("/hostPID", json!(true)),
        ("/hostIPC", json!(true)),
        ("/shareProcessNamespace", json!(true)),
        ("/runtimeClassName", json!("host")),
        (
            "/securityContext/sysctls",
            json!([{ "name": "kernel.core_pattern", "value": "|/x" }]),
        ),
        (
            "/securityContext/seccompProfile",
            json!({ "type": "Unconfined" }),
        ),
        (
            "/securityContext/seccompProfile",
            json!({ "type": "Localhost", "localhostProfile": "canary" }),
        ),
        (
            "/securityContext/appArmorProfile",
            json!({ "type": "Unconfined" }),
        ),
        (
            "/securityContext/seLinuxOptions",
            json!({ "type": "spc_t" }),
        ),
    ]
}

/// The same of a container.
pub(super) fn of_containers() -> Vec<(&'static str, Value)> {
    vec![
        ("/securityContext/privileged", json!(true)),
        ("/securityContext/procMount", json!("Unmasked")),
        (
            "/securityContext/seccompProfile",
            json!({ "type": "Unconfined" }),
        ),
        (
            "/securityContext/appArmorProfile",
            json!({ "type": "Unconfined" }),
        ),
        (
            "/securityContext/capabilities",
            json!({ "add": ["SYS_ADMIN"] }),
        ),
        ("/securityContext/capabilities", json!({ "add": ["ALL"] })),
        (
            "/securityContext/capabilities",
            json!({ "add": ["CAP_SYS_PTRACE", "CHOWN"] }),
        ),
        ("/securityContext/seLinuxOptions", json!({ "level": "s0" })),
        (
            "/volumeMounts",
            json!([{ "name": "e", "mountPath": "/m", "subPath": "../../canary" }]),
        ),
        (
            "/volumeMounts",
            json!([{ "name": "e", "mountPath": "/proc/sys" }]),
        ),
        (
            "/volumeMounts",
            json!([{ "name": "e", "mountPath": "/m", "subPathExpr": "$(UP)/$(UP)" }]),
        ),
        ("/ports", json!([{ "containerPort": 80, "hostPort": 80 }])),
        (
            "/ports",
            json!([{ "containerPort": 80, "hostIP": "0.0.0.0", "hostPort": 80 }]),
        ),
        ("/resources", json!({ "limits": { "nvidia.com/gpu": "1" } })),
        ("/workingDir", json!("/../canary")),
        ("/terminationMessagePath", json!("/../canary")),
        ("/image", json!("--privileged")),
        ("/image", json!("busybox --volume=/:/canary")),
        ("/image", json!("-v/:/canary")),
        ("/image", json!("../../canary")),
    ]
}

/// Odd, and nobody's business but the container's own.
fn harmless() -> Vec<(&'static str, Value)> {
    vec![
        (
            "/command",
            json!(["sh", "-c", "$(rm -rf /); `id` && \"$X\" | cat > /dev/null"]),
        ),
        ("/command", json!(["--privileged", "-v", "/:/host"])),
        ("/args", json!(["a\nb", "", " ", "\u{1F433}", "'\"\\"])),
        ("/tty", json!(true)),
        (
            "/securityContext",
            json!({ "privileged": false, "capabilities": { "drop": ["ALL"] } }),
        ),
        (
            "/workingDir",
            json!("/tmp/../tmp-not-really".replace("../", "")),
        ),
    ]
}

/// What is put into the environment, to be found there as it is.
fn odd_texts() -> Vec<String> {
    vec![
        "x".repeat(1 << 20),
        "a\nB=c\nLD_PRELOAD=/x".to_owned(),
        "; rm -rf / #".to_owned(),
        "`id`${HOME}\\ \"'".to_owned(),
        String::new(),
    ]
}

/// Sets what a pointer names, making what is not there.
pub(super) fn set(value: &mut Value, pointer: &str, new: Value) {
    let mut at = value;
    for part in pointer.split('/').skip(1) {
        at = &mut at[part];
    }
    *at = new;
}

/// A pod's template and what is to become of it.
pub(super) struct Made {
    pub(super) spec: Value,
    pub(super) hostile: bool,
    pub(super) odd: String,
}

pub(super) fn make(dice: &mut Dice) -> Made {
    let odd = dice.pick(&odd_texts()).clone();
    let env = json!([{ "name": "ODD", "value": odd }, { "name": "UP", "value": ".." }]);
    let container = |name: &str| json!({ "name": name, "image": "nginx:1", "env": env });
    let mut spec = json!({
        "nodeName": "n",
        "automountServiceAccountToken": false,
        "volumes": [{ "name": "e", "emptyDir": {} }],
        "containers": [container("main")],
        "initContainers": [container("init"), container("side")],
    });
    spec["initContainers"][1]["restartPolicy"] = "Always".into();
    let place = ["/containers/0", "/initContainers/0", "/initContainers/1"];
    for _ in 0..dice.below(3) {
        let (pointer, value) = dice.pick(&harmless()).clone();
        let at = *dice.pick(&place);
        set(spec.pointer_mut(at).unwrap(), pointer, value);
    }
    let poisons = [0, 1, 1, 2][dice.below(4)];
    for _ in 0..poisons {
        if dice.below(2) == 0 {
            let (pointer, value) = dice.pick(&of_pods()).clone();
            if pointer == "/volumes" {
                // Beside the volume that is mounted.
                spec["volumes"] = json!([{ "name": "e", "emptyDir": {} }, value[0]]);
            } else {
                set(&mut spec, pointer, value);
            }
        } else {
            let (pointer, value) = dice.pick(&of_containers()).clone();
            let at = *dice.pick(&place);
            set(spec.pointer_mut(at).unwrap(), pointer, value);
        }
    }
    Made {
        spec,
        hostile: poisons > 0,
        odd,
    }
}
