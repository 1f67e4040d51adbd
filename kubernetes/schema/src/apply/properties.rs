use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::patch::properties::{anything, specs};
use crate::testing::{object, workload};

fn change(manager: &str) -> Change<'_> {
    Change {
        manager,
        version: "example.io/v1",
        subresource: "",
        now: Timestamp::UNIX_EPOCH,
        ignored: &[],
    }
}

fn owned(object: &Value, manager: &str) -> Set {
    let entries = object["metadata"]["managedFields"].as_array().cloned();
    let entries = entries.unwrap_or_default();
    let mine = entries.iter().find(|entry| entry["manager"] == manager);
    mine.map(|entry| fields_v1::decode(&entry["fieldsV1"]).unwrap())
        .unwrap_or_default()
}

proptest! {
    #[test]
    fn a_second_apply_changes_nothing_and_the_fields_are_the_managers(
        before in specs(), spec in specs(),
    ) {
        let (schema, id) = workload();
        let root = Shape::Struct(id);
        let typed = Typed { schema: &schema, root: &root };
        let first = apply(&schema, id, None, &object(&before), &change("other"), false).unwrap();
        let new = object(&spec);
        let once = apply(&schema, id, Some(&first), &new, &change("me"), true).unwrap();
        let later = Change { now: Timestamp::MAX, ..change("me") };
        let twice = apply(&schema, id, Some(&once), &new, &later, false).unwrap();
        prop_assert_eq!(&twice, &once);
        let fields = typed.fields(&new).unwrap().difference(unowned());
        prop_assert_eq!(&owned(&once, "me"), &fields);
        let entries = &once["metadata"]["managedFields"];
        let decoded = managed::decode(Some(entries.clone())).unwrap();
        if !decoded.is_empty() {
            prop_assert_eq!(&managed::encode(decoded), entries);
        }
        // Applied values are there.
        let compared = typed.compare(&new, &once).unwrap();
        prop_assert!(compared.modified.is_empty(), "{:?}", compared.modified.paths());
    }

    #[test]
    fn managers_of_disjoint_fields_keep_both(a in specs(), b in specs()) {
        let (schema, id) = workload();
        let mut a = a;
        let names: Vec<String> = b.as_object().unwrap().keys().cloned().collect();
        a.as_object_mut().unwrap().retain(|name, _| !names.contains(name));
        let first = apply(&schema, id, None, &object(&a), &change("a"), false).unwrap();
        let both = apply(&schema, id, Some(&first), &object(&b), &change("b"), false).unwrap();
        let mut all = a.clone();
        crate::patch::merge(&mut all, &b);
        prop_assert_eq!(&both["spec"], &all);
        // Whoever applies nothing any more leaves the other's fields alone.
        let alone = apply(&schema, id, Some(&both), &object(&json!({})), &change("a"), false).unwrap();
        prop_assert_eq!(owned(&alone, "b"), owned(&both, "b"));
        for (name, value) in b.as_object().unwrap() {
            prop_assert_eq!(&alone["spec"][name], value);
        }
        for name in a.as_object().unwrap().keys() {
            prop_assert_eq!(alone["spec"].get(name), None);
        }
    }

    #[test]
    fn no_object_panics(live in anything(), new in anything(), fields in anything()) {
        let (schema, id) = workload();
        let mut applied = json!({"apiVersion": "example.io/v1", "spec": new});
        let live = json!({"metadata": {"uid": "1", "managedFields": fields}, "spec": live});
        let result = apply(&schema, id, Some(&live), &applied, &change("me"), true);
        if let Ok(result) = result {
            prop_assert!(result.is_object());
        }
        update(&schema, id, Some(&live), &mut applied, &change("me"));
        update(&schema, id, None, &mut applied, &change("me"));
        prop_assert!(check_managed(&applied["metadata"]["managedFields"]).is_ok());
    }

    #[test]
    fn sets_are_algebra(a in specs(), b in specs()) {
        let (schema, id) = workload();
        let root = Shape::Struct(id);
        let typed = Typed { schema: &schema, root: &root };
        let (a, b) = (typed.fields(&object(&a)).unwrap(), typed.fields(&object(&b)).unwrap());
        let both = a.intersection(&b);
        prop_assert_eq!(a.clone().union(&b).len() + both.len(), a.len() + b.len());
        prop_assert_eq!(a.difference(&b).union(&both), a.clone());
        prop_assert_eq!(fields_v1::decode(&fields_v1::encode(&a)).unwrap(), a.clone());
        prop_assert!(a.paths().iter().all(|path| a.has(path)));
    }
}
