//! Pods.
use serde_json::{Value, json};

use super::super::workload::keep_status;
use super::super::{Kind, Subresource};
use crate::defaults::{default_pod, mirror_service_account};
use crate::validation::{
    dns_subdomain, validate_image_space, validate_metadata, validate_pod_spec,
};
use crate::{Errors, Path, fields};

mod labels;
mod qos;
mod resize;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod update;

pub use qos::qos_class;
pub use resize::validate_resize;
pub use update::validate_ephemeral_containers_update;

pub(super) const POD: Kind = Kind {
    short: &["po"],
    categories: &["all"],
    subresources: &[
        Subresource::Status,
        Subresource::Log,
        Subresource::Exec,
        Subresource::Attach,
        Subresource::PortForward,
        Subresource::Proxy,
        Subresource::Eviction,
        Subresource::Binding,
        Subresource::EphemeralContainers,
        Subresource::Resize,
    ],
    columns: table::COLUMNS,
    fields: &[
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ],
    default: default_pod,
    prepare_create,
    prepare_update,
    validate,
    validate_update: update::validate_update,
    generation: true,
    ..Kind::new("", "v1", "Pod", "pods", "pod", "io.k8s.api.core.v1.Pod")
};

fn prepare_create(pod: &mut Value) {
    if let Some(spec) = fields::child(pod, "spec") {
        mirror_service_account(spec);
    }
    labels::apply_label_keys(pod);
    let mut status = json!({ "phase": "Pending", "qosClass": qos_class(&pod["spec"]) });
    if !fields::list(&pod["spec"], "schedulingGates").is_empty() {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastProbeTime": null,
            "lastTransitionTime": null,
        }]);
    }
    fields::set(pod, "status", status);
}

fn prepare_update(pod: &mut Value, old: &Value) {
    if let Some(spec) = fields::child(pod, "spec") {
        mirror_service_account(spec);
    }
    keep_status(pod, old);
}

fn validate(pod: &Value, errors: &mut Errors) {
    validate_metadata(pod, dns_subdomain, errors);
    let (spec, path) = (&pod["spec"], Path::new("spec"));
    validate_pod_spec(spec, Some(&pod["metadata"]), &path, errors);
    if fields::text(spec, "serviceAccountName").is_empty() {
        validate_no_tokens(spec, &path, errors);
    }
    for list in ["containers", "initContainers"] {
        for (i, container) in fields::list(spec, list).iter().enumerate() {
            validate_image_space(container, &path.field(list).index(i), errors);
        }
    }
    // What was stored once has a resource version.
    if fields::text(&pod["metadata"], "resourceVersion").is_empty() {
        validate_new(spec, &path, errors);
    }
}

fn validate_new(spec: &Value, path: &Path, errors: &mut Errors) {
    if !fields::list(spec, "ephemeralContainers").is_empty() {
        errors.forbidden(
            &path.field("ephemeralContainers"),
            "cannot be set on create",
        );
    }
    let gated = !fields::list(spec, "schedulingGates").is_empty();
    if gated && !fields::text(spec, "nodeName").is_empty() {
        let why = "cannot be set until all schedulingGates have been cleared";
        errors.forbidden(&path.field("nodeName"), why);
    }
}

/// Tokens of a service account need a service account.
fn validate_no_tokens(spec: &Value, path: &Path, errors: &mut Errors) {
    for (i, volume) in fields::list(spec, "volumes").iter().enumerate() {
        let sources = fields::list(&volume["projected"], "sources");
        for (n, source) in sources.iter().enumerate() {
            if fields::has(source, "serviceAccountToken") {
                let path = path.field("volumes").index(i).field("projected");
                let path = path.field("sources").index(n).field("serviceAccountToken");
                let why = "must not be specified when serviceAccountName is not set";
                errors.forbidden(&path, why);
            }
        }
    }
}
