//! Decisions against a reference that is slow and plain.
use proptest::prelude::*;

use super::*;

/// The evaluator as a sentence: some binding, some subject, some rule.
fn naive(
    cluster_roles: &[ClusterRole],
    roles: &[Role],
    bindings: &[Binding],
    user: &User,
    a: &Attributes,
) -> bool {
    let is_subject = |s: &Subject, binding: &Binding| match s.kind.as_str() {
        "User" => s.name == user.name,
        "Group" => user.groups.contains(&s.name),
        "ServiceAccount" => {
            let own = [&s.namespace, &binding.namespace];
            let namespace = own.into_iter().find(|n| !n.is_empty());
            namespace.is_some_and(|n| user.name == format!("system:serviceaccount:{n}:{}", s.name))
        }
        _ => false,
    };
    let matches =
        |list: &[String], item: &String| list.contains(item) || list.contains(&"*".into());
    let allows = |rule: &Rule| {
        let full = a.combined();
        let any_sub = format!("*/{}", a.subresource);
        matches(&rule.verbs, &a.verb)
            && if a.is_resource {
                matches(&rule.api_groups, &a.group)
                    && (matches(&rule.resources, &full)
                        || !a.subresource.is_empty() && rule.resources.contains(&any_sub))
                    && (rule.resource_names.is_empty() || rule.resource_names.contains(&a.name))
            } else {
                rule.non_resource_urls
                    .iter()
                    .any(|url| match url.strip_suffix('*') {
                        Some(prefix) => a.path.starts_with(prefix),
                        None => *url == a.path,
                    })
            }
    };
    bindings
        .iter()
        .filter(|b| b.namespace.is_empty() || b.namespace == a.namespace)
        .filter(|b| b.subjects.iter().any(|s| is_subject(s, b)))
        .any(|b| {
            let of_cluster = cluster_roles.iter().map(|c| &c.role);
            let of_cluster = of_cluster.filter(|_| b.role.kind == "ClusterRole");
            let own = roles
                .iter()
                .filter(|r| b.role.kind == "Role" && r.namespace == b.namespace);
            let mut found = of_cluster.chain(own).filter(|r| r.name == b.role.name);
            found.any(|r| r.rules.iter().any(allows))
        })
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

fn list(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(some(of), 0..3)
}

const VERBS: &[&str] = &["get", "list", "*"];
const GROUPS: &[&str] = &["", "apps", "*"];
const RESOURCES: &[&str] = &["pods", "pods/log", "*/log", "*", "*/"];
const NAMES: &[&str] = &["a", "b"];
const PATHS: &[&str] = &["/a", "/a/*", "/b", "*"];
const NAMESPACES: &[&str] = &["", "n", "m"];

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule = (
        list(VERBS),
        list(GROUPS),
        list(RESOURCES),
        list(NAMES),
        list(PATHS),
    )
        .prop_map(
            |(verbs, api_groups, resources, resource_names, non_resource_urls)| Rule {
                verbs,
                api_groups,
                resources,
                resource_names,
                non_resource_urls,
            },
        );
    prop::collection::vec(rule, 0..3)
}

fn any_binding() -> impl Strategy<Value = Binding> {
    let kinds = some(&["User", "Group", "ServiceAccount", "Robot"]);
    let subject = (
        kinds,
        some(&["a", "b", "system:serviceaccount:n:a"]),
        some(NAMESPACES),
    );
    let subject = subject.prop_map(|(kind, name, namespace)| subject_of(kind, name, namespace));
    let subjects = prop::collection::vec(subject, 0..3);
    let kind = some(&["Role", "ClusterRole"]);
    (some(NAMESPACES), any::<u8>(), kind, some(NAMES), subjects).prop_map(
        |(namespace, name, kind, role, subjects)| {
            binding(&namespace, &name.to_string(), &kind, &role, &subjects)
        },
    )
}

fn subject_of(kind: String, name: String, namespace: String) -> Subject {
    Subject {
        kind,
        name,
        namespace,
    }
}

fn any_attributes() -> impl Strategy<Value = Attributes> {
    let resource = some(&["pods", "pods/log", "nodes", "nodes/log"]);
    let resource = (
        some(&["get", "list"]),
        some(&["", "apps"]),
        resource,
        some(NAMESPACES),
        some(NAMES),
    )
        .prop_map(|(verb, group, resource, ns, name)| at(&verb, &group, &resource, &ns, &name));
    let path = (some(&["get", "list"]), some(&["/a", "/a/b", "/b", "/c"]));
    let path = path.prop_map(|(verb, path)| Attributes::path(&verb, &path));
    prop_oneof![3 => resource, 1 => path]
}

proptest! {
    #[test]
    fn decisions_are_those_of_the_reference(
        cluster in [rules(), rules()],
        own in [rules(), rules()],
        bindings in prop::collection::vec(any_binding(), 0..6),
        name in some(&["a", "b", "system:serviceaccount:n:a", "system:serviceaccount:m:b"]),
        groups in list(&["a", "b"]),
        attributes in prop::collection::vec(any_attributes(), 1..8),
    ) {
        let [a, b] = cluster;
        let cluster_roles = [cluster_role("a", &a), cluster_role("b", &b)];
        let [a, b] = own;
        let roles = [role("n", "a", &a), role("m", "b", &b)];
        let index = Index::new(cluster_roles.clone(), roles.clone(), bindings.clone());
        let user = User { name, groups, ..User::default() };
        for attributes in &attributes {
            let expected = naive(&cluster_roles, &roles, &bindings, &user, attributes);
            let found = index.authorize(&user, attributes).is_allowed();
            prop_assert_eq!(found, expected, "{:?}", attributes);
        }
    }

    #[test]
    fn what_is_covered_is_allowed(owned in rules(), wanted in rules(), a in any_attributes()) {
        if covers(&owned, &wanted).is_empty() && wanted.iter().any(|rule| rule.allows(&a)) {
            prop_assert!(owned.iter().any(|rule| rule.allows(&a)));
        }
    }
}
