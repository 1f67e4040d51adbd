//! Claims for volumes, also as templates.
use serde_json::Value;

use super::round_resources;
use crate::fields;

/// The spec of a claim.
pub(super) fn default_claim_spec(spec: &mut Value) {
    fields::default_pointer(spec, "volumeMode", "Filesystem");
    if let Some(resources) = fields::ensure(spec, "resources") {
        round_resources(resources, "limits");
        round_resources(resources, "requests");
    }
}

/// A claim that is a template of a stateful set; it shows its kind and status there.
pub(crate) fn default_claim(claim: &mut Value) {
    fields::default_plain(claim, "kind", "PersistentVolumeClaim");
    fields::default_plain(claim, "apiVersion", "v1");
    fields::ensure(claim, "metadata");
    if let Some(spec) = fields::ensure(claim, "spec") {
        default_claim_spec(spec);
    }
    if let Some(status) = fields::ensure(claim, "status") {
        fields::default_plain(status, "phase", "Pending");
    }
}
