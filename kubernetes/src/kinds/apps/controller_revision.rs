//! Revisions of stateful sets and daemon sets.
use serde_json::Value;

use super::super::Kind;
use crate::table::cells::{AGE, NAME, text};
use crate::validation::{
    dns_subdomain, immutable, not_negative, validate_metadata, validate_metadata_update,
};
use crate::{Errors, Path, fields};

pub(super) const CONTROLLER_REVISION: Kind = Kind {
    columns: &[
        NAME,
        text("Controller", |object, _| controller(object).into()),
        text("Revision", |object, _| {
            fields::integer(object, "revision").into()
        }),
        AGE,
    ],
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        immutable(&new["data"], &old["data"], &Path::new("data"), errors);
    },
    default: |object| fields::default_pointer(object, "revision", 0),
    ..Kind::new(
        "apps",
        "v1",
        "ControllerRevision",
        "controllerrevisions",
        "controllerrevision",
        "io.k8s.api.apps.v1.ControllerRevision",
    )
};

/// Such as `statefulset.apps/web`.
fn controller(object: &Value) -> String {
    let mut owners = fields::list(&object["metadata"], "ownerReferences").iter();
    let Some(owner) = owners.find(|owner| fields::flag(owner, "controller")) else {
        return "<none>".to_owned();
    };
    let kind = fields::text(owner, "kind").to_lowercase();
    let name = fields::text(owner, "name");
    match fields::text(owner, "apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    not_negative(object, "revision", &Path::default(), errors);
    let path = Path::new("data");
    match &object["data"] {
        Value::Object(_) => {}
        Value::Null => errors.required(&path, "data is mandatory"),
        _ => errors.required(&path, "data must be a valid JSON object"),
    }
}
