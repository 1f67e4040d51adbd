//! All roles and bindings of a cluster, found by whom they are for.
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Binding, ClusterRole, Role, Rule, Subject};
use crate::{
    authn::{User, service_account_name},
    authz::{Attributes, Decision},
};

/// Roles and bindings at one moment.
///
/// A decision looks only at the bindings that name the user or one of its groups, in the order of
/// their names, those of the cluster first.
#[derive(Clone, Debug, Default)]
pub struct Index {
    cluster_roles: HashMap<String, Role>,
    /// By namespace and name.
    roles: HashMap<String, HashMap<String, Role>>,
    cluster: Bindings,
    /// By namespace.
    namespaced: HashMap<String, Bindings>,
}

#[derive(Clone, Debug, Default)]
struct Bindings {
    all: Vec<Binding>,
    users: HashMap<String, Vec<usize>>,
    groups: HashMap<String, Vec<usize>>,
}

impl Bindings {
    fn new(mut all: Vec<Binding>) -> Self {
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut users, mut groups) = (HashMap::new(), HashMap::new());
        for (at, binding) in all.iter().enumerate() {
            for subject in &binding.subjects {
                let (index, name): (&mut HashMap<String, Vec<usize>>, String) =
                    match (subject.kind.as_str(), account(subject, &binding.namespace)) {
                        ("User", _) => (&mut users, subject.name.clone()),
                        ("Group", _) => (&mut groups, subject.name.clone()),
                        ("ServiceAccount", Some(name)) => (&mut users, name),
                        _ => continue,
                    };
                let list = index.entry(name).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        Self { all, users, groups }
    }

    /// The bindings for a user, by name.
    fn of(&self, user: &User) -> impl Iterator<Item = &Binding> {
        let groups = user
            .groups
            .iter()
            .filter_map(|group| self.groups.get(group));
        let lists = self.users.get(&user.name).into_iter().chain(groups);
        let mut found: Vec<usize> = lists.flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.all.get(at))
    }
}

/// The name of the user that a service account in `subjects` is.
fn account(subject: &Subject, binding_namespace: &str) -> Option<String> {
    let namespace = if subject.namespace.is_empty() {
        binding_namespace
    } else {
        &subject.namespace
    };
    let there = subject.kind == "ServiceAccount" && !namespace.is_empty();
    there.then(|| service_account_name(namespace, &subject.name))
}

impl Index {
    /// Takes all roles and bindings. The order does not matter.
    pub fn new(
        cluster_roles: impl IntoIterator<Item = ClusterRole>,
        roles: impl IntoIterator<Item = Role>,
        bindings: impl IntoIterator<Item = Binding>,
    ) -> Self {
        let cluster_roles = cluster_roles
            .into_iter()
            .map(|c| (c.role.name.clone(), c.role));
        let mut by_namespace: HashMap<String, HashMap<String, Role>> = HashMap::new();
        for role in roles {
            let namespace = by_namespace.entry(role.namespace.clone()).or_default();
            namespace.insert(role.name.clone(), role);
        }
        let mut namespaced: BTreeMap<String, Vec<Binding>> = BTreeMap::new();
        for binding in bindings {
            let list = namespaced.entry(binding.namespace.clone()).or_default();
            list.push(binding);
        }
        let cluster = Bindings::new(namespaced.remove("").unwrap_or_default());
        let namespaced = namespaced.into_iter().map(|(k, v)| (k, Bindings::new(v)));
        Self {
            cluster_roles: cluster_roles.collect(),
            roles: by_namespace,
            cluster,
            namespaced: namespaced.collect(),
        }
    }

