//! Policies that check requests by expressions. The expressions themselves are not compiled here.
use serde_json::Value;
use wharf_types::Timestamp;

use super::{
    CATEGORIES, GROUP,
    rules::{
        default_matching, default_rules, validate_conditions, validate_matching, validate_rule,
    },
};
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope, Subresource,
        cells::{self, AGE, NAME, UNSET},
    },
    validation::{dns_subdomain, one_of, required, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    categories: CATEGORIES,
    subresources: &[Subresource::Status],
    columns: &[
        NAME,
        cells::integer("Validations", |object, _| {
            cells::count(&object["spec"]["validations"])
        }),
        cells::text("ParamKind", param_kind),
        AGE,
    ],
    default: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            fields::default_pointer(spec, "failurePolicy", "Fail");
            default_constraints(spec, "matchConstraints");
        }
    },
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        GROUP,
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        "validatingadmissionpolicy",
        "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy",
    )
};

fn param_kind(object: &Value, _now: Timestamp) -> Value {
    let kind = &object["spec"]["paramKind"];
    if kind.is_null() {
        return UNSET.into();
    }
    let version = fields::text(kind, "apiVersion");
    format!("{version}/{}", fields::text(kind, "kind")).into()
}

/// The resources that a policy or its binding is about.
pub(super) fn default_constraints(spec: &mut Value, key: &str) {
    if let Some(constraints) = fields::child(spec, key) {
        default_matching(constraints);
        default_rules(constraints, "resourceRules");
        default_rules(constraints, "excludeResourceRules");
    }
}

/// The resources that a policy or its binding is about.
pub(super) fn validate_constraints(constraints: &Value, path: &Path, errors: &mut Errors) {
    validate_matching(constraints, path, errors);
    for key in ["resourceRules", "excludeResourceRules"] {
        for (i, rule) in fields::list(constraints, key).iter().enumerate() {
            validate_rule(rule, &path.field(key).index(i), errors);
        }
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    one_of(spec, "failurePolicy", &["Fail", "Ignore"], &path, errors);
    if fields::has(spec, "paramKind") {
        let path = path.field("paramKind");
        required(&spec["paramKind"], "apiVersion", &path, errors);
        required(&spec["paramKind"], "kind", &path, errors);
    }
    let constraints = &spec["matchConstraints"];
    let at = path.field("matchConstraints");
    if constraints.is_null() {
        errors.required(&at, "");
    } else {
        validate_constraints(constraints, &at, errors);
        if fields::list(constraints, "resourceRules").is_empty() {
            errors.required(&at.field("resourceRules"), "");
        }
    }
    validate_conditions(spec, &path, errors);
    let validations = fields::list(spec, "validations");
    if validations.is_empty() && fields::list(spec, "auditAnnotations").is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        errors.required(&path.field("validations"), why);
        errors.required(&path.field("auditAnnotations"), why);
    }
    for (i, validation) in validations.iter().enumerate() {
        let path = path.field("validations").index(i);
        if fields::text(validation, "expression").trim().is_empty() {
            errors.required(&path.field("expression"), "expression is not specified");
        }
        let reasons = [
            "Forbidden",
            "Invalid",
            "RequestEntityTooLarge",
            "Unauthorized",
        ];
        one_of(validation, "reason", &reasons, &path, errors);
    }
}
