//! Decisions, escalation and aggregation, as upstream's own tests have them, and against a reference.
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Status,
    authn::{MASTERS, User},
    authz::{AccessPolicies, Attributes, Authorizer, Decision, NodeView},
};

fn strings(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            if word == "core" {
                String::new()
            } else {
                word.to_owned()
            }
        })
        .collect()
}

fn rule(verbs: &str, groups: &str, resources: &str) -> Rule {
    Rule {
        verbs: strings(verbs),
        api_groups: strings(groups),
        resources: strings(resources),
        ..Rule::default()
    }
}

fn named(verbs: &str, groups: &str, resources: &str, names: &str) -> Rule {
    Rule {
        resource_names: strings(names),
        ..rule(verbs, groups, resources)
    }
}

fn urls(verbs: &str, urls: &str) -> Rule {
    Rule {
        verbs: strings(verbs),
        non_resource_urls: strings(urls),
        ..Rule::default()
    }
}

fn subject(kind: &str, name: &str, namespace: &str) -> Subject {
    Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
    }
}

fn role(namespace: &str, name: &str, rules: &[Rule]) -> Role {
    Role {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        rules: rules.to_vec(),
    }
}

fn cluster_role(name: &str, rules: &[Rule]) -> ClusterRole {
    ClusterRole {
        role: role("", name, rules),
        aggregation: None,
    }
}

fn binding(namespace: &str, name: &str, kind: &str, role: &str, subjects: &[Subject]) -> Binding {
    Binding {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subjects: subjects.to_vec(),
        role: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: kind.to_owned(),
            name: role.to_owned(),
        },
    }
}

fn user(name: &str, groups: &str) -> User {
    User {
        name: name.to_owned(),
        groups: strings(groups),
        ..User::default()
    }
}

