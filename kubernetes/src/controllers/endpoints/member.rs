//! A pod as an endpoint of a service.
use serde_json::{Value, json};

use crate::controllers::pod_control;
use crate::fields;
use crate::views::PodView;

/// Whether a pod has an address to be told of.
pub(super) fn is_told(pod: &PodView, with_ending: bool) -> bool {
    !pod_control::is_finished(pod)
        && address(pod).is_some()
        && (with_ending || !pod.metadata.is_deleting())
}

/// The IPv4 address of a pod.
pub(super) fn address(pod: &PodView) -> Option<&str> {
    let all = pod.status.pod_ips.iter().map(|ip| ip.ip.as_str());
    let mut all = all.chain([pod.status.pod_ip.as_str()]);
    all.find(|ip| !ip.is_empty() && !ip.contains(':'))
}

pub(super) fn publishes_not_ready(service: &Value) -> bool {
    fields::flag(&service["spec"], "publishNotReadyAddresses")
}

/// Whether the name server tells of the pod by its name.
pub(super) fn has_host_name(pod: &PodView, service: &Value) -> bool {
    let metadata = &service["metadata"];
    !pod.spec.hostname.is_empty()
        && pod.spec.subdomain == fields::text(metadata, "name")
        && pod.metadata.namespace == fields::text(metadata, "namespace")
}

/// `targetRef`.
pub(super) fn target(pod: &PodView) -> Value {
    json!({
        "kind": "Pod",
        "namespace": pod.metadata.namespace,
        "name": pod.metadata.name,
        "uid": pod.metadata.uid,
    })
}

/// What a port of a service is at a pod; none if the pod has no port of that name.
pub(super) fn port(pod: &PodView, port: &Value) -> Option<i64> {
    let Some(name) = port["targetPort"].as_str() else {
        return fields::number(&port["targetPort"]);
    };
    let protocol = fields::text(port, "protocol");
    let sidecars = pod.spec.init_containers.iter();
    let sidecars = sidecars.filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let mut ports = pod
        .spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|c| &c.ports);
    let found = ports.find(|own| own.name == name && own.protocol == protocol)?;
    Some(found.container_port)
}

/// The ports of a service at a pod, as an endpoint slice has them.
pub(super) fn ports(pod: &PodView, service: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for own in fields::list(&service["spec"], "ports") {
        let Some(number) = port(pod, own) else {
            continue;
        };
        let mut one = json!({
            "name": fields::text(own, "name"),
            "port": number,
            "protocol": fields::text(own, "protocol"),
        });
        if fields::has(own, "appProtocol") {
            fields::set(&mut one, "appProtocol", own["appProtocol"].clone());
        }
        all.push(one);
    }
    all
}

/// An element of `endpoints` of an endpoint slice; `zone` is empty if it is not known.
pub(super) fn endpoint(pod: &PodView, service: &Value, zone: &str) -> Value {
    let (serving, ending) = (pod_control::is_ready(pod), pod.metadata.is_deleting());
    let ready = publishes_not_ready(service) || (serving && !ending);
    let mut endpoint = json!({
        "addresses": [address(pod).unwrap_or_default()],
        "conditions": { "ready": ready, "serving": serving, "terminating": ending },
        "targetRef": target(pod),
    });
    let optional = [
        ("nodeName", pod.spec.node_name.as_str()),
        ("zone", zone),
        (
            "hostname",
            if has_host_name(pod, service) {
                &pod.spec.hostname
            } else {
                ""
            },
        ),
    ];
    for (key, text) in optional {
        if !text.is_empty() {
            fields::set(&mut endpoint, key, text);
        }
    }
    endpoint
}
