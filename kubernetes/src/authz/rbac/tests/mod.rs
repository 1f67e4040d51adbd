//! Decisions, escalation and aggregation, as upstream's own tests have them, and against a reference.
use serde_json::json;

use super::*;
use crate::{
    authn::User,
    authz::{Attributes, Decision},
};

mod escalation;
mod reference;

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
    Attributes::resource(verb, group, resource, namespace, name).with_subresource(sub)
}

#[test]
fn rules_match_verbs_groups_resources_and_names() {
    let pods = || rule("get", "core", "pods");
    let scale = || rule("update", "*", "*/scale");
    for (rule, attributes, expected) in [
        (pods(), at("get", "", "pods", "d", "p"), true),
        (pods(), at("list", "", "pods", "d", ""), false),
        (pods(), at("get", "apps", "pods", "d", "p"), false),
        (rule("*", "*", "*"), at("x", "y", "z/w", "", ""), true),
        (pods(), at("get", "", "pods/log", "d", "p"), false),
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
            scale(),
            at("update", "apps", "deployments/scale", "d", "x"),
            true,
        ),
        (
            scale(),
            at("update", "apps", "deployments", "d", "x"),
            false,
        ),
        (
            scale(),
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
    ] {
        assert_eq!(
            rule.allows(&attributes),
            expected,
            "{rule:?} {attributes:?}"
        );
    }
}

#[test]
fn rules_match_paths() {
    for (rule, attributes, expected) in [
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
