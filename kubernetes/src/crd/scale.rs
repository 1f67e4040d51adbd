//! The `scale` subresource of custom resources: it is where the definition says.
use serde_json::{Value, json};

use crate::cluster::Custom;
use crate::{Status, fields};

/// How deep a path may lead.
const MAX_DEPTH: usize = 32;

/// What a path such as `.spec.replicas` leads to; null if it is empty or leads nowhere.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let Some(path) = path.strip_prefix('.') else {
        return &Value::Null;
    };
    path.split('.').fold(object, |value, key| &value[key])
}

/// The scale of an object.
pub(crate) fn scale_of(custom: &Custom, object: &Value) -> Result<Value, Status> {
    let path = |key| fields::text(&custom.scale, key);
    let spec = path("specReplicasPath");
    let Some(replicas) = at(object, spec).as_i64() else {
        let text =
            format!("Internal error occurred: the spec replicas field {spec:?} does not exist");
        let code = http::StatusCode::INTERNAL_SERVER_ERROR;
        return Err(Status::new(code, "InternalError", text));
    };
    let from = &object["metadata"];
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
    let current = at(object, path("statusReplicasPath")).as_i64();
    let mut status = json!({ "replicas": current.unwrap_or(0) });
    if let Some(selector) = at(object, path("labelSelectorPath")).as_str()
        && !selector.is_empty()
    {
        status["selector"] = selector.into();
    }
    let mut wanted = json!({});
    if replicas != 0 {
        wanted["replicas"] = replicas.into();
    }
    Ok(json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": wanted,
        "status": status,
    }))
}

/// Brings what a scale says into the object.
pub(crate) fn apply_scale(custom: &Custom, object: &mut Value, scale: &Value) {
    let replicas = fields::integer(&scale["spec"], "replicas");
    let path = fields::text(&custom.scale, "specReplicasPath");
    let mut keys: Vec<&str> = path.split('.').skip(1).take(MAX_DEPTH).collect();
    let Some(last) = keys.pop() else {
        return;
    };
    let parent = keys
        .into_iter()
        .try_fold(object, |value, key| fields::ensure(value, key));
    if let Some(parent) = parent {
        fields::set(parent, last, replicas);
    }
}
