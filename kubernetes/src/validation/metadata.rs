//! The metadata of objects.
use serde_json::Value;

use super::names::Faults;
use super::{complain, dns_label, immutable, not_negative, qualified_name};
use super::{validate_annotations, validate_labels};
use crate::{Errors, Path, fields};

/// What is wrong with a name.
type NameRule = fn(&str) -> Faults;

/// The metadata of any object, new or changed. The namespace is checked by whoever routes.
pub(crate) fn validate_metadata(object: &Value, rule: NameRule, errors: &mut Errors) {
    let path = Path::new("metadata");
    let metadata = &object["metadata"];
    let prefix = fields::text(metadata, "generateName");
    if !prefix.is_empty() {
        let faults = rule(&masked(prefix));
        complain(errors, &path.field("generateName"), prefix, &faults);
    }
    let name = fields::text(metadata, "name");
    if name.is_empty() {
        errors.required(&path.field("name"), "name or generateName is required");
    } else {
        complain(errors, &path.field("name"), name, &rule(name));
    }
    let namespace = fields::text(metadata, "namespace");
    if !namespace.is_empty() {
        let faults = dns_label(namespace);
        complain(errors, &path.field("namespace"), namespace, &faults);
    }
    not_negative(metadata, "generation", &path, errors);
    validate_labels(&metadata["labels"], &path.field("labels"), errors);
    validate_annotations(&metadata["annotations"], &path.field("annotations"), errors);
    validate_owners(metadata, &path.field("ownerReferences"), errors);
    validate_finalizers(metadata, &path.field("finalizers"), errors);
}

/// The metadata of a pod template or claim template, which has no name of its own.
pub(crate) fn validate_template_metadata(metadata: &Value, path: &Path, errors: &mut Errors) {
    validate_annotations(&metadata["annotations"], &path.field("annotations"), errors);
    validate_labels(&metadata["labels"], &path.field("labels"), errors);
}

/// What may not change in the metadata.
pub(crate) fn validate_metadata_update(new: &Value, old: &Value, errors: &mut Errors) {
    let path = Path::new("metadata");
    let (new, old) = (&new["metadata"], &old["metadata"]);
    if fields::has(old, "deletionTimestamp") {
        let before = fields::list(old, "finalizers");
        let extra: Vec<String> = fields::list(new, "finalizers")
            .iter()
            .filter(|finalizer| !before.contains(finalizer))
            .map(Value::to_string)
            .collect();
        if !extra.is_empty() {
            let extra = extra.join(", ");
            let text = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{extra}}}"
            );
            errors.forbidden(&path.field("finalizers"), &text);
        }
    }
    for key in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        immutable(&new[key], &old[key], &path.field(key), errors);
    }
}

/// Something may follow a prefix, so that a dash at its end is fine.
fn masked(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let mut kept: String = rest.to_owned();
            kept.pop();
            kept.push('a');
            kept
        }
        _ => prefix.to_owned(),
    }
}

fn validate_owners(metadata: &Value, path: &Path, errors: &mut Errors) {
    let mut controller: Option<String> = None;
    for owner in fields::list(metadata, "ownerReferences") {
        let version = fields::text(owner, "apiVersion");
        if version.is_empty() || version.ends_with('/') {
            let why = "version must not be empty";
            errors.invalid(&path.field("apiVersion"), &version.into(), why);
        }
        for key in ["kind", "name", "uid"] {
            let value = fields::text(owner, key);
            if value.is_empty() {
                errors.invalid(&path.field(key), &value.into(), "must not be empty");
            }
        }
        if version == "v1" && fields::text(owner, "kind") == "Event" {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            errors.invalid(path, owner, why);
        }
        if fields::flag(owner, "controller") {
            let this = format!(
                "{}/{}",
                fields::text(owner, "kind"),
                fields::text(owner, "name")
            );
            match &controller {
                Some(first) => {
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                    );
                    errors.invalid(path, &metadata["ownerReferences"], &why);
                    // One is enough: the text has the whole list.
                    return;
                }
                None => controller = Some(this),
            }
        }
    }
}

fn validate_finalizers(metadata: &Value, path: &Path, errors: &mut Errors) {
    const OWN: [&str; 3] = ["orphan", "foregroundDeletion", "kubernetes"];
    let finalizers = fields::list(metadata, "finalizers");
    for (i, finalizer) in finalizers.iter().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        complain(errors, path, name, &qualified_name(name));
        if !name.contains('/') && !OWN.contains(&name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&path.index(i), finalizer, why);
        }
    }
    let holds = |name: &str| finalizers.iter().any(|f| f.as_str() == Some(name));
    if holds("orphan") && holds("foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(path, &metadata["finalizers"], why);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::dns_subdomain;
    use super::*;

    fn check(metadata: &Value) -> String {
        let mut errors = Errors::default();
        validate_metadata(&json!({ "metadata": metadata }), dns_subdomain, &mut errors);
        errors.to_string()
    }

    #[test]
    fn a_prefix_may_end_with_a_dash() {
        assert_eq!(
            check(&json!({ "generateName": "web-", "name": "web-x" })),
            "[]"
        );
        assert_eq!(
            check(&json!({})),
            "metadata.name: Required value: name or generateName is required"
        );
    }

    #[test]
    fn finalizers_are_qualified() {
        assert_eq!(
            check(&json!({ "name": "a", "finalizers": ["mine"] })),
            "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified"
        );
    }

    #[test]
    fn the_name_stays() {
        let mut errors = Errors::default();
        let old = json!({ "metadata": { "name": "a" } });
        let new = json!({ "metadata": { "name": "b" } });
        validate_metadata_update(&new, &old, &mut errors);
        assert_eq!(
            errors.to_string(),
            "metadata.name: Invalid value: \"b\": field is immutable"
        );
    }
}
