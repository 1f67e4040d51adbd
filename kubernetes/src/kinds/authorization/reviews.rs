//! The four reviews, which share their rules.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{Kind, Scope, Verbs},
};

pub(super) const LOCAL: Kind = Kind {
    verbs: Verbs::Review,
    validate: validate_local,
    ..Kind::new(
        GROUP,
        "v1",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        "localsubjectaccessreview",
        "io.k8s.api.authorization.v1.LocalSubjectAccessReview",
    )
};

pub(super) const OWN: Kind = Kind {
    scope: Scope::Cluster,
    verbs: Verbs::Review,
    validate: |object, errors| {
        validate_attributes(&object["spec"], errors);
        validate_empty_metadata(object, &[], "must be empty", errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        "selfsubjectaccessreview",
        "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    )
};

pub(super) const RULES: Kind = Kind {
    scope: Scope::Cluster,
    verbs: Verbs::Review,
    ..Kind::new(
        GROUP,
        "v1",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        "selfsubjectrulesreview",
        "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    )
};

pub(super) const SUBJECT: Kind = Kind {
    scope: Scope::Cluster,
    verbs: Verbs::Review,
    validate: |object, errors| {
        validate_subject(&object["spec"], errors);
        validate_empty_metadata(object, &[], "must be empty", errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "SubjectAccessReview",
        "subjectaccessreviews",
        "subjectaccessreview",
        "io.k8s.api.authorization.v1.SubjectAccessReview",
    )
};

fn validate_attributes(spec: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let (resource, other) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    match (resource.is_null(), other.is_null()) {
        (false, false) => {
            let why = "cannot be specified in combination with resourceAttributes";
            errors.invalid(&path.field("nonResourceAttributes"), other, why);
        }
        (true, true) => {
            let why =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.invalid(&path.field("resourceAttributes"), other, why);
        }
        _ => {}
    }
    let path = path.field("resourceAttributes");
    for key in ["fieldSelector", "labelSelector"] {
        let selector = &resource[key];
        if selector.is_null() {
            continue;
        }
        let path = path.field(key);
        let raw = fields::text(selector, "rawSelector");
        let none = fields::list(selector, "requirements").is_empty();
        if !raw.is_empty() && !none {
            let why = "may not specified at the same time as requirements";
            errors.invalid(&path.field("rawSelector"), &raw.into(), why);
        }
        if raw.is_empty() && none {
            let why = format!("when {path} is specified, requirements or rawSelector is required");
            errors.required(&path.field("requirements"), &why);
        }
    }
}

fn validate_subject(spec: &Value, errors: &mut Errors) {
    validate_attributes(spec, errors);
    let user = fields::text(spec, "user");
    if user.is_empty() && fields::list(spec, "groups").is_empty() {
        let why = "at least one of user or group must be specified";
        errors.invalid(&Path::new("spec").field("user"), &user.into(), why);
    }
}

fn validate_empty_metadata(object: &Value, except: &[&str], why: &str, errors: &mut Errors) {
    let metadata = &object["metadata"];
    let given = fields::entries(object, "metadata").any(|(key, value)| {
        let ignored = ["managedFields", "creationTimestamp"];
        !ignored.contains(&key) && !except.contains(&key) && fields::is_set(value)
    });
    if given {
        errors.invalid(&Path::new("metadata"), metadata, why);
    }
}

fn validate_local(object: &Value, errors: &mut Errors) {
    let spec = &object["spec"];
    validate_subject(spec, errors);
    let why = "must be empty except for namespace";
    validate_empty_metadata(object, &["namespace"], why, errors);
    let resource = &spec["resourceAttributes"];
    let namespace = fields::text(resource, "namespace");
    if !resource.is_null() && namespace != fields::text(&object["metadata"], "namespace") {
        let path = Path::new("spec.resourceAttributes.namespace");
        errors.invalid(&path, &namespace.into(), "must match metadata.namespace");
    }
    let other = &spec["nonResourceAttributes"];
    if !other.is_null() {
        let path = Path::new("spec.nonResourceAttributes");
        errors.invalid(&path, other, "disallowed on this kind of request");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: &Kind, object: &Value) -> String {
        let mut errors = Errors::default();
        (kind.validate)(object, &mut errors);
        errors.to_string()
    }

    #[test]
    fn a_question_is_of_a_resource_or_a_path() {
        assert_eq!(
            check(&OWN, &json!({ "spec": {} })),
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        );
        let asked = json!({ "metadata": { "creationTimestamp": null },
            "spec": { "resourceAttributes": { "verb": "get" } } });
        assert_eq!(check(&OWN, &asked), "[]");
        assert_eq!(
            check(&SUBJECT, &asked),
            "spec.user: Invalid value: \"\": at least one of user or group must be specified"
        );
    }

    #[test]
    fn a_local_question_is_of_its_namespace() {
        let asked = json!({ "metadata": { "namespace": "a" },
            "spec": { "user": "eve", "resourceAttributes": { "namespace": "b" } } });
        assert_eq!(
            check(&LOCAL, &asked),
            "spec.resourceAttributes.namespace: Invalid value: \"b\": must match metadata.namespace"
        );
    }
}
