//! The objects of nodes that are virtual machines, and how they are drained.
mod drain;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use drain::take_room;
pub use drain::{Budgets, Drained, drain, uncordon};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::store::Object;
use crate::views::NodeView;

/// A machine that is a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its private DNS name, which is the name of the node.
    pub name: String,
    /// `i-…`
    pub instance_id: String,
    pub instance_type: String,
    pub address: String,
    pub region: String,
    /// Such as `eu-central-1b`.
    pub zone: String,
    /// Such as `euc1-az3`.
    pub zone_id: String,
    /// Empty if it is in none that EKS manages.
    pub nodegroup: String,
    /// `ami-…`
    pub image: String,
    pub launch_template: Option<LaunchTemplate>,
    /// `ON_DEMAND` or `SPOT`.
    pub capacity_type: String,
    /// `amd64` or `arm64`.
    pub architecture: String,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    /// Of the kubelet, such as `v1.33.4-eks-d3c5e0b`.
    pub version: String,
    /// Such as `Amazon Linux 2023.9.20250920`.
    pub os_image: String,
    pub capacity: Room,
    pub allocatable: Room,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchTemplate {
    pub id: String,
    pub version: String,
}

/// The effect is Kubernetes': `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Thousandths of a CPU.
    pub cpu_milli: u64,
    pub memory_mib: u64,
    pub storage_gib: u64,
    pub pods: u32,
}

impl Room {
    fn to_json(self) -> Value {
        json!({
            "cpu": cpu(self.cpu_milli),
            "memory": format!("{}Ki", self.memory_mib * 1024),
            "ephemeral-storage": format!("{}Ki", self.storage_gib * 1024 * 1024),
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "pods": self.pods.to_string(),
        })
    }
}

/// As the server stores it: `2`, or `1930m`.
pub(crate) fn cpu(milli: u64) -> String {
    if milli.is_multiple_of(1000) {
        (milli / 1000).to_string()
    } else {
        format!("{milli}m")
    }
}

/// The node of a machine, as its kubelet registers it and the cloud controller completes it. `now` is
/// RFC 3339.
pub fn node_object(machine: &Machine, now: &str) -> Value {
    let Machine {
        name,
        zone,
        instance_id,
        ..
    } = machine;
    let taints = machine.taints.iter().map(|Taint { key, value, effect }| {
        let mut taint = json!({ "key": key, "effect": effect });
        if !value.is_empty() {
            taint["value"] = value.as_str().into();
        }
        taint
    });
    let taints: Vec<Value> = taints.collect();
    let mut spec = json!({ "providerID": format!("aws:///{zone}/{instance_id}") });
    if !taints.is_empty() {
        spec["taints"] = taints.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels(machine),
            "annotations": {
                "alpha.kubernetes.io/provided-node-ip": machine.address,
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": spec,
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": machine.address },
                { "type": "InternalDNS", "address": name },
                { "type": "Hostname", "address": name },
            ],
            "capacity": machine.capacity.to_json(),
            "allocatable": machine.allocatable.to_json(),
            "conditions": conditions(now),
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
            "nodeInfo": info(
                instance_id,
                &machine.version,
                &machine.architecture,
                &machine.os_image,
            ),
        },
    })
}

/// Which machine a node is: its `spec.providerID`, or nothing.
pub fn provider_id(node: &Object) -> String {
    node.view::<NodeView>().spec.provider_id.clone()
}

fn labels(machine: &Machine) -> Map<String, Value> {
    let Machine {
        architecture,
        region,
        zone,
        instance_type,
        nodegroup,
        ..
    } = machine;
    let mut labels: Map<String, Value> = machine
        .labels
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    let mut set = |key: &str, value: &str| {
        labels.insert(key.to_owned(), value.into());
    };
    for (key, value) in [
        ("beta.kubernetes.io/arch", architecture.as_str()),
        ("beta.kubernetes.io/instance-type", instance_type),
        ("beta.kubernetes.io/os", "linux"),
        ("failure-domain.beta.kubernetes.io/region", region),
        ("failure-domain.beta.kubernetes.io/zone", zone),
        ("kubernetes.io/arch", architecture),
        ("kubernetes.io/hostname", &machine.name),
        ("kubernetes.io/os", "linux"),
        ("node.kubernetes.io/instance-type", instance_type),
        ("topology.k8s.aws/zone-id", &machine.zone_id),
        ("topology.kubernetes.io/region", region),
        ("topology.kubernetes.io/zone", zone),
        // The same for all nodes with the same tags: of one group, here.
        ("k8s.io/cloud-provider-aws", &hex(nodegroup, 32)),
    ] {
        set(key, value);
    }
    if !nodegroup.is_empty() {
        set("eks.amazonaws.com/nodegroup", nodegroup);
        set("eks.amazonaws.com/nodegroup-image", &machine.image);
        set("eks.amazonaws.com/capacityType", &machine.capacity_type);
        if let Some(template) = &machine.launch_template {
            set("eks.amazonaws.com/sourceLaunchTemplateId", &template.id);
            let version = &template.version;
            set("eks.amazonaws.com/sourceLaunchTemplateVersion", version);
        }
    }
    labels
}

/// What a kubelet says that is well.
pub(crate) fn conditions(now: &str) -> Value {
    let well = [
        (
            "MemoryPressure",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        ("Ready", "KubeletReady", "kubelet is posting ready status"),
    ];
    let condition = |(kind, reason, message): (&str, &str, &str)| {
        json!({
            "type": kind,
            "status": if kind == "Ready" { "True" } else { "False" },
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        })
    };
    well.into_iter().map(condition).collect()
}

/// `status.nodeInfo`.
pub(crate) fn info(id: &str, version: &str, architecture: &str, os_image: &str) -> Value {
    let machine = if architecture == "arm64" {
        "aarch64"
    } else {
        "x86_64"
    };
    json!({
        "architecture": architecture,
        "bootID": uuid_of(&format!("boot {id}")),
        "containerRuntimeVersion": "containerd://1.7.27",
        "kernelVersion": format!("6.1.153-175.280.amzn2023.{machine}"),
        // Nothing knows it any more: upstream dropped it.
        "kubeProxyVersion": "",
        "kubeletVersion": version,
        "machineID": format!("ec2{}", hex(id, 29)),
        "operatingSystem": "linux",
        "osImage": os_image,
        "systemUUID": uuid_of(&format!("system {id}")),
    })
}

fn uuid_of(text: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(text).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// So many digits that are always the same for a text.
fn hex(text: &str, digits: usize) -> String {
    let hash: [u8; 32] = Sha256::digest(text).into();
    let all = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let all = all.filter_map(|digit| char::from_digit(digit.into(), 16));
    all.take(digits).collect()
}