fn at(verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> Attributes {
    let (resource, sub) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes::resource(verb, group, resource, namespace, name).sub(sub)
}

#[test]
fn rules_match_verbs_groups_resources_and_names() {
    for (rule, attributes, expected) in [
        (
            rule("get", "core", "pods"),
            at("get", "", "pods", "d", "p"),
            true,
        ),
        (
            rule("get", "core", "pods"),
            at("list", "", "pods", "d", ""),
            false,
        ),
        (
            rule("get", "core", "pods"),
            at("get", "apps", "pods", "d", "p"),
            false,
        ),
        (rule("*", "*", "*"), at("x", "y", "z/w", "", ""), true),
        (
            rule("get", "core", "pods"),
            at("get", "", "pods/log", "d", "p"),
            false,
        ),
        (
            rule("get", "core", "pods/log"),
            at("get", "", "pods/log", "d", "p"),
            true,
        ),
        (
            rule("get", "core", "pods/log"),
            at("get", "", "pods", "d", "p"),
            false,
        ),
        (
            rule("get", "core", "pods/*"),
            at("get", "", "pods/log", "d", "p"),
            false,
        ),
        (
            rule("update", "*", "*/scale"),
            at("update", "apps", "deployments/scale", "d", "x"),
            true,
        ),
        (
            rule("update", "*", "*/scale"),
            at("update", "apps", "deployments", "d", "x"),
            false,
        ),
        (
            rule("update", "*", "*/scale"),
            at("update", "apps", "deployments/status", "d", "x"),
            false,
        ),
        (
            rule("update", "*", "*/"),
            at("update", "apps", "deployments", "d", "x"),
            false,
        ),
        (
            named("get", "core", "secrets", "a b"),
            at("get", "", "secrets", "d", "b"),
            true,
        ),
        (
            named("get", "core", "secrets", "a b"),
            at("get", "", "secrets", "d", "c"),
            false,
        ),
        (
            named("list", "core", "secrets", "a"),
            at("list", "", "secrets", "d", ""),
            false,
        ),
        (
            urls("get", "/api/*"),
            Attributes::path("get", "/api/v1"),
            true,
        ),
        (
            urls("get", "/api/*"),
            Attributes::path("get", "/api"),
            false,
        ),
        (urls("get", "/api*"), Attributes::path("get", "/apis"), true),
        (
            urls("get", "/healthz"),
            Attributes::path("get", "/healthz/"),
            false,
        ),
        (urls("*", "*"), Attributes::path("post", "/x"), true),
        (
            urls("get", "/a/*/b"),
            Attributes::path("get", "/a/x/b"),
            false,
        ),
        (rule("*", "*", "*"), Attributes::path("get", "/x"), false),
        (urls("*", "*"), at("get", "", "pods", "d", "p"), false),
    ] {
        assert_eq!(
            rule.allows(&attributes),
            expected,
            "{rule:?} {attributes:?}"
        );
    }
}

fn small() -> Index {
    Index::new(
        [cluster_role("view", &[rule("get list", "core", "pods")])],
        [role("shop", "edit", &[rule("update", "core", "pods")])],
        [
            binding(
                "",
                "all",
                "ClusterRole",
                "view",
                &[subject("Group", "ops", "")],
            ),
            binding(
                "shop",
                "b",
                "Role",
                "edit",
                &[subject("ServiceAccount", "app", "")],
            ),
            binding(
                "shop",
                "c",
                "ClusterRole",
                "view",
                &[
                    subject("User", "jane", ""),
                    subject("ServiceAccount", "app", "other"),
                ],
            ),
            binding(
                "",
                "lost",
                "ClusterRole",
                "gone",
                &[subject("User", "joe", "")],
            ),
            binding(
                "shop",
                "lost",
                "Role",
                "gone",
                &[subject("User", "joe", "")],
            ),
            // Without a namespace of its own nobody is meant.
            binding(
                "",
                "sa",
                "ClusterRole",
                "view",
                &[subject("ServiceAccount", "app", "")],
            ),
        ],
    )
}

#[test]
fn bindings_hold_for_their_subjects_in_their_namespace() {
    let index = small();
    let ask = |name: &str, groups: &str, verb: &str, namespace: &str| {
        index.authorize(&user(name, groups), &at(verb, "", "pods", namespace, "p"))
    };
    for (name, groups, verb, namespace, reason) in [
        (
            "x",
            "ops",
            "get",
            "any",
            r#"ClusterRoleBinding "all" of ClusterRole "view" to Group "ops""#,
        ),
        (
            "x",
            "ops",
            "list",
            "",
            r#"ClusterRoleBinding "all" of ClusterRole "view" to Group "ops""#,
        ),
        (
            "jane",
            "",
            "get",
            "shop",
            r#"RoleBinding "c/shop" of ClusterRole "view" to User "jane""#,
        ),
        (
            "system:serviceaccount:shop:app",
            "",
            "update",
            "shop",
            r#"RoleBinding "b/shop" of Role "edit" to ServiceAccount "app/shop""#,
        ),
        (
            "system:serviceaccount:other:app",
            "",
            "get",
            "shop",
            r#"RoleBinding "c/shop" of ClusterRole "view" to ServiceAccount "app/other""#,
        ),
    ] {
        let expected = Decision::Allow(format!("RBAC: allowed by {reason}"));
        assert_eq!(ask(name, groups, verb, namespace), expected);
    }
    for (name, groups, verb, namespace) in [
        ("jane", "", "get", "other"),
        ("jane", "", "get", ""),
        ("jane", "", "update", "shop"),
        ("ops", "", "get", "shop"),
        ("system:serviceaccount:other:app", "", "update", "shop"),
        ("system:serviceaccount::app", "", "get", ""),
    ] {
        let none = Decision::NoOpinion(String::new());
        assert_eq!(ask(name, groups, verb, namespace), none, "{name}");
    }
}

#[test]
fn a_missing_role_is_told() {
    let index = small();
    let joe = user("joe", "");
    let pods = |namespace| index.authorize(&joe, &at("get", "", "pods", namespace, "p"));
    assert_eq!(
        pods("d").reason(),
        r#"RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found"#
    );
    assert_eq!(
        pods("shop").reason(),
        r#"RBAC: [clusterrole.rbac.authorization.k8s.io "gone" not found, role.rbac.authorization.k8s.io "gone" not found]"#
    );
}

#[test]
fn objects_are_read_leniently_and_never_grant_more() {
    let index = Index::of_objects(&[
        json!({ "kind": "ClusterRole", "metadata": { "name": "r" }, "rules": null }),
        json!({ "kind": "ClusterRole", "metadata": { "name": "bad" }, "rules": "x" }),
        json!({ "kind": "ClusterRoleBinding", "metadata": { "name": "b" },
                "roleRef": { "kind": "ClusterRole", "name": "r" }, "subjects": null }),
        json!({ "kind": "Pod", "metadata": { "name": "p" } }),
    ]);
    assert_eq!(index.role_rules("ClusterRole", "r", ""), Ok(&[] as &[Rule]));
    assert!(index.role_rules("ClusterRole", "bad", "").is_err());
    assert!(index.role_rules("Group", "r", "").is_err());
}

#[test]
fn the_cache_keeps_the_newest_generation() {
    let cache = Cache::default();
    let loads = std::cell::Cell::new(0);
    let index = |generation| {
        cache.index(generation, || {
            loads.set(loads.get() + 1);
            small()
        })
    };
    drop((index(1), index(1), index(2), index(2)));
    assert_eq!(loads.get(), 2);
    drop((index(1), index(2)));
    assert_eq!(loads.get(), 3);
}

#[test]
fn coverage_is_that_of_upstream() {
    let all = rule("*", "*", "*");
    for (owned, wanted, missing) in [
        (
            vec![rule("*", "core", "pods")],
            vec![rule("get list", "core", "pods")],
            "",
        ),
        (
            vec![rule("get", "core", "pods")],
            vec![rule("get list", "core", "pods")],
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["list"]}"#,
        ),
        // Halves of several rules add up only part by part.
        (
            vec![rule("get", "core", "pods"), rule("list", "core", "pods")],
            vec![rule("get list", "core", "pods")],
            "",
        ),
        (
            vec![rule("get", "core", "pods secrets")],
            vec![rule("*", "core", "pods")],
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["*"]}"#,
        ),
        (
            vec![rule("update", "*", "*/scale")],
            vec![rule("update", "apps", "deployments/scale")],
            "",
        ),
        (
            vec![rule("update", "*", "*/scale")],
            vec![rule("update", "apps", "*/status")],
            r#"{APIGroups:["apps"], Resources:["*/status"], Verbs:["update"]}"#,
        ),
        (
            vec![rule("get", "*", "*")],
            vec![rule("get", "core", "pods/log")],
            "",
        ),
        (
            vec![named("get", "core", "secrets", "a")],
            vec![rule("get", "core", "secrets")],
            r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#,
        ),
        (
            vec![named("get", "core", "secrets", "a")],
            vec![named("get", "core", "secrets", "a b")],
            r#"{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}"#,
        ),
        (
            vec![rule("get", "core", "secrets")],
            vec![named("get", "core", "secrets", "a")],
            "",
        ),
        (
            vec![urls("get", "/apis/*")],
            vec![urls("get", "/apis/v1 /apis/a/*")],
            "",
        ),
        (
            vec![urls("get", "/apis/*")],
            vec![urls("get", "/api")],
            r#"{NonResourceURLs:["/api"], Verbs:["get"]}"#,
        ),
        (
            vec![all.clone()],
            vec![urls("get", "/api")],
            r#"{NonResourceURLs:["/api"], Verbs:["get"]}"#,
        ),
        (vec![all], vec![rule("a b", "c d", "e f/g")], ""),
        (
            vec![],
            vec![rule("get list", "core", "pods")],
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}"#,
        ),
    ] {
        assert_eq!(
            describe(&compact(covers(&owned, &wanted))),
            missing,
            "{owned:?} {wanted:?}"
        );
    }
}

