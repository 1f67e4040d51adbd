//! What a service has to be.
use std::collections::HashSet;

use serde_json::{Value, json};

use super::{is_externally_accessible, is_headless, needs_health_check};
use crate::{
    Errors, Path, fields,
    kinds::net,
    validation::{
        complain, dns_label, dns_label_1035, dns_subdomain, one_of, port_name, port_number,
        qualified_name, validate_labels, validate_metadata,
    },
};

const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;
const AFFINITY_MAX_SECONDS: i64 = 86_400;
pub(in crate::kinds) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];
const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";

pub(super) fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_label_1035, errors);
    let path = Path::new("spec");
    let spec = &object["spec"];
    let ports = fields::list(spec, "ports");
    let kind = fields::text(spec, "type");
    if ports.is_empty() && !is_headless(spec) && kind != "ExternalName" {
        errors.required(&path.field("ports"), "");
    }
    validate_type(spec, &path, errors);
    let mut names = HashSet::new();
    for (i, port) in ports.iter().enumerate() {
        let path = path.field("ports").index(i);
        validate_port(port, ports.len() > 1, &mut names, &path, errors);
    }
    validate_labels(&spec["selector"], &path.field("selector"), errors);
    validate_affinity(spec, &path, errors);
    if kind != "ExternalName" {
        validate_cluster_ips(spec, &path, errors);
    }
    for (i, ip) in fields::list(spec, "externalIPs").iter().enumerate() {
        let path = path.field("externalIPs").index(i);
        let ip = ip.as_str().unwrap_or_default();
        if net::validate_ip(ip, &path, errors).is_some() {
            net::validate_endpoint_ip(ip, &path, errors);
        }
    }
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    choice(spec, "type", &types, &path, errors);
    validate_node_ports(spec, &path, errors);
    validate_duplicates(ports, &path, errors);
    validate_balancer(spec, &path, errors);
    validate_traffic(spec, &path, errors);
}

/// A text that has to be there and be one of these.
fn choice(parent: &Value, key: &str, supported: &[&str], path: &Path, errors: &mut Errors) {
    if fields::text(parent, key).is_empty() {
        errors.required(&path.field(key), "");
    } else {
        one_of(parent, key, supported, path, errors);
    }
}

fn validate_type(spec: &Value, path: &Path, errors: &mut Errors) {
    let kind = fields::text(spec, "type");
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(spec) => {
            let why = format!("may not be set to 'None' for {kind} services");
            let path = path.field("clusterIPs").index(0);
            errors.invalid(&path, &"None".into(), &why);
        }
        "ExternalName" => {
            let why = "may not be set for ExternalName services";
            for key in ["clusterIPs", "ipFamilies"] {
                if !fields::list(spec, key).is_empty() {
                    errors.forbidden(&path.field(key), why);
                }
            }
            if fields::has(spec, "ipFamilyPolicy") {
                errors.forbidden(&path.field("ipFamilyPolicy"), why);
            }
            let name = fields::text(spec, "externalName");
            let name = name.strip_suffix('.').unwrap_or(name);
            let path = path.field("externalName");
            if name.is_empty() {
                errors.required(&path, "");
            } else {
                complain(errors, &path, name, &dns_subdomain(name));
            }
        }
        _ => {}
    }
}

fn validate_port<'a>(
    port: &'a Value,
    named: bool,
    names: &mut HashSet<&'a str>,
    path: &Path,
    errors: &mut Errors,
) {
    let name = fields::text(port, "name");
    if !name.is_empty() {
        complain(errors, &path.field("name"), name, &dns_label(name));
        if !names.insert(name) {
            errors.duplicate(&path.field("name"), &name.into());
        }
    } else if named {
        errors.required(&path.field("name"), "");
    }
    validate_number(
        &json!(fields::integer(port, "port")),
        &path.field("port"),
        errors,
    );
    choice(port, "protocol", &PROTOCOLS, path, errors);
    match &port["targetPort"] {
        Value::String(name) => {
            complain(errors, &path.field("targetPort"), name, &port_name(name));
        }
        Value::Null => {}
        number => validate_number(number, &path.field("targetPort"), errors),
    }
    validate_app_protocol(port, path, errors);
}

