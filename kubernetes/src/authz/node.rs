//! What a node may do: what concerns itself and the pods that run on it.
//!
//! As kube-apiserver's node authorizer, but stricter where that one relies on the `NodeRestriction`
//! admission: a node creates no pods, and touches only its own.
use std::{fmt, sync::LazyLock};

use serde_json::Value;

use super::{Attributes, Decision, bootstrap::cluster_role_rules, rbac::Rule};
use crate::authn::User;

/// What the authorizer asks of the cluster.
pub trait NodeView: fmt::Debug + Sync {
    /// Whether a pod on `node` needs this object: is it, or names it (see [`pod_needs`]).
    fn is_related(&self, node: &str, resource: &str, namespace: &str, name: &str) -> bool;
}

/// What all nodes may do alike.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let whole = cluster_role_rules("system:node");
    let split = |rule: &Rule| rule.resources.iter().any(|r| is_split(&rule.api_groups, r));
    whole.into_iter().filter(|rule| !split(rule)).collect()
});

/// Whether a resource is decided object by object.
fn is_split(groups: &[String], resource: &str) -> bool {
    let resource = resource.split('/').next().unwrap_or_default();
    groups.iter().any(|group| {
        matches!(
            (group.as_str(), resource),
            (
                "",
                "secrets"
                    | "configmaps"
                    | "persistentvolumeclaims"
                    | "persistentvolumes"
                    | "serviceaccounts"
                    | "nodes"
                    | "pods"
            ) | ("coordination.k8s.io", "leases")
                | ("storage.k8s.io", "csinodes" | "volumeattachments")
        )
    })
}

/// The name of the node that a user is. `Some("")` for a node without a name.
pub(super) fn identity(user: &User) -> Option<&str> {
    let name = user.name.strip_prefix("system:node:");
    user.is_in("system:nodes").then(|| name.unwrap_or_default())
}

/// Whether a node may do this.
pub(super) fn authorize(view: &dyn NodeView, user: &User, attributes: &Attributes) -> Decision {
    let node = match identity(user) {
        None => return Decision::NoOpinion(String::new()),
        Some("") => {
            let text = format!("unknown node for user {:?}", user.name);
            return Decision::NoOpinion(text);
        }
        Some(node) => node,
    };
    match decide(view, node, attributes) {
        Ok(()) => Decision::Allow(String::new()),
        Err(why) => Decision::NoOpinion(why),
    }
}

type Answer = Result<(), String>;

fn decide(view: &dyn NodeView, node: &str, a: &Attributes) -> Answer {
    let (group, resource) = (a.group.as_str(), a.resource.as_str());
    match (group, resource) {
        _ if !a.is_resource => alike(a),
        ("", "secrets" | "configmaps") => read(view, node, a),
        ("", "persistentvolumeclaims") if a.subresource == "status" => {
            verbs(
                a,
                &["update", "patch"],
                "can only get/update/patch this type",
            )?;
            related(view, node, a)
        }
        ("", "persistentvolumeclaims" | "persistentvolumes")
        | ("storage.k8s.io", "volumeattachments") => get(view, node, a),
        ("", "serviceaccounts") => account(view, node, a),
        ("", "nodes") => own_node(node, a),
        ("", "pods") => pods(view, node, a),
        ("coordination.k8s.io", "leases") => lease(node, a),
        ("storage.k8s.io", "csinodes") => own(node, a, "CSINode"),
        _ => alike(a),
    }
}

fn alike(a: &Attributes) -> Answer {
    if RULES.iter().any(|rule| rule.allows(a)) {
        Ok(())
    } else {
        Err(String::new())
    }
}

fn verbs(a: &Attributes, allowed: &[&str], why: &str) -> Answer {
    if allowed.contains(&a.verb.as_str()) {
        Ok(())
    } else {
        Err(why.to_owned())
    }
}

fn related(view: &dyn NodeView, node: &str, a: &Attributes) -> Answer {
    if a.name.is_empty() {
        return Err("No Object name found".to_owned());
    }
    if view.is_related(node, &a.resource, &a.namespace, &a.name) {
        Ok(())
    } else {
        let text = format!("no relationship found between node '{node}' and this object");
        Err(text)
    }
}

fn read(view: &dyn NodeView, node: &str, a: &Attributes) -> Answer {
    verbs(
        a,
        &["get", "list", "watch"],
        "can only read resources of this type",
    )?;
    if !a.subresource.is_empty() {
        return Err("cannot read subresource".to_owned());
    }
    if a.namespace.is_empty() {
        return Err("can only read namespaced object of this type".to_owned());
    }
    related(view, node, a)
}

