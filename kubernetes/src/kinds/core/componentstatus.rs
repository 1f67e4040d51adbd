//! What became of the parts of the control plane; only read.
use serde_json::Value;

use crate::{
    fields,
    kinds::{
        Kind, Scope, Verbs,
        cells::{self, NAME},
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["cs"],
    scope: Scope::Cluster,
    verbs: Verbs::Read,
    columns: &[
        NAME,
        cells::text("Status", |object, _| {
            match healthy(object).map(|condition| fields::text(condition, "status")) {
                None => "Unknown",
                Some("True") => "Healthy",
                Some(_) => "Unhealthy",
            }
            .into()
        }),
        cells::text("Message", |object, _| part(object, "message")),
        cells::text("Error", |object, _| part(object, "error")),
    ],
    ..Kind::new(
        "",
        "v1",
        "ComponentStatus",
        "componentstatuses",
        "componentstatus",
        "io.k8s.api.core.v1.ComponentStatus",
    )
};

fn healthy(object: &Value) -> Option<&Value> {
    fields::list(object, "conditions")
        .iter()
        .find(|condition| fields::text(condition, "type") == "Healthy")
}

fn part(object: &Value, key: &str) -> Value {
    healthy(object)
        .map_or("", |condition| fields::text(condition, key))
        .into()
}
