//! The groups and versions that the server has. It serves them all itself, so they are only read.
use serde_json::Value;
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    fields,
    kinds::{
        Kind, Scope, Subresource, Verbs,
        cells::{self, AGE, NAME},
        webhook,
    },
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    categories: &["api-extensions"],
    verbs: Verbs::Read,
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        cells::text("Service", service),
        cells::text("Available", available),
        AGE,
    ],
    default: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            webhook::default_client(spec);
        }
    },
    ..Kind::new(
        GROUP,
        "v1",
        "APIService",
        "apiservices",
        "apiservice",
        "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
    )
};

fn service(object: &Value, _now: Timestamp) -> Value {
    let service = &object["spec"]["service"];
    if service.is_null() {
        return "Local".into();
    }
    let namespace = fields::text(service, "namespace");
    format!("{namespace}/{}", fields::text(service, "name")).into()
}

fn available(object: &Value, _now: Timestamp) -> Value {
    let condition = fields::list(&object["status"], "conditions")
        .iter()
        .find(|condition| fields::text(condition, "type") == "Available");
    let Some(condition) = condition else {
        return "Unknown".into();
    };
    let status = fields::text(condition, "status");
    match fields::text(condition, "reason") {
        reason if status != "True" && !reason.is_empty() => format!("{status} ({reason})").into(),
        _ => status.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_that_is_not_there_says_why() {
        let now = Timestamp::from_secs(0);
        let status = json!({ "type": "Available", "status": "False", "reason": "ServiceNotFound" });
        let object = json!({ "status": { "conditions": [status] } });
        assert_eq!(available(&object, now), "False (ServiceNotFound)");
        assert_eq!(available(&json!({}), now), "Unknown");
        assert_eq!(service(&json!({}), now), "Local");
    }
}
