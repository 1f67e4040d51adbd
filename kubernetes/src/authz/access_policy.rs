//! The access policies of EKS: rules that access entries give to principals of AWS, beside RBAC.
//!
//! A grant hangs on the ARN of the principal, which the authenticator puts into the user's `extra`, not
//! on the user's name: several entries may have one name, and whoever impersonates a name does not
//! become the principal.
use std::{collections::HashMap, sync::LazyLock};

use super::{
    Attributes, Decision,
    bootstrap::{self, cluster_role_rules},
    rbac::Rule,
};
use crate::authn::{User, aws::CANONICAL_ARN};

const TABLE: &str = include_str!("access_policies.txt");

/// The policies that we know, in the order of their table.
pub static POLICIES: LazyLock<Vec<&'static str>> = LazyLock::new(|| names(TABLE).collect());

static RULES: LazyLock<HashMap<String, Vec<Rule>>> = LazyLock::new(|| {
    let tables = bootstrap::roles(TABLE).into_iter();
    let found = tables.map(|table| {
        let bases = table.from.iter().flat_map(|base| cluster_role_rules(base));
        (table.name, bases.chain(table.rules).collect())
    });
    found.collect()
});

fn names(table: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = table.lines().filter(|line| !line.starts_with(['#', ' ']));
    lines.filter_map(|line| line.split(' ').next())
}

/// The ARN of a policy: `arn:aws:eks::aws:cluster-access-policy/<name>`.
pub fn policy_arn(name: &str) -> String {
    format!("arn:aws:eks::aws:cluster-access-policy/{name}")
}

/// Where a policy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessScope {
    Cluster,
    /// Names, or beginnings of names that end in `*`.
    Namespaces(Vec<String>),
}

impl AccessScope {
    /// Whether something in this namespace (empty: at the cluster scope) is covered.
    fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespaces(_) if namespace.is_empty() => false,
            Self::Namespaces(names) => names.iter().any(|name| match name.strip_suffix('*') {
                Some(prefix) => namespace.starts_with(prefix),
                None => name == namespace,
            }),
        }
    }
}

/// A policy of an access entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// The ARN of the policy.
    pub policy: String,
    pub scope: AccessScope,
}

/// The policies of all access entries, by the ARN of their principal.
#[derive(Clone, Debug, Default)]
pub struct AccessPolicies(HashMap<String, Vec<Association>>);

impl AccessPolicies {
    pub fn new(entries: impl IntoIterator<Item = (String, Vec<Association>)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Whether a policy allows this.
    pub fn authorize(&self, user: &User, attributes: &Attributes) -> Decision {
        let combined = attributes.combined();
        for (principal, association) in self.of(user) {
            if !association.scope.covers(&attributes.namespace) {
                continue;
            }
            let (name, rules) = rules(&association.policy);
            if rules
                .iter()
                .any(|rule| rule.allows_combined(attributes, &combined))
            {
                let binding = format!("{principal}+{name}");
                let user = &user.name;
                return Decision::Allow(format!(
                    "EKS Access Policy: allowed by ClusterRoleBinding {binding:?} of ClusterRole {name:?} to User {user:?}"
                ));
            }
        }
        Decision::NoOpinion(String::new())
    }

    /// All rules that a user has in a namespace (empty: in the cluster).
    pub fn rules_for(&self, user: &User, namespace: &str) -> Vec<&'static Rule> {
        self.of(user)
            .filter(|(_, association)| association.scope.covers(namespace))
            .flat_map(|(_, association)| rules(&association.policy).1)
            .collect()
    }

    fn of<'a>(&'a self, user: &User) -> impl Iterator<Item = (&'a str, &'a Association)> {
        let arns = user.extra.get(CANONICAL_ARN).map(Vec::as_slice);
        let principal = match arns {
            Some([arn]) => self.0.get_key_value(arn),
            _ => None,
        };
        principal.into_iter().flat_map(|(arn, associations)| {
            let each = associations.iter();
            each.map(move |association| (arn.as_str(), association))
        })
    }
}

