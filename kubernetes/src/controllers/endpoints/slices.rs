//! The endpoint slices of a service: what they should be, changed as little as possible.
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::member;
use crate::fields;
use crate::views::PodView;

/// The most endpoints of a slice.
pub(super) const MOST: usize = 100;

const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const HEADLESS: &str = "service.kubernetes.io/headless";
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";

/// What is to be written; whole objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create: Vec<Value>,
    pub(super) update: Vec<Value>,
    pub(super) delete: Vec<Value>,
}

/// Whether a slice is one of ours, and of which service.
pub(super) fn service_of(slice: &Value) -> Option<&str> {
    let labels = &slice["metadata"]["labels"];
    let ours = fields::text(labels, MANAGED_BY) == MANAGER;
    let name = fields::text(labels, SERVICE);
    (ours && !name.is_empty()).then_some(name)
}

/// The labels of a service's slices.
fn labels(service: &Value) -> Value {
    let mut labels = json!({});
    for (key, value) in fields::entries(&service["metadata"], "labels") {
        fields::set(&mut labels, key, value.clone());
    }
    if super::is_headless(service) {
        fields::set(&mut labels, HEADLESS, "");
    } else {
        fields::remove(&mut labels, HEADLESS);
    }
    fields::set(
        &mut labels,
        SERVICE,
        fields::text(&service["metadata"], "name"),
    );
    fields::set(&mut labels, MANAGED_BY, MANAGER);
    labels
}

fn new_slice(service: &Value, ports: &[Value], endpoints: &[Value]) -> Value {
    let metadata = &service["metadata"];
    let name = fields::text(metadata, "name");
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{name}-"),
            "namespace": fields::text(metadata, "namespace"),
            "labels": labels(service),
            "ownerReferences": [{
                "apiVersion": "v1",
                "kind": "Service",
                "name": name,
                "uid": fields::text(metadata, "uid"),
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": endpoints,
    })
}

/// Ports as a key: slices hold endpoints of the same ports.
fn port_key(ports: &[Value]) -> String {
    let mut texts: Vec<String> = ports.iter().map(Value::to_string).collect();
    texts.sort();
    texts.join(",")
}

fn identity(endpoint: &Value) -> String {
    format!("{}/{}", endpoint["targetRef"]["uid"], endpoint["addresses"])
}

/// `zones` are those of nodes by their names.
pub(super) fn plan(
    service: &Value,
    pods: &[&PodView],
    zones: &HashMap<String, String>,
    existing: &[Value],
) -> Plan {
    let mut wanted: BTreeMap<String, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| member::is_told(pod, true)) {
        let zone = zones.get(&pod.spec.node_name).map_or("", String::as_str);
        let ports = member::ports(pod, service);
        let group = wanted
            .entry(port_key(&ports))
            .or_insert((ports, Vec::new()));
        group.1.push(member::endpoint(pod, service, zone));
    }
    if wanted.is_empty() {
        // One empty slice says that nobody is there.
        wanted.insert(String::new(), Default::default());
    }
    let mut plan = Plan::default();
    let mut by_ports: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for slice in existing {
        if slice["addressType"] != "IPv4" || slice["metadata"]["deletionTimestamp"].is_string() {
            continue;
        }
        by_ports
            .entry(port_key(fields::list(slice, "ports")))
            .or_default()
            .push(slice);
    }
    let labels = labels(service);
    for (key, (ports, endpoints)) in wanted {
        let own = by_ports.remove(&key).unwrap_or_default();
        fit(service, &labels, &ports, endpoints, &own, &mut plan);
    }
    plan.delete
        .extend(by_ports.into_values().flatten().cloned());
    reuse(&mut plan);
    plan
}

/// Puts endpoints of the same ports into slices.
fn fit(
    service: &Value,
    labels: &Value,
    ports: &[Value],
    endpoints: Vec<Value>,
    own: &[&Value],
    plan: &mut Plan,
) {
    let placeholder = endpoints.is_empty();
    let mut left: BTreeMap<String, Value> = endpoints
        .into_iter()
        .map(|endpoint| (identity(&endpoint), endpoint))
        .collect();
    let (mut changed, mut same) = (Vec::new(), Vec::new());
    for &slice in own {
        let before = fields::list(slice, "endpoints");
        let kept: Vec<Value> = before
            .iter()
            .filter_map(|endpoint| left.remove(&identity(endpoint)))
            .collect();
        let alone = changed.is_empty() && same.is_empty();
        if kept.is_empty() && !(placeholder && alone) {
            plan.delete.push(slice.clone());
        } else if kept == before && slice["metadata"]["labels"] == *labels {
            same.push((slice.clone(), kept));
        } else {
            changed.push((slice.clone(), kept));
        }
    }
    let mut left: Vec<Value> = left.into_values().collect();
    // The fullest first, so that few are half empty.
    changed.sort_by_key(|(_, kept)| std::cmp::Reverse(kept.len()));
    for (_, kept) in &mut changed {
        let room = MOST.saturating_sub(kept.len()).min(left.len());
        kept.extend(left.drain(..room));
    }
    while left.len() >= MOST {
        let full: Vec<Value> = left.drain(..MOST).collect();
        plan.create.push(new_slice(service, ports, &full));
    }
    if !left.is_empty() {
        let fits = same
            .iter()
            .enumerate()
            .filter(|(_, (_, kept))| kept.len() + left.len() <= MOST);
        let fullest = fits
            .max_by_key(|(_, (_, kept))| kept.len())
            .map(|(at, _)| at);
        if let Some(at) = fullest {
            let (slice, mut kept) = same.swap_remove(at);
            kept.append(&mut left);
            changed.push((slice, kept));
        } else {
            plan.create.push(new_slice(service, ports, &left));
        }
    }
    if placeholder && changed.is_empty() && same.is_empty() {
        plan.create.push(new_slice(service, ports, &[]));
    }
    for (mut slice, kept) in changed {
        fields::set(&mut slice, "endpoints", kept);
        if let Some(metadata) = fields::child(&mut slice, "metadata") {
            fields::set(metadata, "labels", labels.clone());
        }
        plan.update.push(slice);
    }
}

/// A slice that would go takes the place of one that would come.
fn reuse(plan: &mut Plan) {
    while !plan.create.is_empty()
        && let Some(mut old) = plan.delete.pop()
    {
        let Some(new) = plan.create.pop() else {
            break;
        };
        for key in ["ports", "endpoints"] {
            fields::set(&mut old, key, new[key].clone());
        }
        if let Some(metadata) = fields::child(&mut old, "metadata") {
            fields::set(metadata, "labels", new["metadata"]["labels"].clone());
        }
        plan.update.push(old);
    }
}
