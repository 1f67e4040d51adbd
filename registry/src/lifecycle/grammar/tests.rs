use proptest::prelude::*;
use serde_json::json;

use super::*;

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
#[expect(clippy::too_many_lines, reason = "a table")]
fn members_of_a_rule_are_checked_one_by_one() {
    let good = rule_of(1, untagged());
    for (member, value, reason) in [
        (
            "rulePriority",
            json!("NONE"),
            "missing required properties ([\"rulePriority\"])",
        ),
        (
            "rulePriority",
            json!(0),
            "lower than the required minimum (minimum: 1, found: 0)",
        ),
        ("rulePriority", json!(-1), "(minimum: 1, found: -1)"),
        (
            "rulePriority",
            json!(1.0),
            "instance type (number) does not match",
        ),
        (
            "rulePriority",
            json!("1"),
            "instance type (string) does not match",
        ),
        (
            "rulePriority",
            json!(2_147_483_648_u64),
            "greater than the required maximum",
        ),
        (
            "rulePriority",
            json!(u64::MAX),
            "greater than the required maximum",
        ),
        (
            "description",
            json!(null),
            "instance type (null) does not match",
        ),
        (
            "description",
            json!(["x"]),
            "instance type (array) does not match",
        ),
        (
            "selection",
            json!("NONE"),
            "missing required properties ([\"selection\"])",
        ),
        (
            "selection",
            json!([]),
            "instance type (array) does not match",
        ),
        (
            "action",
            json!("NONE"),
            "missing required properties ([\"action\"])",
        ),
        (
            "action",
            json!({}),
            "missing required properties ([\"type\"])",
        ),
        (
            "action",
            json!({ "type": "keep" }),
            "(keep) not found in enum :(possible values: [\"expire\",\"transition\"])",
        ),
        (
            "action",
            json!({ "type": "expire", "x": 1 }),
            "not allowed by the schema: ([\"x\"])",
        ),
        (
            "action",
            json!({ "type": "expire", "targetStorageClass": null }),
            "targetStorageClass can only",
        ),
        (
            "action",
            json!({ "type": "transition" }),
            "([\"targetStorageClass\"])",
        ),
        (
            "action",
            json!({ "type": "transition", "targetStorageClass": "standard" }),
            "(standard) not found in enum",
        ),
        (
            "unknown",
            json!(1),
            "not allowed by the schema: ([\"unknown\"])",
        ),
    ] {
        let refused = parse(&[with(good.clone(), member, value.clone())]).unwrap_err();
        assert!(refused.contains(reason), "{member} {value}: {refused}");
    }
    parse(&[good]).unwrap();
    assert!(parse(&[]).unwrap_err().starts_with("array is too short"));
    assert!(
        parse(&[json!(1)])
            .unwrap_err()
            .contains("instance type (integer)")
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn members_of_a_selection_are_checked_one_by_one() {
    let long = "x".repeat(20_000);
    for (selection, member, value, reason) in [
        (untagged(), "tagStatus", json!("NONE"), "([\"tagStatus\"])"),
        (
            untagged(),
            "tagStatus",
            json!("ANY"),
            "(ANY) not found in enum",
        ),
        (untagged(), "tagStatus", json!(long), "(xxx"),
        (
            untagged(),
            "tagStatus",
            json!("tagged"),
            "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED.",
        ),
        (untagged(), "tagPrefixList", json!(["a"]), "not UNTAGGED"),
        (untagged(), "tagPatternList", json!(["a"]), "not UNTAGGED"),
        (anything(), "tagPatternList", json!(["a"]), "not ANY"),
        (
            anything(),
            "tagPatternList",
            json!([]),
            "array is too short",
        ),
        (
            tagged(&json!(["a"])),
            "tagPrefixList",
            json!(["a"]),
            "not both",
        ),
        (
            tagged(&json!(["a"])),
            "tagPatternList",
            json!([]),
            "array is too short",
        ),
        (
            tagged(&json!(["a"])),
            "tagPatternList",
            json!("a"),
            "instance type (string)",
        ),
        (
            tagged(&json!(["a"])),
            "tagPatternList",
            json!(["a", 1]),
            "instance type (integer)",
        ),
        (
            tagged(&json!(["a"])),
            "tagPatternList",
            json!([""]),
            "too short",
        ),
        // https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html#lp_tag_pattern_list
        (
            tagged(&json!(["a"])),
            "tagPatternList",
            json!(["test*1*2*3*4*5*6"]),
            "more than 4 wildcards",
        ),
        (anything(), "countType", json!("NONE"), "([\"countType\"])"),
        (
            anything(),
            "countType",
            json!("size"),
            "(size) not found in enum",
        ),
        (
            anything(),
            "countType",
            json!("sinceImagePushed"),
            "Must specify countUnit when countType=sinceImagePushed",
        ),
        (
            anything(),
            "countUnit",
            json!("days"),
            "countUnit can not be specified",
        ),
        (
            anything(),
            "countUnit",
            json!("hours"),
            "(hours) not found in enum :(possible values: [\"days\"])",
        ),
        (anything(), "countUnit", json!(null), "instance type (null)"),
        (
            anything(),
            "countNumber",
            json!("NONE"),
            "([\"countNumber\"])",
        ),
        (
            anything(),
            "countNumber",
            json!(0),
            "(minimum: 1, found: 0)",
        ),
        (
            anything(),
            "countNumber",
            json!(1e3),
            "instance type (number)",
        ),
        (
            anything(),
            "storageClass",
            json!("archive"),
            "storageClass must be standard when countType=imageCountMoreThan",
        ),
        (
            anything(),
            "storageClass",
            json!("glacier"),
            "(glacier) not found in enum",
        ),
        (anything(), "else", json!(1), "([\"else\"])"),
    ] {
        let refused = parse(&[rule_of(1, with(selection, member, value.clone()))]).unwrap_err();
        assert!(refused.contains(reason), "{member} {value}: {refused}");
        assert!(refused.len() < 500, "{refused}");
    }
}

#[test]
fn what_a_count_type_demands_of_its_rule_is_checked() {
    let transition = json!({ "type": "transition", "targetStorageClass": "archive" });
    let days = |kind: &str, n: u32, class: &str| {
        let selection =
            json!({ "tagStatus": "any", "countType": kind, "countUnit": "days", "countNumber": n });
        rule_of(1, with(selection, "storageClass", json!(class)))
    };
    for (rule, reason) in [
        (
            days("sinceImagePulled", 9, "NONE"),
            "only be used with the action transition",
        ),
        (
            with(
                days("sinceImageTransitioned", 90, "archive"),
                "action",
                transition.clone(),
            ),
            "with the action expire",
        ),
        (
            days("sinceImageTransitioned", 90, "NONE"),
            "storageClass must be archive",
        ),
        (
            days("sinceImageTransitioned", 90, "standard"),
            "storageClass must be archive",
        ),
        (
            days("sinceImageTransitioned", 89, "archive"),
            "(minimum: 90, found: 89)",
        ),
        (
            days("sinceImagePushed", 1, "archive"),
            "storageClass must be standard",
        ),
    ] {
        let refused = parse(std::slice::from_ref(&rule)).unwrap_err();
        assert!(refused.contains(reason), "{rule}: {refused}");
    }
    for rule in [
        with(
            days("sinceImagePulled", 9, "NONE"),
            "action",
            transition.clone(),
        ),
        with(
            days("sinceImagePushed", 9, "standard"),
            "action",
            transition,
        ),
        days("sinceImageTransitioned", 90, "archive"),
        days("sinceImagePushed", i32::MAX.unsigned_abs(), "NONE"),
    ] {
        parse(&[rule]).unwrap();
    }
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