    /// Takes objects of the four kinds of `rbac.authorization.k8s.io`, and skips all others.
    pub fn of_objects<'o>(objects: impl IntoIterator<Item = &'o serde_json::Value>) -> Self {
        let (mut cluster_roles, mut roles, mut bindings) = (Vec::new(), Vec::new(), Vec::new());
        for object in objects {
            match object.get("kind").and_then(serde_json::Value::as_str) {
                Some("ClusterRole") => cluster_roles.extend(ClusterRole::from_object(object)),
                Some("Role") => roles.extend(Role::from_object(object)),
                Some("ClusterRoleBinding" | "RoleBinding") => {
                    bindings.extend(Binding::from_object(object));
                }
                _ => {}
            }
        }
        Self::new(cluster_roles, roles, bindings)
    }

    /// The rules of a role that a binding in `namespace` (empty: of the cluster) names, or why there
    /// are none.
    pub fn role_rules(&self, kind: &str, name: &str, namespace: &str) -> Result<&[Rule], String> {
        let (role, what) = match kind {
            "ClusterRole" => (self.cluster_roles.get(name), "clusterrole"),
            "Role" => {
                let roles = self.roles.get(namespace);
                (roles.and_then(|roles| roles.get(name)), "role")
            }
            _ => return Err(format!("unsupported role reference kind: {kind:?}")),
        };
        match role {
            Some(role) => Ok(&role.rules),
            None => Err(format!(
                "{what}.rbac.authorization.k8s.io {name:?} not found"
            )),
        }
    }

    /// Whether a binding allows this.
    pub fn authorize(&self, user: &User, attributes: &Attributes) -> Decision {
        let combined = attributes.combined();
        let (mut errors, mut asked) = (Vec::new(), HashSet::new());
        for binding in self.bindings_for(user, &attributes.namespace) {
            match self.role_rules(&binding.role.kind, &binding.role.name, &binding.namespace) {
                Err(error) => errors.push(error),
                // Many bindings give the same few roles.
                Ok(rules) if !asked.insert(rules.as_ptr()) => {}
                Ok(rules) => {
                    let mut rules = rules.iter();
                    if rules.any(|rule| rule.allows_combined(attributes, &combined)) {
                        let source = describe(binding, user);
                        return Decision::Allow(format!("RBAC: allowed by {source}"));
                    }
                }
            }
        }
        match aggregate(errors) {
            None => Decision::NoOpinion(String::new()),
            Some(errors) => Decision::NoOpinion(format!("RBAC: {errors}")),
        }
    }

    /// All rules that a user has in a namespace (empty: in the cluster), and roles that are missing.
    pub fn rules_for(&self, user: &User, namespace: &str) -> (Vec<&Rule>, Vec<String>) {
        let (mut all, mut errors) = (Vec::new(), Vec::new());
        for binding in self.bindings_for(user, namespace) {
            match self.role_rules(&binding.role.kind, &binding.role.name, &binding.namespace) {
                Ok(rules) => all.extend(rules),
                Err(error) => errors.push(error),
            }
        }
        (all, errors)
    }

    fn bindings_for(&self, user: &User, namespace: &str) -> impl Iterator<Item = &Binding> {
        let namespaced = self.namespaced.get(namespace);
        let namespaced = namespaced
            .into_iter()
            .flat_map(|bindings| bindings.of(user));
        self.cluster.of(user).chain(namespaced)
    }
}

/// Several errors in brackets, each once.
fn aggregate(mut errors: Vec<String>) -> Option<String> {
    let mut seen = HashSet::new();
    errors.retain(|error| seen.insert(error.clone()));
    match errors.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(", "))),
    }
}

/// Where a grant comes from, in the words of kube-apiserver (which has the name before the namespace).
fn describe(binding: &Binding, user: &User) -> String {
    let Binding {
        namespace,
        name,
        subjects,
        role,
    } = binding;
    let (kind, name) = if namespace.is_empty() {
        ("ClusterRoleBinding", name.clone())
    } else {
        ("RoleBinding", format!("{name}/{namespace}"))
    };
    let mut subjects = subjects.iter().filter(|s| applies(s, user, namespace));
    let to = match subjects.next() {
        Some(subject) if subject.kind == "ServiceAccount" => {
            let own = if subject.namespace.is_empty() {
                namespace
            } else {
                &subject.namespace
            };
            format!("ServiceAccount {:?}", format!("{}/{own}", subject.name))
        }
        Some(Subject { kind, name, .. }) => format!("{kind} {name:?}"),
        None => String::new(),
    };
    format!("{kind} {name:?} of {} {:?} to {to}", role.kind, role.name)
}

fn applies(subject: &Subject, user: &User, namespace: &str) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == user.name,
        "Group" => user.is_in(&subject.name),
        _ => account(subject, namespace).is_some_and(|name| name == user.name),
    }
}

/// The index of the newest generation of roles and bindings.
#[derive(Debug, Default)]
pub struct Cache(Mutex<Option<(u64, Arc<Index>)>>);

impl Cache {
    /// The index of `generation`, made anew by `load` if another one is kept. Two callers may load at
    /// once; nobody waits for a load.
    pub fn index(&self, generation: u64, load: impl FnOnce() -> Index) -> Arc<Index> {
        let kept = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, index)) = kept
            && at == generation
        {
            return index;
        }
        let index = Arc::new(load());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(at, _)| *at < generation) {
            *kept = Some((generation, Arc::clone(&index)));
        }
        index
    }
}
