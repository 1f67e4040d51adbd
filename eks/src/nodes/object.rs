//! The node that stands for a machine, as the kubelet and the cloud controller make it.
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wharf_compute::{images, instance_types::InstanceType, instances::Instance, network};
use wharf_types::{Digest, Region, Timestamp};

use crate::{
    nodegroups::{
        Nodegroup,
        config::{Taint, TaintEffect},
    },
    versions,
};

/// The label with the node group of a node.
pub(super) const NODEGROUP: &str = "eks.amazonaws.com/nodegroup";

/// What a node is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine<'a> {
    pub region: &'a Region,
    pub cluster: &'a str,
    /// The version of the cluster, which counts where the image says none.
    pub version: &'a str,
    pub instance: &'a Instance,
    pub group: Option<&'a Nodegroup>,
    pub now: Timestamp,
}

impl Machine<'_> {
    pub(super) fn name(&self) -> String {
        self.instance.private_dns_name(self.region)
    }

    /// The version of Kubernetes on its image.
    fn kubernetes(&self) -> String {
        let all = images::all(self.region).into_iter();
        let image = all
            .into_iter()
            .find(|image| image.id == self.instance.image);
        let of_image = image.and_then(|image| {
            let (_, after) = image.description.split_once("k8s")?;
            let is_version = |c: &char| c.is_ascii_digit() || *c == '.';
            let version = after.trim_start_matches([':', ' ', '-']);
            let version: String = version.chars().take_while(is_version).collect();
            (!version.is_empty()).then_some(version)
        });
        versions::kubelet(of_image.as_deref().unwrap_or(self.version))
    }

    fn architecture(&self) -> &'static str {
        let shape = self.instance.shape();
        shape.map_or("amd64", |shape| shape.architecture.goarch())
    }

    /// The labels that a machine gives itself and the node group adds.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let (instance, region) = (self.instance, self.region.to_string());
        let arch = self.architecture();
        let zone_id = network::zone_id(self.region, &instance.zone).unwrap_or_default();
        let name = self.name();
        let provider = Digest::sha256(self.cluster.as_bytes()).to_string();
        let provider: String = provider.chars().skip("sha256:".len()).take(32).collect();
        let own = [
            ("beta.kubernetes.io/arch", arch),
            ("beta.kubernetes.io/instance-type", &instance.instance_type),
            ("beta.kubernetes.io/os", "linux"),
            ("failure-domain.beta.kubernetes.io/region", &region),
            ("failure-domain.beta.kubernetes.io/zone", &instance.zone),
            ("k8s.io/cloud-provider-aws", &provider),
            ("kubernetes.io/arch", arch),
            ("kubernetes.io/hostname", &name),
            ("kubernetes.io/os", "linux"),
            ("node.kubernetes.io/instance-type", &instance.instance_type),
            ("topology.k8s.aws/zone-id", &zone_id),
            ("topology.kubernetes.io/region", &region),
            ("topology.kubernetes.io/zone", &instance.zone),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut labels = BTreeMap::from(own);
        if let Some(group) = self.group {
            labels.extend(group.labels.clone());
            let capacity = group.capacity.as_str().to_owned();
            let managed = [
                (NODEGROUP, group.name.clone()),
                ("eks.amazonaws.com/nodegroup-image", instance.image.clone()),
                ("eks.amazonaws.com/capacityType", capacity),
            ];
            labels.extend(managed.map(|(key, value)| (key.to_owned(), value)));
            if let Some(template) = &instance.template {
                let version = template.version.to_string();
                let made_of = [
                    ("sourceLaunchTemplateId", template.id.clone()),
                    ("sourceLaunchTemplateVersion", version),
                ];
                labels.extend(
                    made_of.map(|(key, value)| (format!("eks.amazonaws.com/{key}"), value)),
                );
            }
        }
        labels
    }

    /// The node, ready to take pods.
    pub(super) fn node(&self) -> Value {
        let instance = self.instance;
        let mut spec = json!({ "providerID": instance.provider_id() });
        let taints = self.group.map(taints).unwrap_or_default();
        if !taints.is_empty() {
            spec["taints"] = taints.into();
        }
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name(),
                "labels": self.labels(),
                "annotations": {
                    "alpha.kubernetes.io/provided-node-ip": instance.address.to_string(),
                    "node.alpha.kubernetes.io/ttl": "0",
                    "volumes.kubernetes.io/controller-managed-attach-detach": "true",
                },
            },
            "spec": spec,
            "status": self.status(),
        })
    }

    fn status(&self) -> Value {
        let (instance, name) = (self.instance, self.name());
        let (capacity, allocatable) = instance.shape().map_or((json!({}), json!({})), amounts);
        let bottlerocket = self
            .group
            .is_some_and(|group| group.ami_type.is_bottlerocket());
        let system = if bottlerocket {
            "Bottlerocket OS 1.50.0 (aws-k8s)"
        } else {
            "Amazon Linux 2023.9.20251105"
        };
        let id = |of: &str| {
            let digest = Digest::sha256(format!("{of}/{}", instance.id).as_bytes()).to_string();
            digest
                .chars()
                .skip("sha256:".len())
                .take(32)
                .collect::<String>()
        };
        json!({
            "addresses": [
                { "type": "InternalIP", "address": instance.address.to_string() },
                { "type": "InternalDNS", "address": name },
                { "type": "Hostname", "address": name },
            ],
            "capacity": capacity,
            "allocatable": allocatable,
            "conditions": conditions(self.now),
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
            "nodeInfo": {
                "architecture": self.architecture(),
                "bootID": id("boot"),
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.12.46-66.121.amzn2023.x86_64",
                "kubeProxyVersion": self.kubernetes(),
                "kubeletVersion": self.kubernetes(),
                "machineID": id("machine"),
                "operatingSystem": "linux",
                "osImage": system,
                "systemUUID": id("system"),
            },
        })
    }
}

