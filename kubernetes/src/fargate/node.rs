//! The node of a pod on Fargate.
use serde_json::{Value, json};

use super::COMPUTE_TYPE;
use crate::capacity::{Machine, PodRef};
use crate::cluster::time::rfc3339;
use wharf_types::Timestamp;

/// Whose node it is: namespace, name and uid of a pod.
const OWNER: &str = "eks.amazonaws.com/fargate-pod";

/// The node of a machine, as the kubelet there would register it.
pub(super) fn object(machine: &Machine, pod: &PodRef, region: &str, now: Timestamp) -> Value {
    let node = machine.node.as_str();
    let host = node.strip_prefix("fargate-").unwrap_or(node);
    let PodRef {
        namespace,
        name,
        uid,
    } = pod;
    let (zone, id) = (&machine.zone, &machine.id);
    let room = json!({
        "cpu": crate::nodes::cpu(machine.size.cpu_milli),
        "memory": format!("{}Mi", machine.size.memory_mib),
        "ephemeral-storage": format!("{}Gi", machine.size.storage_gib),
        "pods": "1",
    });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node,
            "annotations": { OWNER: format!("{namespace}/{name}/{uid}") },
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                COMPUTE_TYPE: "fargate",
                "failure-domain.beta.kubernetes.io/region": region,
                "failure-domain.beta.kubernetes.io/zone": zone,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": host,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/region": region,
                "topology.kubernetes.io/zone": zone,
            },
        },
        "spec": {
            "providerID": format!("aws:///{zone}/{id}/{node}"),
            "taints": [{ "key": COMPUTE_TYPE, "value": "fargate", "effect": "NoSchedule" }],
        },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": machine.address },
                { "type": "InternalDNS", "address": host },
                { "type": "Hostname", "address": host },
            ],
            "capacity": room,
            "allocatable": room,
            "conditions": crate::nodes::conditions(&rfc3339(now)),
            "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
            "nodeInfo": crate::nodes::info(id, &machine.version, "amd64", "Amazon Linux 2"),
        },
    })
}

/// Whose node this is.
pub(super) fn owner(node: &Value) -> Option<PodRef> {
    let text = node["metadata"]["annotations"][OWNER].as_str()?;
    let mut parts = text.splitn(3, '/').map(str::to_owned);
    Some(PodRef {
        namespace: parts.next()?,
        name: parts.next()?,
        uid: parts.next()?,
    })
}
