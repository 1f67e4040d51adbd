//! Pods and their templates.
use serde_json::{Value, json};

use super::container::{default_container, requests_from_limits};
use super::round_resources;
use super::volume::default_volume;
use crate::fields;
use crate::validation::container_amounts;

/// A pod template that a field of `parent` holds.
pub(crate) fn default_template(parent: &mut Value, key: &str) {
    let Some(template) = fields::ensure(parent, key) else {
        return;
    };
    fields::ensure(template, "metadata");
    if let Some(spec) = fields::ensure(template, "spec") {
        default_pod_spec(spec);
    }
}

/// A pod itself, for which more is filled in than for templates.
pub(crate) fn default_pod(pod: &mut Value) {
    let Some(spec) = fields::ensure(pod, "spec") else {
        return;
    };
    default_pod_spec(spec);
    if fields::integer(spec, "terminationGracePeriodSeconds") < 0 {
        // A negative one has always meant as soon as possible.
        fields::set(spec, "terminationGracePeriodSeconds", 1);
    }
    let host = fields::flag(spec, "hostNetwork");
    for list in ["containers", "initContainers"] {
        for container in fields::each(spec, list) {
            requests_from_limits(container);
            for port in fields::each(container, "ports") {
                let number = port["containerPort"].clone();
                if host && fields::number(&number).is_some() {
                    fields::default_plain(port, "hostPort", number);
                }
            }
        }
    }
    request_for_pod(spec);
    fields::default_pointer(spec, "enableServiceLinks", true);
}

/// A pod that limits itself requests what its containers do, or else as much as its limits.
fn request_for_pod(spec: &mut Value) {
    let limits = &spec["resources"]["limits"];
    if fields::count(limits) == 0 {
        return;
    }
    let mut wanted: Vec<(String, Value)> = Vec::new();
    for (name, amount) in container_amounts(spec, "requests") {
        if ["cpu", "memory"].contains(&name) {
            wanted.push((name.to_owned(), amount.to_string().into()));
        }
    }
    for (name, limit) in limits.as_object().into_iter().flatten() {
        if ["cpu", "memory"].contains(&name.as_str()) || name.starts_with("hugepages-") {
            wanted.push((name.clone(), limit.clone()));
        }
    }
    if let Some(resources) = fields::child(spec, "resources")
        && let Some(requests) = fields::ensure(resources, "requests")
    {
        for (name, amount) in wanted {
            fields::default_pointer(requests, &name, amount);
        }
    }
}

/// What pods and templates have in common.
fn default_pod_spec(spec: &mut Value) {
    fields::default_plain(spec, "dnsPolicy", "ClusterFirst");
    fields::default_plain(spec, "restartPolicy", "Always");
    fields::default_pointer(spec, "securityContext", json!({}));
    fields::default_pointer(spec, "terminationGracePeriodSeconds", 30);
    fields::default_plain(spec, "schedulerName", "default-scheduler");
    mirror_service_account(spec);
    fields::each(spec, "volumes").for_each(default_volume);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        fields::each(spec, list).for_each(default_container);
    }
    round_resources(spec, "overhead");
    if let Some(resources) = fields::child(spec, "resources") {
        round_resources(resources, "limits");
        round_resources(resources, "requests");
    }
}

/// The old name of the service account follows the new one.
pub(crate) fn mirror_service_account(spec: &mut Value) {
    let mut name = fields::text(spec, "serviceAccountName");
    if name.is_empty() {
        name = fields::text(spec, "serviceAccount");
    }
    if !name.is_empty() {
        let name = name.to_owned();
        fields::set(spec, "serviceAccountName", name.as_str());
        fields::set(spec, "serviceAccount", name);
    }
}