/// Capacity, and what of it is for pods.
fn amounts(shape: &'static InstanceType) -> (Value, Value) {
    let (all, free) = (shape.capacity(), shape.allocatable());
    let amounts = |cpu: String, memory_mib: u64, storage: &str| {
        json!({
            "cpu": cpu,
            "ephemeral-storage": storage,
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": format!("{}Ki", memory_mib * 1024),
            "pods": all.pods.to_string(),
        })
    };
    let capacity = amounts(
        (all.cpu_milli / 1000).to_string(),
        all.memory_mib,
        "20893676Ki",
    );
    let free_cpu = format!("{}m", free.cpu_milli);
    (capacity, amounts(free_cpu, free.memory_mib, "18181869946"))
}

fn conditions(now: Timestamp) -> Value {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": seconds(now),
            "lastTransitionTime": seconds(now),
        })
    };
    json!([
        condition(
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available"
        ),
        condition(
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure"
        ),
        condition(
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available"
        ),
        condition(
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status"
        ),
    ])
}

/// A time as Kubernetes writes it: without fractions.
fn seconds(now: Timestamp) -> String {
    wharf_kubernetes::cluster::time::rfc3339(now)
}

/// The taints of a node group's nodes, as nodes have them.
pub(super) fn taints(group: &Nodegroup) -> Vec<Value> {
    group.taints.iter().filter_map(taint).collect()
}

fn taint(taint: &Taint) -> Option<Value> {
    let effect = match taint.effect? {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::NoExecute => "NoExecute",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
    };
    let mut shown = Map::new();
    shown.insert("key".to_owned(), taint.key.clone()?.into());
    if let Some(value) = taint.value.clone().filter(|value| !value.is_empty()) {
        shown.insert("value".to_owned(), value.into());
    }
    shown.insert("effect".to_owned(), effect.into());
    Some(shown.into())
}
