//! What an update of a service keeps, and what it may not change.
use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    is_externally_accessible, is_headless, needs_cluster_ip, needs_health_check, needs_node_port,
};
use crate::{Errors, Path, fields, validation::validate_metadata_update};

/// Keeps what was allocated where the client left it out, and drops what a new type has no use for.
pub(super) fn prepare(new: &mut Value, old: &Value) {
    let before = &old["spec"];
    let Some(spec) = fields::child(new, "spec") else {
        return;
    };
    keep_allocated(spec, before);
    normalize_cluster_ips(spec, before);
    drop_type_dependent(spec, before);
    if fields::text(spec, "type") != "LoadBalancer"
        && let Some(status) = fields::child(new, "status")
        && fields::has(status, "loadBalancer")
    {
        fields::set(status, "loadBalancer", json!({}));
    }
}

fn keep_allocated(spec: &mut Value, old: &Value) {
    if needs_cluster_ip(old) && needs_cluster_ip(spec) {
        if fields::has(old, "clusterIP") {
            fields::default_plain(spec, "clusterIP", old["clusterIP"].clone());
        }
        if fields::list(spec, "clusterIPs").is_empty() && fields::has(old, "clusterIPs") {
            fields::set(spec, "clusterIPs", old["clusterIPs"].clone());
        }
    }
    if needs_node_port(old) && needs_node_port(spec) {
        keep_node_ports(spec, old);
    }
    if needs_health_check(old)
        && needs_health_check(spec)
        && fields::integer(old, "healthCheckNodePort") != 0
    {
        let port = old["healthCheckNodePort"].clone();
        fields::default_plain(spec, "healthCheckNodePort", port);
    }
}

fn keep_node_ports(spec: &mut Value, old: &Value) {
    let numbers = |spec: &Value| -> HashSet<i64> {
        let ports = fields::list(spec, "ports").iter();
        ports
            .map(|port| fields::integer(port, "nodePort"))
            .collect()
    };
    let before = numbers(old);
    let used: HashSet<i64> = numbers(spec).intersection(&before).copied().collect();
    let by_name: HashMap<&str, i64> = fields::list(old, "ports")
        .iter()
        .map(|port| {
            (
                fields::text(port, "name"),
                fields::integer(port, "nodePort"),
            )
        })
        .collect();
    for port in fields::each(spec, "ports") {
        let number = by_name.get(fields::text(port, "name")).copied();
        if let Some(number) = number.filter(|n| *n != 0 && !used.contains(n)) {
            fields::default_plain(port, "nodePort", number);
        }
    }
}

fn normalize_cluster_ips(spec: &mut Value, old: &Value) {
    let (now, before) = (
        fields::text(spec, "clusterIP"),
        fields::text(old, "clusterIP"),
    );
    let same = fields::same(&spec["clusterIPs"], &old["clusterIPs"]);
    if now == before {
        if fields::list(spec, "clusterIPs").is_empty() && fields::has(old, "clusterIPs") {
            fields::set(spec, "clusterIPs", old["clusterIPs"].clone());
        }
    } else if same && now.is_empty() {
        fields::remove(spec, "clusterIPs");
    } else if same {
        let now = now.to_owned();
        fields::set(spec, "clusterIPs", json!([now]));
    }
}

fn drop_type_dependent(spec: &mut Value, old: &Value) {
    let drop_same = |spec: &mut Value, key: &str| {
        if fields::same(&spec[key], &old[key]) {
            fields::remove(spec, key);
        }
    };
    if needs_cluster_ip(old) && !needs_cluster_ip(spec) {
        if fields::same(&spec["clusterIPs"], &old["clusterIPs"]) {
            fields::remove(spec, "clusterIP");
            fields::remove(spec, "clusterIPs");
        }
        drop_same(spec, "ipFamilies");
        drop_same(spec, "ipFamilyPolicy");
    }
    if needs_node_port(old) && !needs_node_port(spec) && same_node_ports(spec, old) {
        for port in fields::each(spec, "ports") {
            fields::remove(port, "nodePort");
        }
    }
    if needs_health_check(old) && !needs_health_check(spec) {
        drop_same(spec, "healthCheckNodePort");
    }
    let balanced = |spec: &Value| fields::text(spec, "type") == "LoadBalancer";
    if balanced(old) && !balanced(spec) {
        drop_same(spec, "allocateLoadBalancerNodePorts");
        drop_same(spec, "loadBalancerClass");
    }
    if is_externally_accessible(old) && !is_externally_accessible(spec) {
        drop_same(spec, "externalTrafficPolicy");
    }
}

fn same_node_ports(spec: &Value, old: &Value) -> bool {
    let numbers = |spec: &Value| -> HashSet<i64> {
        let ports = fields::list(spec, "ports").iter();
        let numbers = ports.map(|port| fields::integer(port, "nodePort"));
        numbers.filter(|number| *number != 0).collect()
    };
    numbers(spec) == numbers(old)
}

pub(super) fn validate(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec");
    let (spec, before) = (&new["spec"], &old["spec"]);
    let external = |spec: &Value| fields::text(spec, "type") == "ExternalName";
    let headless = is_headless(spec) && is_headless(before);
    if !headless && !external(spec) && !external(before) {
        validate_cluster_ips(spec, before, &path, errors);
    }
    let balanced = |spec: &Value| fields::text(spec, "type") == "LoadBalancer";
    if balanced(spec)
        && balanced(before)
        && !fields::same(&spec["loadBalancerClass"], &before["loadBalancerClass"])
    {
        let class = &spec["loadBalancerClass"];
        errors.invalid(
            &path.field("loadBalancerClass"),
            class,
            "may not change once set",
        );
    }
    if needs_health_check(spec)
        && needs_health_check(before)
        && fields::integer(spec, "healthCheckNodePort")
            != fields::integer(before, "healthCheckNodePort")
    {
        errors.forbidden(&path.field("healthCheckNodePort"), "field is immutable");
    }
}

fn validate_cluster_ips(spec: &Value, old: &Value, path: &Path, errors: &mut Errors) {
    let at = path.field("clusterIPs");
    let (now, before) = (
        fields::list(spec, "clusterIPs"),
        fields::list(old, "clusterIPs"),
    );
    let mut refuse = |index: usize, why: &str| {
        errors.invalid(&at.index(index), &Value::from(now), why);
    };
    let changed = "may not change once set";
    if now.is_empty() && !before.is_empty() {
        refuse(0, "primary clusterIP can not be unset");
        return;
    }
    if now.len() == before.len() {
        for (i, _) in before
            .iter()
            .zip(now)
            .enumerate()
            .filter(|(_, (a, b))| a != b)
        {
            refuse(i, changed);
        }
        return;
    }
    if let (Some(first), Some(kept)) = (now.first(), before.first())
        && first != kept
    {
        refuse(0, changed);
    }
    if now.len() == 1 && before.len() > 1 && fields::text(spec, "ipFamilyPolicy") != "SingleStack" {
        let why = "must be set to 'SingleStack' when releasing the secondary clusterIP";
        errors.invalid(&path.field("ipFamilyPolicy"), &spec["ipFamilyPolicy"], why);
    }
}
