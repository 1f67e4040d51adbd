//! Containers, those that run first, and those that are added to debug.
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Context, env, handlers, mounts, security};
use crate::validation::{
    complain, dns_label, port_name, port_number, validate_resize_policy, validate_resources,
};
use crate::{Errors, Path, fields};

const NOT_FOR_INIT: &str = "may not be set for init containers without restartPolicy=Always";
const NOT_FOR_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";

pub(super) fn validate_containers(
    spec: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let path = path.field("containers");
    let list = fields::list(spec, "containers");
    if list.is_empty() {
        errors.required(&path, "");
        return;
    }
    let mut names = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for (i, container) in list.iter().enumerate() {
        let path = path.index(i);
        validate_common(container, context, &path, errors);
        if !names.insert(fields::text(container, "name")) {
            errors.duplicate(&path.field("name"), &container["name"]);
        }
        handlers::validate_lifecycle(container, context, &path, errors);
        handlers::validate_probes(container, context, &path, errors);
        if fields::has(container, "restartPolicy") {
            let why = "may not be set for non-init containers";
            errors.forbidden(&path.field("restartPolicy"), why);
        }
        validate_host_ports(container, &mut ports, &path, errors);
    }
}

pub(super) fn validate_init_containers(
    spec: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let path = path.field("initContainers");
    let others = fields::list(spec, "containers").iter();
    let mut names: BTreeSet<&str> = others.map(|c| fields::text(c, "name")).collect();
    for (i, container) in fields::list(spec, "initContainers").iter().enumerate() {
        let path = path.index(i);
        validate_common(container, context, &path, errors);
        let policy = container["restartPolicy"].as_str();
        if let Some(policy) = policy
            && policy != "Always"
        {
            errors.not_supported(&path.field("restartPolicy"), &policy.into(), &["Always"]);
        }
        let name = fields::text(container, "name");
        if names.contains(name) {
            errors.duplicate(&path.field("name"), &name.into());
        } else if !name.is_empty() {
            names.insert(name);
        }
        // They run one after another: ports clash only within one.
        validate_host_ports(container, &mut BTreeSet::new(), &path, errors);
        if policy == Some("Always") {
            handlers::validate_lifecycle(container, context, &path, errors);
            handlers::validate_probes(container, context, &path, errors);
        } else {
            for key in [
                "lifecycle",
                "livenessProbe",
                "readinessProbe",
                "startupProbe",
            ] {
                if fields::has(container, key) {
                    errors.forbidden(&path.field(key), NOT_FOR_INIT);
                }
            }
        }
    }
}

pub(super) fn validate_ephemeral_containers(
    spec: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let path = path.field("ephemeralContainers");
    let others: BTreeSet<&str> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| fields::list(spec, list))
        .map(|container| fields::text(container, "name"))
        .collect();
    let mut names = others.clone();
    for (i, container) in fields::list(spec, "ephemeralContainers").iter().enumerate() {
        let path = path.index(i);
        validate_common(container, context, &path, errors);
        validate_image_space(container, &path, errors);
        if !names.insert(fields::text(container, "name")) {
            errors.duplicate(&path.field("name"), &container["name"]);
        }
        let target = fields::text(container, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            errors.not_found(&path.field("targetContainerName"), &target.into());
        }
        for key in [
            "lifecycle",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "ports",
            "resources",
            "resizePolicy",
            "restartPolicy",
        ] {
            if fields::is_set(&container[key]) {
                errors.forbidden(&path.field(key), NOT_FOR_EPHEMERAL);
            }
        }
        for (n, mount) in fields::list(container, "volumeMounts").iter().enumerate() {
            for key in ["subPath", "subPathExpr"] {
                if fields::is_set(&mount[key]) {
                    let path = path.field("volumeMounts").index(n).field(key);
                    errors.forbidden(&path, NOT_FOR_EPHEMERAL);
                }
            }
        }
    }
}

/// In pods, but not in templates, images have no space around them.
pub(crate) fn validate_image_space(container: &Value, path: &Path, errors: &mut Errors) {
    let image = fields::text(container, "image");
    if image.trim() != image {
        let why = "must not have leading or trailing whitespace";
        errors.invalid(&path.field("image"), &image.into(), why);
    }
}

fn validate_common(container: &Value, context: &Context<'_>, path: &Path, errors: &mut Errors) {
    let name = fields::text(container, "name");
    if name.is_empty() {
        errors.required(&path.field("name"), "");
    } else {
        complain(errors, &path.field("name"), name, &dns_label(name));
    }
    if fields::text(container, "image").is_empty() {
        errors.required(&path.field("image"), "");
    }
    let mut policy = |key: &str, supported: &[&str]| {
        let path = path.field(key);
        match fields::text(container, key) {
            "" => errors.required(&path, ""),
            known if supported.contains(&known) => {}
            _ => errors.not_supported(&path, &container[key], supported),
        }
    };
    policy(
        "terminationMessagePolicy",
        &["File", "FallbackToLogsOnError"],
    );
    policy("imagePullPolicy", &["Always", "IfNotPresent", "Never"]);
    validate_ports(container, &path.field("ports"), errors);
    env::validate_env(container, &path.field("env"), errors);
    env::validate_env_from(container, &path.field("envFrom"), errors);
    mounts::validate_mounts(container, context, path, errors);
    mounts::validate_devices(container, context, path, errors);
    let resources = path.field("resources");
    validate_resources(&container["resources"], &context.claims, &resources, errors);
    validate_resize_policy(container, context.restart_policy, path, errors);
    security::validate_container_security(container, context, path, errors);
}

fn validate_ports(container: &Value, path: &Path, errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for (i, port) in fields::list(container, "ports").iter().enumerate() {
        let path = path.index(i);
        let name = fields::text(port, "name");
        if !name.is_empty() {
            let faults = port_name(name);
            complain(errors, &path.field("name"), name, &faults);
            if faults.is_empty() && !names.insert(name) {
                errors.duplicate(&path.field("name"), &name.into());
            }
        }
        for key in ["containerPort", "hostPort"] {
            match (key, fields::integer(port, key)) {
                ("containerPort", 0) => errors.required(&path.field(key), ""),
                (_, 0) => {}
                (_, number) => {
                    for message in port_number(number) {
                        errors.invalid(&path.field(key), &number.into(), &message);
                    }
                }
            }
        }
        match fields::text(port, "protocol") {
            "TCP" | "UDP" | "SCTP" => {}
            "" => errors.required(&path.field("protocol"), ""),
            other => {
                let supported = ["SCTP", "TCP", "UDP"];
                errors.not_supported(&path.field("protocol"), &other.into(), &supported);
            }
        }
    }
}

fn validate_host_ports(
    container: &Value,
    taken: &mut BTreeSet<String>,
    path: &Path,
    errors: &mut Errors,
) {
    for (i, port) in fields::list(container, "ports").iter().enumerate() {
        let number = fields::integer(port, "hostPort");
        if number == 0 {
            continue;
        }
        let protocol = fields::text(port, "protocol");
        let key = format!("{protocol}/{}/{number}", fields::text(port, "hostIP"));
        if taken.contains(&key) {
            let path = path.field("ports").index(i).field("hostPort");
            errors.duplicate(&path, &key.into());
        } else {
            taken.insert(key);
        }
    }
}
