//! Endpoints, as they were before endpoint slices.
use serde_json::Value;
use wharf_types::Timestamp;

use super::service::{PROTOCOLS, validate_app_protocol, validate_number};
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind,
        cells::{self, AGE, NAME, NONE},
        net,
    },
    validation::{
        complain, dns_label, dns_subdomain, one_of, validate_metadata, validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    short: &["ep"],
    columns: &[NAME, cells::text("Endpoints", shown), AGE],
    default: |object| {
        for subset in fields::each(object, "subsets") {
            for port in fields::each(subset, "ports") {
                fields::default_plain(port, "protocol", "TCP");
            }
        }
    },
    validate,
    validate_update: validate_metadata_update,
    ..Kind::new(
        "",
        "v1",
        "Endpoints",
        "endpoints",
        "endpoints",
        "io.k8s.api.core.v1.Endpoints",
    )
};

const SHOWN: usize = 3;

fn shown(object: &Value, _now: Timestamp) -> Value {
    let subsets = fields::list(object, "subsets");
    if subsets.is_empty() {
        return NONE.into();
    }
    let mut all: Vec<String> = Vec::new();
    let mut count = 0usize;
    for subset in subsets {
        let addresses = fields::list(subset, "addresses");
        let ports = fields::list(subset, "ports");
        count = count.saturating_add(addresses.len().saturating_mul(ports.len().max(1)));
        let ports: Vec<Option<i64>> = match ports {
            [] => vec![None],
            some => some
                .iter()
                .map(|port| Some(fields::integer(port, "port")))
                .collect(),
        };
        for port in ports {
            for address in addresses.iter().take(SHOWN.saturating_sub(all.len())) {
                let ip = fields::text(address, "ip");
                all.push(match port {
                    None => ip.to_owned(),
                    Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
                    Some(port) => format!("{ip}:{port}"),
                });
            }
        }
    }
    let list = all.join(",");
    if count > SHOWN {
        format!("{list} + {} more...", count - SHOWN).into()
    } else {
        list.into()
    }
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    for (i, subset) in fields::list(object, "subsets").iter().enumerate() {
        let path = Path::new("subsets").index(i);
        let ready = fields::list(subset, "addresses");
        let others = fields::list(subset, "notReadyAddresses");
        if ready.is_empty() && others.is_empty() {
            let why = "must specify `addresses` or `notReadyAddresses`";
            errors.required(&path, why);
        }
        for (key, addresses) in [("addresses", ready), ("notReadyAddresses", others)] {
            for (i, address) in addresses.iter().enumerate() {
                validate_address(address, &path.field(key).index(i), errors);
            }
        }
        let ports = fields::list(subset, "ports");
        for (i, port) in ports.iter().enumerate() {
            let path = path.field("ports").index(i);
            validate_port(port, ports.len() > 1, &path, errors);
        }
    }
}

fn validate_address(address: &Value, path: &Path, errors: &mut Errors) {
    let ip = fields::text(address, "ip");
    net::validate_ip(ip, &path.field("ip"), errors);
    let host = fields::text(address, "hostname");
    if !host.is_empty() {
        complain(errors, &path.field("hostname"), host, &dns_label(host));
    }
    if let Some(node) = address["nodeName"].as_str() {
        complain(errors, &path.field("nodeName"), node, &dns_subdomain(node));
    }
    net::validate_endpoint_ip(ip, &path.field("ip"), errors);
}

fn validate_port(port: &Value, named: bool, path: &Path, errors: &mut Errors) {
    let name = fields::text(port, "name");
    if !name.is_empty() {
        complain(errors, &path.field("name"), name, &dns_label(name));
    } else if named {
        errors.required(&path.field("name"), "");
    }
    let number = fields::integer(port, "port").into();
    validate_number(&number, &path.field("port"), errors);
    if fields::text(port, "protocol").is_empty() {
        errors.required(&path.field("protocol"), "");
    } else {
        one_of(port, "protocol", &PROTOCOLS, path, errors);
    }
    validate_app_protocol(port, path, errors);
}
