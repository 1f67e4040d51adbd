//! The tables are whole, and grant what administrators rely on.
use std::collections::HashSet;

use super::*;
use crate::{
    authn::User,
    authz::{Attributes, rbac::Index},
};

fn object<'o>(objects: &'o [Value], kind: &str, name: &str) -> &'o Value {
    let mut objects = objects.iter();
    objects
        .find(|o| o["kind"] == kind && o["metadata"]["name"] == name)
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[test]
fn every_line_of_the_tables_is_read() {
    for text in [CLUSTER_ROLES, CONTROLLER_ROLES, ROLES, EKS_ROLES] {
        let all: Vec<Role> = roles(text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let (rules, names): (Vec<&str>, Vec<&str>) = lines.partition(|l| l.starts_with("  "));
        assert_eq!(all.len(), names.len());
        assert_eq!(
            all.iter().map(|r| r.rules.len()).sum::<usize>(),
            rules.len()
        );
    }
    for text in [BINDINGS, EKS_BINDINGS] {
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(bindings(text).len(), lines);
    }
}

#[test]
fn names_are_unique_and_bindings_name_roles_that_are_there() {
    let objects = objects();
    let key = |o: &Value| {
        let m = &o["metadata"];
        (
            o["kind"].to_string(),
            m["namespace"].to_string(),
            m["name"].to_string(),
        )
    };
    let keys: HashSet<_> = objects.iter().map(key).collect();
    assert_eq!(keys.len(), objects.len());
    for binding in objects.iter().filter(|o| o.get("roleRef").is_some()) {
        let role = &binding["roleRef"];
        let namespace = if role["kind"] == "Role" {
            binding["metadata"]["namespace"].to_string()
        } else {
            Value::Null.to_string()
        };
        let wanted = (
            role["kind"].to_string(),
            namespace,
            role["name"].to_string(),
        );
        assert!(keys.contains(&wanted), "{wanted:?}");
    }
    assert!(objects.len() > 150, "{}", objects.len());
}

#[test]
fn defaults_carry_the_marks_of_kubernetes() {
    let objects = objects();
    let admin = object(&objects, "ClusterRoleBinding", "cluster-admin");
    assert_eq!(
        *admin,
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {
                "name": "cluster-admin",
                "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
                "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
            },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
            },
            "subjects": [{
                "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:masters",
            }],
        })
    );
    let view = object(&objects, "ClusterRole", "view");
    assert_eq!(
        view["aggregationRule"]["clusterRoleSelectors"],
        json!([{ "matchLabels": { "rbac.authorization.k8s.io/aggregate-to-view": "true" } }])
    );
    let labels = &view["metadata"]["labels"];
    assert_eq!(
        labels["rbac.authorization.k8s.io/aggregate-to-edit"],
        "true"
    );
    object(
        &objects,
        "ClusterRoleBinding",
        "system:controller:deployment-controller",
    );
}

#[test]
fn edit_reads_secrets_and_view_does_not() {
    let may = |role: &str, a: &Attributes| cluster_role_rules(role).iter().any(|r| r.allows(a));
    let secret = Attributes::resource("get", "", "secrets", "d", "s");
    let deployment = Attributes::resource("create", "apps", "deployments", "d", "");
    let role = Attributes::resource("create", "rbac.authorization.k8s.io", "roles", "d", "");
    let pods = Attributes::resource("list", "", "pods", "d", "");
    for (name, expected) in [
        ("view", [false, false, false, true]),
        ("edit", [true, true, false, true]),
        ("admin", [true, true, true, true]),
        ("cluster-admin", [true, true, true, true]),
        ("nobody", [false; 4]),
    ] {
        let found = [&secret, &deployment, &role, &pods].map(|a| may(name, a));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn everybody_discovers_and_reviews_itself() {
    let objects = objects();
    let index = Index::of_objects(&objects);
    let user = User::authenticated("jane", Vec::new());
    for attributes in [
        Attributes::path("get", "/apis/apps/v1"),
        Attributes::path("get", "/version"),
        Attributes::resource(
            "create",
            "authorization.k8s.io",
            "selfsubjectaccessreviews",
            "",
            "",
        ),
        Attributes::resource(
            "create",
            "authentication.k8s.io",
            "selfsubjectreviews",
            "",
            "",
        ),
    ] {
        assert!(
            index.authorize(&user, &attributes).is_allowed(),
            "{attributes:?}"
        );
    }
    let pods = Attributes::resource("list", "", "pods", "default", "");
    assert!(!index.authorize(&user, &pods).is_allowed());
    let masters = User::authenticated("m", vec!["system:masters".to_owned()]);
    assert_eq!(
        index.authorize(&masters, &pods).reason(),
        r#"RBAC: allowed by ClusterRoleBinding "cluster-admin" of ClusterRole "cluster-admin" to Group "system:masters""#
    );
}
