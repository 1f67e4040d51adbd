//! Where containers see volumes.
use std::collections::BTreeSet;

use serde_json::Value;

use super::Context;
use super::volumes::{descends, no_backsteps};
use crate::{Errors, Path, fields};

/// The values of a field in a list, for looking up.
fn gathered<'a>(container: &'a Value, list: &str, key: &str) -> BTreeSet<&'a str> {
    let list = fields::list(container, list).iter();
    list.map(|element| fields::text(element, key)).collect()
}

pub(super) fn validate_mounts(
    container: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let path = path.field("volumeMounts");
    let devices = gathered(container, "volumeDevices", "name");
    let device_paths = gathered(container, "volumeDevices", "devicePath");
    let mut seen = BTreeSet::new();
    for (i, mount) in fields::list(container, "volumeMounts").iter().enumerate() {
        let here = path.index(i);
        let name = fields::text(mount, "name");
        if name.is_empty() {
            errors.required(&here.field("name"), "");
        }
        if !context.volumes.contains_key(name) {
            errors.not_found(&here.field("name"), &name.into());
        }
        let target = fields::text(mount, "mountPath");
        let target_path = here.field("mountPath");
        if target.is_empty() {
            errors.required(&target_path, "");
        }
        if !seen.insert(target) {
            errors.invalid(&target_path, &target.into(), "must be unique");
        }
        if devices.contains(name) {
            let why = "must not already exist in volumeDevices";
            errors.invalid(&here.field("name"), &name.into(), why);
        }
        if device_paths.contains(target) {
            let why = "must not already exist as a path in volumeDevices";
            errors.invalid(&target_path, &target.into(), why);
        }
        validate_sub_paths(mount, &path, &here, errors);
        validate_propagation(mount, container, &path, errors);
        validate_recursion(mount, &path.field("recursiveReadOnly"), errors);
    }
}

fn validate_sub_paths(mount: &Value, path: &Path, here: &Path, errors: &mut Errors) {
    let sub = fields::text(mount, "subPath");
    let expression = fields::text(mount, "subPathExpr");
    if !sub.is_empty() {
        descends(sub, &path.field("subPath"), errors);
    }
    if !expression.is_empty() {
        if !sub.is_empty() {
            let why = "subPathExpr and subPath are mutually exclusive";
            errors.invalid(&here.field("subPathExpr"), &expression.into(), why);
        }
        descends(expression, &path.field("subPathExpr"), errors);
    }
}

fn validate_propagation(mount: &Value, container: &Value, path: &Path, errors: &mut Errors) {
    let path = path.field("mountPropagation");
    match mount["mountPropagation"].as_str() {
        None | Some("HostToContainer" | "None") => {}
        Some("Bidirectional") => {
            if !fields::flag(&container["securityContext"], "privileged") {
                let why =
                    "Bidirectional mount propagation is available only to privileged containers";
                errors.forbidden(&path, why);
            }
        }
        Some(other) => {
            let supported = ["Bidirectional", "HostToContainer", "None"];
            errors.not_supported(&path, &other.into(), &supported);
        }
    }
}

fn validate_recursion(mount: &Value, path: &Path, errors: &mut Errors) {
    match mount["recursiveReadOnly"].as_str() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !fields::flag(mount, "readOnly") {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            let propagation = fields::text(mount, "mountPropagation");
            if !["", "None"].contains(&propagation) {
                let why = "may only be specified when mountPropagation is None or not specified";
                errors.forbidden(path, why);
            }
        }
        Some(other) => {
            let supported = ["Disabled", "Enabled", "IfPossible"];
            errors.not_supported(path, &other.into(), &supported);
        }
    }
}

pub(super) fn validate_devices(
    container: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let path = path.field("volumeDevices");
    let mounts = gathered(container, "volumeMounts", "name");
    let mount_paths = gathered(container, "volumeMounts", "mountPath");
    let (mut names, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for (i, device) in fields::list(container, "volumeDevices").iter().enumerate() {
        let here = path.index(i);
        let (name, name_path) = (fields::text(device, "name"), here.field("name"));
        let (target, target_path) = (fields::text(device, "devicePath"), here.field("devicePath"));
        if name.is_empty() {
            errors.required(&name_path, "");
        } else if !names.insert(name) {
            errors.invalid(&name_path, &name.into(), "must be unique");
        }
        match context.volumes.get(name) {
            None => errors.not_found(&name_path, &name.into()),
            Some(volume) => {
                let claimed = fields::has(volume, "persistentVolumeClaim")
                    || fields::has(volume, "ephemeral");
                if !claimed {
                    let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                    errors.invalid(&name_path, &name.into(), why);
                }
            }
        }
        if target.is_empty() {
            errors.required(&target_path, "");
        }
        if targets.contains(target) {
            errors.invalid(&target_path, &target.into(), "must be unique");
        }
        if no_backsteps(target) {
            targets.insert(target);
        } else {
            let why = "can not contain backsteps ('..')";
            errors.invalid(&target_path, &target.into(), why);
        }
        if mounts.contains(name) {
            let why = "must not already exist in volumeMounts";
            errors.invalid(&name_path, &name.into(), why);
        }
        if mount_paths.contains(target) {
            let why = "must not already exist as a path in volumeMounts";
            errors.invalid(&target_path, &target.into(), why);
        }
    }
}
