//! What pods count.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wharf_types::Timestamp;

use super::super::amounts::{self, Amounts};
use crate::{
    fields, kinds,
    table::duration,
    validation::{Quantity, is_huge_pages, is_native},
};

/// What a pod has to say once a quota counts it.
const STATED: [&str; 6] = [
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
];

/// Whether a name of a quota can count pods.
pub(super) fn counts(name: &str) -> bool {
    let compute = [
        "pods",
        "ephemeral-storage",
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    ];
    STATED.contains(&name)
        || compute.contains(&name)
        || name.starts_with("hugepages-")
        || name.starts_with("requests.hugepages-")
        || (name.starts_with("requests.") && !is_native(name))
}

/// A pod that has ended counts only as an object.
pub(super) fn add_usage(pod: &Value, now: Timestamp, usage: &mut Amounts) {
    let phase = fields::text(&pod["status"], "phase");
    if phase == "Succeeded" || phase == "Failed" {
        return;
    }
    let metadata = &pod["metadata"];
    let grace = fields::number(&metadata["deletionGracePeriodSeconds"]);
    let deleted = duration::seconds(&metadata["deletionTimestamp"]);
    if let (Some(deleted), Some(grace)) = (deleted, grace)
        && now.as_secs() > deleted.saturating_add(grace)
    {
        return;
    }
    let overhead = amounts::read(&pod["spec"], "overhead");
    let mut requests = amounts::of_pod(pod, "requests");
    amounts::add(&mut requests, &overhead);
    let mut limits = amounts::of_pod(pod, "limits");
    let bounded = overhead
        .into_iter()
        .filter(|(name, _)| limits.get(name).is_some_and(|limit| !limit.is_zero()))
        .collect();
    amounts::add(&mut limits, &bounded);
    add_compute(&requests, &limits, usage);
}

fn add_compute(requests: &Amounts, limits: &Amounts, usage: &mut Amounts) {
    usage.insert("pods".to_owned(), Quantity::from_units(1));
    for (name, amount) in requests {
        let plain =
            ["cpu", "memory", "ephemeral-storage"].contains(&name.as_str()) || is_huge_pages(name);
        if plain {
            usage.insert(name.clone(), *amount);
        }
        if plain || kinds::is_extended(name) {
            usage.insert(format!("requests.{name}"), *amount);
        }
    }
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = limits.get(name) {
            usage.insert(format!("limits.{name}"), *amount);
        }
    }
}

/// Whether every container says what a quota with these limits counts.
pub(super) fn check_stated(pod: &Value, hard: &Amounts) -> Result<(), String> {
    let spec = &pod["spec"];
    if fields::count(&spec["resources"]["requests"]) + fields::count(&spec["resources"]["limits"])
        > 0
    {
        return Ok(());
    }
    let wanted: Vec<&str> = STATED
        .into_iter()
        .filter(|name| hard.contains_key(*name))
        .collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let containers = fields::list(spec, "containers").iter();
    for container in containers.chain(fields::list(spec, "initContainers")) {
        let resources = &container["resources"];
        let mut said = Amounts::new();
        let requests = amounts::read(resources, "requests");
        add_compute(&requests, &amounts::read(resources, "limits"), &mut said);
        for name in wanted.iter().filter(|name| !said.contains_key(**name)) {
            let name_of = fields::text(container, "name");
            missing.entry(name).or_default().insert(name_of);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = missing
        .into_iter()
        .map(|(name, containers)| {
            let containers: Vec<&str> = containers.into_iter().collect();
            format!("{name} for: {}", containers.join(","))
        })
        .collect();
    Err(format!("must specify {}", parts.join("; ")))
}

pub(super) fn in_scope(pod: &Value, scope: &str) -> bool {
    let deadline = fields::number(&pod["spec"]["activeDeadlineSeconds"]);
    let terminating = deadline.is_some_and(|seconds| seconds >= 0);
    match scope {
        "Terminating" => terminating,
        "NotTerminating" => !terminating,
        "BestEffort" => is_best_effort(pod),
        "NotBestEffort" => !is_best_effort(pod),
        "CrossNamespacePodAffinity" => crosses_namespaces(&pod["spec"]["affinity"]),
        _ => false,
    }
}

fn is_best_effort(pod: &Value) -> bool {
    let class = fields::text(&pod["status"], "qosClass");
    if !class.is_empty() {
        return class == "BestEffort";
    }
    kinds::qos_class(&pod["spec"]) == "BestEffort"
}

fn crosses_namespaces(affinity: &Value) -> bool {
    let term = |term: &Value| {
        fields::count(&term["namespaces"]) > 0 || fields::has(term, "namespaceSelector")
    };
    ["podAffinity", "podAntiAffinity"].into_iter().any(|key| {
        let rules = &affinity[key];
        let hard = fields::list(rules, "requiredDuringSchedulingIgnoredDuringExecution");
        let soft = fields::list(rules, "preferredDuringSchedulingIgnoredDuringExecution");
        hard.iter().any(term) || soft.iter().any(|one| term(&one["podAffinityTerm"]))
    })
}
