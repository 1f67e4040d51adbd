//! Claims of persistent volumes.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::persistentvolume::{
    BETA_CLASS, access_modes, class, phase, validate_positive, validate_usage,
};
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Subresource,
        cells::{self, AGE, NAME, UNSET},
    },
    validation::{
        Quantity, complain, dns_label, dns_subdomain, immutable, required, validate_metadata,
        validate_metadata_update, validate_selector,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["pvc"],
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        cells::text("Status", |object, _| phase(object)),
        cells::text("Volume", |object, _| {
            fields::text(&object["spec"], "volumeName").into()
        }),
        cells::text("Capacity", |object, _| {
            bound(object, |status| {
                cells::quantity(&status["capacity"]["storage"])
            })
        }),
        cells::text("Access Modes", |object, _| bound(object, access_modes)),
        cells::text("StorageClass", |object, _| class(object).into()),
        cells::text("VolumeAttributesClass", |object, _| {
            cells::pointer(&object["spec"]["volumeAttributesClassName"], UNSET)
        }),
        AGE,
        cells::wide(cells::text("VolumeMode", volume_mode)),
    ],
    default: |object| {
        if let Some(status) = fields::ensure(object, "status") {
            fields::default_plain(status, "phase", "Pending");
        }
        if let Some(spec) = fields::child(object, "spec") {
            fields::default_pointer(spec, "volumeMode", "Filesystem");
        }
    },
    prepare_create: |object| {
        fields::set(object, "status", json!({ "phase": "Pending" }));
        normalize_sources(object, &Value::Null);
    },
    prepare_update: normalize_sources,
    validate,
    validate_update,
    ..Kind::new(
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        "persistentvolumeclaim",
        "io.k8s.api.core.v1.PersistentVolumeClaim",
    )
};

fn volume_mode(object: &Value, _now: Timestamp) -> Value {
    cells::pointer(&object["spec"]["volumeMode"], UNSET)
}

/// A part of the status, shown only once there is a volume.
fn bound(object: &Value, part: fn(&Value) -> String) -> Value {
    if fields::text(&object["spec"], "volumeName").is_empty() {
        "".into()
    } else {
        part(&object["status"]).into()
    }
}

