//! What the kinds that make pods from templates have in common.
use serde_json::{Value, json};

use crate::validation::{IMMUTABLE, Selector, validate_selector, validate_template};
use crate::{Errors, Path, fields};

const MISMATCH: &str = "`selector` does not match template `labels`";

/// The status is not changed together with the rest.
pub(super) fn keep_status(new: &mut Value, old: &Value) {
    match &old["status"] {
        Value::Null => {
            fields::remove(new, "status");
        }
        status => fields::set(new, "status", status.clone()),
    }
}

/// A new object starts with this status.
pub(super) fn start_status(object: &mut Value, status: Value) {
    fields::set(object, "status", status);
}

/// `spec.selector`: it is there, it is not empty, and it takes the pods of the template.
pub(super) fn validate_selected_template(spec: &Value, kind: &str, errors: &mut Errors) {
    let path = Path::new("spec");
    let selector = &spec["selector"];
    let here = path.field("selector");
    if selector.is_null() {
        errors.required(&here, "");
    } else {
        validate_selector(selector, &here, errors);
        if fields::count(&selector["matchLabels"]) == 0
            && fields::list(selector, "matchExpressions").is_empty()
        {
            let why = format!("empty selector is invalid for {kind}");
            errors.invalid(&here, selector, &why);
        }
    }
    match Selector::parse(selector) {
        None => errors.invalid(&here, selector, "invalid label selector"),
        Some(parsed) => {
            let labels = &spec["template"]["metadata"]["labels"];
            // Without a selector nothing is taken, with an empty one everything.
            let all = parsed.is_empty() && !selector.is_null();
            if !all && (selector.is_null() || !parsed.matches(labels)) {
                let here = path.field("template").field("metadata").field("labels");
                errors.invalid(&here, labels, MISMATCH);
            }
        }
    }
}

/// A template whose pods run for ever.
pub(super) fn validate_running_template(template: &Value, kind: &str, errors: &mut Errors) {
    let path = Path::new("spec").field("template");
    validate_template(template, &path, errors);
    let (spec, path) = (&template["spec"], path.field("spec"));
    let policy = fields::text(spec, "restartPolicy");
    if policy != "Always" {
        let here = path.field("restartPolicy");
        errors.not_supported(&here, &policy.into(), &["Always"]);
    }
    if fields::has(spec, "activeDeadlineSeconds") {
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.forbidden(&path.field("activeDeadlineSeconds"), &why);
    }
}

/// A field of the spec that never changes.
pub(super) fn immutable_in_spec(new: &Value, old: &Value, key: &str, errors: &mut Errors) {
    let (new, old) = (&new["spec"][key], &old["spec"][key]);
    if !fields::same(new, old) {
        errors.invalid(&Path::new("spec").field(key), new, IMMUTABLE);
    }
}

/// The answer of the `scale` subresource of an object that has `spec.replicas`.
pub fn scale_of(object: &Value) -> Value {
    let (from, spec) = (&object["metadata"], &object["spec"]);
    let mut metadata = json!({});
    for key in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if fields::has(from, key) {
            metadata[key] = from[key].clone();
        }
    }
    let selector = &spec["selector"];
    // Replication controllers have a plain map.
    let plain = object["kind"] == "ReplicationController";
    let shown = if plain {
        Selector::of_labels(selector).show()
    } else {
        Selector::parse(selector)
            .map(Selector::show)
            .unwrap_or_default()
    };
    let mut status = json!({ "replicas": fields::integer(&object["status"], "replicas") });
    if !shown.is_empty() {
        status["selector"] = shown.into();
    }
    let mut scale_spec = json!({});
    let replicas = fields::integer(spec, "replicas");
    if replicas != 0 {
        scale_spec["replicas"] = replicas.into();
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": scale_spec,
        "status": status,
    })
}

/// Brings what a `scale` subresource says into the object.
pub fn apply_scale(object: &mut Value, scale: &Value) {
    let replicas = fields::integer(&scale["spec"], "replicas");
    if let Some(spec) = fields::ensure(object, "spec") {
        fields::set(spec, "replicas", replicas);
    }
}