/// The protocol of an application is a qualified name.
pub(in crate::kinds) fn validate_app_protocol(port: &Value, path: &Path, errors: &mut Errors) {
    if let Some(protocol) = port["appProtocol"].as_str() {
        let faults = qualified_name(protocol);
        complain(errors, &path.field("appProtocol"), protocol, &faults);
    }
}

/// A number of a port.
pub(in crate::kinds) fn validate_number(number: &Value, path: &Path, errors: &mut Errors) {
    for fault in port_number(fields::number(number).unwrap_or_default()) {
        errors.invalid(path, number, &fault);
    }
}

fn validate_affinity(spec: &Value, path: &Path, errors: &mut Errors) {
    choice(spec, "sessionAffinity", &["ClientIP", "None"], path, errors);
    let config = &spec["sessionAffinityConfig"];
    let path = path.field("sessionAffinityConfig");
    if fields::text(spec, "sessionAffinity") == "None" {
        if !config.is_null() {
            errors.forbidden(&path, "must not be set when session affinity is None");
        }
        return;
    }
    if fields::text(spec, "sessionAffinity") != "ClientIP" {
        return;
    }
    let why = "when session affinity type is ClientIP";
    let timeout = &config["clientIP"]["timeoutSeconds"];
    let seconds = path.field("clientIP").field("timeoutSeconds");
    if config.is_null() {
        errors.required(&path, why);
    } else if config["clientIP"].is_null() {
        errors.required(&path.field("clientIP"), why);
    } else if timeout.is_null() {
        errors.required(&seconds, why);
    } else if !(1..=AFFINITY_MAX_SECONDS).contains(&fields::number(timeout).unwrap_or_default()) {
        let why = format!("must be greater than 0 and less than {AFFINITY_MAX_SECONDS}");
        errors.invalid(&seconds, timeout, &why);
    }
}

fn validate_cluster_ips(spec: &Value, path: &Path, errors: &mut Errors) {
    let at = path.field("clusterIPs");
    let ips = fields::list(spec, "clusterIPs");
    let all = &spec["clusterIPs"];
    let first = ips.first().and_then(Value::as_str);
    match (fields::text(spec, "clusterIP"), first) {
        ("", Some(_)) => {
            errors.invalid(&at, all, "must be empty when `clusterIP` is not specified");
        }
        ("", None) => {}
        (_, None) => errors.required(&at, ""),
        (ip, Some(first)) if ip != first => {
            errors.invalid(&at, all, "first value must match `clusterIP`");
        }
        _ => {}
    }
    validate_families(spec, path, errors);
    let mut families = Vec::new();
    for (i, ip) in ips.iter().enumerate() {
        let ip = ip.as_str().unwrap_or_default();
        if i == 0 && ip == "None" {
            if ips.len() > 1 {
                errors.invalid(&at, all, "'None' must be the first and only value");
            }
            continue;
        }
        let Some(address) = net::validate_ip(ip, &at.index(i), errors) else {
            continue;
        };
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        families.push(family);
        let wanted = fields::list(spec, "ipFamilies").get(i);
        if let Some(wanted) = wanted.and_then(Value::as_str)
            && FAMILIES.contains(&wanted)
            && wanted != family
        {
            let why = format!("expected an {wanted} value as indicated by `ipFamilies[{i}]`");
            errors.invalid(&at.index(i), &ip.into(), &why);
        }
    }
    if ips.len() > 2 {
        errors.invalid(&at, all, "may only hold up to 2 values");
    } else if matches!(families.as_slice(), [a, b] if a == b) {
        let why = "may specify no more than one IP for each IP family";
        errors.invalid(&at, all, why);
    }
}