fn get(view: &dyn NodeView, node: &str, a: &Attributes) -> Answer {
    verbs(
        a,
        &["get"],
        "can only get individual resources of this type",
    )?;
    if !a.subresource.is_empty() {
        return Err("cannot get subresource".to_owned());
    }
    related(view, node, a)
}

fn account(view: &dyn NodeView, node: &str, a: &Attributes) -> Answer {
    if a.verb == "get" && a.subresource.is_empty() {
        return read(view, node, a);
    }
    if a.verb != "create" || a.name.is_empty() {
        return Err("can only create tokens for individual service accounts".to_owned());
    }
    if a.subresource != "token" {
        return Err("can only create token subresource of serviceaccount".to_owned());
    }
    related(view, node, a)
}

fn own_node(node: &str, a: &Attributes) -> Answer {
    let is_own = a.name == node;
    match (a.subresource.as_str(), a.verb.as_str()) {
        // The name is not known before the object is.
        ("", "create") => Ok(()),
        ("", "get" | "list" | "watch" | "update" | "patch") | ("status", "update" | "patch")
            if is_own =>
        {
            Ok(())
        }
        _ => Err(format!(
            "node '{node}' cannot read all nodes, only its own Node object"
        )),
    }
}

fn pods(view: &dyn NodeView, node: &str, a: &Attributes) -> Answer {
    let narrowed = || {
        let mut fields = a.fields.iter();
        fields.any(|(path, value)| path == "spec.nodeName" && value == node)
    };
    match (a.subresource.as_str(), a.verb.as_str()) {
        ("", "list" | "watch") if a.name.is_empty() && narrowed() => Ok(()),
        ("", "get" | "list" | "watch" | "delete")
        | ("status", "update" | "patch")
        | ("eviction", "create") => related(view, node, a).map_err(|why| match a.verb.as_str() {
            "list" | "watch" => "can only list/watch pods with spec.nodeName field selector".into(),
            _ => why,
        }),
        _ => Err("can only get, list, watch, delete and evict the pods of this node".to_owned()),
    }
}

fn lease(node: &str, a: &Attributes) -> Answer {
    const NAMESPACE: &str = "kube-node-lease";
    let why = "can only get, create, update, patch, or delete a node lease";
    verbs(a, &["get", "create", "update", "patch", "delete"], why)?;
    if a.namespace != NAMESPACE {
        return Err(format!(
            "can only access leases in the {NAMESPACE:?} system namespace"
        ));
    }
    if a.verb != "create" && a.name != node {
        return Err(
            "can only access node lease with the same name as the requesting node".to_owned(),
        );
    }
    Ok(())
}

fn own(node: &str, a: &Attributes, kind: &str) -> Answer {
    let allowed = ["get", "create", "update", "patch", "delete"];
    let why = format!("can only get, create, update, patch, or delete a {kind}");
    verbs(a, &allowed, &why)?;
    if !a.subresource.is_empty() {
        return Err(format!("cannot authorize {kind} subresources"));
    }
    if a.verb != "create" && a.name != node {
        return Err(format!(
            "can only access {kind} with the same name as the requesting node"
        ));
    }
    Ok(())
}

