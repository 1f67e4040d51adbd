//! Network policies.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind,
        cells::{self, AGE, NAME, NONE},
        core::validate_number,
        net,
    },
    validation::{
        Selector, complain, dns_subdomain, one_of, port_name, validate_metadata,
        validate_metadata_update, validate_selector,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["netpol"],
    generation: true,
    columns: &[NAME, cells::text("Pod-Selector", selector), AGE],
    default,
    validate,
    validate_update: validate_metadata_update,
    ..Kind::new(
        GROUP,
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        "networkpolicy",
        "io.k8s.api.networking.v1.NetworkPolicy",
    )
};

const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

fn selector(object: &Value, _now: Timestamp) -> Value {
    match Selector::parse(&object["spec"]["podSelector"]) {
        Some(selector) => cells::or(&selector.show(), NONE),
        None => "<error>".into(),
    }
}

fn default(object: &mut Value) {
    let Some(spec) = fields::child(object, "spec") else {
        return;
    };
    for (direction, _) in DIRECTIONS {
        for rule in fields::each(spec, direction) {
            for port in fields::each(rule, "ports") {
                fields::default_pointer(port, "protocol", "TCP");
            }
        }
    }
    if fields::count(&spec["policyTypes"]) == 0 {
        let both = !fields::list(spec, "egress").is_empty();
        let types = if both {
            json!(["Ingress", "Egress"])
        } else {
            json!(["Ingress"])
        };
        fields::set(spec, "policyTypes", types);
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    validate_selector(&spec["podSelector"], &path.field("podSelector"), errors);
    for (direction, peers) in DIRECTIONS {
        for (i, rule) in fields::list(spec, direction).iter().enumerate() {
            let path = path.field(direction).index(i);
            for (i, port) in fields::list(rule, "ports").iter().enumerate() {
                validate_port(port, &path.field("ports").index(i), errors);
            }
            for (i, peer) in fields::list(rule, peers).iter().enumerate() {
                validate_peer(peer, &path.field(peers).index(i), errors);
            }
        }
    }
    let at = path.field("policyTypes");
    let types = fields::list(spec, "policyTypes");
    if types.len() > 2 {
        let why = "may not specify more than two policyTypes";
        errors.invalid(&at, &spec["policyTypes"], why);
        return;
    }
    for (i, kind) in types.iter().enumerate() {
        if kind != "Ingress" && kind != "Egress" {
            errors.not_supported(&at.index(i), kind, &["Ingress", "Egress"]);
        }
    }
}

fn validate_port(port: &Value, path: &Path, errors: &mut Errors) {
    one_of(port, "protocol", &["TCP", "UDP", "SCTP"], path, errors);
    let (number, end) = (&port["port"], &port["endPort"]);
    let at = path.field("endPort");
    match number {
        Value::Null => {
            if !end.is_null() {
                let why = "may not be specified when `port` is not specified";
                errors.invalid(&at, end, why);
            }
        }
        Value::String(name) => {
            if !end.is_null() {
                let why = "may not be specified when `port` is non-numeric";
                errors.invalid(&at, end, why);
            }
            complain(errors, &path.field("port"), name, &port_name(name));
        }
        number => {
            validate_number(number, &path.field("port"), errors);
            if end.is_null() {
                return;
            }
            if fields::number(end) < fields::number(number) {
                let why = "must be greater than or equal to `port`";
                errors.invalid(&at, number, why);
            }
            validate_number(end, &at, errors);
        }
    }
}

fn validate_peer(peer: &Value, path: &Path, errors: &mut Errors) {
    let mut selectors = 0;
    for key in ["podSelector", "namespaceSelector"] {
        if fields::has(peer, key) {
            selectors += 1;
            validate_selector(&peer[key], &path.field(key), errors);
        }
    }
    let block = &peer["ipBlock"];
    if !block.is_null() {
        validate_block(block, &path.field("ipBlock"), errors);
    }
    if block.is_null() && selectors == 0 {
        errors.required(path, "must specify a peer");
    } else if !block.is_null() && selectors > 0 {
        let why = "may not specify both ipBlock and another peer";
        errors.forbidden(path, why);
    }
}

fn validate_block(block: &Value, path: &Path, errors: &mut Errors) {
    let cidr = fields::text(block, "cidr");
    if cidr.is_empty() {
        errors.required(&path.field("cidr"), "");
        return;
    }
    let Some(network) = net::validate_cidr(cidr, &path.field("cidr"), errors) else {
        return;
    };
    for (i, except) in fields::list(block, "except").iter().enumerate() {
        let path = path.field("except").index(i);
        let text = except.as_str().unwrap_or_default();
        let Some(inner) = net::validate_cidr(text, &path, errors) else {
            continue;
        };
        if !network.contains(inner.address) || network.length >= inner.length {
            errors.invalid(&path, except, "must be a strict subset of `cidr`");
        }
    }
}