fn validate_families(spec: &Value, path: &Path, errors: &mut Errors) {
    let at = path.field("ipFamilies");
    let mut seen = HashSet::new();
    for (i, family) in fields::list(spec, "ipFamilies").iter().enumerate() {
        let name = family.as_str().unwrap_or_default();
        if !FAMILIES.contains(&name) {
            errors.not_supported(&at.index(i), family, &FAMILIES);
        }
        if !seen.insert(name) {
            errors.duplicate(&at.index(i), family);
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    one_of(spec, "ipFamilyPolicy", &policies, path, errors);
}

fn validate_node_ports(spec: &Value, path: &Path, errors: &mut Errors) {
    let inside = fields::text(spec, "type") == "ClusterIP";
    let mut seen = HashSet::new();
    for (i, port) in fields::list(spec, "ports").iter().enumerate() {
        let number = fields::integer(port, "nodePort");
        if number == 0 {
            continue;
        }
        let path = path.field("ports").index(i).field("nodePort");
        if inside {
            errors.forbidden(&path, "may not be used when `type` is 'ClusterIP'");
        } else if !NODE_PORTS.contains(&number) {
            let why =
                "provided port is not in the valid range. The range of valid ports is 30000-32767";
            errors.invalid(&path, &number.into(), why);
        }
        if !seen.insert((fields::text(port, "protocol"), number)) {
            errors.duplicate(&path, &number.into());
        }
    }
}

fn validate_duplicates(ports: &[Value], path: &Path, errors: &mut Errors) {
    let mut seen = HashSet::new();
    for (i, port) in ports.iter().enumerate() {
        let number = fields::integer(port, "port");
        let protocol = fields::text(port, "protocol");
        if !seen.insert((protocol, number)) {
            let key = json!({
                "Name": "", "Protocol": protocol, "AppProtocol": null,
                "Port": number, "TargetPort": 0, "NodePort": 0,
            });
            errors.duplicate(&path.field("ports").index(i), &key);
        }
    }
}

fn validate_balancer(spec: &Value, path: &Path, errors: &mut Errors) {
    let balanced = fields::text(spec, "type") == "LoadBalancer";
    let ranges = fields::list(spec, "loadBalancerSourceRanges");
    let at = path.field("LoadBalancerSourceRanges");
    if !balanced && !ranges.is_empty() {
        errors.forbidden(&at, ONLY_BALANCED);
    }
    for (i, range) in ranges.iter().enumerate() {
        let range = range.as_str().unwrap_or_default().trim();
        net::validate_cidr(range, &at.index(i), errors);
    }
    let allocate = fields::has(spec, "allocateLoadBalancerNodePorts");
    if allocate && !balanced {
        errors.forbidden(&path.field("allocateLoadBalancerNodePorts"), ONLY_BALANCED);
    } else if balanced && !allocate {
        errors.required(&Path::new("allocateLoadBalancerNodePorts"), "");
    }
    if let Some(class) = spec["loadBalancerClass"].as_str() {
        let path = path.field("loadBalancerClass");
        if balanced {
            complain(errors, &path, class, &qualified_name(class));
        } else {
            errors.forbidden(&path, ONLY_BALANCED);
        }
    }
}

fn validate_traffic(spec: &Value, path: &Path, errors: &mut Errors) {
    let policies = ["Cluster", "Local"];
    let external = fields::text(spec, "externalTrafficPolicy");
    if is_externally_accessible(spec) {
        choice(spec, "externalTrafficPolicy", &policies, path, errors);
    } else if !external.is_empty() {
        let why = "may only be set for externally-accessible services";
        errors.invalid(&path.field("externalTrafficPolicy"), &external.into(), why);
    }
    // Where it is needed and left out, the server allocates one afterwards.
    let check = fields::integer(spec, "healthCheckNodePort");
    if check != 0 {
        let at = path.field("healthCheckNodePort");
        if needs_health_check(spec) {
            validate_number(&check.into(), &at, errors);
        } else {
            let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.invalid(&at, &check.into(), why);
        }
    }
    if fields::has(spec, "internalTrafficPolicy") {
        one_of(spec, "internalTrafficPolicy", &policies, path, errors);
    } else if super::needs_cluster_ip(spec) {
        errors.required(&path.field("internalTrafficPolicy"), "");
    }
    let close = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    one_of(spec, "trafficDistribution", &close, path, errors);
}
