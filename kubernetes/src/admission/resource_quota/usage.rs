//! What an object counts, and which quotas are about it.
use serde_json::Value;
use wharf_types::Timestamp;

use super::{super::amounts::Amounts, pods};
use crate::{fields, kinds, validation::Quantity};

const CLASS: &str = ".storageclass.storage.k8s.io/";

/// Kinds that were counted by their own name before everything could be.
const COUNTED: [&str; 4] = [
    "configmaps",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
];

/// `count/deployments.apps`.
fn count_name(group: &str, plural: &str) -> String {
    if group.is_empty() {
        format!("count/{plural}")
    } else {
        format!("count/{plural}.{group}")
    }
}

/// Everything that a quota could count of an object.
pub(super) fn of(group: &str, plural: &str, object: &Value, now: Timestamp) -> Amounts {
    let one = Quantity::from_units(1);
    let mut usage = Amounts::from([(count_name(group, plural), one)]);
    match (group, plural) {
        ("", "pods") => pods::add_usage(object, now, &mut usage),
        ("", "services") => add_service(&object["spec"], &mut usage),
        ("", "persistentvolumeclaims") => add_claim(object, &mut usage),
        ("", plural) if COUNTED.contains(&plural) => {
            usage.insert(plural.to_owned(), one);
        }
        _ => {}
    }
    usage
}

fn add_service(spec: &Value, usage: &mut Amounts) {
    let ports = fields::list(spec, "ports");
    let (balancers, ports) = match fields::text(spec, "type") {
        "NodePort" => (0, ports.len()),
        "LoadBalancer" if spec["allocateLoadBalancerNodePorts"] == false => {
            let given = ports
                .iter()
                .filter(|port| fields::integer(port, "nodePort") != 0);
            (1, given.count())
        }
        "LoadBalancer" => (1, ports.len()),
        _ => (0, 0),
    };
    let ports = i64::try_from(ports).unwrap_or(i64::MAX);
    for (name, amount) in [
        ("services", 1),
        ("services.loadbalancers", balancers),
        ("services.nodeports", ports),
    ] {
        usage.insert(name.to_owned(), Quantity::from_units(amount));
    }
}

fn add_claim(claim: &Value, usage: &mut Amounts) {
    let class = kinds::claim_class(claim);
    let mut put = |name: &str, amount: Quantity| {
        usage.insert(name.to_owned(), amount);
        if !class.is_empty() {
            usage.insert(format!("{class}{CLASS}{name}"), amount);
        }
    };
    put("persistentvolumeclaims", Quantity::from_units(1));
    let storage = |parent: &Value| Quantity::of(&parent["storage"]).ok();
    if let Some(wanted) = storage(&claim["spec"]["resources"]["requests"]) {
        let allocated = storage(&claim["status"]["allocatedResources"]);
        let most = allocated.map_or(wanted, |allocated| allocated.max(wanted));
        put("requests.storage", most);
    }
}

/// Whether a name of a quota can count objects of a kind.
pub(super) fn counts(group: &str, plural: &str, name: &str) -> bool {
    if name == count_name(group, plural) {
        return true;
    }
    match (group, plural) {
        ("", "pods") => pods::counts(name),
        ("", "services") => {
            ["services", "services.loadbalancers", "services.nodeports"].contains(&name)
        }
        ("", "persistentvolumeclaims") => {
            let name = name.split_once(CLASS).map_or(name, |(_, rest)| rest);
            ["persistentvolumeclaims", "requests.storage"].contains(&name)
        }
        ("", plural) => COUNTED.contains(&plural) && name == plural,
        _ => false,
    }
}

/// Whether a quota is about an object: it counts something of it, and has it in its scopes.
pub(super) fn matches(quota: &Value, group: &str, plural: &str, object: &Value) -> bool {
    let mut hard = fields::entries(&quota["status"], "hard");
    hard.any(|(name, _)| counts(group, plural, name)) && in_scope(quota, group, plural, object)
}

/// Scopes can only be told of pods and claims; a quota that has some is about nothing else.
pub(super) fn in_scope(quota: &Value, group: &str, plural: &str, object: &Value) -> bool {
    let spec = &quota["spec"];
    let scopes = fields::list(spec, "scopes").iter().all(|scope| {
        let scope = scope.as_str().unwrap_or_default();
        in_one_scope(scope, "Exists", &[], group, plural, object)
    });
    let terms = fields::list(&spec["scopeSelector"], "matchExpressions");
    scopes
        && terms.iter().all(|term| {
            let scope = fields::text(term, "scopeName");
            let operator = fields::text(term, "operator");
            let values = fields::list(term, "values");
            in_one_scope(scope, operator, values, group, plural, object)
        })
}

fn in_one_scope(
    scope: &str,
    operator: &str,
    values: &[Value],
    group: &str,
    plural: &str,
    object: &Value,
) -> bool {
    let spec = &object["spec"];
    match (group, plural, scope) {
        ("", "pods", "PriorityClass") => {
            selects(operator, values, fields::text(spec, "priorityClassName"))
        }
        ("", "pods", scope) => pods::in_scope(object, scope),
        ("", "persistentvolumeclaims", "VolumeAttributesClass") => {
            let class = fields::text(spec, "volumeAttributesClassName");
            selects(operator, values, class)
        }
        _ => false,
    }
}

/// An empty class is none.
fn selects(operator: &str, values: &[Value], class: &str) -> bool {
    let listed = values.iter().any(|value| value == class);
    match operator {
        "Exists" => !class.is_empty(),
        "DoesNotExist" => class.is_empty(),
        "In" => !class.is_empty() && listed,
        "NotIn" => class.is_empty() || !listed,
        _ => false,
    }
}
