use proptest::prelude::*;
use serde_json::json;

use super::*;

mod members;

fn tagged(patterns: &Value) -> Value {
    json!({ "tagStatus": "tagged", "tagPatternList": patterns, "countType": "imageCountMoreThan", "countNumber": 1 })
}

fn untagged() -> Value {
    json!({ "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1 })
}

fn anything() -> Value {
    json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1 })
}

/// Another value, or none, for a member.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value == json!("NONE") {
        members.remove(name);
    } else {
        members.insert(name.into(), value);
    }
    object
}

#[expect(clippy::needless_pass_by_value, reason = "callers build it in place")]
fn rule_of(priority: u32, selection: Value) -> Value {
    json!({ "rulePriority": priority, "selection": selection, "action": { "type": "expire" } })
}

fn parse(rules: &[Value]) -> Result<Policy, String> {
    let text = json!({ "rules": rules }).to_string();
    Policy::parse(&text).map_err(|InvalidPolicy(reason)| reason)
}

#[test]
fn every_member_has_its_meaning_and_the_order_is_that_of_the_priorities() {
    let transition = json!({ "type": "transition", "targetStorageClass": "archive" });
    let pulled = json!({ "tagStatus": "any", "storageClass": "standard", "countType": "sinceImagePulled",
                         "countUnit": "days", "countNumber": 90 });
    let archived = json!({ "tagStatus": "tagged", "tagPrefixList": ["b", "a"], "storageClass": "archive",
                           "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 365 });
    let policy = parse(&[
        with(rule_of(30, pulled), "action", transition),
        rule_of(2, archived),
        with(
            rule_of(1, tagged(&json!(["*test*1*2*3", "x"]))),
            "description",
            json!("why"),
        ),
    ]);
    let set = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let expected = [
        Rule {
            priority: 1,
            selection: Selection::Patterns(set(&["*test*1*2*3", "x"])),
            count: Count::ImagesMoreThan(1),
            action: Action::Expire,
        },
        Rule {
            priority: 2,
            selection: Selection::Prefixes(set(&["a", "b"])),
            count: Count::SinceTransitioned(Days(365)),
            action: Action::Expire,
        },
        Rule {
            priority: 30,
            selection: Selection::Any,
            count: Count::SincePulled(Days(90)),
            action: Action::Transition,
        },
    ];
    assert_eq!(policy.unwrap().rules(), expected);
}

#[test]
fn what_is_no_policy_at_all_could_not_be_mapped() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deeper = format!("{{\"rules\":{}", "[".repeat(30_000));
    for text in [
        "",
        "x",
        "null",
        "[]",
        "\"rules\"",
        "{\"rules\":[]",
        &deep,
        &deeper,
    ] {
        let InvalidPolicy(reason) = Policy::parse(text).unwrap_err();
        assert_eq!(reason, "Could not map policyString into LifecyclePolicy.");
    }
    let error = Policy::parse("{}").unwrap_err().to_string();
    assert_eq!(
        error,
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: \
         object has missing required properties ([\"rules\"])'"
    );
}

#[test]
fn rules_are_checked_against_each_other() {
    let prefixes = |list: &[&str]| json!({ "tagStatus": "tagged", "tagPrefixList": list, "countType": "imageCountMoreThan", "countNumber": 1 });
    let archived = |status: &str| {
        json!({ "tagStatus": status, "storageClass": "archive", "countType": "sinceImageTransitioned",
                "countUnit": "days", "countNumber": 90 })
    };
    for (rules, reason) in [
        (
            vec![rule_of(7, untagged()), rule_of(7, anything())],
            "priorities must be unique, 7",
        ),
        (
            vec![rule_of(1, untagged()), rule_of(2, untagged())],
            "Only one rule can select Untagged images",
        ),
        (
            vec![rule_of(1, anything()), rule_of(2, untagged())],
            "tagStatus=ANY must have the lowest priority",
        ),
        (
            vec![rule_of(1, anything()), rule_of(2, anything())],
            "tagStatus=ANY must have the lowest priority",
        ),
        (
            vec![
                rule_of(1, prefixes(&["a", "b"])),
                rule_of(2, prefixes(&["b", "a", "a"])),
            ],
            "unique sets of tag prefixes",
        ),
    ] {
        let refused = parse(&rules).unwrap_err();
        assert!(refused.contains(reason), "{rules:?}: {refused}");
    }
    for rules in [
        vec![rule_of(9, anything()), rule_of(2, untagged())],
        vec![
            rule_of(1, anything()),
            rule_of(2, archived("untagged")),
            rule_of(3, archived("any")),
        ],
        vec![rule_of(1, untagged()), rule_of(2, archived("untagged"))],
        vec![
            rule_of(1, prefixes(&["a", "b"])),
            rule_of(2, prefixes(&["a"])),
        ],
    ] {
        parse(&rules).unwrap();
    }
}

/// Any JSON, mostly made of the words of the grammar.
fn words() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "any",
        "tagged",
        "untagged",
        "expire",
        "transition",
        "archive",
        "standard",
        "days",
        "*",
        "imageCountMoreThan",
        "sinceImagePushed",
        "sinceImagePulled",
        "sinceImageTransitioned",
    ]);
    let member = prop::sample::select(vec![
        "rules",
        "rulePriority",
        "description",
        "selection",
        "tagStatus",
        "tagPatternList",
        "tagPrefixList",
        "storageClass",
        "countType",
        "countUnit",
        "countNumber",
        "action",
        "type",
        "targetStorageClass",
        "other",
    ]);
    let leaf = prop_oneof![
        word.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(member.clone().prop_map(String::from), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any<T: Arbitrary>() -> impl Strategy<Value = T> {
    proptest::arbitrary::any::<T>()
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        Policy::parse(&text).unwrap_err();
    }

    #[test]
    fn no_json_makes_the_parser_panic(value in words()) {
        drop(Policy::parse(&value.to_string()));
        drop(Policy::parse(&json!({ "rules": [value] }).to_string()));
    }

    #[test]
    fn a_policy_with_one_thing_changed_is_refused_or_a_policy(
        at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let rules = [rule_of(1, tagged(&json!(["a*", "b"]))), rule_of(2, untagged())];
        let mut bytes = json!({ "rules": rules }).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(policy) = Policy::parse(&text)
        {
            prop_assert_eq!(policy.rules().len(), 2);
        }
    }
}
