//! Coverage, escalation and aggregation.
use serde_json::{Value, json};

use super::*;
use crate::{
    Status,
    authn::MASTERS,
    authz::{AccessPolicies, Authorizer, NodeView},
};

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
    assert_eq!(missing, std::slice::from_ref(&huge));
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
fn the_garbage_collector_may_take_a_finalizer_away() {
    let role = |metadata: Value, rules: &[Rule]| json!({ "metadata": metadata, "rules": rules });
    let old = role(
        json!({ "name": "r", "finalizers": ["x"], "resourceVersion": "1" }),
        &[],
    );
    let new = role(json!({ "name": "r", "resourceVersion": "2" }), &[]);
    assert!(changes_only_gc_fields(&new, &old));
    let more = role(json!({ "name": "r" }), &[rule("*", "*", "*")]);
    assert!(!changes_only_gc_fields(&more, &old));
    let label = role(json!({ "name": "r", "labels": { "a": "b" } }), &[]);
    assert!(!changes_only_gc_fields(&label, &old));
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
