//! The roles and bindings that a new cluster has: those of Kubernetes, and those of EKS.
//!
//! They are text: a line that is not indented is a role, `[namespace/]name [to=x] [from=x]`; the
//! indented ones below are its rules, `verbs: groups: resources[: names]` or `verbs: paths`, the group
//! `core` being the empty one. `to=x` and `from=x` are the label and the selector
//! `rbac.authorization.k8s.io/aggregate-to-x`. A binding is `[namespace/]name = Kind role: subjects`.
use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};

use super::rbac::{Rule, Subject};

#[cfg(test)]
mod tests;

const CLUSTER_ROLES: &str = include_str!("cluster_roles.txt");
const CONTROLLER_ROLES: &str = include_str!("controller_roles.txt");
const ROLES: &str = include_str!("roles.txt");
const BINDINGS: &str = include_str!("bindings.txt");
const EKS_ROLES: &str = include_str!("eks_roles.txt");
const EKS_BINDINGS: &str = include_str!("eks_bindings.txt");

const GROUP: &str = "rbac.authorization.k8s.io";

/// All objects, roles before bindings. The API server creates those that are missing and adds missing
/// rules and subjects to those that have the annotation.
pub fn objects() -> Vec<Value> {
    let defaults = || [CLUSTER_ROLES, CONTROLLER_ROLES, ROLES].map(roles).concat();
    let upstream = defaults()
        .into_iter()
        .map(|role| role.object(Origin::Kubernetes));
    let eks = roles(EKS_ROLES)
        .into_iter()
        .map(|role| role.object(Origin::Eks));
    let controllers = roles(CONTROLLER_ROLES)
        .into_iter()
        .filter_map(|role| role.controller());
    let bindings = bindings(BINDINGS)
        .into_iter()
        .chain(controllers)
        .map(|binding| binding.object(Origin::Kubernetes));
    let eks_bindings = self::bindings(EKS_BINDINGS)
        .into_iter()
        .map(|binding| binding.object(Origin::Eks));
    upstream
        .chain(eks)
        .chain(bindings)
        .chain(eks_bindings)
        .collect()
}

/// The rules of a default cluster role, aggregated ones included. Empty for an unknown name.
pub fn cluster_role_rules(name: &str) -> Vec<Rule> {
    let found = CLUSTER.iter().find(|role| role.name == name);
    found.map(all_rules).unwrap_or_default()
}

static CLUSTER: LazyLock<Vec<Role>> = LazyLock::new(|| roles(CLUSTER_ROLES));

/// The rules of a role and of all whose rules come to it. Selection has no cycles in our tables but a
/// role that selects itself, so the walk remembers where it was.
fn all_rules(role: &Role) -> Vec<Rule> {
    if role.from.is_empty() {
        return role.rules.clone();
    }
    let mut rules = Vec::new();
    let mut seen = vec![&role.name];
    let mut next: Vec<&Role> = vec![role];
    while let Some(role) = next.pop() {
        rules.extend(role.rules.iter().cloned());
        for source in CLUSTER.iter() {
            let selected = source.to.iter().any(|label| role.from.contains(label));
            if selected && !seen.contains(&&source.name) {
                seen.push(&source.name);
                next.push(source);
            }
        }
    }
    rules.sort();
    rules.dedup();
    rules
}

/// Whose an object is.
#[derive(Clone, Copy)]
enum Origin {
    Kubernetes,
    Eks,
}

/// A role in the tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Role {
    namespace: String,
    pub(super) name: String,
    to: Vec<String>,
    pub(super) from: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Binding {
    namespace: String,
    name: String,
    kind: String,
    role: String,
    subjects: Vec<Subject>,
}

/// Reads a table of roles.
pub(super) fn roles(text: &str) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match (line.strip_prefix("  "), roles.last_mut()) {
            (Some(text), Some(role)) => role.rules.extend(rule(text)),
            _ => roles.extend(header(line)),
        }
    }
    roles
}

fn header(line: &str) -> Option<Role> {
    let mut words = line.split_whitespace();
    let (namespace, name) = namespaced(words.next()?);
    let mut role = Role {
        namespace,
        name,
        ..Role::default()
    };
    for word in words {
        match word.split_once('=')? {
            ("to", label) => role.to.push(label.to_owned()),
            ("from", label) => role.from.push(label.to_owned()),
            _ => return None,
        }
    }
    Some(role)
}

fn namespaced(name: &str) -> (String, String) {
    match name.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), name.to_owned()),
        None => (String::new(), name.to_owned()),
    }
}

