//! Runtime classes.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
        resources,
    },
    validation::{
        complain, dns_label, dns_subdomain, immutable, validate_labels, validate_metadata,
        validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    columns: &[
        NAME,
        cells::text("Handler", |object, _| {
            fields::text(object, "handler").into()
        }),
        AGE,
    ],
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        let path = Path::new("handler");
        immutable(&new["handler"], &old["handler"], &path, errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "RuntimeClass",
        "runtimeclasses",
        "runtimeclass",
        "io.k8s.api.node.v1.RuntimeClass",
    )
};

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let handler = fields::text(object, "handler");
    complain(errors, &Path::new("handler"), handler, &dns_label(handler));
    let path = Path::new("overhead").field("limits");
    for (name, amount) in fields::entries(&object["overhead"], "podFixed") {
        resources::validate_container_name(name, &path.key(name), errors);
        resources::validate_amount(name, amount, &path.key(name), errors);
    }
    let selector = &object["scheduling"]["nodeSelector"];
    let path = Path::new("scheduling").field("nodeSelector");
    validate_labels(selector, &path, errors);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_handler_stays() {
        let mut errors = Errors::default();
        let class = |handler: &str| json!({ "metadata": { "name": "a" }, "handler": handler });
        (ROW.validate)(&class("runc"), &mut errors);
        (ROW.validate_update)(&class("runc"), &class("runsc"), &mut errors);
        assert_eq!(
            errors.to_string(),
            "handler: Invalid value: \"runc\": field is immutable"
        );
    }
}
