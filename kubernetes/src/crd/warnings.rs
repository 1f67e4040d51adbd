//! What is stored and not done, said to whoever writes it.
use serde_json::Value;
use wharf_kubernetes_schema::structural;

use crate::cluster::{Resource, What};
use crate::fields;

/// Warnings about an object that is written.
pub(crate) fn warnings(resource: &Resource, object: &Value) -> Vec<String> {
    if let What::Custom(custom) = &resource.what {
        let warning = &custom.warning;
        return (!warning.is_empty())
            .then(|| warning.clone())
            .into_iter()
            .collect();
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(&object["spec"]),
        (
            "admissionregistration.k8s.io",
            kind @ ("ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration"),
        ) => vec![format!("{kind}: webhooks are stored and not called")],
        (
            "admissionregistration.k8s.io",
            kind @ ("ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding"),
        ) => vec![format!("{kind}: policies are stored and not evaluated")],
        _ => Vec::new(),
    }
}

fn definition(spec: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, version) in fields::list(spec, "versions").iter().enumerate() {
        if structural::has_rules(&version["schema"]["openAPIV3Schema"]) {
            let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
            warnings.push(format!(
                "{path}: rules in x-kubernetes-validations are stored and not evaluated"
            ));
        }
    }
    if fields::text(&spec["conversion"], "strategy") == "Webhook" {
        let text = "spec.conversion.strategy: the webhook is stored and not called; objects are converted as with \"None\"";
        warnings.push(text.to_owned());
    }
    warnings
}