#[test]
fn a_rule_of_very_many_parts_is_not_taken_apart() {
    let many = |letter: &str| {
        (0..2000)
            .map(|i| format!("{letter}{i}"))
            .collect::<Vec<_>>()
    };
    let huge = Rule {
        verbs: many("v"),
        api_groups: many("g"),
        resources: many("r"),
        ..Rule::default()
    };
    let missing = covers(&[rule("v1", "g1", "r1")], std::slice::from_ref(&huge));
    assert_eq!(missing, [huge.clone()]);
    assert!(covers(&[rule("*", "*", "*")], std::slice::from_ref(&huge)).is_empty());
}

#[derive(Debug)]
struct NoPods;

impl NodeView for NoPods {
    fn is_related(&self, _: &str, _: &str, _: &str, _: &str) -> bool {
        false
    }
}

fn with<T>(index: &Index, ask: impl FnOnce(&Authorizer<'_>) -> T) -> T {
    ask(&Authorizer {
        nodes: &NoPods,
        rbac: index,
        policies: &AccessPolicies::default(),
    })
}

#[test]
fn nobody_grants_what_it_does_not_have() {
    let index = small();
    let wanted = cluster_role(
        "new",
        &[rule("get list watch", "core", "pods"), urls("get", "/x")],
    );
    let check = |user: &User| {
        with(&index, |a| {
            check_role(a, user, "clusterroles", "", &wanted, None)
        })
    };
    assert_eq!(
        check(&user("x", "ops b")).unwrap_err().message,
        "clusterroles.rbac.authorization.k8s.io \"new\" is forbidden: user \"x\" (groups=[\"ops\" \"b\"]) is \
         attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\"]}\n\
         {NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}"
    );
    assert_eq!(check(&user("x", MASTERS)), Ok(()));
    let less = cluster_role("new", &[rule("get", "core", "pods")]);
    let ops = user("x", "ops");
    assert_eq!(
        with(&index, |a| check_role(
            a,
            &ops,
            "clusterroles",
            "",
            &less,
            None
        )),
        Ok(())
    );
}

#[test]
fn whoever_may_escalate_or_bind_may() {
    let rbac = "rbac.authorization.k8s.io";
    let index = Index::new(
        [
            cluster_role(
                "e",
                &[
                    named("escalate", rbac, "roles", "r"),
                    named("bind", rbac, "clusterroles", "admin"),
                ],
            ),
            cluster_role("admin", &[rule("*", "*", "*")]),
            cluster_role("view", &[rule("get", "core", "pods")]),
        ],
        [],
        [binding(
            "",
            "e",
            "ClusterRole",
            "e",
            &[subject("User", "x", "")],
        )],
    );
    let x = user("x", "");
    let wanted = |name: &str| ClusterRole {
        role: role("d", name, &[rule("*", "*", "*")]),
        aggregation: None,
    };
    let role = |name: &str| {
        let role = wanted(name);
        with(&index, |a| {
            check_role(a, &x, "roles", "d", &role, Some(&role))
        })
    };
    assert_eq!(role("r"), Ok(()));
    assert!(role("other").is_err());
    let bind = |kind: &str, name: &str| {
        let role = binding("", "", kind, name, &[]).role;
        with(&index, |a| {
            check_binding(a, &x, "rolebindings", "d", "new", &role)
        })
    };
    assert_eq!(bind("ClusterRole", "admin"), Ok(()));
    let message = |result: Result<(), Status>| result.unwrap_err().message;
    assert_eq!(
        message(bind("ClusterRole", "view")),
        "rolebindings.rbac.authorization.k8s.io \"new\" is forbidden: user \"x\" (groups=[]) is \
         attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}"
    );
    // What one has, one may give away.
    assert_eq!(bind("ClusterRole", "e"), Ok(()));
    assert_eq!(
        message(bind("Role", "gone")),
        "roles.rbac.authorization.k8s.io \"gone\" not found"
    );
}

#[test]
fn only_who_has_all_may_aggregate() {
    let index = small();
    let mut wanted = cluster_role("new", &[]);
    wanted.aggregation = Some(AggregationRule {
        cluster_role_selectors: vec![json!({ "matchLabels": { "a": "b" } })],
    });
    let check = |user: &User| {
        with(&index, |a| {
            check_role(a, user, "clusterroles", "", &wanted, None)
        })
    };
    assert_eq!(
        check(&user("x", "ops")).unwrap_err().message,
        "clusterroles.rbac.authorization.k8s.io \"new\" is forbidden: must have cluster-admin privileges to use the aggregationRule"
    );
    assert_eq!(check(&user("x", MASTERS)), Ok(()));
}

#[test]
fn aggregation_puts_selected_rules_together_once() {
    let role = |name: &str, labels: Value, verb: &str| {
        json!({ "kind": "ClusterRole", "metadata": { "name": name, "labels": labels },
                "rules": [rule(verb, "core", "pods"), rule("z", "core", "x")] })
    };
    let roles = [
        role("c", json!({ "agg": "yes" }), "list"),
        role("b", json!({ "agg": "yes" }), "get"),
        role("a", json!({ "agg": "no" }), "delete"),
        role("sum", json!({ "agg": "yes" }), "own"),
    ];
    let by = |selectors: Value, stored: &[Rule]| {
        let cluster_role_selectors = selectors.as_array().unwrap().clone();
        let aggregation = AggregationRule {
            cluster_role_selectors,
        };
        aggregated_rules("sum", &aggregation, stored, roles.iter())
    };
    let expected = [
        rule("get", "core", "pods"),
        rule("z", "core", "x"),
        rule("list", "core", "pods"),
    ];
    let selector = json!([{ "matchLabels": { "agg": "yes" } }]);
    assert_eq!(by(selector.clone(), &[]).unwrap(), expected);
    assert_eq!(by(selector, &expected), None);
    let expression = json!({ "key": "agg", "operator": "In", "values": ["yes"] });
    let selector = json!([{ "matchExpressions": [expression] }]);
    assert_eq!(by(selector, &[]).unwrap(), expected);
    let unknown = json!([{ "matchExpressions": [{ "key": "agg", "operator": "Like" }] }]);
    assert_eq!(by(unknown, &[]), None);
}

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
