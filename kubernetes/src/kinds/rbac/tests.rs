use serde_json::{Value, json};
use wharf_types::Timestamp;

use super::ROWS;
use crate::{Errors, kinds::Kind};

fn kind(name: &str) -> &'static Kind {
    ROWS.iter().find(|kind| kind.kind == name).unwrap()
}

fn check(name: &str, object: Value) -> String {
    let mut object = object;
    object["metadata"]["name"] = "system:x".into();
    (kind(name).default)(&mut object);
    let mut errors = Errors::default();
    (kind(name).validate)(&object, &mut errors);
    errors.to_string()
}

#[test]
fn rules_say_what_may_be_done_with_what() {
    assert_eq!(
        check("Role", json!({ "rules": [{}] })),
        "[rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]"
    );
    let urls = json!({ "rules": [{ "verbs": ["get"], "nonResourceURLs": ["/healthz"] }] });
    assert_eq!(check("ClusterRole", urls.clone()), "[]");
    assert_eq!(
        check("Role", urls),
        "rules[0].nonResourceURLs: Invalid value: [\"/healthz\"]: namespaced rules cannot apply to non-resource URLs"
    );
}

#[test]
fn a_binding_names_a_role_and_subjects() {
    let fine = json!({
        "roleRef": { "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "User", "name": "eve" }],
    });
    assert_eq!(check("ClusterRoleBinding", fine), "[]");
    let role = json!({
        "roleRef": { "kind": "Role", "name": "view" },
        "subjects": [{ "kind": "ServiceAccount", "name": "a" }],
    });
    assert_eq!(
        check("ClusterRoleBinding", role),
        "[roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\", subjects[0].namespace: Required value]"
    );
}

#[test]
fn the_role_of_a_binding_stays() {
    let binding = |name: &str| json!({ "roleRef": { "kind": "Role", "name": name } });
    let mut errors = Errors::default();
    (kind("RoleBinding").validate_update)(&binding("a"), &binding("b"), &mut errors);
    let text = errors.to_string();
    assert!(text.starts_with("roleRef: Invalid value: {"), "{text}");
    assert!(text.ends_with("}: cannot change roleRef"), "{text}");
}

#[test]
fn a_binding_shows_whom_it_is_for() {
    let binding = json!({
        "metadata": { "name": "b" }, "roleRef": { "kind": "Role", "name": "view" },
        "subjects": [
            { "kind": "User", "name": "eve" }, { "kind": "Group", "name": "all" },
            { "kind": "ServiceAccount", "namespace": "a", "name": "default" },
            { "kind": "User", "name": "adam" },
        ],
    });
    let cells: Vec<Value> = kind("RoleBinding")
        .columns
        .iter()
        .map(|column| (column.cell)(&binding, Timestamp::from_secs(0)))
        .collect();
    let wanted = [
        "b",
        "Role/view",
        "<unknown>",
        "eve, adam",
        "all",
        "a/default",
    ];
    assert_eq!(cells, wanted);
}
