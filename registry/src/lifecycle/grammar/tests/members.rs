//! Each member of a rule and of its selection, by itself.
use serde_json::json;

use super::*;

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
