use serde_json::{Value, json};

use super::ROWS;
use crate::Errors;

fn definition() -> Value {
    json!({
        "metadata": { "name": "things.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "things", "kind": "Thing" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object" } },
            }],
        },
    })
}

fn check(change: impl FnOnce(&mut Value)) -> String {
    let mut object = definition();
    change(&mut object);
    (ROWS[0].default)(&mut object);
    (ROWS[0].prepare_create)(&mut object);
    let mut errors = Errors::default();
    (ROWS[0].validate)(&object, &mut errors);
    errors.to_string()
}

#[test]
fn a_definition_is_filled_in() {
    let mut object = definition();
    (ROWS[0].default)(&mut object);
    (ROWS[0].prepare_create)(&mut object);
    let names = &object["spec"]["names"];
    assert_eq!(
        (&names["singular"], &names["listKind"]),
        (&"thing".into(), &"ThingList".into())
    );
    assert_eq!(object["spec"]["conversion"], json!({ "strategy": "None" }));
    assert_eq!(object["status"], json!({ "storedVersions": ["v1"] }));
}

#[test]
fn the_name_is_the_plural_and_the_group() {
    assert_eq!(check(|_| {}), "[]");
    assert_eq!(
        check(|object| object["metadata"]["name"] = "x".into()),
        "metadata.name: Invalid value: \"x\": must be spec.names.plural+\".\"+spec.group"
    );
}

#[test]
fn one_version_is_stored() {
    let text = check(|object| object["spec"]["versions"][0]["storage"] = false.into());
    let wanted = "must have exactly one version marked as storage version";
    assert!(
        text.starts_with("spec.versions: Invalid value: [{") && text.ends_with(wanted),
        "{text}"
    );
    assert_eq!(
        check(|object| object["spec"]["versions"][0]["schema"] = Value::Null),
        "spec.versions[0].schema.openAPIV3Schema: Required value"
    );
    assert_eq!(
        check(
            |object| object["spec"]["versions"][0]["subresources"] = json!({ "scale": {
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".spec.replicas",
        } })
        ),
        "spec.versions[0].subresources.scale.statusReplicasPath: Invalid value: \".spec.replicas\": should be a json path under .status"
    );
}

#[test]
fn groups_of_the_project_are_protected() {
    let text = check(|object| {
        object["metadata"]["name"] = "things.a.k8s.io".into();
        object["spec"]["group"] = "a.k8s.io".into();
    });
    assert_eq!(
        text,
        "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111"
    );
}

#[test]
fn stored_versions_stay_until_they_are_migrated() {
    let mut object = definition();
    object["status"] = json!({ "storedVersions": ["v0", "v1"] });
    let mut errors = Errors::default();
    (ROWS[0].default)(&mut object);
    (ROWS[0].validate)(&object, &mut errors);
    let text = errors.to_string();
    let wanted = "status.storedVersions[0]: Invalid value: \"v0\": missing from spec.versions;";
    assert!(text.starts_with(wanted), "{text}");
}

#[test]
fn names_stay_once_they_are_established() {
    let mut old = definition();
    old["status"] = json!({ "conditions": [{ "type": "Established", "status": "True" }] });
    let mut new = old.clone();
    new["spec"]["scope"] = "Cluster".into();
    let mut errors = Errors::default();
    (ROWS[0].validate_update)(&new, &old, &mut errors);
    assert_eq!(
        errors.to_string(),
        "spec.scope: Invalid value: \"Cluster\": field is immutable"
    );
}
