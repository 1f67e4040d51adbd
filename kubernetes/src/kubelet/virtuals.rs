//! Pods of the system that EKS brings: nothing of them is run, because wharf does their work itself.
//!
//! They may therefore say what is refused of others: no image is fetched, no process started, no
//! file mounted. What the engine gets of them is a list of names.
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use wharf_runtime::{
    Container, Directory, Dns, Lifecycle, PodSpec, Probes, Pull, Resources, RestartPolicy, Role,
    Security, TerminationMessage,
};

use crate::fields;

/// Ends of repositories of images that are known.
const KNOWN: &[&str] = &[
    "amazon-k8s-cni",
    "amazon-k8s-cni-init",
    "amazon/aws-network-policy-agent",
    "amazon/aws-efs-csi-driver",
    "autoscaling/cluster-autoscaler",
    "ebs-csi-driver/aws-ebs-csi-driver",
    "eks/aws-ebs-csi-driver",
    "eks/aws-efs-csi-driver",
    "eks/aws-load-balancer-controller",
    "eks/coredns",
    "eks/csi-attacher",
    "eks/csi-node-driver-registrar",
    "eks/csi-provisioner",
    "eks/csi-resizer",
    "eks/csi-snapshotter",
    "eks/eks-node-monitoring-agent",
    "eks/eks-pod-identity-agent",
    "eks/kube-proxy",
    "eks/livenessprobe",
    "eks/metrics-server",
    "eks/snapshot-controller",
    "eks/volume-modifier-for-k8s",
    "metrics-server/metrics-server",
];

/// Whether a pod belongs to the system and all its images are known.
pub(super) fn is_virtual(pod: &Value) -> bool {
    let lists = ["initContainers", "containers"];
    let mut all = lists
        .into_iter()
        .flat_map(|list| fields::list(&pod["spec"], list));
    fields::text(&pod["metadata"], "namespace") == "kube-system"
        && all.all(|container| is_known(fields::text(container, "image")))
}

fn is_known(image: &str) -> bool {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let name = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    let ends = |known: &str| {
        let before = name.strip_suffix(known);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    KNOWN.iter().any(|known| ends(known))
}

/// The names of its containers, for an engine that runs nothing. None if it is impossible.
pub(super) fn spec(pod: &Value, ip: Option<IpAddr>) -> Option<PodSpec> {
    let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
    let text = |key: &str| fields::text(metadata, key).to_owned();
    let mut containers = Vec::new();
    for (list, usual) in [("initContainers", Role::Init), ("containers", Role::Main)] {
        for value in fields::list(spec, list) {
            let role = match usual {
                Role::Init if fields::text(value, "restartPolicy") == "Always" => Role::Sidecar,
                role => role,
            };
            containers.push(named(value, role)?);
        }
    }
    Some(PodSpec {
        id: text("uid"),
        namespace: text("namespace"),
        name: text("name"),
        hostname: text("name"),
        ip,
        containers,
        volumes: Vec::new(),
        dns: Dns::default(),
        host_aliases: Vec::new(),
        domain: String::new(),
        pull_secrets: Vec::new(),
        restart: RestartPolicy::Always,
        grace: Duration::ZERO,
        finishes: false,
    })
}

fn named(container: &Value, role: Role) -> Option<Container> {
    Some(Container {
        name: fields::text(container, "name").to_owned(),
        role,
        image: fields::text(container, "image").to_owned(),
        pull: Pull::Never,
        command: None,
        args: None,
        working_dir: None,
        env: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        probes: Probes::default(),
        lifecycle: Lifecycle::default(),
        resources: Resources::default(),
        security: Security::default(),
        tty: false,
        stdin: false,
        stdin_once: false,
        termination: TerminationMessage {
            path: Directory::new("/dev/termination-log").ok()?,
            or_log: false,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str, images: &[&str]) -> Value {
        let containers: Vec<Value> = images
            .iter()
            .map(|image| json!({ "image": image }))
            .collect();
        json!({ "metadata": { "namespace": namespace }, "spec": { "containers": containers } })
    }

    #[test]
    fn only_pods_of_the_system_with_known_images_are_virtual() {
        let coredns = "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1.11.4-eksbuild.2";
        assert!(is_virtual(&pod("kube-system", &[coredns])));
        assert!(is_virtual(&pod(
            "kube-system",
            &["registry.k8s.io/metrics-server/metrics-server:v0.7.2"]
        )));
        assert!(!is_virtual(&pod("default", &[coredns])));
        assert!(!is_virtual(&pod("kube-system", &[coredns, "nginx"])));
        assert!(!is_virtual(&pod("kube-system", &["evil-eks/coredns"])));
    }
}
