use serde_json::json;

use super::*;
use crate::testing::workload;

fn patched(spec: &Value, patch: &Value) -> Result<Value, PatchError> {
    let (schema, id) = workload();
    let mut target = json!({ "spec": spec });
    strategic(&schema, id, &mut target, &json!({ "spec": patch }))?;
    Ok(target.get("spec").cloned().unwrap_or(Value::Null))
}

fn check(cases: &[(Value, Value, Value)]) {
    for (spec, patch, expected) in cases {
        assert_eq!(patched(spec, patch).as_ref(), Ok(expected), "{patch}");
    }
}

fn fails(spec: &Value, patch: &Value, code: u16, text: &str) {
    let error = patched(spec, patch).expect_err(&patch.to_string());
    assert_eq!((error.code(), error.cause()), (code, text), "{patch}");
}

#[test]
fn fields_are_added_changed_and_deleted() {
    check(&[
        (
            json!({"replicas": 1}),
            json!({"replicas": 2}),
            json!({"replicas": 2}),
        ),
        (json!({"replicas": 1}), json!({"replicas": null}), json!({})),
        (json!({}), json!({"replicas": null}), json!({})),
        (
            json!({"selector": {"matchLabels": {"a": "1", "b": "2"}}}),
            json!({"selector": {"matchLabels": {"a": null, "c": "3"}}}),
            json!({"selector": {"matchLabels": {"b": "2", "c": "3"}}}),
        ),
        (
            json!({}),
            json!({"selector": {"matchLabels": {"a": null, "c": "3"}}}),
            json!({"selector": {"matchLabels": {"c": "3"}}}),
        ),
        (
            json!({"numbers": [1, 2]}),
            json!({"numbers": [3]}),
            json!({"numbers": [3]}),
        ),
        (
            json!({"replaced": {"matchLabels": {"a": "1"}}}),
            json!({"replaced": {"matchLabels": {"b": "1"}}}),
            json!({"replaced": {"matchLabels": {"b": "1"}}}),
        ),
        (
            json!({"selector": {"matchLabels": {"a": "1"}}, "replicas": 1}),
            json!({"selector": {"$patch": "replace", "matchLabels": {"b": "1"}}}),
            json!({"selector": {"matchLabels": {"b": "1"}}, "replicas": 1}),
        ),
        (
            json!({"selector": {"matchLabels": {"a": "1"}}}),
            json!({"selector": {"matchLabels": {"$patch": "delete"}}}),
            json!({"selector": {"matchLabels": {}}}),
        ),
        (
            json!({"replicas": 1}),
            json!({"selector": {"$patch": "delete"}}),
            json!({"replicas": 1}),
        ),
    ]);
}

#[test]
fn lists_are_merged_by_key_with_the_patch_in_its_order() {
    check(&[
        (
            json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}),
            json!({"containers": [{"name": "c", "image": "1"}, {"name": "a", "image": "2"}]}),
            json!({"containers": [{"name": "c", "image": "1"}, {"name": "a", "image": "2"}, {"name": "b", "image": "1"}]}),
        ),
        (
            json!({"containers": [{"name": "a", "env": [{"name": "x", "value": "1"}]}]}),
            json!({"containers": [{"name": "a", "env": [{"name": "y", "value": "2"}, {"name": "x", "value": null}]}]}),
            json!({"containers": [{"name": "a", "env": [{"name": "y", "value": "2"}, {"name": "x"}]}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
            json!({"containers": [{"name": "b", "$patch": "delete"}, {"name": "x", "$patch": "delete"}]}),
            json!({"containers": [{"name": "a"}, {"name": "c"}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            json!({"containers": [{"$patch": "replace"}, {"name": "z"}, {"name": "b", "image": "2"}]}),
            json!({"containers": [{"name": "z"}, {"name": "b", "image": "2"}]}),
        ),
        (
            json!({"containers": [{"name": "a"}]}),
            json!({"containers": []}),
            json!({"containers": [{"name": "a"}]}),
        ),
        (
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 81}]}]}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}]}),
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "web"}, {"containerPort": 81}]}]}),
        ),
    ]);
}

#[test]
fn lists_of_scalars_are_merged_as_sets() {
    check(&[
        (
            json!({"hosts": ["a", "b"]}),
            json!({"hosts": ["c", "a"]}),
            json!({"hosts": ["c", "a", "b"]}),
        ),
        (
            json!({"hosts": ["a", "b", "c"]}),
            json!({"$deleteFromPrimitiveList/hosts": ["b", "x"]}),
            json!({"hosts": ["a", "c"]}),
        ),
        (
            json!({"hosts": ["a", "b", "c"]}),
            json!({"$deleteFromPrimitiveList/hosts": ["b"], "$setElementOrder/hosts": ["c", "d", "a"], "hosts": ["d"]}),
            json!({"hosts": ["c", "d", "a"]}),
        ),
        (
            json!({}),
            json!({"$deleteFromPrimitiveList/hosts": ["b"]}),
            json!({}),
        ),
    ]);
}