/// `dataSource` and `dataSourceRef` say the same where both can.
fn normalize_sources(object: &mut Value, old: &Value) {
    let Some(spec) = fields::child(object, "spec") else {
        return;
    };
    let before = &old["spec"];
    let used = fields::has(before, "dataSource") || fields::has(before, "dataSourceRef");
    if !used && !fields::has(spec, "dataSourceRef") && fields::has(spec, "dataSource") {
        let source = &spec["dataSource"];
        let group = fields::text(source, "apiGroup");
        let known = match fields::text(source, "kind") {
            "PersistentVolumeClaim" => group.is_empty(),
            "VolumeSnapshot" => group == "snapshot.storage.k8s.io",
            _ => false,
        };
        if !known {
            fields::remove(spec, "dataSource");
        }
    }
    let has = |key: &str| spec[key].is_object();
    if has("dataSource") && !has("dataSourceRef") {
        let source = spec["dataSource"].clone();
        fields::set(spec, "dataSourceRef", source);
    } else if has("dataSourceRef")
        && !has("dataSource")
        && fields::text(&spec["dataSourceRef"], "namespace").is_empty()
    {
        let mut source = spec["dataSourceRef"].clone();
        fields::remove(&mut source, "namespace");
        fields::set(spec, "dataSource", source);
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    validate_claim_spec(&object["spec"], &Path::new("spec"), errors);
}

/// The specification of a claim, also of a template of one.
pub(crate) fn validate_claim_spec(spec: &Value, path: &Path, errors: &mut Errors) {
    validate_selector(&spec["selector"], &path.field("selector"), errors);
    validate_usage(spec, "at least 1 access mode is required", path, errors);
    let storage = &spec["resources"]["requests"]["storage"];
    let at = path.field("resources").key("storage");
    if storage.is_null() {
        errors.required(&at, "");
    } else {
        validate_positive(storage, &at, errors);
    }
    for key in ["dataSource", "dataSourceRef"] {
        if fields::has(spec, key) {
            validate_data_source(&spec[key], &path.field(key), errors);
        }
    }
    let (source, other) = (&spec["dataSource"], &spec["dataSourceRef"]);
    if source.is_null() || other.is_null() {
        return;
    }
    let name = path.field("dataSource").to_string();
    let differs = ["apiGroup", "kind", "name"]
        .into_iter()
        .any(|key| fields::text(source, key) != fields::text(other, key));
    if !fields::text(other, "namespace").is_empty() {
        let why = "may not be specified when dataSourceRef.namespace is specified";
        errors.invalid(path, &name.into(), why);
    } else if differs {
        errors.invalid(path, &name.into(), "must match dataSourceRef");
    }
}

fn validate_data_source(source: &Value, path: &Path, errors: &mut Errors) {
    required(source, "name", path, errors);
    required(source, "kind", path, errors);
    let group = fields::text(source, "apiGroup");
    if !group.is_empty() {
        let faults = dns_subdomain(group);
        complain(errors, &path.field("apiGroup"), group, &faults);
    } else if fields::text(source, "kind") != "PersistentVolumeClaim" {
        let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        let kind = fields::text(source, "kind");
        errors.invalid(path, &kind.into(), why);
    }
    let namespace = fields::text(source, "namespace");
    if !namespace.is_empty() {
        let faults = dns_label(namespace);
        complain(errors, &path.field("namespace"), namespace, &faults);
    }
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec");
    let (spec, before) = (&new["spec"], &old["spec"]);
    if !fields::same(&changeable(new, old), before) {
        let why = format!(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n- {before}\n+ {spec}"
        );
        errors.forbidden(&path, &why);
    }
    let storage = |spec: &Value| {
        let storage = &spec["resources"]["requests"]["storage"];
        Quantity::of(storage).unwrap_or(Quantity::ZERO)
    };
    let actual = Quantity::of(&old["status"]["capacity"]["storage"]).unwrap_or(Quantity::ZERO);
    if storage(spec) < storage(before) && storage(spec) <= actual {
        let path = path.field("resources").field("requests").field("storage");
        let why = "field can not be less than status.capacity";
        errors.forbidden(&path, why);
    }
    let (mode, was) = (&spec["volumeMode"], &before["volumeMode"]);
    immutable(mode, was, &Path::new("volumeMode"), errors);
    if fields::has(&old["status"], "currentVolumeAttributesClassName") {
        let path = path.field("volumeAttributesClassName");
        let when = "is forbidden when status.currentVolumeAttributesClassName is not nil";
        match spec["volumeAttributesClassName"].as_str() {
            None => errors.forbidden(&path, &format!("update to nil {when}")),
            Some("") => errors.forbidden(&path, &format!("update to empty string {when}")),
            Some(_) => {}
        }
    }
}

/// The new specification without the changes that are allowed.
fn changeable(new: &Value, old: &Value) -> Value {
    let mut spec = new["spec"].clone();
    let before = &old["spec"];
    let keep = |spec: &mut Value, key: &str| match &before[key] {
        Value::Null => {
            fields::remove(spec, key);
        }
        value => fields::set(spec, key, value.clone()),
    };
    if fields::text(before, "volumeName").is_empty() {
        fields::remove(&mut spec, "volumeName");
        keep(&mut spec, "volumeName");
    }
    let annotation = old["metadata"]["annotations"][BETA_CLASS].as_str();
    let class = spec["storageClassName"].as_str();
    if !fields::has(before, "storageClassName")
        && class.is_some()
        && (annotation.is_none() || annotation == class)
    {
        keep(&mut spec, "storageClassName");
    }
    if fields::text(&new["status"], "phase") == "Bound" {
        keep(&mut spec, "volumeAttributesClassName");
        let storage = &before["resources"]["requests"]["storage"];
        if let Some(resources) = fields::child(&mut spec, "resources")
            && let Some(requests) = fields::child(resources, "requests")
            && !storage.is_null()
        {
            fields::set(requests, "storage", storage.clone());
        }
    }
    spec
}
