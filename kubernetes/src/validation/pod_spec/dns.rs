//! How names are looked up in pods.
use std::net::IpAddr;

use serde_json::Value;

use crate::validation::{complain, dns_search, dns_subdomain};
use crate::{Errors, Path, fields};

const NAME_SERVERS: usize = 3;
const SEARCHES: usize = 32;
const SEARCH_CHARACTERS: usize = 2048;
const NO_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

pub(super) fn validate_dns(spec: &Value, path: &Path, errors: &mut Errors) {
    let config = &spec["dnsConfig"];
    let path = path.field("dnsConfig");
    let (servers, servers_path) = (
        fields::list(config, "nameservers"),
        path.field("nameservers"),
    );
    if fields::text(spec, "dnsPolicy") == "None" {
        if config.is_null() {
            let why = "must provide `dnsConfig` when `dnsPolicy` is None";
            return errors.required(&path, why);
        }
        if servers.is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return errors.required(&servers_path, why);
        }
    }
    if servers.len() > NAME_SERVERS {
        let why = format!("must not have more than {NAME_SERVERS} nameservers");
        errors.invalid(&servers_path, &config["nameservers"], &why);
    }
    for (i, server) in servers.iter().enumerate() {
        validate_address(server, &servers_path.index(i), errors);
    }
    validate_searches(config, &path.field("searches"), errors);
    for (i, option) in fields::list(config, "options").iter().enumerate() {
        if fields::text(option, "name").is_empty() {
            errors.required(&path.field("options").index(i), "must not be empty");
        }
    }
}

fn validate_searches(config: &Value, path: &Path, errors: &mut Errors) {
    let searches = fields::list(config, "searches");
    if searches.len() > SEARCHES {
        let why = format!("must not have more than {SEARCHES} search paths");
        errors.invalid(path, &config["searches"], &why);
    }
    let texts = searches.iter().map(|s| s.as_str().map_or(0, str::len) + 1);
    let length = texts.sum::<usize>().saturating_sub(1);
    if length > SEARCH_CHARACTERS {
        let why = format!(
            "must not have more than {SEARCH_CHARACTERS} characters (including spaces) in the search list"
        );
        errors.invalid(path, &config["searches"], &why);
    }
    for (i, search) in searches.iter().enumerate() {
        let search = search.as_str().unwrap_or_default();
        if search == "." {
            continue;
        }
        let search = search.strip_suffix('.').unwrap_or(search);
        let faults = dns_search(search);
        complain(errors, &path.index(i), search, &faults);
    }
}

fn validate_address(address: &Value, path: &Path, errors: &mut Errors) {
    let text = address.as_str().unwrap_or_default();
    if text.parse::<IpAddr>().is_err() {
        errors.invalid(path, &text.into(), NO_ADDRESS);
    }
}

/// `hostAliases`, and a host name that replaces that of the pod.
pub(super) fn validate_hosts(spec: &Value, path: &Path, errors: &mut Errors) {
    for (i, alias) in fields::list(spec, "hostAliases").iter().enumerate() {
        let path = path.field("hostAliases").index(i);
        validate_address(&alias["ip"], &path.field("ip"), errors);
        for (n, name) in fields::list(alias, "hostnames").iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            let path = path.field("hostnames").index(n);
            complain(errors, &path, name, &dns_subdomain(name));
        }
    }
    if let Some(name) = spec["hostnameOverride"].as_str() {
        let path = path.field("hostnameOverride");
        if fields::flag(spec, "setHostnameAsFQDN") {
            errors.forbidden(&path, "may not be specified when setHostnameAsFQDN is true");
        }
        if fields::flag(spec, "hostNetwork") {
            errors.forbidden(&path, "may not be specified when hostNetwork is true");
        }
        if name.len() > 64 {
            errors.too_long(&path, 64);
        }
        complain(errors, &path, name, &dns_subdomain(name));
    }
}