#[test]
fn set_element_order_wins_and_keeps_what_only_the_server_has() {
    check(&[
        (
            json!({"containers": [{"name": "a"}, {"name": "server"}, {"name": "b"}]}),
            json!({
                "$setElementOrder/containers": [{"name": "b"}, {"name": "new"}, {"name": "a"}],
                "containers": [{"name": "new", "image": "1"}],
            }),
            json!({"containers": [{"name": "server"}, {"name": "b"}, {"name": "new", "image": "1"}, {"name": "a"}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
            json!({"containers": [{"name": "b"}, {"name": "a"}]}),
        ),
        (
            json!({"containers": [{"name": "a"}, {"name": "b"}]}),
            json!({"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b"}]}),
        ),
        // What is added takes the place of what is deleted.
        (
            json!({"containers": [{"name": "server"}, {"name": "old"}]}),
            json!({
                "$setElementOrder/containers": [{"name": "new"}],
                "containers": [{"name": "new"}, {"name": "old", "$patch": "delete"}],
            }),
            json!({"containers": [{"name": "server"}, {"name": "new"}]}),
        ),
        (
            json!({}),
            json!({
                "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                "containers": [{"name": "a", "$setElementOrder/env": [], "env": []}, {"name": "b"}],
            }),
            json!({"containers": [{"name": "a", "env": []}, {"name": "b"}]}),
        ),
        (
            json!({}),
            json!({"$setElementOrder/containers": [{"name": "a"}]}),
            json!({}),
        ),
    ]);
}

#[test]
fn retain_keys_clears_the_other_fields() {
    check(&[
        (
            json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}),
            json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}),
            json!({"strategy": {"type": "Recreate"}}),
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"name": "s"}}]}),
            json!({"volumes": [{"name": "v", "secret": {"name": "s"}}]}),
        ),
    ]);
    fails(
        &json!({"strategy": {"type": "Recreate"}}),
        &json!({"strategy": {"$retainKeys": ["other"], "type": "x"}}),
        400,
        "invalid patch format of retainKeys",
    );
}

#[test]
fn errors_have_the_words_of_kubernetes() {
    let one = json!({"containers": [{"name": "a"}], "selector": {"matchLabels": {}}});
    let fail = |patch: Value, text: &str| fails(&one, &patch, 500, text);
    fail(
        json!({"containers": [{"image": "x", "args": ["1", "2"]}]}),
        "map: map[args:[1 2] image:x] does not contain declared merge key: name",
    );
    fail(
        json!({"containers": [{"$patch": "delete"}]}),
        "map: map[$patch:delete] does not contain declared merge key: name",
    );
    fail(
        json!({"containers": [{"$patch": "merge", "name": "a"}]}),
        "merging lists cannot yet be specified in the patch",
    );
    fail(
        json!({"containers": [{"$patch": "other"}]}),
        "unknown patch type: other in map: map[$patch:other]",
    );
    fail(
        json!({"selector": {"$patch": "merge"}}),
        "unknown patch type: merge in map: map[$patch:merge]",
    );
    fail(
        json!({"containers": ["a"]}),
        "list element types are not identical: [[map[name:a]] [a]]",
    );
    fail(
        json!({"$setElementOrder/nothing": [{"name": "a"}]}),
        "unable to find api field in struct WorkloadSpec for the json field \"nothing\"",
    );
    fail(
        json!({"$setElementOrder/containers": "x"}),
        "expected a []interface {}, but received a string",
    );
    fail(
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a"}, {"name": "b"}]}),
        "The order in patch list:\n[map[name:a] map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:b] map[name:a]]\n",
    );
    fails(
        &one,
        &json!({"$setElementOrder": []}),
        400,
        "invalid patch format of setElementOrder list",
    );
    fails(
        &one,
        &json!({"$deleteFromPrimitiveList": []}),
        400,
        "invalid patch format of primitive list",
    );
    fails(
        &json!({"hosts": [["a"]]}),
        &json!({"hosts": ["b"]}),
        422,
        "lists of lists are not supported",
    );
}

#[test]
fn a_failed_patch_changes_nothing() {
    let (schema, id) = workload();
    let mut target = json!({"spec": {"replicas": 1, "containers": [{"name": "a"}]}});
    let before = target.clone();
    let patch = json!({"spec": {"replicas": 2, "containers": [{"image": "x"}]}});
    strategic(&schema, id, &mut target, &patch).unwrap_err();
    assert_eq!(target, before);
    assert_eq!(
        strategic(&schema, id, &mut target, &json!([]))
            .unwrap_err()
            .code(),
        400
    );
}
