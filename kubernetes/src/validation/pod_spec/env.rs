//! Environment variables and what they are taken from.
use serde_json::Value;

use crate::validation::{
    Quantity, complain, config_map_key, dns_subdomain, env_var_name, qualified_name,
};
use crate::{Errors, Path, fields};

/// Fields of a pod that its environment can hold.
const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Fields of a pod that its files can hold.
pub(super) const FILE_FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn validate_env(container: &Value, path: &Path, errors: &mut Errors) {
    for (i, var) in fields::list(container, "env").iter().enumerate() {
        let path = path.index(i);
        let name = fields::text(var, "name");
        if name.is_empty() {
            errors.required(&path.field("name"), "");
        } else {
            complain(errors, &path.field("name"), name, &env_var_name(name));
        }
        if fields::has(var, "valueFrom") {
            validate_source(var, &path.field("valueFrom"), errors);
        }
    }
}

fn validate_source(var: &Value, path: &Path, errors: &mut Errors) {
    let from = &var["valueFrom"];
    let mut sources = 0;
    if fields::has(from, "fieldRef") {
        sources += 1;
        let path = path.field("fieldRef");
        validate_field_ref(&from["fieldRef"], &ENV_FIELDS, &path, errors);
    }
    if fields::has(from, "resourceFieldRef") {
        sources += 1;
        let path = path.field("resourceFieldRef");
        validate_resource_ref(&from["resourceFieldRef"], false, &path, errors);
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        if fields::has(from, key) {
            sources += 1;
            validate_key_ref(&from[key], &path.field(key), errors);
        }
    }
    let why = match sources {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        }
        _ if !fields::text(var, "value").is_empty() => {
            "may not be specified when `value` is not empty"
        }
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.invalid(path, &"".into(), why);
}

fn validate_key_ref(of: &Value, path: &Path, errors: &mut Errors) {
    let name = fields::text(of, "name");
    complain(errors, &path.field("name"), name, &dns_subdomain(name));
    let key = fields::text(of, "key");
    if key.is_empty() {
        errors.required(&path.field("key"), "");
    } else {
        complain(errors, &path.field("key"), key, &config_map_key(key));
    }
}

/// A field of the pod, such as `metadata.labels['app']`.
pub(super) fn validate_field_ref(of: &Value, supported: &[&str], path: &Path, errors: &mut Errors) {
    let version = fields::text(of, "apiVersion");
    if version.is_empty() {
        errors.required(&path.field("apiVersion"), "");
        return;
    }
    let name = fields::text(of, "fieldPath");
    let here = path.field("fieldPath");
    if name.is_empty() {
        errors.required(&here, "");
        return;
    }
    if version != "v1" {
        let why = format!("error converting fieldPath: unsupported pod version: {version}");
        errors.invalid(&here, &name.into(), &why);
        return;
    }
    let known = |field: &str| ENV_FIELDS.contains(&field) || FILE_FIELDS.contains(&field);
    let subscript = name
        .strip_suffix("']")
        .and_then(|rest| rest.split_once("['"))
        .filter(|(field, _)| !field.is_empty());
    match subscript {
        Some(("metadata.annotations", key)) => {
            complain(errors, path, key, &qualified_name(&key.to_lowercase()));
        }
        Some(("metadata.labels", key)) => complain(errors, path, key, &qualified_name(key)),
        Some((field, _)) => {
            let why = format!(
                "error converting fieldPath: field label does not support subscript: {field}"
            );
            errors.invalid(&here, &name.into(), &why);
        }
        None if !known(name) && name != "spec.restartPolicy" => {
            let why = format!("error converting fieldPath: field label not supported: {name}");
            errors.invalid(&here, &name.into(), &why);
        }
        None if !supported.contains(&name) => {
            errors.not_supported(&here, &name.into(), supported);
        }
        None => {}
    }
}

/// A request or limit of a container. Files have to name the container.
pub(super) fn validate_resource_ref(of: &Value, is_file: bool, path: &Path, errors: &mut Errors) {
    let resource = fields::text(of, "resource");
    let pages =
        resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if is_file && fields::text(of, "containerName").is_empty() {
        errors.required(&path.field("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.field("resource"), "");
    } else if !RESOURCES.contains(&resource) && !pages {
        errors.not_supported(&path.field("resource"), &resource.into(), &RESOURCES);
    }
    let divisor = Quantity::of(&of["divisor"]).unwrap_or(Quantity::ZERO);
    if divisor.is_zero() {
        return;
    }
    let of_what = resource.split_once('.').map_or("", |(_, what)| what);
    let (fits, why) = match of_what {
        "cpu" => (
            ["1m", "1"].contains(&divisor.to_string().as_str()),
            "only divisor's values 1m and 1 are supported with the cpu resource".to_owned(),
        ),
        "memory" => (is_unit(divisor), bytes_only("memory")),
        "ephemeral-storage" => (is_unit(divisor), bytes_only("local ephemeral storage")),
        _ if pages => (is_unit(divisor), bytes_only("hugepages")),
        _ => return,
    };
    if !fits {
        errors.invalid(&path.field("divisor"), &resource.into(), &why);
    }
}

fn is_unit(divisor: Quantity) -> bool {
    const UNITS: [&str; 13] = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    UNITS.contains(&divisor.to_string().as_str())
}

fn bytes_only(what: &str) -> String {
    format!(
        "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the {what} resource"
    )
}

pub(super) fn validate_env_from(container: &Value, path: &Path, errors: &mut Errors) {
    for (i, source) in fields::list(container, "envFrom").iter().enumerate() {
        let here = path.index(i);
        let prefix = fields::text(source, "prefix");
        if !prefix.is_empty() {
            complain(errors, &here.field("prefix"), prefix, &env_var_name(prefix));
        }
        let mut sources = 0;
        for key in ["configMapRef", "secretRef"] {
            if !fields::has(source, key) {
                continue;
            }
            sources += 1;
            let name = fields::text(&source[key], "name");
            let here = here.field(key).field("name");
            if name.is_empty() {
                errors.required(&here, "");
            } else {
                complain(errors, &here, name, &dns_subdomain(name));
            }
        }
        if sources == 0 {
            let why = "must specify one of: `configMapRef` or `secretRef`";
            errors.invalid(path, &"".into(), why);
        } else if sources > 1 {
            let why = "may not have more than one field specified at a time";
            errors.invalid(path, &"".into(), why);
        }
    }
}
