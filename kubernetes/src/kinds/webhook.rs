//! How the server reaches a webhook: its URL or its service.
use serde_json::Value;

use crate::{
    Errors, Path, fields,
    validation::{dns_subdomain, port_number, required},
};

const FORM: &str = "; desired format: https://host[/path]";

/// The port of a service is that of HTTPS if it is left out.
pub(super) fn default_client(client: &mut Value) {
    if let Some(service) = fields::child(client, "service") {
        fields::default_pointer(service, "port", 443);
    }
}

/// Exactly one of `url` and `service`.
pub(super) fn validate_client(client: &Value, path: &Path, errors: &mut Errors) {
    match (client["url"].as_str(), client["service"].is_null()) {
        (Some(url), true) => validate_url(url, &path.field("url"), errors),
        (None, false) => validate_service(&client["service"], &path.field("service"), errors),
        _ => errors.required(path, "exactly one of url or service is required"),
    }
}

fn validate_url(url: &str, path: &Path, errors: &mut Errors) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let mut refuse = |value: &str, why: &str| errors.invalid(path, &value.into(), why);
    if scheme != "https" {
        let why = format!("'https' is the only allowed URL scheme{FORM}");
        refuse(scheme, &why);
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = if scheme.is_empty() {
        ""
    } else {
        rest.split('/').next().unwrap_or_default()
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() {
        refuse("", &format!("host must be specified{FORM}"));
    }
    if !user.is_empty() {
        refuse(user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        refuse(fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        refuse(query, "query parameters are not permitted in the URL");
    }
}

fn validate_service(service: &Value, path: &Path, errors: &mut Errors) {
    required(service, "name", path, errors);
    required(service, "namespace", path, errors);
    let faults = port_number(fields::integer(service, "port"));
    if !faults.is_empty() {
        let why = format!("port is not valid: {}", faults.join(", "));
        let port = fields::integer(service, "port").into();
        errors.invalid(&path.field("port"), &port, &why);
    }
    let text = fields::text(service, "path");
    if text.is_empty() || text == "/" {
        return;
    }
    let path = path.field("path");
    let mut refuse = |why: &str| errors.invalid(&path, &text.into(), why);
    let Some(steps) = text.strip_prefix('/') else {
        refuse("must start with a '/'");
        return;
    };
    let steps = steps.strip_suffix('/').unwrap_or(steps);
    for (i, step) in steps.split('/').enumerate() {
        if step.is_empty() {
            refuse(&format!("segment[{i}] may not be empty"));
            continue;
        }
        for fault in dns_subdomain(step) {
            refuse(&format!("segment[{i}]: {fault}"));
        }
    }
}
