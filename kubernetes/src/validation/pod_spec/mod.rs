//! The specs of pods, and of the templates in which other kinds hold them.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{complain, dns_label, dns_subdomain, in_range, validate_annotations, validate_labels};
use crate::{Errors, Path, fields};

mod affinity;
mod containers;
mod dns;
mod env;
mod handlers;
mod mounts;
mod projected;
mod scheduling;
mod security;
mod volumes;

pub(crate) use containers::validate_image_space;
pub(crate) use scheduling::validate_tolerations;
pub(crate) use volumes::VOLUME_SOURCES;

/// What the parts of a spec have to know of the rest.
#[derive(Debug)]
struct Context<'a> {
    /// The volumes that are well, by name.
    volumes: BTreeMap<&'a str, &'a Value>,
    grace_seconds: Option<i64>,
    restart_policy: &'a str,
    claims: Vec<&'a str>,
    /// The pod shares the users of its host.
    host_users: bool,
    os: Option<&'a str>,
}

/// A pod template with its labels, annotations and spec.
pub(crate) fn validate_template(template: &Value, path: &Path, errors: &mut Errors) {
    let metadata = &template["metadata"];
    validate_labels(&metadata["labels"], &path.field("labels"), errors);
    validate_annotations(&metadata["annotations"], &path.field("annotations"), errors);
    let spec = path.field("spec");
    validate_pod_spec(&template["spec"], None, &spec, errors);
    if !fields::list(&template["spec"], "ephemeralContainers").is_empty() {
        let why = "ephemeral containers not allowed in pod template";
        errors.forbidden(&spec.field("ephemeralContainers"), why);
    }
}

/// The spec of a pod, or of a template if there is no `pod` metadata.
pub(crate) fn validate_pod_spec(
    spec: &Value,
    pod: Option<&Value>,
    path: &Path,
    errors: &mut Errors,
) {
    if !fields::has(spec, "terminationGracePeriodSeconds") {
        errors.required(&path.field("terminationGracePeriodSeconds"), "");
    }
    let name = pod.map(|metadata| fields::text(metadata, "name"));
    let context = Context {
        volumes: volumes::validate_volumes(spec, name, &path.field("volumes"), errors),
        grace_seconds: fields::number(&spec["terminationGracePeriodSeconds"]),
        restart_policy: fields::text(spec, "restartPolicy"),
        claims: fields::list(spec, "resourceClaims")
            .iter()
            .map(|claim| fields::text(claim, "name"))
            .collect(),
        host_users: spec["hostUsers"].as_bool().unwrap_or(true),
        os: spec["os"]["name"].as_str(),
    };
    containers::validate_containers(spec, &context, path, errors);
    containers::validate_init_containers(spec, &context, path, errors);
    containers::validate_ephemeral_containers(spec, &context, path, errors);
    validate_host_ports(spec, pod.is_some(), path, errors);
    validate_policies(spec, path, errors);
    validate_labels(&spec["nodeSelector"], &path.field("nodeSelector"), errors);
    security::validate_pod_security(spec, path, errors);
    affinity::validate_affinity(&spec["affinity"], &path.field("affinity"), errors);
    dns::validate_dns(spec, path, errors);
    dns::validate_hosts(spec, path, errors);
    scheduling::validate_gates(spec, path, errors);
    scheduling::validate_spread(spec, &path.field("topologySpreadConstraints"), errors);
    validate_host_users(spec, &context, path, errors);
    validate_names(spec, path, errors);
    validate_tolerations(spec, &path.field("tolerations"), errors);
    if fields::has(spec, "overhead") {
        let limits = serde_json::json!({ "limits": spec["overhead"] });
        super::validate_resources(&limits, &[], &path.field("overhead"), errors);
    }
    if let Some(resources) = spec.get("resources").filter(|r| r.is_object()) {
        super::validate_pod_resources(resources, spec, &path.field("resources"), errors);
    }
    validate_os(spec, path, errors);
}

fn validate_policies(spec: &Value, path: &Path, errors: &mut Errors) {
    let mut check = |key: &str, supported: &[&str]| {
        let here = path.field(key);
        match fields::text(spec, key) {
            "" => errors.required(&here, ""),
            known if supported.contains(&known) => {}
            _ => errors.not_supported(&here, &spec[key], supported),
        }
    };
    check("restartPolicy", &["Always", "OnFailure", "Never"]);
    check(
        "dnsPolicy",
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    if fields::has(spec, "preemptionPolicy") {
        check("preemptionPolicy", &["PreemptLowerPriority", "Never"]);
    }
}

/// With the network of the host, a port is the same inside and outside.
fn validate_host_ports(spec: &Value, is_pod: bool, path: &Path, errors: &mut Errors) {
    if !fields::flag(spec, "hostNetwork") {
        return;
    }
    for (i, container) in fields::list(spec, "containers").iter().enumerate() {
        let path = path.field("containers").index(i).field("ports");
        for (n, port) in fields::list(container, "ports").iter().enumerate() {
            let (outside, inside) = (
                fields::integer(port, "hostPort"),
                fields::integer(port, "containerPort"),
            );
            if (is_pod || outside != 0) && outside != inside {
                let why = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(&path.index(n).field("hostPort"), &outside.into(), why);
            }
        }
    }
}

fn validate_host_users(spec: &Value, context: &Context<'_>, path: &Path, errors: &mut Errors) {
    if context.host_users {
        return;
    }
    for (key, shown) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        if fields::flag(spec, key) {
            errors.forbidden(&path.field(shown), "when `hostUsers` is false");
        }
    }
}

fn validate_names(spec: &Value, path: &Path, errors: &mut Errors) {
    type Rule = fn(&str) -> Vec<String>;
    let rules: [(&str, Rule); 6] = [
        ("serviceAccountName", dns_subdomain),
        ("nodeName", dns_subdomain),
        ("hostname", dns_label),
        ("subdomain", dns_label),
        ("priorityClassName", dns_subdomain),
        ("runtimeClassName", dns_subdomain),
    ];
    for (key, rule) in rules {
        let value = fields::text(spec, key);
        if !value.is_empty() {
            complain(errors, &path.field(key), value, &rule(value));
        }
    }
    if let Some(seconds) = fields::number(&spec["activeDeadlineSeconds"]) {
        for message in in_range(seconds, 1, i64::from(i32::MAX)) {
            let here = path.field("activeDeadlineSeconds");
            errors.invalid(&here, &seconds.into(), &message);
        }
    }
}

fn validate_os(spec: &Value, path: &Path, errors: &mut Errors) {
    let here = path.field("os").field("name");
    match spec["os"]["name"].as_str() {
        None if !fields::has(spec, "os") => {}
        Some("linux" | "windows") => {}
        None | Some("") => errors.required(&here, ""),
        Some(_) => errors.not_supported(&here, &spec["os"]["name"], &["linux", "windows"]),
    }
}
