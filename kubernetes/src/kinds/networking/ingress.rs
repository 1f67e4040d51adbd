//! Ingresses.
use serde_json::Value;
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Subresource,
        cells::{self, AGE, NAME, NONE},
        core::{load_balancer, validate_number},
        net,
    },
    validation::{
        complain, dns_label_1035, dns_subdomain, path_segment, port_name, required,
        validate_metadata, validate_metadata_update, wildcard_subdomain,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["ing"],
    subresources: &[Subresource::Status],
    generation: true,
    columns: &[
        NAME,
        cells::text("Class", |object, _| {
            cells::pointer(&object["spec"]["ingressClassName"], NONE)
        }),
        cells::text("Hosts", hosts),
        cells::text("Address", |object, _| {
            load_balancer(&object["status"]["loadBalancer"]).into()
        }),
        cells::text("Ports", |object, _| {
            let secure = !fields::list(&object["spec"], "tls").is_empty();
            if secure { "80, 443" } else { "80" }.into()
        }),
        AGE,
    ],
    validate,
    validate_update: validate_metadata_update,
    ..Kind::new(
        GROUP,
        "v1",
        "Ingress",
        "ingresses",
        "ingress",
        "io.k8s.api.networking.v1.Ingress",
    )
};

const CLASS: &str = "kubernetes.io/ingress.class";
const SHOWN: usize = 3;

fn hosts(object: &Value, _now: Timestamp) -> Value {
    let rules = fields::list(&object["spec"], "rules");
    let mut list: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        // The printer counts rules, with or without a host.
        more = more || list.len() == SHOWN;
        let host = fields::text(rule, "host");
        if !more && !host.is_empty() {
            list.push(host);
        }
    }
    if list.is_empty() {
        return "*".into();
    }
    let shown = list.join(",");
    if more {
        format!("{shown} + {} more...", rules.len().saturating_sub(SHOWN)).into()
    } else {
        shown.into()
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let rules = fields::list(spec, "rules");
    let backend = &spec["defaultBackend"];
    if rules.is_empty() && backend.is_null() {
        let why = "either `defaultBackend` or `rules` must be specified";
        errors.invalid(&path, &spec["rules"], why);
    }
    if !backend.is_null() {
        validate_backend(backend, &path.field("defaultBackend"), errors);
    }
    for (i, rule) in rules.iter().enumerate() {
        validate_rule(rule, &path.field("rules").index(i), errors);
    }
    for (i, tls) in fields::list(spec, "tls").iter().enumerate() {
        let path = path.field("tls").index(i);
        for (i, host) in fields::list(tls, "hosts").iter().enumerate() {
            let host = host.as_str().unwrap_or_default();
            validate_host(host, &path.field("hosts").index(i), errors);
        }
        let secret = fields::text(tls, "secretName");
        if !secret.is_empty() {
            let faults = dns_subdomain(secret);
            complain(errors, &path.field("secretName"), secret, &faults);
        }
    }
    let class = &spec["ingressClassName"];
    let old = &object["metadata"]["annotations"][CLASS];
    if let Some(class) = class.as_str() {
        let path = path.field("ingressClassName");
        complain(errors, &path, class, &dns_subdomain(class));
    }
    // Only new objects come without this: one that has both got its annotation since.
    let new = !fields::has(&object["metadata"], "resourceVersion");
    if new && !class.is_null() && !old.is_null() && class != old {
        let why = "must match `ingressClassName` when both are specified";
        errors.invalid(&Path::new("annotations").field(CLASS), old, why);
    }
}

fn validate_host(host: &str, path: &Path, errors: &mut Errors) {
    let faults = if host.contains('*') {
        wildcard_subdomain(host)
    } else {
        dns_subdomain(host)
    };
    complain(errors, path, host, &faults);
}

fn validate_rule(rule: &Value, path: &Path, errors: &mut Errors) {
    let host = fields::text(rule, "host");
    if !host.is_empty() {
        if net::parse_ip(host).is_some() {
            let why = "must be a DNS name, not an IP address";
            errors.invalid(&path.field("host"), &host.into(), why);
        }
        validate_host(host, &path.field("host"), errors);
    }
    if !fields::has(rule, "http") {
        return;
    }
    let path = path.field("http").field("paths");
    let paths = fields::list(&rule["http"], "paths");
    if paths.is_empty() {
        errors.required(&path, "");
    }
    for (i, one) in paths.iter().enumerate() {
        validate_path(one, &path.index(i), errors);
    }
}

fn validate_path(one: &Value, path: &Path, errors: &mut Errors) {
    let text = fields::text(one, "path");
    let at = path.field("path");
    let absolute = text.starts_with('/');
    match one["pathType"].as_str() {
        None => {
            errors.required(&path.field("pathType"), "pathType must be specified");
            return;
        }
        Some("Exact" | "Prefix") => {
            if !absolute {
                errors.invalid(&at, &text.into(), "must be an absolute path");
            }
            for bad in ["//", "/./", "/../", "%2f", "%2F"] {
                if text.contains(bad) {
                    errors.invalid(&at, &text.into(), &format!("must not contain '{bad}'"));
                }
            }
            for bad in ["/..", "/."] {
                if text.ends_with(bad) {
                    errors.invalid(&at, &text.into(), &format!("cannot end with '{bad}'"));
                }
            }
        }
        Some("ImplementationSpecific") => {
            if !text.is_empty() && !absolute {
                errors.invalid(&at, &text.into(), "must be an absolute path");
            }
        }
        Some(_) => {
            let types = ["Exact", "ImplementationSpecific", "Prefix"];
            errors.not_supported(&path.field("pathType"), &one["pathType"], &types);
        }
    }
    validate_backend(&one["backend"], &path.field("backend"), errors);
}

fn validate_backend(backend: &Value, path: &Path, errors: &mut Errors) {
    let (service, resource) = (&backend["service"], &backend["resource"]);
    match (service.is_null(), resource.is_null()) {
        (false, false) => {
            let why = "cannot set both resource and service backends";
            errors.invalid(path, &"".into(), why);
        }
        (true, false) => validate_reference(resource, &path.field("resource"), errors),
        (false, true) => validate_service(service, path, errors),
        (true, true) => {
            let why = "resource or service backend is required";
            errors.invalid(path, &"".into(), why);
        }
    }
}

fn validate_service(service: &Value, path: &Path, errors: &mut Errors) {
    let at = path.field("service");
    let name = fields::text(service, "name");
    if name.is_empty() {
        errors.required(&at.field("name"), "");
    } else {
        complain(errors, &at.field("name"), name, &dns_label_1035(name));
    }
    let port = &service["port"];
    let name = fields::text(port, "name");
    let number = fields::integer(port, "number");
    let at = at.field("port");
    match (name.is_empty(), number) {
        (true, 0) => errors.required(path, "port name or number is required"),
        (true, _) => validate_number(&port["number"], &at.field("number"), errors),
        (false, 0) => complain(errors, &at.field("name"), name, &port_name(name)),
        (false, _) => {
            let why = "cannot set both port name & port number";
            errors.invalid(path, &"".into(), why);
        }
    }
}

/// A reference to an object of any kind of the same namespace.
pub(super) fn validate_reference(reference: &Value, path: &Path, errors: &mut Errors) {
    if let Some(group) = reference["apiGroup"].as_str() {
        complain(
            errors,
            &path.field("apiGroup"),
            group,
            &dns_subdomain(group),
        );
    }
    for key in ["kind", "name"] {
        let text = fields::text(reference, key);
        required(reference, key, path, errors);
        complain(errors, &path.field(key), text, &path_segment(text));
    }
}
