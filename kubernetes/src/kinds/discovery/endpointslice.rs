//! Endpoint slices.
use std::collections::HashSet;

use serde_json::Value;
use wharf_types::Timestamp;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind,
        cells::{self, AGE, NAME},
        core::{PROTOCOLS, validate_app_protocol},
        net,
    },
    validation::{
        complain, dns_label, dns_subdomain, immutable, label_value, one_of, validate_labels,
        validate_metadata, validate_metadata_update,
    },
};

pub(super) const ROW: Kind = Kind {
    generation: true,
    columns: &[
        NAME,
        cells::text("AddressType", |object, _| {
            fields::text(object, "addressType").into()
        }),
        cells::text("Ports", ports),
        cells::text("Endpoints", endpoints),
        AGE,
    ],
    default: |object| {
        for port in fields::each(object, "ports") {
            fields::default_pointer(port, "name", "");
            fields::default_pointer(port, "protocol", "TCP");
        }
    },
    validate,
    validate_update: |new, old, errors| {
        validate_metadata_update(new, old, errors);
        let (kind, before) = (&new["addressType"], &old["addressType"]);
        immutable(kind, before, &Path::new("addressType"), errors);
    },
    ..Kind::new(
        GROUP,
        "v1",
        "EndpointSlice",
        "endpointslices",
        "endpointslice",
        "io.k8s.api.discovery.v1.EndpointSlice",
    )
};

const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const ENDPOINTS_MAX: usize = 1000;
const TOPOLOGY_MAX: usize = 16;
const HINTS_MAX: usize = 8;

fn ports(object: &Value, _now: Timestamp) -> Value {
    let all: Vec<String> = fields::list(object, "ports")
        .iter()
        .map(|port| match fields::number(&port["port"]) {
            Some(number) => number.to_string(),
            None => port["name"].as_str().unwrap_or("*").to_owned(),
        })
        .collect();
    cells::or(&cells::at_most_three(&all), cells::UNSET)
}

fn endpoints(object: &Value, _now: Timestamp) -> Value {
    let all: Vec<String> = fields::list(object, "endpoints")
        .iter()
        .flat_map(|endpoint| fields::list(endpoint, "addresses"))
        .map(|address| address.as_str().unwrap_or_default().to_owned())
        .collect();
    cells::or(&cells::at_most_three(&all), cells::UNSET)
}

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let types = ["FQDN", "IPv4", "IPv6"];
    if fields::text(object, "addressType").is_empty() {
        errors.required(&Path::new("addressType"), "");
    } else {
        one_of(object, "addressType", &types, &Path::default(), errors);
    }
    validate_ports(fields::list(object, "ports"), errors);
    let path = Path::new("endpoints");
    let endpoints = fields::list(object, "endpoints");
    if endpoints.len() > ENDPOINTS_MAX {
        errors.too_many(&path, endpoints.len(), ENDPOINTS_MAX);
        return;
    }
    let kind = fields::text(object, "addressType");
    for (i, endpoint) in endpoints.iter().enumerate() {
        validate_endpoint(endpoint, kind, &path.index(i), errors);
    }
}

fn validate_ports(ports: &[Value], errors: &mut Errors) {
    let path = Path::new("ports");
    if ports.len() > PORTS_MAX {
        errors.too_many(&path, ports.len(), PORTS_MAX);
        return;
    }
    let mut names = HashSet::new();
    for (i, port) in ports.iter().enumerate() {
        let path = path.index(i);
        let name = fields::text(port, "name");
        if !name.is_empty() {
            complain(errors, &path.field("name"), name, &dns_label(name));
        }
        if !names.insert(name) {
            errors.duplicate(&path.field("name"), &name.into());
        }
        if fields::has(port, "protocol") {
            one_of(port, "protocol", &PROTOCOLS, &path, errors);
        } else {
            errors.required(&path.field("protocol"), "");
        }
        validate_app_protocol(port, &path, errors);
    }
}