/// Whether a pod names an object of its namespace: `secrets`, `configmaps`, `persistentvolumeclaims` or
/// `serviceaccounts`.
pub fn pod_needs(pod: &Value, resource: &str, name: &str) -> bool {
    let spec = &pod["spec"];
    let is = |value: &Value| value.as_str() == Some(name);
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let volumes = items(&spec["volumes"]);
    let projected: Vec<Value> = volumes
        .iter()
        .flat_map(|volume| items(&volume["projected"]["sources"]))
        .collect();
    let (volume, field, env) = match resource {
        "serviceaccounts" => return is(&spec["serviceAccountName"]),
        "persistentvolumeclaims" => {
            let mut claims = volumes.iter();
            let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
            return claims.any(|v| {
                let ephemeral = || v["name"].as_str().map(|v| format!("{pod_name}-{v}"));
                is(&v["persistentVolumeClaim"]["claimName"])
                    || v["ephemeral"].is_object() && ephemeral().as_deref() == Some(name)
            });
        }
        "secrets" => ("secret", "secretName", "secret"),
        "configmaps" => ("configMap", "name", "configMap"),
        _ => return false,
    };
    let in_env = |container: &Value| {
        let from = items(&container["envFrom"]);
        let env_from = format!("{env}Ref");
        let key_ref = format!("{env}KeyRef");
        from.iter().any(|f| is(&f[&env_from]["name"]))
            || items(&container["env"])
                .iter()
                .any(|e| is(&e["valueFrom"][&key_ref]["name"]))
    };
    let containers = ["containers", "initContainers", "ephemeralContainers"];
    volumes.iter().any(|v| is(&v[volume][field]))
        || projected.iter().any(|source| is(&source[volume]["name"]))
        || containers
            .iter()
            .any(|c| items(&spec[*c]).iter().any(in_env))
        || resource == "secrets"
            && items(&spec["imagePullSecrets"])
                .iter()
                .any(|secret| is(&secret["name"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct OnePod;

    impl NodeView for OnePod {
        fn is_related(&self, node: &str, resource: &str, namespace: &str, name: &str) -> bool {
            (node, namespace) == ("n1", "d")
                && matches!((resource, name), ("secrets", "s") | ("pods", "p"))
        }
    }

    fn may(user: &User, a: &Attributes) -> bool {
        authorize(&OnePod, user, a).is_allowed()
    }

    #[test]
    fn a_node_reads_what_its_pods_need_and_nothing_else() {
        let node = User::authenticated("system:node:n1", vec!["system:nodes".to_owned()]);
        let other = User::authenticated("system:node:n2", vec!["system:nodes".to_owned()]);
        let person = User::authenticated("system:node:n1", Vec::new());
        let at =
            |verb, group, resource, ns, name| Attributes::resource(verb, group, resource, ns, name);
        for (a, expected) in [
            (at("get", "", "secrets", "d", "s"), true),
            (at("get", "", "secrets", "d", "t"), false),
            (at("list", "", "secrets", "d", ""), false),
            (at("delete", "", "secrets", "d", "s"), false),
            (at("get", "", "pods", "d", "p"), true),
            (
                at("patch", "", "pods", "d", "p").with_subresource("status"),
                true,
            ),
            (at("create", "", "pods", "d", ""), false),
            (at("list", "", "pods", "", ""), false),
            (at("list", "", "services", "", ""), true),
            (at("create", "", "events", "d", ""), true),
        ] {
            assert_eq!(may(&node, &a), expected, "{a:?}");
            assert!(!may(&person, &a));
        }
        assert!(!may(&other, &at("get", "", "secrets", "d", "s")));
        let mut list = at("list", "", "pods", "", "");
        list.fields = vec![("spec.nodeName".to_owned(), "n1".to_owned())];
        assert!(may(&node, &list));
        assert!(!may(&other, &list));
    }

    #[test]
    fn a_node_changes_only_its_own_node_and_lease() {
        let node = User::authenticated("system:node:n1", vec!["system:nodes".to_owned()]);
        for (name, expected) in [("n1", true), ("n2", false), ("", false)] {
            let patch =
                Attributes::resource("patch", "", "nodes", "", name).with_subresource("status");
            assert_eq!(may(&node, &patch), expected);
            let lease = "coordination.k8s.io";
            let update = Attributes::resource("update", lease, "leases", "kube-node-lease", name);
            assert_eq!(may(&node, &update), expected);
            let elsewhere = Attributes::resource("update", lease, "leases", "kube-system", name);
            assert!(!may(&node, &elsewhere));
            let delete = Attributes::resource("delete", "", "nodes", "", name);
            assert!(!may(&node, &delete));
        }
    }

    #[test]
    fn what_a_pod_needs_is_found_wherever_it_is_named() {
        let pod = json!({
            "metadata": { "name": "p" },
            "spec": {
                "serviceAccountName": "sa",
                "imagePullSecrets": [{ "name": "pull" }],
                "volumes": [
                    { "name": "a", "secret": { "secretName": "vs" } },
                    { "name": "b", "configMap": { "name": "vc" } },
                    { "name": "c", "persistentVolumeClaim": { "claimName": "pvc" } },
                    { "name": "e", "ephemeral": {} },
                    { "name": "d", "projected": { "sources": [{ "secret": { "name": "ps" } }] } },
                ],
                "containers": [{ "envFrom": [{ "secretRef": { "name": "es" } }] }],
                "initContainers": [
                    { "env": [{ "valueFrom": { "configMapKeyRef": { "name": "ec" } } }] },
                ],
            },
        });
        for (resource, names) in [
            ("secrets", &["pull", "vs", "ps", "es"] as &[&str]),
            ("configmaps", &["vc", "ec"]),
            ("persistentvolumeclaims", &["pvc", "p-e"]),
            ("serviceaccounts", &["sa"]),
        ] {
            for name in names {
                assert!(pod_needs(&pod, resource, name), "{resource} {name}");
            }
            assert!(!pod_needs(&pod, resource, "other"));
        }
    }
}
