//! Ingress classes.
use serde_json::Value;
use wharf_types::Timestamp;

use super::{GROUP, ingress::validate_reference};
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME, NONE},
    },
    validation::{
        complain, dns_label, dns_subdomain, immutable, validate_metadata, validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    scope: Scope::Cluster,
    generation: true,
    columns: &[
        NAME,
        cells::text("Controller", |object, _| {
            fields::text(&object["spec"], "controller").into()
        }),
        cells::text("Parameters", parameters),
        AGE,
    ],
    default: |object| {
        let spec = fields::child(object, "spec");
        if let Some(parameters) = spec.and_then(|spec| fields::child(spec, "parameters")) {
            fields::default_pointer(parameters, "scope", "Cluster");
        }
    },
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        let (now, before) = (&new["spec"]["controller"], &old["spec"]["controller"]);
        let path = Path::new("spec").field("controller");
        immutable(now, before, &path, errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "IngressClass",
        "ingressclasses",
        "ingressclass",
        "io.k8s.api.networking.v1.IngressClass",
    )
};

const CONTROLLER_MAX: usize = 250;
const PATH: &str = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";

fn parameters(object: &Value, _now: Timestamp) -> Value {
    let parameters = &object["spec"]["parameters"];
    if parameters.is_null() {
        return NONE.into();
    }
    let kind = fields::text(parameters, "kind");
    let name = fields::text(parameters, "name");
    match parameters["apiGroup"].as_str() {
        Some(group) => format!("{kind}.{group}/{name}").into(),
        None => format!("{kind}/{name}").into(),
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let controller = fields::text(spec, "controller");
    let at = path.field("controller");
    if controller.len() > CONTROLLER_MAX {
        errors.too_long(&at, CONTROLLER_MAX);
    }
    validate_prefixed_path(controller, &at, errors);
    if fields::has(spec, "parameters") {
        validate_parameters(&spec["parameters"], &path.field("parameters"), errors);
    }
}

fn validate_prefixed_path(text: &str, path: &Path, errors: &mut Errors) {
    if text.is_empty() {
        errors.required(path, "");
        return;
    }
    let parts = text.split_once('/');
    let Some((host, rest)) = parts.filter(|(a, b)| !a.is_empty() && !b.is_empty()) else {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.invalid(path, &text.into(), why);
        return;
    };
    complain(errors, path, host, &dns_subdomain(host));
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
    if !rest.bytes().all(fine) {
        errors.invalid(path, &rest.into(), PATH);
    }
}

fn validate_parameters(parameters: &Value, path: &Path, errors: &mut Errors) {
    validate_reference(parameters, path, errors);
    let at = path.field("namespace");
    let namespace = parameters["namespace"].as_str();
    match (parameters["scope"].as_str(), namespace) {
        (None, _) => errors.required(&path.field("scope"), ""),
        (Some("Namespace"), None) => {
            errors.required(&at, "`parameters.scope` is set to 'Namespace'");
        }
        (Some("Namespace"), Some(name)) => complain(errors, &at, name, &dns_label(name)),
        (Some("Cluster"), Some(_)) => {
            errors.forbidden(&at, "`parameters.scope` is set to 'Cluster'");
        }
        (Some("Cluster"), None) => {}
        (Some(_), _) => {
            let scopes = ["Cluster", "Namespace"];
            errors.not_supported(&path.field("scope"), &parameters["scope"], &scopes);
        }
    }
}
