use super::super::*;
use super::stored;
use crate::kinds::testing::refused;

#[test]
fn only_a_few_fields_of_a_pod_may_change() {
    let old = stored();
    let mut new = old.clone();
    new["spec"]["containers"][0]["image"] = "nginx:2".into();
    new["spec"]["activeDeadlineSeconds"] = 5.into();
    new["spec"]["tolerations"] = json!([{ "key": "a", "operator": "Exists" }]);
    assert_eq!(refused(&POD, &new, &old), "[]");
    new["spec"]["nodeName"] = "other".into();
    let found = refused(&POD, &new, &old);
    let start = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ ";
    assert!(found.starts_with(start), "{found}");
    assert!(found.contains("\n+  \"nodeName\": \"other\",\n"), "{found}");
    assert_eq!(refused(&POD, &old, &old), "[]");
    let mut fewer = old.clone();
    fewer["spec"]["containers"] = json!([]);
    assert_eq!(
        refused(&POD, &fewer, &old),
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    );
}

#[test]
fn tolerations_are_only_added() {
    let mut old = stored();
    old["spec"]["tolerations"] = json!([{ "key": "a", "operator": "Exists" }]);
    let mut new = old.clone();
    new["spec"]["tolerations"] = json!([]);
    assert_eq!(
        refused(&POD, &new, &old),
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    );
}

#[test]
fn gates_only_go_away() {
    let mut old = stored();
    old["spec"]["schedulingGates"] = json!([{ "name": "a" }]);
    let mut new = old.clone();
    new["spec"]["nodeSelector"] = json!({ "zone": "a" });
    new["spec"]["schedulingGates"] = json!([]);
    assert_eq!(refused(&POD, &new, &old), "[]");
    new["spec"]["schedulingGates"] = json!([{ "name": "b" }]);
    assert_eq!(
        refused(&POD, &new, &old),
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'"
    );
}

#[test]
fn ephemeral_containers_are_only_added() {
    let check = |new: &Value, old: &Value| {
        let mut errors = Errors::default();
        validate_ephemeral_containers_update(new, old, &mut errors);
        errors.to_string()
    };
    let old = stored();
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{ "name": "debug", "image": "busybox" }]);
    assert_eq!(check(&new, &old), "[]");
    assert_eq!(
        check(&old, &new),
        "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"debug\" may not be removed\n"
    );
}

#[test]
fn only_cpu_and_memory_are_resized() {
    let check = |new: &Value, old: &Value| {
        let mut errors = Errors::default();
        validate_resize(new, old, &mut errors);
        errors.to_string()
    };
    let mut old = stored();
    old["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "1" } });
    let mut new = old.clone();
    new["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "2" } });
    assert_eq!(check(&new, &old), "[]");
    new["spec"]["containers"][0]["image"] = "other".into();
    assert_eq!(
        check(&new, &old),
        "spec: Forbidden: only cpu and memory resources are mutable"
    );
}
