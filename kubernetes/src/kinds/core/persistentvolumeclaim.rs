//! Claims of persistent volumes.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::persistentvolume::{BETA_CLASS, access_modes, class, phase};
use crate::{
    Errors, Path,
    defaults::default_claim,
    fields,
    kinds::{
        Kind, Subresource,
        cells::{self, AGE, NAME, UNSET},
    },
    validation::{
        Quantity, complain, dns_label, dns_subdomain, immutable, validate_claim_spec,
        validate_metadata, validate_metadata_update,
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
        cells::wide("VolumeMode", volume_mode),
    ],
    default: default_claim,
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
    let path = Path::new("spec");
    let spec = &object["spec"];
    validate_claim_spec(spec, &path, errors);
    let class = fields::text(spec, "volumeAttributesClassName");
    if !class.is_empty() {
        let path = path.field("volumeAttributesClassName");
        complain(errors, &path, class, &dns_subdomain(class));
    }
    validate_sources(spec, &path, errors);
}

/// What names the source of the data, once in the old form and once in the new.
fn validate_sources(spec: &Value, path: &Path, errors: &mut Errors) {
    let (source, other) = (&spec["dataSource"], &spec["dataSourceRef"]);
    validate_source(source, &path.field("dataSource"), errors);
    validate_source(other, &path.field("dataSourceRef"), errors);
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

fn validate_source(source: &Value, path: &Path, errors: &mut Errors) {
    for (key, rule) in [
        ("apiGroup", dns_subdomain as fn(&str) -> Vec<String>),
        ("namespace", dns_label),
    ] {
        let text = fields::text(source, key);
        if !text.is_empty() {
            complain(errors, &path.field(key), text, &rule(text));
        }
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
