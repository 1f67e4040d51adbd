//! Services. Addresses and node ports are allocated elsewhere; here they are kept.
use serde_json::{Value, json};
use wharf_types::Timestamp;

use crate::{
    fields,
    kinds::{
        Kind, Subresource,
        cells::{self, AGE, NAME, NONE},
    },
    validation::Selector,
};

mod update;
mod validate;

pub(in crate::kinds) use validate::{PROTOCOLS, validate_app_protocol, validate_number};

pub(super) const ROW: Kind = Kind {
    short: &["svc"],
    categories: &["all"],
    subresources: &[Subresource::Status, Subresource::Proxy],
    fields: &["spec.clusterIP", "spec.type"],
    columns: &[
        NAME,
        cells::text("Type", |object, _| {
            fields::text(&object["spec"], "type").into()
        }),
        cells::text("Cluster-IP", |object, _| {
            let first = fields::list(&object["spec"], "clusterIPs").first();
            first.and_then(Value::as_str).unwrap_or(NONE).into()
        }),
        cells::text("External-IP", external_ip),
        cells::text("Port(s)", ports),
        AGE,
        cells::wide("Selector", |object, _| {
            cells::or(
                &Selector::of_labels(&object["spec"]["selector"]).show(),
                NONE,
            )
        }),
    ],
    default,
    prepare_create: |object| {
        if let Some(spec) = fields::child(object, "spec") {
            match_cluster_ips(spec);
        }
    },
    prepare_update: update::prepare,
    validate: validate::validate,
    validate_update: update::validate,
    ..Kind::new(
        "",
        "v1",
        "Service",
        "services",
        "service",
        "io.k8s.api.core.v1.Service",
    )
};

fn external_ip(object: &Value, _now: Timestamp) -> Value {
    let spec = &object["spec"];
    let external = cells::join(fields::list(spec, "externalIPs"), ",");
    match fields::text(spec, "type") {
        "ClusterIP" | "NodePort" => cells::or(&external, NONE),
        "LoadBalancer" => {
            let own = load_balancer(&object["status"]["loadBalancer"]);
            match (own.is_empty(), external.is_empty()) {
                (true, true) => "<pending>".into(),
                (false, false) => format!("{own},{external}").into(),
                _ => format!("{own}{external}").into(),
            }
        }
        "ExternalName" => fields::text(spec, "externalName").into(),
        _ => cells::UNKNOWN.into(),
    }
}

/// The addresses of a load balancer, sorted.
pub(in crate::kinds) fn load_balancer(status: &Value) -> String {
    let mut all: Vec<&str> = fields::list(status, "ingress")
        .iter()
        .map(|ingress| match fields::text(ingress, "ip") {
            "" => fields::text(ingress, "hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    all.sort_unstable();
    all.dedup();
    all.join(",")
}

fn ports(object: &Value, _now: Timestamp) -> Value {
    let shown: Vec<String> = fields::list(&object["spec"], "ports")
        .iter()
        .map(|port| {
            let number = fields::integer(port, "port");
            let protocol = fields::text(port, "protocol");
            match fields::integer(port, "nodePort") {
                node if node > 0 => format!("{number}:{node}/{protocol}"),
                _ => format!("{number}/{protocol}"),
            }
        })
        .collect();
    cells::or(&shown.join(","), NONE)
}

fn default(object: &mut Value) {
    let Some(spec) = fields::child(object, "spec") else {
        return;
    };
    default_affinity(spec);
    fields::default_plain(spec, "type", "ClusterIP");
    for port in fields::each(spec, "ports") {
        fields::default_plain(port, "protocol", "TCP");
        let number = port["port"].clone();
        if number.is_number() {
            fields::default_plain(port, "targetPort", number);
        }
    }
    if is_externally_accessible(spec) {
        fields::default_plain(spec, "externalTrafficPolicy", "Cluster");
    }
    let kind = fields::text(spec, "type").to_owned();
    if ["ClusterIP", "NodePort", "LoadBalancer"].contains(&kind.as_str()) {
        fields::default_pointer(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        fields::default_pointer(spec, "allocateLoadBalancerNodePorts", true);
        default_ip_mode(object);
    }
}

fn default_affinity(spec: &mut Value) {
    fields::default_plain(spec, "sessionAffinity", "None");
    match fields::text(spec, "sessionAffinity") {
        "None" => {
            fields::remove(spec, "sessionAffinityConfig");
        }
        "ClientIP" => {
            let timeout = &spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"];
            if timeout.is_null() {
                let config = json!({ "clientIP": { "timeoutSeconds": 10_800 } });
                fields::set(spec, "sessionAffinityConfig", config);
            }
        }
        _ => {}
    }
}

fn default_ip_mode(object: &mut Value) {
    let status = fields::child(object, "status");
    let Some(balancer) = status.and_then(|status| fields::child(status, "loadBalancer")) else {
        return;
    };
    for ingress in fields::each(balancer, "ingress") {
        if !fields::text(ingress, "ip").is_empty() {
            fields::default_pointer(ingress, "ipMode", "VIP");
        }
    }
}

/// `clusterIPs` is the list of which `clusterIP` is the first.
fn match_cluster_ips(spec: &mut Value) {
    let first = fields::text(spec, "clusterIP").to_owned();
    if !first.is_empty() && fields::list(spec, "clusterIPs").is_empty() {
        fields::set(spec, "clusterIPs", json!([first]));
    }
}

fn is_externally_accessible(spec: &Value) -> bool {
    match fields::text(spec, "type") {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !fields::list(spec, "externalIPs").is_empty(),
        _ => false,
    }
}

fn is_headless(spec: &Value) -> bool {
    let ips = fields::list(spec, "clusterIPs");
    ips.len() == 1 && ips.first().is_some_and(|ip| ip == "None")
}

fn needs_cluster_ip(spec: &Value) -> bool {
    ["ClusterIP", "NodePort", "LoadBalancer"].contains(&fields::text(spec, "type"))
}

fn needs_node_port(spec: &Value) -> bool {
    match fields::text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => spec["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

/// Whether a load balancer asks a port of the node if it has pods.
fn needs_health_check(spec: &Value) -> bool {
    fields::text(spec, "type") == "LoadBalancer"
        && fields::text(spec, "externalTrafficPolicy") == "Local"
}
