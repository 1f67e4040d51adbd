//! The `Endpoints` object of a service, for those who do not read slices.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::member;
use crate::controllers::pod_control;
use crate::fields;
use crate::views::PodView;

/// The most addresses of an object.
const MOST: usize = 1000;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
const HEADLESS: &str = "service.kubernetes.io/headless";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// Ready and other addresses, in the order of their numbers.
#[derive(Debug, Default)]
struct Subset {
    ports: Vec<Value>,
    ready: BTreeMap<(Vec<u8>, String), Value>,
    other: BTreeMap<(Vec<u8>, String), Value>,
}

fn port(own: &Value, number: i64) -> Value {
    let mut port = json!({ "port": number, "protocol": fields::text(own, "protocol") });
    for key in ["name", "appProtocol"] {
        if fields::is_set(&own[key]) {
            fields::set(&mut port, key, own[key].clone());
        }
    }
    port
}

/// `subsets` and whether some addresses were left out.
fn subsets(service: &Value, pods: &[&PodView]) -> (Vec<Value>, bool) {
    let tolerant = member::publishes_not_ready(service);
    let declared = fields::list(&service["spec"], "ports");
    let mut all: BTreeMap<String, Subset> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| member::is_told(pod, tolerant)) {
        let mut ports: Vec<Value> = Vec::new();
        for own in declared {
            ports.extend(member::port(pod, own).map(|number| port(own, number)));
        }
        if ports.is_empty() && !(declared.is_empty() && super::is_headless(service)) {
            continue;
        }
        ports.sort_by_key(Value::to_string);
        let ip = member::address(pod).unwrap_or_default();
        let mut address = json!({ "ip": ip, "targetRef": member::target(pod) });
        if !pod.spec.node_name.is_empty() {
            fields::set(&mut address, "nodeName", pod.spec.node_name.as_str());
        }
        if member::has_host_name(pod, service) {
            fields::set(&mut address, "hostname", pod.spec.hostname.as_str());
        }
        let text = Value::from(ports.clone()).to_string();
        let subset = all.entry(text).or_default();
        subset.ports = ports;
        let octets = ip.split('.').filter_map(|part| part.parse().ok()).collect();
        let place = (octets, pod.metadata.uid.clone());
        if tolerant || pod_control::is_ready(pod) {
            subset.ready.insert(place, address);
        } else {
            subset.other.insert(place, address);
        }
    }
    let total: usize = all
        .values()
        .map(|subset| subset.ready.len() + subset.other.len())
        .sum();
    let mut room = MOST;
    let mut told = Vec::new();
    for (_, subset) in all {
        let mut take = |addresses: BTreeMap<_, Value>| {
            let taken: Vec<Value> = addresses.into_values().take(room).collect();
            room -= taken.len();
            taken
        };
        let (ready, other) = (take(subset.ready), take(subset.other));
        let mut one = json!({});
        for (key, list) in [
            ("addresses", ready),
            ("notReadyAddresses", other),
            ("ports", subset.ports),
        ] {
            if !list.is_empty() {
                fields::set(&mut one, key, list);
            }
        }
        told.push(one);
    }
    (told, total > MOST)
}

/// The object as it should be; `old` is what there is, null if there is none.
pub(super) fn endpoints(service: &Value, pods: &[&PodView], old: &Value) -> Value {
    let (subsets, over) = subsets(service, pods);
    let own = &service["metadata"];
    let mut labels = json!({});
    for (key, value) in fields::entries(own, "labels") {
        fields::set(&mut labels, key, value.clone());
    }
    if super::is_headless(service) {
        fields::set(&mut labels, HEADLESS, "");
    } else {
        fields::remove(&mut labels, HEADLESS);
    }
    fields::set(&mut labels, MANAGED_BY, MANAGER);
    let mut new = if old.is_null() {
        json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": { "name": own["name"], "namespace": own["namespace"] },
        })
    } else {
        old.clone()
    };
    if subsets.is_empty() {
        fields::remove(&mut new, "subsets");
    } else {
        fields::set(&mut new, "subsets", subsets);
    }
    if let Some(metadata) = fields::child(&mut new, "metadata") {
        fields::set(metadata, "labels", labels);
        let noted = fields::has(&metadata["annotations"], OVER_CAPACITY);
        if (over || noted)
            && let Some(notes) = fields::ensure(metadata, "annotations")
        {
            if over {
                fields::set(notes, OVER_CAPACITY, "truncated");
            } else {
                fields::remove(notes, OVER_CAPACITY);
            }
        }
    }
    new
}
