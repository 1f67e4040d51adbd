//! Probes and hooks of containers.
use serde_json::Value;

use super::Context;
use crate::validation::{complain, http_header_name, not_negative, port_name, port_number};
use crate::{Errors, Path, fields};

const MORE: &str = "may not specify more than 1 handler type";

pub(super) fn validate_lifecycle(
    container: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let lifecycle = &container["lifecycle"];
    let path = path.field("lifecycle");
    for hook in ["postStart", "preStop"] {
        if fields::has(lifecycle, hook) {
            let kinds = ["exec", "httpGet", "tcpSocket", "sleep"];
            validate_handler(&lifecycle[hook], &kinds, context, &path.field(hook), errors);
        }
    }
    if fields::has(lifecycle, "stopSignal") && context.os.is_none() {
        let why = "may not be set for containers with empty `spec.os.name`";
        errors.forbidden(&path.field("stopSignal"), why);
    }
}

pub(super) fn validate_probes(
    container: &Value,
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = &container[key];
        if !probe.is_object() {
            continue;
        }
        let path = path.field(key);
        validate_probe(probe, context, &path, errors);
        let grace = &probe["terminationGracePeriodSeconds"];
        let grace_path = path.field("terminationGracePeriodSeconds");
        if key == "readinessProbe" {
            if !grace.is_null() {
                errors.invalid(&grace_path, grace, "must not be set for readinessProbes");
            }
        } else if fields::integer(probe, "successThreshold") != 1 {
            let here = path.field("successThreshold");
            let value = fields::integer(probe, "successThreshold");
            errors.invalid(&here, &value.into(), "must be 1");
        }
    }
}

fn validate_probe(probe: &Value, context: &Context<'_>, path: &Path, errors: &mut Errors) {
    let kinds = ["exec", "httpGet", "tcpSocket", "grpc"];
    validate_handler(probe, &kinds, context, path, errors);
    for key in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        not_negative(probe, key, path, errors);
    }
    let grace = &probe["terminationGracePeriodSeconds"];
    if fields::number(grace).is_some_and(|seconds| seconds <= 0) {
        let here = path.field("terminationGracePeriodSeconds");
        errors.invalid(&here, grace, "must be greater than 0");
    }
}

/// Exactly one of these kinds, and that one well.
fn validate_handler(
    handler: &Value,
    kinds: &[&str],
    context: &Context<'_>,
    path: &Path,
    errors: &mut Errors,
) {
    let mut found = kinds.iter().filter(|kind| fields::has(handler, kind));
    let Some(kind) = found.next() else {
        errors.required(path, "must specify a handler type");
        return;
    };
    let (action, here) = (&handler[*kind], path.field(kind));
    match *kind {
        "exec" if fields::list(action, "command").is_empty() => {
            errors.required(&here.field("command"), "");
        }
        "httpGet" => validate_http(action, &here, errors),
        "tcpSocket" | "grpc" => validate_port(&action["port"], &here.field("port"), errors),
        "sleep" => {
            let seconds = fields::integer(action, "seconds");
            if let Some(grace) = context.grace_seconds
                && !(0..=grace).contains(&seconds)
            {
                let why = format!(
                    "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                );
                errors.invalid(&here, &seconds.into(), &why);
            }
        }
        _ => {}
    }
    for kind in found {
        errors.forbidden(&path.field(kind), MORE);
    }
}

fn validate_http(get: &Value, path: &Path, errors: &mut Errors) {
    if fields::text(get, "path").is_empty() {
        errors.required(&path.field("path"), "");
    }
    validate_port(&get["port"], &path.field("port"), errors);
    let scheme = fields::text(get, "scheme");
    if !["HTTP", "HTTPS"].contains(&scheme) {
        let supported = ["HTTP", "HTTPS"];
        errors.not_supported(&path.field("scheme"), &scheme.into(), &supported);
    }
    for header in fields::list(get, "httpHeaders") {
        let name = fields::text(header, "name");
        let faults = http_header_name(name);
        complain(errors, &path.field("httpHeaders"), name, &faults);
    }
}

/// A number or name of a port.
fn validate_port(port: &Value, path: &Path, errors: &mut Errors) {
    if let Some(name) = port.as_str() {
        complain(errors, path, name, &port_name(name));
    } else {
        let number = fields::number(port).unwrap_or_default();
        for message in port_number(number) {
            errors.invalid(path, &number.into(), &message);
        }
    }
}
