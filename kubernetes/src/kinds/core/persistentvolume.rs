//! Persistent volumes.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::{
    Errors, Path,
    defaults::round_resources,
    fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME, UNSET},
    },
    validation::{
        NOT_POSITIVE, complain, dns_subdomain, immutable, one_of, required, validate_metadata,
        validate_metadata_update, validate_quantity,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["pv"],
    scope: Scope::Cluster,
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        cells::text("Capacity", |object, _| {
            cells::quantity(&object["spec"]["capacity"]["storage"]).into()
        }),
        cells::text("Access Modes", |object, _| {
            access_modes(&object["spec"]).into()
        }),
        cells::text("Reclaim Policy", |object, _| {
            fields::text(&object["spec"], "persistentVolumeReclaimPolicy").into()
        }),
        cells::text("Status", |object, _| phase(object)),
        cells::text("Claim", claim),
        cells::text("StorageClass", |object, _| class(object).into()),
        cells::text("VolumeAttributesClass", |object, _| {
            cells::pointer(&object["spec"]["volumeAttributesClassName"], UNSET)
        }),
        cells::text("Reason", |object, _| {
            fields::text(&object["status"], "reason").into()
        }),
        AGE,
        cells::wide("VolumeMode", |object, _| {
            cells::pointer(&object["spec"]["volumeMode"], UNSET)
        }),
    ],
    default: |object| {
        if let Some(status) = fields::ensure(object, "status") {
            fields::default_plain(status, "phase", "Pending");
        }
        if let Some(spec) = fields::child(object, "spec") {
            fields::default_plain(spec, "persistentVolumeReclaimPolicy", "Retain");
            fields::default_pointer(spec, "volumeMode", "Filesystem");
            round_resources(spec, "capacity");
        }
    },
    prepare_create: |object| fields::set(object, "status", json!({ "phase": "Pending" })),
    validate,
    validate_update,
    ..Kind::new(
        "",
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        "persistentvolume",
        "io.k8s.api.core.v1.PersistentVolume",
    )
};

pub(super) const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

/// The short names of the access modes, each once, in their own order.
pub(super) fn access_modes(spec: &Value) -> String {
    let modes = fields::list(spec, "accessModes");
    let short: Vec<&str> = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ]
    .into_iter()
    .filter(|(long, _)| modes.iter().any(|mode| mode == long))
    .map(|(_, short)| short)
    .collect();
    short.join(",")
}

pub(super) fn phase(object: &Value) -> Value {
    if fields::has(&object["metadata"], "deletionTimestamp") {
        "Terminating".into()
    } else {
        fields::text(&object["status"], "phase").into()
    }
}

/// The storage class of a volume or claim.
pub(crate) fn class(object: &Value) -> &str {
    let old = &object["metadata"]["annotations"][BETA_CLASS];
    match old.as_str() {
        Some(class) => class,
        None => fields::text(&object["spec"], "storageClassName"),
    }
}

fn claim(object: &Value, _now: Timestamp) -> Value {
    let claim = &object["spec"]["claimRef"];
    if claim.is_null() {
        return "".into();
    }
    let namespace = fields::text(claim, "namespace");
    format!("{namespace}/{}", fields::text(claim, "name")).into()
}

fn validate_usage(spec: &Value, path: &Path, errors: &mut Errors) {
    const MODES: [&str; 4] = [
        "ReadOnlyMany",
        "ReadWriteMany",
        "ReadWriteOnce",
        "ReadWriteOncePod",
    ];
    let modes = fields::list(spec, "accessModes");
    let at = path.field("accessModes");
    if modes.is_empty() {
        errors.required(&at, "");
    }
    let mut alone = false;
    let mut others = false;
    for mode in modes {
        match mode.as_str().unwrap_or_default() {
            "ReadWriteOncePod" => alone = true,
            name if MODES.contains(&name) => others = true,
            _ => errors.not_supported(&at, mode, &MODES),
        }
    }
    if alone && others {
        let why = "may not use ReadWriteOncePod with other access modes";
        errors.forbidden(&at, why);
    }
    one_of(spec, "volumeMode", &["Block", "Filesystem"], path, errors);
    for key in ["storageClassName", "volumeAttributesClassName"] {
        let name = fields::text(spec, key);
        if !name.is_empty() {
            complain(errors, &path.field(key), name, &dns_subdomain(name));
        }
    }
}

