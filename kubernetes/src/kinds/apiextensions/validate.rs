//! What a definition of a custom resource has to be. The schemas themselves are checked by what
//! reads them.
use std::collections::HashSet;

use serde_json::Value;
use wharf_kubernetes_schema::structural;

use crate::{
    Errors, Path, crd, fields,
    kinds::webhook,
    validation::{
        dns_label_1035, dns_subdomain, immutable, one_of, required, validate_metadata,
        validate_metadata_update,
    },
};

const APPROVED: &str = "api-approved.kubernetes.io";
const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 9] = [
    "byte",
    "date",
    "date-time",
    "double",
    "float",
    "int32",
    "int64",
    "password",
    "name",
];

pub(super) fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let name = fields::text(&object["metadata"], "name");
    let plural = fields::text(&spec["names"], "plural");
    let wanted = format!("{plural}.{}", fields::text(spec, "group"));
    if !name.is_empty() && name != wanted {
        let why = "must be spec.names.plural+\".\"+spec.group";
        let path = Path::new("metadata").field("name");
        errors.invalid(&path, &name.into(), why);
    }
    validate_group(spec, &path, errors);
    if fields::text(spec, "scope").is_empty() {
        errors.required(&path.field("scope"), "");
    } else {
        one_of(spec, "scope", &["Cluster", "Namespaced"], &path, errors);
    }
    validate_versions(spec, &path, errors);
    validate_names(&spec["names"], &path.field("names"), errors);
    if fields::flag(spec, "preserveUnknownFields") {
        let path = path.field("preserveUnknownFields");
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.invalid(&path, &true.into(), why);
    }
    validate_conversion(&spec["conversion"], &path.field("conversion"), errors);
    validate_stored(object, errors);
    validate_approval(object, errors);
}

fn validate_group(spec: &Value, path: &Path, errors: &mut Errors) {
    let group = fields::text(spec, "group");
    let path = path.field("group");
    let faults = dns_subdomain(group);
    if group.is_empty() {
        errors.required(&path, "");
    } else if !faults.is_empty() {
        errors.invalid(&path, &group.into(), &faults.join(","));
    } else if !group.contains('.') {
        let why = "should be a domain with at least one dot";
        errors.invalid(&path, &group.into(), why);
    }
}

fn validate_versions(spec: &Value, path: &Path, errors: &mut Errors) {
    let versions = fields::list(spec, "versions");
    let at = path.field("versions");
    let mut names = HashSet::new();
    let mut unique = true;
    for (i, version) in versions.iter().enumerate() {
        let path = at.index(i);
        let schema = &version["schema"]["openAPIV3Schema"];
        let at = path.field("schema").field("openAPIV3Schema");
        if schema.is_null() {
            errors.required(&at, "");
        } else {
            let found = structural::check_definition(schema, &at.to_string());
            crd::report(found, errors);
        }
        let name = fields::text(version, "name");
        unique &= names.insert(name);
        join_faults(name, &path.field("name"), "", errors);
        validate_version(version, &path, errors);
    }
    if !unique {
        let why = "must contain unique version names";
        errors.invalid(&at, &spec["versions"], why);
    }
    let storing = versions
        .iter()
        .filter(|version| fields::flag(version, "storage"));
    if storing.count() != 1 {
        let why = "must have exactly one version marked as storage version";
        errors.invalid(&at, &spec["versions"], why);
    }
}

/// All that is wrong with a label, in one message.
fn join_faults(name: &str, path: &Path, prefix: &str, errors: &mut Errors) {
    let faults = dns_label_1035(&name.to_lowercase());
    let plain = prefix.is_empty() && name.chars().any(char::is_uppercase);
    let faults = if plain { dns_label_1035(name) } else { faults };
    if !faults.is_empty() {
        let why = format!("{prefix}{}", faults.join(","));
        errors.invalid(path, &name.into(), &why);
    }
}

fn validate_version(version: &Value, path: &Path, errors: &mut Errors) {
    if let Some(warning) = version["deprecationWarning"].as_str() {
        let at = path.field("deprecationWarning");
        let mut refuse = |why: &str| errors.invalid(&at, &warning.into(), why);
        if !fields::flag(version, "deprecated") {
            refuse("can only be set for deprecated versions");
        } else if warning.len() > 256 {
            refuse("must be <= 256 characters long");
        } else if warning.is_empty() {
            refuse("must not be an empty string");
        }
    }
    let scale = &version["subresources"]["scale"];
    if !scale.is_null() {
        validate_scale(scale, &path.field("subresources"), errors);
    }
    let columns = fields::list(version, "additionalPrinterColumns");
    for (i, column) in columns.iter().enumerate() {
        let path = path.field("additionalPrinterColumns").index(i);
        validate_column(column, &path, errors);
    }
}

fn validate_scale(scale: &Value, path: &Path, errors: &mut Errors) {
    for (key, below) in [
        ("specReplicasPath", ".spec"),
        ("statusReplicasPath", ".status"),
    ] {
        let text = fields::text(scale, key);
        let path = path.field(&format!("scale.{key}"));
        let inside = text.strip_prefix(below);
        if text.is_empty() {
            errors.required(&path, "");
        } else if !inside.is_some_and(|rest| rest.starts_with('.')) {
            let why = format!("should be a json path under {below}");
            errors.invalid(&path, &text.into(), &why);
        }
    }
    let text = fields::text(scale, "labelSelectorPath");
    if !text.is_empty() && !text.starts_with(".spec.") && !text.starts_with(".status.") {
        let why = "should be a json path under either .spec or .status";
        let path = path.field("scale.labelSelectorPath");
        errors.invalid(&path, &text.into(), why);
    }
}

