//! Volumes of pods.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::env::{FILE_FIELDS, validate_field_ref, validate_resource_ref};
use super::projected;
use crate::validation::{
    Quantity, complain, dns_label, dns_subdomain, required, validate_claim_spec,
    validate_template_metadata,
};
use crate::{Errors, Path, fields};

/// Every source of a volume, in the order in which the server looks at them.
pub(crate) const VOLUME_SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

const MORE: &str = "may not specify more than 1 volume type";
const FILE_MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// Answers the volumes that are well, by name.
pub(super) fn validate_volumes<'a>(
    spec: &'a Value,
    pod: Option<&str>,
    path: &Path,
    errors: &mut Errors,
) -> BTreeMap<&'a str, &'a Value> {
    let mut well = BTreeMap::new();
    let list = fields::list(spec, "volumes");
    let claims: BTreeSet<String> = match pod {
        Some(pod) if !pod.is_empty() => list
            .iter()
            .filter(|volume| fields::has(volume, "ephemeral"))
            .map(|volume| format!("{pod}-{}", fields::text(volume, "name")))
            .collect(),
        _ => BTreeSet::new(),
    };
    for (i, volume) in list.iter().enumerate() {
        let path = path.index(i);
        let name = fields::text(volume, "name");
        let before = errors.len();
        validate_source(volume, pod, &path, errors);
        if name.is_empty() {
            errors.required(&path.field("name"), "");
        } else {
            complain(errors, &path.field("name"), name, &dns_label(name));
        }
        if well.contains_key(name) {
            errors.duplicate(&path.field("name"), &name.into());
        }
        if errors.len() == before {
            well.insert(name, volume);
        }
        let claim = fields::text(&volume["persistentVolumeClaim"], "claimName");
        if claims.contains(claim) {
            let here = path.field("persistentVolumeClaim").field("claimName");
            let why = "must not reference a PVC that gets created for an ephemeral volume";
            errors.invalid(&here, &claim.into(), why);
        }
    }
    well
}

fn validate_source(volume: &Value, pod: Option<&str>, path: &Path, errors: &mut Errors) {
    let mut found = VOLUME_SOURCES
        .iter()
        .filter(|kind| fields::has(volume, kind));
    let Some(kind) = found.next() else {
        errors.required(path, "must specify a volume type");
        return;
    };
    let (source, here) = (&volume[*kind], path.field(kind));
    match *kind {
        "emptyDir" => validate_empty_dir(source, &here, errors),
        "hostPath" => validate_host_path(source, &here, errors),
        "gitRepo" => {
            required(source, "repository", &here, errors);
            let directory = fields::text(source, "directory");
            descends(directory, &here.field("directory"), errors);
        }
        "gcePersistentDisk" => required(source, "pdName", &path.field("persistentDisk"), errors),
        "awsElasticBlockStore" => required(source, "volumeID", &here, errors),
        "secret" => {
            required(source, "secretName", &here, errors);
            validate_files(source, &here, errors);
        }
        "configMap" => {
            required(source, "name", &here, errors);
            validate_files(source, &here, errors);
        }
        "nfs" => {
            required(source, "server", &here, errors);
            required(source, "path", &here, errors);
            let target = fields::text(source, "path");
            if !target.starts_with('/') {
                let why = "must be an absolute path";
                errors.invalid(&here.field("path"), &target.into(), why);
            }
        }
        "persistentVolumeClaim" => required(source, "claimName", &here, errors),
        "downwardAPI" => {
            validate_mode(source, "defaultMode", &here, errors);
            for file in fields::list(source, "items") {
                validate_downward_file(file, &here, errors);
            }
        }
        "projected" => projected::validate_projected(source, &here, errors),
        "csi" => validate_csi(source, &here, errors),
        "ephemeral" => validate_ephemeral(volume, pod, path, errors),
        "image" => required(source, "reference", &here, errors),
        _ => {}
    }
    for kind in found {
        errors.forbidden(&path.field(kind), MORE);
    }
}

fn validate_empty_dir(source: &Value, path: &Path, errors: &mut Errors) {
    let limit = &source["sizeLimit"];
    if limit.is_null() {
        return;
    }
    match Quantity::of(limit) {
        Ok(limit) if limit >= Quantity::ZERO => {}
        _ => {
            let why = "SizeLimit field must be a valid resource quantity";
            errors.forbidden(&path.field("sizeLimit"), why);
        }
    }
}