fn validate_endpoint(endpoint: &Value, kind: &str, path: &Path, errors: &mut Errors) {
    let at = path.field("addresses");
    let addresses = fields::list(endpoint, "addresses");
    if addresses.is_empty() {
        errors.required(&at, "must contain at least 1 address");
    } else if addresses.len() > ADDRESSES_MAX {
        errors.too_many(&at, addresses.len(), ADDRESSES_MAX);
    }
    for (i, address) in addresses.iter().enumerate() {
        let text = address.as_str().unwrap_or_default();
        validate_address(text, kind, &at, i, errors);
    }
    if let Some(node) = endpoint["nodeName"].as_str() {
        complain(errors, &path.field("nodeName"), node, &dns_subdomain(node));
    }
    let topology = &endpoint["deprecatedTopology"];
    let at = path.field("deprecatedTopology");
    if fields::count(topology) > TOPOLOGY_MAX {
        errors.too_many(&at, fields::count(topology), TOPOLOGY_MAX);
    }
    validate_labels(topology, &at, errors);
    if let Some(host) = endpoint["hostname"].as_str() {
        complain(errors, &path.field("hostname"), host, &dns_label(host));
    }
    validate_hints(&endpoint["hints"], &path.field("hints"), errors);
}

fn validate_address(text: &str, kind: &str, at: &Path, index: usize, errors: &mut Errors) {
    let path = at.index(index);
    match kind {
        "IPv4" | "IPv6" => {
            let Some(address) = net::validate_ip(text, &path, errors) else {
                return;
            };
            if address.is_ipv4() != (kind == "IPv4") {
                let why = format!("must be an {kind} address");
                errors.invalid(at, &text.into(), &why);
            }
            net::validate_endpoint_ip(text, &path, errors);
        }
        "FQDN" => {
            let name = text.strip_suffix('.').unwrap_or(text);
            let faults = dns_subdomain(name);
            if name.is_empty() {
                errors.required(&path, "");
            } else if !faults.is_empty() {
                errors.invalid(&path, &name.into(), &faults.join(","));
            } else if !name.contains('.') {
                let why = "should be a domain with at least two segments separated by dots";
                errors.invalid(&path, &name.into(), why);
            }
        }
        _ => {}
    }
}

fn validate_hints(hints: &Value, path: &Path, errors: &mut Errors) {
    for (key, rule) in [
        ("forZones", label_value as fn(&str) -> Vec<String>),
        ("forNodes", dns_subdomain),
    ] {
        let list = fields::list(hints, key);
        let path = path.field(key);
        if list.len() > HINTS_MAX {
            errors.too_many(&path, list.len(), HINTS_MAX);
            return;
        }
        let mut seen = HashSet::new();
        for (i, hint) in list.iter().enumerate() {
            let name = fields::text(hint, "name");
            let path = path.index(i).field("name");
            if !seen.insert(name) {
                errors.duplicate(&path, &name.into());
            }
            complain(errors, &path, name, &rule(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cell(name: &str, object: &Value) -> Value {
        let column = ROW.columns.iter().find(|column| column.name == name);
        (column.unwrap().cell)(object, Timestamp::from_secs(0))
    }

    #[test]
    fn three_are_shown_and_the_others_counted() {
        let four = json!(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        let slice = json!({ "endpoints": [{ "addresses": four }], "ports": [{ "port": 80 }] });
        let shown = "10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...";
        assert_eq!(cell("Endpoints", &slice), shown);
        assert_eq!(cell("Ports", &slice), "80");
        assert_eq!(cell("Ports", &json!({})), "<unset>");
    }

    #[test]
    fn addresses_are_of_the_type() {
        let mut errors = Errors::default();
        let slice = json!({
            "metadata": { "name": "a" }, "addressType": "IPv4",
            "endpoints": [{ "addresses": ["2001:db8::1"] }],
        });
        (ROW.validate)(&slice, &mut errors);
        assert_eq!(
            errors.to_string(),
            "endpoints[0].addresses: Invalid value: \"2001:db8::1\": must be an IPv4 address"
        );
    }
}
