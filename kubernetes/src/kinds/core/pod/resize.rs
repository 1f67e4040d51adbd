//! How the resources of a running pod change.
use serde_json::Value;

use super::qos_class;
use super::update::take_back;
use crate::validation::validate_metadata_update;
use crate::{Errors, Path, fields};

const LISTS: [&str; 2] = ["containers", "initContainers"];

/// An update through the `resize` subresource, besides the validation of pods.
pub fn validate_resize(new: &Value, old: &Value, errors: &mut Errors) {
    let whole = |pod: &Value| {
        let own = &pod["spec"]["resources"];
        fields::count(&own["requests"]) + fields::count(&own["limits"]) > 0
    };
    let refused = if whole(old) || whole(new) {
        Some("pods with pod-level resources cannot be resized")
    } else if fields::has(
        &old["metadata"]["annotations"],
        "kubernetes.io/config.mirror",
    ) {
        Some("static pods cannot be resized")
    } else if old["spec"]["os"]["name"] == "windows" {
        Some("windows pods cannot be resized")
    } else {
        None
    };
    if let Some(why) = refused {
        errors.forbidden(&Path::new(""), why);
        return;
    }
    validate_metadata_update(new, old, errors);
    let before = errors.len();
    let path = Path::new("spec");
    let (new, old) = (&new["spec"], &old["spec"]);
    if qos_class(new) != qos_class(old) {
        let why = "Pod QOS Class may not change as a result of resizing";
        errors.invalid(&path, &qos_class(old).into(), why);
    }
    if !same_order(new, old, &path, errors) {
        return;
    }
    let mut munged = new.clone();
    for list in LISTS {
        let olds = fields::list(old, list);
        for (i, (container, old)) in fields::each(&mut munged, list).zip(olds).enumerate() {
            let path = path.field(list).index(i).field("resources");
            validate_container(container, old, list, &path, errors);
        }
    }
    if errors.len() == before && !fields::same(&munged, old) {
        errors.forbidden(&path, "only cpu and memory resources are mutable");
    }
}

/// Whether the containers are the same ones.
fn same_order(new: &Value, old: &Value, path: &Path, errors: &mut Errors) -> bool {
    let before = errors.len();
    for list in LISTS {
        let (new, old) = (fields::list(new, list), fields::list(old, list));
        let path = path.field(list);
        if new.len() != old.len() {
            let why = format!("{list} may not be added or removed on resize");
            errors.forbidden(&path, &why);
            continue;
        }
        for (i, (new, old)) in new.iter().zip(old).enumerate() {
            if new["name"] != old["name"] {
                let why = format!("{list} may not be renamed or reordered on resize");
                errors.forbidden(&path.index(i).field("name"), &why);
            }
        }
    }
    errors.len() == before
}

/// Takes back what may change in a container, and complains of what else did.
fn validate_container(
    container: &mut Value,
    old: &Value,
    list: &str,
    path: &Path,
    errors: &mut Errors,
) {
    let here = Path::new("spec");
    let init = list == "initContainers";
    if init && fields::text(old, "restartPolicy") != "Always" {
        if !fields::same(container, old) {
            let why = "resources for non-sidecar init containers are immutable";
            errors.forbidden(&here, why);
        }
        return;
    }
    for kind in ["requests", "limits"] {
        let new = &container["resources"][kind];
        let mut names = fields::entries(&old["resources"], kind);
        if names.any(|(name, _)| !fields::has(new, name)) {
            let why = format!("resource {kind} cannot be removed");
            errors.forbidden(&path.field(kind), &why);
        }
    }
    take_back(container, old, "resizePolicy");
    for kind in ["requests", "limits"] {
        take_back_amounts(container, old, kind);
    }
    if !fields::same(container, old) {
        let of = if init { " for sidecar containers" } else { "" };
        let why = format!("only cpu and memory resources{of} are mutable");
        errors.forbidden(&here, &why);
    }
}

fn take_back_amounts(container: &mut Value, old: &Value, kind: &str) {
    let old = &old["resources"][kind];
    let Some(resources) = fields::ensure(container, "resources") else {
        return;
    };
    if let Some(amounts) = fields::ensure(resources, kind) {
        for name in ["cpu", "memory"] {
            take_back(amounts, old, name);
        }
    }
}