fn validate_column(column: &Value, path: &Path, errors: &mut Errors) {
    required(column, "name", path, errors);
    let kind = fields::text(column, "type");
    let why = format!("must be one of {}", COLUMN_TYPES.join(","));
    if kind.is_empty() {
        errors.required(&path.field("type"), &why);
    } else if !COLUMN_TYPES.contains(&kind) {
        errors.invalid(&path.field("type"), &kind.into(), &why);
    }
    let format = fields::text(column, "format");
    if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
        let mut sorted = COLUMN_FORMATS;
        sorted.sort_unstable();
        let why = format!("must be one of {}", sorted.join(","));
        errors.invalid(&path.field("format"), &format.into(), &why);
    }
    if fields::text(column, "jsonPath").is_empty() {
        errors.required(&path.field("JSONPath"), "");
    }
}

fn validate_names(names: &Value, path: &Path, errors: &mut Errors) {
    for key in ["plural", "singular", "kind", "listKind"] {
        required(names, key, path, errors);
    }
    for key in ["plural", "singular", "kind", "listKind"] {
        let name = fields::text(names, key);
        let prefix = if key.to_lowercase().ends_with("kind") {
            "may have mixed case, but should otherwise match: "
        } else {
            ""
        };
        if !name.is_empty() {
            join_faults(name, &path.field(key), prefix, errors);
        }
    }
    let list = fields::text(names, "listKind");
    if !list.is_empty() && list == fields::text(names, "kind") {
        let why = "kind and listKind may not be the same";
        errors.invalid(&path.field("listKind"), &list.into(), why);
    }
    for key in ["shortNames", "categories"] {
        for (i, name) in fields::list(names, key).iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            join_faults(name, &path.field(key).index(i), "", errors);
        }
    }
}

fn validate_conversion(conversion: &Value, path: &Path, errors: &mut Errors) {
    if conversion.is_null() {
        return;
    }
    let hook = &conversion["webhook"];
    let client = &hook["clientConfig"];
    let at = path.field("webhookClientConfig");
    let versions = fields::list(hook, "conversionReviewVersions");
    let reviews = path.field("conversionReviewVersions");
    match fields::text(conversion, "strategy") {
        "" => errors.required(&path.field("strategy"), ""),
        "Webhook" if client.is_null() => {
            errors.required(&at, "required when strategy is set to Webhook");
        }
        "Webhook" => {
            webhook::validate_client(client, &at, errors);
            let known = versions.iter().any(|one| one == "v1" || one == "v1beta1");
            if versions.is_empty() {
                errors.required(&reviews, "");
            } else if !known {
                let why = "must include at least one of v1, v1beta1";
                errors.invalid(&reviews, &hook["conversionReviewVersions"], why);
            }
        }
        "None" => {
            let why = "should not be set when strategy is not set to Webhook";
            if !client.is_null() {
                errors.forbidden(&at, why);
            }
            if !versions.is_empty() {
                errors.forbidden(&reviews, why);
            }
        }
        _ => one_of(conversion, "strategy", &["None", "Webhook"], path, errors),
    }
}

fn validate_stored(object: &Value, errors: &mut Errors) {
    let path = Path::new("status").field("storedVersions");
    let stored = fields::list(&object["status"], "storedVersions");
    if stored.is_empty() {
        // Written together with the specification; who asks before sees no fault in it.
        return;
    }
    let versions = fields::list(&object["spec"], "versions");
    let names: HashSet<&str> = versions
        .iter()
        .map(|one| fields::text(one, "name"))
        .collect();
    let kept: HashSet<&str> = stored.iter().filter_map(Value::as_str).collect();
    for version in versions {
        let name = fields::text(version, "name");
        if fields::flag(version, "storage") && !kept.contains(name) {
            let why = format!("must have the storage version {name}");
            errors.invalid(&path, &object["status"]["storedVersions"], &why);
        }
    }
    for (i, version) in stored.iter().enumerate() {
        let name = version.as_str().unwrap_or_default();
        if !names.contains(name) {
            let why = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            );
            errors.invalid(&path.index(i), version, &why);
        }
    }
}

/// Groups of the Kubernetes project are protected.
fn validate_approval(object: &Value, errors: &mut Errors) {
    let group = fields::text(&object["spec"], "group");
    let own = |suffix: &str| {
        group
            .strip_suffix(suffix)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if !own("k8s.io") && !own("kubernetes.io") {
        return;
    }
    let value = fields::text(&object["metadata"]["annotations"], APPROVED);
    let path = Path::new("metadata").field("annotations").key(APPROVED);
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    let must = "protected groups must have approval annotation \"api-approved.kubernetes.io\"";
    let url = value.starts_with("https://") || value.starts_with("http://");
    if value.is_empty() {
        errors.required(&path, &format!("{must}, {see}"));
    } else if !url && !value.starts_with("unapproved") {
        let why =
            format!("{must} with either a URL or a reason starting with \"unapproved\", {see}");
        errors.invalid(&path, &value.into(), &why);
    }
}

pub(super) fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec");
    let (spec, before) = (&new["spec"], &old["spec"]);
    let established = fields::list(&old["status"], "conditions")
        .iter()
        .any(|one| {
            fields::text(one, "type") == "Established" && fields::text(one, "status") == "True"
        });
    let names = path.field("names");
    if established {
        immutable(
            &spec["scope"],
            &before["scope"],
            &path.field("scope"),
            errors,
        );
        let (kind, was) = (&spec["names"]["kind"], &before["names"]["kind"]);
        immutable(kind, was, &names.field("kind"), errors);
    }
    immutable(
        &spec["group"],
        &before["group"],
        &path.field("group"),
        errors,
    );
    let (plural, was) = (&spec["names"]["plural"], &before["names"]["plural"]);
    immutable(plural, was, &names.field("plural"), errors);
}