/// An amount that is more than 0.
fn validate_positive(amount: &Value, path: &Path, errors: &mut Errors) {
    if validate_quantity(amount, path, errors).is_some_and(|amount| amount.is_zero()) {
        errors.invalid(path, &"0".into(), NOT_POSITIVE);
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    validate_usage(spec, &path, errors);
    let capacity = &spec["capacity"];
    let at = path.field("capacity");
    if fields::count(capacity) == 0 {
        errors.required(&at, "");
    }
    if !fields::has(capacity, "storage") || fields::count(capacity) > 1 {
        errors.not_supported(&at, capacity, &["storage"]);
    }
    for (name, amount) in fields::entries(spec, "capacity") {
        validate_positive(amount, &at.key(name), errors);
    }
    let policies = ["Delete", "Recycle", "Retain"];
    if !fields::text(spec, "persistentVolumeReclaimPolicy").is_empty() {
        let key = "persistentVolumeReclaimPolicy";
        one_of(spec, key, &policies, &path, errors);
    }
    if fields::has(spec, "nodeAffinity") && !fields::has(&spec["nodeAffinity"], "required") {
        let why = "must specify required node constraints";
        errors.required(&path.field("nodeAffinity").field("required"), why);
    }
    validate_source(spec, &path, errors);
    let attributes = &spec["volumeAttributesClassName"];
    if !attributes.is_null() {
        if attributes == "" {
            let why = "an empty string is disallowed";
            errors.required(&path.field("volumeAttributesClassName"), why);
        }
        if !fields::has(spec, "csi") {
            let why = "has to be specified when using volumeAttributesClassName";
            errors.required(&path.field("csi"), why);
        }
    }
}

/// Exactly one of the kinds of volumes.
fn validate_source(spec: &Value, path: &Path, errors: &mut Errors) {
    let mut given = SOURCES.into_iter().filter(|key| fields::has(spec, key));
    let Some(first) = given.next() else {
        errors.required(path, "must specify a volume type");
        return;
    };
    for other in given {
        let why = "may not specify more than 1 volume type";
        errors.forbidden(&path.field(other), why);
    }
    let source = &spec[first];
    let at = path.field(first);
    let text = fields::text(source, "path");
    match first {
        "hostPath" | "local" => {
            required(source, "path", &at, errors);
            if text.split('/').any(|part| part == "..") {
                let why = "must not contain '..'";
                errors.invalid(&at.field("path"), &text.into(), why);
            }
            if first == "local" && !fields::has(spec, "nodeAffinity") {
                let why = "Local volume requires node affinity";
                errors.required(&path.field("nodeAffinity"), why);
            }
        }
        "nfs" => {
            required(source, "server", &at, errors);
            required(source, "path", &at, errors);
            if !text.starts_with('/') {
                let why = "must be an absolute path";
                errors.invalid(&at.field("path"), &text.into(), why);
            }
        }
        "csi" => {
            validate_driver_name(source, "driver", &at, errors);
            required(source, "volumeHandle", &at, errors);
        }
        "awsElasticBlockStore" => required(source, "volumeID", &at, errors),
        _ => {}
    }
    let policy = fields::text(spec, "persistentVolumeReclaimPolicy");
    if first == "hostPath" && policy == "Recycle" && text.trim_matches('/').is_empty() {
        let why = "may not be 'recycle' for a hostPath mount of '/'";
        errors.forbidden(&path.field("persistentVolumeReclaimPolicy"), why);
    }
}

/// The name of a driver of the container storage interface.
pub(in crate::kinds) fn validate_driver_name(
    parent: &Value,
    key: &str,
    path: &Path,
    errors: &mut Errors,
) {
    let name = fields::text(parent, key);
    required(parent, key, path, errors);
    if name.len() > 63 {
        errors.too_long(&path.field(key), 63);
    }
    let faults = dns_subdomain(&name.to_lowercase());
    complain(errors, &path.field(key), name, &faults);
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec");
    let (spec, before) = (&new["spec"], &old["spec"]);
    let kept = SOURCES.into_iter().all(|key| {
        let mut now = spec[key].clone();
        let was = &before[key];
        if key == "csi" && was.is_object() && !fields::has(was, "controllerExpandSecretRef") {
            fields::remove(&mut now, "controllerExpandSecretRef");
        }
        fields::same(&now, was)
    });
    if !kept {
        let source = |spec: &Value| {
            SOURCES
                .into_iter()
                .filter(|key| fields::has(spec, key))
                .map(|key| format!("{key}: {}", spec[key]))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let why = format!(
            "spec.persistentvolumesource is immutable after creation\n- {}\n+ {}",
            source(before),
            source(spec),
        );
        errors.forbidden(&path.field("persistentvolumesource"), &why);
    }
    let (mode, was) = (&spec["volumeMode"], &before["volumeMode"]);
    immutable(mode, was, &Path::new("volumeMode"), errors);
    let affinity = &spec["nodeAffinity"];
    if fields::has(before, "nodeAffinity") && !fields::same(affinity, &before["nodeAffinity"]) {
        let why = "field is immutable, except for updating from beta label to GA";
        errors.invalid(&Path::new("nodeAffinity"), affinity, why);
    }
    let key = "volumeAttributesClassName";
    if fields::has(before, key) && !fields::has(spec, key) {
        let why = "update from non-nil value to nil is forbidden";
        errors.forbidden(&path.field(key), why);
    }
}