fn rule(text: &str) -> Option<Rule> {
    let list = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let groups = |text: &str| {
        let name = |group| if group == "core" { "" } else { group };
        text.split(' ')
            .map(|group| name(group).to_owned())
            .collect()
    };
    let parts: Vec<&str> = text.split(": ").collect();
    let (verbs, api_groups, resources, names) = match parts.as_slice() {
        [verbs, urls] => {
            return Some(Rule {
                verbs: list(verbs),
                non_resource_urls: list(urls),
                ..Rule::default()
            });
        }
        [verbs, api_groups, resources] => (verbs, api_groups, resources, Vec::new()),
        [verbs, api_groups, resources, names] => (verbs, api_groups, resources, list(names)),
        _ => return None,
    };
    Some(Rule {
        verbs: list(verbs),
        api_groups: groups(api_groups),
        resources: list(resources),
        resource_names: names,
        ..Rule::default()
    })
}

fn bindings(text: &str) -> Vec<Binding> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(binding).collect()
}

fn binding(line: &str) -> Option<Binding> {
    let (name, rest) = line.split_once(" = ")?;
    let mut words = rest.split_whitespace();
    let kind = words.next()?.to_owned();
    let role = words.next()?.strip_suffix(':')?.to_owned();
    let (namespace, name) = namespaced(name);
    Some(Binding {
        namespace,
        name,
        kind,
        role,
        subjects: words.map(subject).collect::<Option<_>>()?,
    })
}

fn subject(word: &str) -> Option<Subject> {
    let (kind, name) = word.split_once('=')?;
    let (kind, (namespace, name)) = match kind {
        "user" => ("User", (String::new(), name.to_owned())),
        "group" => ("Group", (String::new(), name.to_owned())),
        "serviceaccount" => ("ServiceAccount", namespaced(name)),
        _ => return None,
    };
    Some(Subject {
        kind: kind.to_owned(),
        name,
        namespace,
    })
}

impl Role {
    fn object(&self, origin: Origin) -> Value {
        let kind = kind(&self.namespace, "Role");
        let mut object = object(origin, &kind, &self.namespace, &self.name);
        for label in &self.to {
            object["metadata"]["labels"][format!("{GROUP}/aggregate-to-{label}")] = "true".into();
        }
        if self.from.is_empty() {
            object["rules"] = json!(self.rules);
            return object;
        }
        let selectors = self.from.iter().map(|label| {
            let label = format!("{GROUP}/aggregate-to-{label}");
            json!({ "matchLabels": BTreeMap::from([(label, "true")]) })
        });
        object["aggregationRule"] =
            json!({ "clusterRoleSelectors": selectors.collect::<Vec<Value>>() });
        object["rules"] = json!(all_rules(self));
        object
    }

    /// The binding of a controller's role to its service account.
    fn controller(&self) -> Option<Binding> {
        let account = self.name.strip_prefix("system:controller:")?;
        Some(Binding {
            namespace: String::new(),
            name: self.name.clone(),
            kind: "ClusterRole".to_owned(),
            role: self.name.clone(),
            subjects: vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name: account.to_owned(),
                namespace: "kube-system".to_owned(),
            }],
        })
    }
}

impl Binding {
    fn object(&self, origin: Origin) -> Value {
        let kind = kind(&self.namespace, "RoleBinding");
        let mut object = object(origin, &kind, &self.namespace, &self.name);
        object["roleRef"] = json!({ "apiGroup": GROUP, "kind": self.kind, "name": self.role });
        let subjects: Vec<Value> = self.subjects.iter().map(subject_object).collect();
        if !subjects.is_empty() {
            object["subjects"] = subjects.into();
        }
        object
    }
}

fn subject_object(subject: &Subject) -> Value {
    let Subject {
        kind,
        name,
        namespace,
    } = subject;
    match kind.as_str() {
        "ServiceAccount" => json!({ "kind": kind, "name": name, "namespace": namespace }),
        _ => json!({ "kind": kind, "apiGroup": GROUP, "name": name }),
    }
}

fn kind(namespace: &str, kind: &str) -> String {
    if namespace.is_empty() {
        format!("Cluster{kind}")
    } else {
        kind.to_owned()
    }
}

fn object(origin: Origin, kind: &str, namespace: &str, name: &str) -> Value {
    let mut metadata = match origin {
        Origin::Kubernetes => json!({
            "name": name,
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
            "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
        }),
        Origin::Eks => json!({
            "name": name,
            "labels": { "eks.amazonaws.com/component": name.rsplit(':').next() },
        }),
    };
    if !namespace.is_empty() {
        metadata["namespace"] = namespace.into();
    }
    json!({ "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": metadata })
}