fn validate_host_path(source: &Value, path: &Path, errors: &mut Errors) {
    let target = fields::text(source, "path");
    if target.is_empty() {
        errors.required(&path.field("path"), "");
        return;
    }
    if !no_backsteps(target) {
        errors.invalid(&path.field("path"), &target.into(), "must not contain '..'");
    }
    let supported = [
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    crate::validation::one_of(source, "type", &supported, path, errors);
}

fn validate_csi(source: &Value, path: &Path, errors: &mut Errors) {
    let driver = fields::text(source, "driver");
    if driver.is_empty() {
        errors.required(&path.field("driver"), "");
    }
    if driver.len() > 63 {
        errors.too_long(&path.field("driver"), 63);
    }
    let faults = dns_subdomain(&driver.to_lowercase());
    complain(errors, &path.field("driver"), driver, &faults);
    if fields::has(source, "nodePublishSecretRef") {
        let secret = &source["nodePublishSecretRef"];
        required(secret, "name", &path.field("nodePublishSecretRef"), errors);
    }
}

fn validate_ephemeral(volume: &Value, pod: Option<&str>, path: &Path, errors: &mut Errors) {
    let template = &volume["ephemeral"]["volumeClaimTemplate"];
    let here = path.field("ephemeral").field("volumeClaimTemplate");
    if template.is_null() {
        errors.required(&here, "");
        return;
    }
    validate_template_metadata(&template["metadata"], &here.field("metadata"), errors);
    validate_claim_spec(&template["spec"], &here.field("spec"), errors);
    let name = fields::text(volume, "name");
    if let Some(pod) = pod
        && !pod.is_empty()
        && !name.is_empty()
    {
        let claim = format!("{pod}-{name}");
        for message in dns_subdomain(&claim) {
            let why = format!("PVC name {claim:?}: {message}");
            errors.invalid(&path.field("name"), &name.into(), &why);
        }
    }
}

/// `defaultMode` and `items` of a secret or config map.
fn validate_files(source: &Value, path: &Path, errors: &mut Errors) {
    validate_mode(source, "defaultMode", path, errors);
    for (i, item) in fields::list(source, "items").iter().enumerate() {
        validate_key_to_path(item, &path.field("items").index(i), errors);
    }
}

pub(super) fn validate_key_to_path(item: &Value, path: &Path, errors: &mut Errors) {
    required(item, "key", path, errors);
    required(item, "path", path, errors);
    not_reserved(fields::text(item, "path"), &path.field("path"), errors);
    validate_mode(item, "mode", path, errors);
}

pub(super) fn validate_mode(source: &Value, key: &str, path: &Path, errors: &mut Errors) {
    if fields::number(&source[key]).is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        errors.invalid(&path.field(key), &source[key], FILE_MODE);
    }
}

pub(super) fn validate_downward_file(file: &Value, path: &Path, errors: &mut Errors) {
    required(file, "path", path, errors);
    not_reserved(fields::text(file, "path"), &path.field("path"), errors);
    let resource = fields::has(file, "resourceFieldRef");
    if fields::has(file, "fieldRef") {
        let here = path.field("fieldRef");
        validate_field_ref(&file["fieldRef"], &FILE_FIELDS, &here, errors);
        if resource {
            let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
            errors.invalid(path, &"resource".into(), why);
        }
    } else if resource {
        let here = path.field("resourceFieldRef");
        validate_resource_ref(&file["resourceFieldRef"], true, &here, errors);
    } else {
        errors.required(path, "one of fieldRef and resourceFieldRef is required");
    }
    validate_mode(file, "mode", path, errors);
}

pub(super) fn no_backsteps(target: &str) -> bool {
    target.split('/').all(|part| part != "..")
}

/// A path that stays below where it starts.
pub(super) fn descends(target: &str, path: &Path, errors: &mut Errors) {
    if target.starts_with('/') {
        errors.invalid(path, &target.into(), "must be a relative path");
    }
    if !no_backsteps(target) {
        errors.invalid(path, &target.into(), "must not contain '..'");
    }
}

/// The same, and not one of the names that the kubelet takes for itself.
pub(super) fn not_reserved(target: &str, path: &Path, errors: &mut Errors) {
    descends(target, path, errors);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.invalid(path, &target.into(), "must not start with '..'");
    }
}
