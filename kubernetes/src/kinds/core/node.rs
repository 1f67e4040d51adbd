//! Nodes.
use std::collections::{BTreeSet, HashSet};

use serde_json::Value;
use wharf_types::Timestamp;

use crate::{
    Errors, Path,
    defaults::round_resources,
    fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME, NONE, UNKNOWN},
        net, resources,
    },
    validation::{
        dns_subdomain, label_value, validate_label_name, validate_metadata,
        validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["no"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status, Subresource::Proxy],
    fields: &["spec.unschedulable"],
    columns: &[
        NAME,
        cells::text("Status", status),
        cells::text("Roles", roles),
        AGE,
        cells::text("Version", |node, _| info(node, "kubeletVersion", "")),
        cells::wide("Internal-IP", |node, _| address(node, "InternalIP")),
        cells::wide("External-IP", |node, _| address(node, "ExternalIP")),
        cells::wide("OS-Image", |node, _| info(node, "osImage", UNKNOWN)),
        cells::wide("Kernel-Version", |node, _| {
            info(node, "kernelVersion", UNKNOWN)
        }),
        cells::wide("Container-Runtime", |node, _| {
            info(node, "containerRuntimeVersion", UNKNOWN)
        }),
    ],
    default: |object| {
        if let Some(status) = fields::child(object, "status") {
            if status["capacity"].is_object() {
                let capacity = status["capacity"].clone();
                fields::default_pointer(status, "allocatable", capacity);
            }
            round_resources(status, "capacity");
            round_resources(status, "allocatable");
        }
    },
    validate,
    validate_update,
    ..Kind::new("", "v1", "Node", "nodes", "node", "io.k8s.api.core.v1.Node")
};

fn info(node: &Value, key: &str, fallback: &str) -> Value {
    cells::or(fields::text(&node["status"]["nodeInfo"], key), fallback)
}

fn address(node: &Value, kind: &str) -> Value {
    fields::list(&node["status"], "addresses")
        .iter()
        .find(|address| fields::text(address, "type") == kind)
        .map_or(NONE, |address| fields::text(address, "address"))
        .into()
}

fn status(node: &Value, _now: Timestamp) -> Value {
    let ready = fields::list(&node["status"], "conditions")
        .iter()
        .rfind(|condition| fields::text(condition, "type") == "Ready");
    let mut status = match ready {
        None => "Unknown",
        Some(condition) if fields::text(condition, "status") == "True" => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if fields::flag(&node["spec"], "unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

fn roles(node: &Value, _now: Timestamp) -> Value {
    let roles: BTreeSet<&str> = fields::entries(&node["metadata"], "labels")
        .filter_map(|(key, value)| match key {
            "kubernetes.io/role" => value.as_str(),
            key => key.strip_prefix("node-role.kubernetes.io/"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    let roles: Vec<&str> = roles.into_iter().collect();
    cells::or(&roles.join(","), NONE)
}

fn validate(node: &Value, errors: &mut Errors) {
    validate_metadata(node, dns_subdomain, errors);
    validate_taints(&node["spec"], errors);
    for key in ["capacity", "allocatable"] {
        let path = Path::new("status").field(key);
        for (name, amount) in fields::entries(&node["status"], key) {
            resources::validate_amount(name, amount, &path.field(name), errors);
        }
    }
    let path = Path::new("spec").field("podCIDRs");
    let cidrs = fields::list(&node["spec"], "podCIDRs");
    let mut families = Vec::new();
    for (i, cidr) in cidrs.iter().enumerate() {
        let cidr = cidr.as_str().unwrap_or_default();
        if let Some(network) = net::validate_cidr(cidr, &path.index(i), errors) {
            families.push(network.address.is_ipv4());
        }
    }
    if cidrs.len() > 2 || matches!(families.as_slice(), [a, b] if a == b) {
        let why = "may specify no more than one CIDR for each IP family";
        errors.invalid(&path, &node["spec"]["podCIDRs"], why);
    }
}

/// The API server shows taints below the metadata, too.
fn validate_taints(spec: &Value, errors: &mut Errors) {
    let path = Path::new("metadata").field("taints");
    let mut seen = HashSet::new();
    for (i, taint) in fields::list(spec, "taints").iter().enumerate() {
        let path = path.index(i);
        let key = fields::text(taint, "key");
        validate_label_name(key, &path.field("key"), errors);
        let faults = label_value(fields::text(taint, "value"));
        if !faults.is_empty() {
            let why = faults.join(";");
            errors.invalid(&path.field("value"), &taint["value"], &why);
        }
        let effect = fields::text(taint, "effect");
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if effect.is_empty() {
            errors.required(&path.field("effect"), "");
        } else if !effects.contains(&effect) {
            errors.not_supported(&path.field("effect"), &effect.into(), &effects);
        }
        if !seen.insert((effect, key)) {
            errors.duplicate(&path, taint);
        }
    }
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec");
    let (spec, before) = (&new["spec"], &old["spec"]);
    for (key, name) in [("podCIDRs", "podCIDR"), ("providerID", "providerID")] {
        if fields::is_set(&before[key]) && before[key] != spec[key] {
            let why = format!("node updates may not change {name} except from \"\" to valid");
            errors.forbidden(&path.field(key), &why);
        }
    }
    let mut seen = HashSet::new();
    let addresses = fields::list(&new["status"], "addresses");
    for (i, address) in addresses.iter().enumerate() {
        let kind = fields::text(address, "type");
        if !seen.insert((kind, fields::text(address, "address"))) {
            let path = Path::new("status").field("addresses").index(i);
            errors.duplicate(&path, address);
        }
    }
}
