//! Bindings of policies to resources.
use std::collections::HashSet;

use serde_json::Value;
use wharf_types::Timestamp;

use super::{
    CATEGORIES, GROUP,
    policy::{default_constraints, validate_constraints},
};
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME, UNSET},
    },
    validation::{
        Selector, complain, dns_subdomain, one_of, validate_metadata, validate_metadata_update,
        validate_selector,
    },
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    categories: CATEGORIES,
    columns: &[
        NAME,
        cells::text("PolicyName", |object, _| {
            fields::text(&object["spec"], "policyName").into()
        }),
        cells::text("ParamRef", param_ref),
        AGE,
    ],
    default: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            default_constraints(spec, "matchResources");
        }
    },
    validate,
    validate_update: validate_metadata_update,
    generation: true,
    ..Kind::new(
        GROUP,
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        "validatingadmissionpolicybinding",
        "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
    )
};

fn param_ref(object: &Value, _now: Timestamp) -> Value {
    let reference = &object["spec"]["paramRef"];
    let name = fields::text(reference, "name");
    if !name.is_empty() {
        return match fields::text(reference, "namespace") {
            "" => format!("*/{name}").into(),
            namespace => format!("{namespace}/{name}").into(),
        };
    }
    match &reference["selector"] {
        Value::Null => UNSET.into(),
        selector => {
            let selector = Selector::parse(selector);
            selector.map(Selector::show).unwrap_or_default().into()
        }
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let policy = fields::text(spec, "policyName");
    let at = path.field("policyName");
    if policy.is_empty() {
        errors.required(&at, "");
    } else {
        complain(errors, &at, policy, &dns_subdomain(policy));
    }
    if fields::has(spec, "paramRef") {
        validate_param(&spec["paramRef"], &path.field("paramRef"), errors);
    }
    let resources = &spec["matchResources"];
    validate_constraints(resources, &path.field("matchResources"), errors);
    validate_actions(spec, &path.field("validationActions"), errors);
}

fn validate_param(param: &Value, path: &Path, errors: &mut Errors) {
    let name = fields::text(param, "name");
    match (name.is_empty(), param["selector"].is_null()) {
        (true, true) => {
            let why = "one of name or selector must be specified";
            errors.required(path, why);
        }
        (false, false) => {
            let why = "name and selector are mutually exclusive";
            errors.forbidden(&path.field("name"), why);
            errors.forbidden(&path.field("selector"), why);
        }
        (false, true) => complain(errors, &path.field("name"), name, &dns_subdomain(name)),
        (true, false) => validate_selector(&param["selector"], &path.field("selector"), errors),
    }
    let key = "parameterNotFoundAction";
    if fields::has(param, key) {
        one_of(param, key, &["Deny", "Allow"], path, errors);
    } else {
        errors.required(&path.field(key), "");
    }
}

fn validate_actions(spec: &Value, path: &Path, errors: &mut Errors) {
    const KNOWN: [&str; 3] = ["Audit", "Deny", "Warn"];
    let actions = fields::list(spec, "validationActions");
    if actions.is_empty() {
        errors.required(path, "at least one validation action is required");
    }
    let mut seen = HashSet::new();
    for (i, action) in actions.iter().enumerate() {
        let name = action.as_str().unwrap_or_default();
        if !KNOWN.contains(&name) {
            errors.not_supported(&path.index(i), action, &KNOWN);
        }
        if !seen.insert(name) {
            errors.duplicate(&path.index(i), action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        errors.invalid(path, &spec["validationActions"], why);
    }
}
