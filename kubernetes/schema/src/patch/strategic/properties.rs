//! Patches made by a small two-way diff lead from one object to another.
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::workload;

/// A patch that makes `new` of `old`, by the rules of the documentation of strategic merge.
fn diff(schema: &Schema, shape: &Shape, old: &Object, new: &Object) -> Object {
    let mut patch = Object::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, new) in new {
        let Some(old) = old.get(name).filter(|old| *old != new) else {
            if !old.contains_key(name) {
                patch.insert(name.clone(), new.clone());
            }
            continue;
        };
        let merging = Merging { schema };
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                let below = match shape {
                    Shape::Struct(_) => merging.object_field(shape, name).unwrap().shape,
                    _ => std::borrow::Cow::Borrowed(&Shape::Any),
                };
                let below = if matches!(*below, Shape::Map(..)) {
                    // Keys of maps hold scalars only, so their shape does not matter.
                    diff(schema, &Shape::Any, old, new)
                } else {
                    diff(schema, &below, old, new)
                };
                patch.insert(name.clone(), Value::Object(below));
            }
            (Value::Array(old), Value::Array(new)) => {
                let place = merging.list_field(shape, name).unwrap();
                if !place.merged() {
                    patch.insert(name.clone(), json!(new));
                } else if place.key().is_empty() {
                    let gone: Vec<_> = old.iter().filter(|item| !new.contains(item)).collect();
                    let added: Vec<_> = new.iter().filter(|item| !old.contains(item)).collect();
                    patch.insert(format!("{DELETE_FROM_LIST}/{name}"), json!(gone));
                    patch.insert(format!("{ELEMENT_ORDER}/{name}"), json!(new));
                    patch.insert(name.clone(), json!(added));
                } else {
                    diff_elements(schema, &place, name, (old, new), &mut patch);
                }
            }
            _ => {
                patch.insert(name.clone(), new.clone());
            }
        }
    }
    patch
}

fn diff_elements(
    schema: &Schema,
    place: &lookup::Place<'_>,
    name: &str,
    (old, new): (&[Value], &[Value]),
    patch: &mut Object,
) {
    let key = place.key();
    let find = |list: &[Value], item: &Value| {
        let found = list.iter().find(|other| other[key] == item[key]);
        found.and_then(Value::as_object).cloned()
    };
    let mut changes = Vec::new();
    for item in new {
        let wanted = item.as_object().unwrap();
        let mut change = match find(old, item) {
            Some(old) => diff(schema, &place.shape, &old, wanted),
            None => wanted.clone(),
        };
        if change.is_empty() {
            continue;
        }
        change.insert(key.to_owned(), item[key].clone());
        changes.push(Value::Object(change));
    }
    for item in old.iter().filter(|item| find(new, item).is_none()) {
        changes.push(json!({ DIRECTIVE: "delete", key: item[key] }));
    }
    patch.insert(name.to_owned(), Value::Array(changes));
    let order: Vec<Value> = new.iter().map(|item| json!({ key: item[key] })).collect();
    patch.insert(format!("{ELEMENT_ORDER}/{name}"), json!(order));
}

fn texts() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[abc]", "[xyz]", 1..4).prop_map(|map| json!(map))
}

fn named(field: &'static str, value: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-d]", proptest::option::of(value), 1..4)
        .prop_map(move |items| {
            let item = |(name, value): (String, Option<Value>)| match value {
                Some(value) => json!({"name": name, field: value}),
                None => json!({"name": name}),
            };
            items.into_iter().map(item).collect::<Vec<Value>>()
        })
        .prop_shuffle()
        .prop_map(Value::Array)
}

/// Objects of the type `workload`.
pub(crate) fn specs() -> impl Strategy<Value = Value> {
    let env = named("value", "[xyz]".prop_map(Value::from).boxed());
    let containers = named("env", env.boxed());
    let hosts = proptest::sample::subsequence(vec!["a", "b", "c", "d"], 1..4).prop_shuffle();
    let fields = (
        proptest::option::of(0..3),
        proptest::option::of(texts()),
        proptest::option::of(containers),
        proptest::option::of(hosts),
        proptest::option::of(proptest::collection::vec(0..3, 1..3)),
        proptest::option::of(texts()),
    );
    fields.prop_map(|(replicas, labels, containers, hosts, numbers, nodes)| {
        let all = json!({
            "replicas": replicas,
            "selector": labels.map(|labels| json!({ "matchLabels": labels })),
            "containers": containers,
            "hosts": hosts,
            "numbers": numbers,
            "nodeSelector": nodes,
        });
        let Value::Object(mut all) = all else {
            unreachable!("an object")
        };
        all.retain(|_, value| !value.is_null());
        Value::Object(all)
    })
}

/// Any JSON, with directives and fields of the type among its names.
pub(crate) fn anything() -> impl Strategy<Value = Value> {
    let names = proptest::sample::select(vec![
        "spec",
        "containers",
        "name",
        "env",
        "hosts",
        "selector",
        "metadata",
        "$patch",
        "$retainKeys",
        "$setElementOrder/containers",
        "$setElementOrder/hosts",
        "$deleteFromPrimitiveList/hosts",
        "$setElementOrder",
        "finalizers",
        "managedFields",
        "config",
        "apiVersion",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3i64).prop_map(Value::from),
        Just(json!(1.5)),
        proptest::sample::select(vec!["a", "delete", "replace", "merge", "name"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((names.clone(), inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_patch_from_a_diff_makes_the_target(old in specs(), new in specs()) {
        let (schema, id) = workload();
        let (old, new) = (json!({"spec": old}), json!({"spec": new}));
        let shape = Shape::Struct(id);
        let patch = diff(&schema, &shape, old.as_object().unwrap(), new.as_object().unwrap());
        let mut target = old.clone();
        strategic(&schema, id, &mut target, &Value::Object(patch)).unwrap();
        prop_assert_eq!(target, new);
    }

    #[test]
    fn no_patch_panics(mut target in anything(), patch in anything()) {
        let (schema, id) = workload();
        let before = target.clone();
        if strategic(&schema, id, &mut target, &patch).is_err() {
            prop_assert_eq!(&target, &before);
        }
        let mut merged = target.clone();
        crate::patch::merge(&mut merged, &patch);
        prop_assert!(crate::patch::json(&mut target, &patch).is_ok() || !merged.is_null() || patch.is_null());
    }
}