/// The name and the rules of a policy; none for an unknown one.
fn rules(arn: &str) -> (&str, &'static [Rule]) {
    let name = arn.rsplit_once('/').map_or(arn, |(_, name)| name);
    (name, RULES.get(name).map_or(&[], Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JANE: &str = "arn:aws:iam::000000000000:user/jane";

    fn user(arn: &str) -> User {
        let mut user = User::authenticated(arn, Vec::new());
        let extra = vec![arn.to_owned()];
        user.extra.insert(CANONICAL_ARN.to_owned(), extra);
        user
    }

    fn policies(name: &str, scope: AccessScope) -> AccessPolicies {
        let policy = policy_arn(name);
        AccessPolicies::new([(JANE.to_owned(), vec![Association { policy, scope }])])
    }

    fn namespaces(names: &[&str]) -> AccessScope {
        AccessScope::Namespaces(names.iter().map(|n| (*n).to_owned()).collect())
    }

    #[test]
    fn every_policy_of_the_table_has_rules() {
        assert_eq!(POLICIES.len(), RULES.len());
        for name in POLICIES.iter() {
            assert!(!rules(&policy_arn(name)).1.is_empty(), "{name}");
        }
        assert!(rules(&policy_arn("AmazonEKSNoSuchPolicy")).1.is_empty());
    }

    #[test]
    fn the_scope_limits_what_a_policy_allows() {
        let list = |namespace| Attributes::resource("list", "", "pods", namespace, "");
        let all = policies("AmazonEKSViewPolicy", AccessScope::Cluster);
        let some = policies("AmazonEKSViewPolicy", namespaces(&["dev-*", "shop"]));
        for (namespace, expected) in [
            ("dev-1", true),
            ("dev-", true),
            ("dev", false),
            ("shop", true),
            ("shop2", false),
            ("", false),
        ] {
            let of = |p: &AccessPolicies| p.authorize(&user(JANE), &list(namespace)).is_allowed();
            assert!(of(&all), "{namespace}");
            assert_eq!(of(&some), expected, "{namespace}");
        }
        let path = Attributes::path("get", "/metrics");
        let admin = policies("AmazonEKSClusterAdminPolicy", AccessScope::Cluster);
        assert!(admin.authorize(&user(JANE), &path).is_allowed());
        let admin = policies("AmazonEKSClusterAdminPolicy", namespaces(&["*"]));
        assert!(!admin.authorize(&user(JANE), &path).is_allowed());
    }

    #[test]
    fn only_the_principal_itself_has_its_policies() {
        let all = policies("AmazonEKSClusterAdminPolicy", AccessScope::Cluster);
        let get = Attributes::resource("get", "", "secrets", "d", "s");
        let name = User::authenticated(JANE, Vec::new());
        assert!(!all.authorize(&name, &get).is_allowed());
        let other = user("arn:aws:iam::000000000000:user/joe");
        assert!(!all.authorize(&other, &get).is_allowed());
        assert_eq!(
            all.authorize(&user(JANE), &get).reason(),
            format!(
                "EKS Access Policy: allowed by ClusterRoleBinding \"{JANE}+AmazonEKSClusterAdminPolicy\" \
                 of ClusterRole \"AmazonEKSClusterAdminPolicy\" to User \"{JANE}\""
            )
        );
    }

    #[test]
    fn each_policy_allows_what_its_name_says() {
        let may = |name: &str, verb: &str, group: &str, resource: &str| {
            let attributes = Attributes::resource(verb, group, resource, "d", "");
            let policies = policies(name, AccessScope::Cluster);
            policies.authorize(&user(JANE), &attributes).is_allowed()
        };
        let rbac = "rbac.authorization.k8s.io";
        for (name, expected) in [
            ("AmazonEKSClusterAdminPolicy", [true, true, true, true]),
            ("AmazonEKSAdminPolicy", [true, true, true, false]),
            ("AmazonEKSEditPolicy", [true, true, false, false]),
            ("AmazonEKSAdminViewPolicy", [true, false, false, true]),
            ("AmazonEKSViewPolicy", [false, false, false, false]),
        ] {
            let found = [
                may(name, "get", "", "secrets"),
                may(name, "create", "apps", "deployments"),
                may(name, "create", rbac, "rolebindings"),
                may(name, "list", "", "nodes"),
            ];
            assert_eq!(found, expected, "{name}");
            assert!(may(name, "list", "", "pods"), "{name}");
        }
    }
}
