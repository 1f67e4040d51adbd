//! The examples are those of
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html>.
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

mod model;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn days(n: u32) -> Duration {
    Duration::from_hours(24) * n
}

fn name(image: &str) -> Digest {
    Digest::sha256(image.as_bytes())
}

/// An image of that name, pushed so many days ago.
fn image(called: &str, tags: &[&str], age: u32) -> Image {
    Image {
        digest: name(called),
        tags: tags.iter().map(|t| t.parse().unwrap()).collect(),
        pushed: NOW - days(age),
        pulled: None,
        status: ImageStatus::Active,
        archived: None,
        activated: None,
        subject: None,
        named_by: Vec::new(),
    }
}

fn archived(called: &str, tags: &[&str], days_ago: u32) -> Image {
    Image {
        status: ImageStatus::Archived,
        archived: Some(NOW - days(days_ago)),
        ..image(called, tags, days_ago + 100)
    }
}

fn more_than(n: u32) -> Value {
    json!({ "countType": "imageCountMoreThan", "countNumber": n })
}

fn since(what: &str, n: u32) -> Value {
    json!({ "countType": format!("sinceImage{what}"), "countUnit": "days", "countNumber": n })
}

fn rule(selection: Value, count: &Value, action: &str) -> Value {
    let mut selection = selection;
    let members = selection.as_object_mut().unwrap();
    members.extend(count.as_object().unwrap().clone());
    if count["countType"] == "sinceImageTransitioned" {
        members.insert("storageClass".into(), "archive".into());
    }
    let action = match action {
        "archive" => json!({ "type": "transition", "targetStorageClass": "archive" }),
        other => json!({ "type": other }),
    };
    json!({ "selection": selection, "action": action })
}

fn tagged(patterns: &[&str], count: &Value) -> Value {
    rule(
        json!({ "tagStatus": "tagged", "tagPatternList": patterns }),
        count,
        "expire",
    )
}

fn untagged(count: &Value) -> Value {
    rule(json!({ "tagStatus": "untagged" }), count, "expire")
}

fn every(count: &Value, action: &str) -> Value {
    rule(json!({ "tagStatus": "any" }), count, action)
}

/// A policy of these rules with the priorities 1, 2, …
fn policy(rules: &[Value]) -> Policy {
    let numbered = rules.iter().enumerate().map(|(i, rule)| {
        let mut rule = rule.clone();
        rule["rulePriority"] = json!(i + 1);
        rule
    });
    let text = json!({ "rules": numbered.collect::<Vec<_>>() }).to_string();
    Policy::parse(&text).unwrap()
}

/// The names of what goes, in order, with the priorities.
fn taken(images: &[Image], rules: &[Value]) -> Vec<(&'static str, u32)> {
    let called = |digest: &Digest| {
        let all = ["A", "B", "C", "D", "E", "F", "I", "J", "S", "T"];
        *all.iter().find(|n| name(n) == *digest).unwrap()
    };
    let planned = plan(&policy(rules), images, NOW);
    planned
        .iter()
        .map(|t| (called(&t.image.digest), t.priority))
        .collect()
}

#[test]
fn docs_multiple_rules_a_and_b_differ_by_the_priorities() {
    let images = [
        image("A", &["beta-1", "prod-1"], 10),
        image("B", &["beta-2", "prod-2"], 9),
        image("C", &["beta-3"], 8),
    ];
    let (prod, beta) = (
        tagged(&["prod*"], &more_than(1)),
        tagged(&["beta*"], &more_than(1)),
    );
    // "if Image B were expired it would violate Rule 1 and thus is skipped"
    assert_eq!(taken(&images, &[prod.clone(), beta.clone()]), [("A", 1)]);
    // "all available images were already seen by Rule 1"
    assert_eq!(taken(&images, &[beta, prod]), [("A", 1), ("B", 1)]);
}

#[test]
fn docs_multiple_tags_in_a_single_rule_must_all_match() {
    let images = [
        image("A", &["alpha-1"], 12),
        image("B", &["beta-1"], 11),
        image("C", &["alpha-2", "beta-2"], 10),
        image("D", &["alpha-3"], 4),
        image("E", &["beta-3"], 3),
        image("F", &["alpha-4", "beta-4"], 2),
    ];
    let both = tagged(&["alpha*", "beta*"], &since("Pushed", 5));
    assert_eq!(taken(&images, &[both]), [("C", 1)]);
    let prefixes = json!({ "tagStatus": "tagged", "tagPrefixList": ["beta", "alpha"] });
    let both = rule(prefixes, &since("Pushed", 5), "expire");
    assert_eq!(taken(&images, &[both]), [("C", 1)]);
    // Example B: tags are not exclusive.
    let images = [
        image("A", &["alpha-1", "beta-1", "gamma-1"], 10),
        image("B", &["alpha-2", "beta-2"], 9),
        image("C", &["alpha-3", "beta-3", "gamma-2"], 8),
    ];
    let both = tagged(&["alpha*", "beta*"], &more_than(1));
    assert_eq!(taken(&images, &[both]), [("A", 1), ("B", 1)]);
}

#[test]
fn docs_all_images_a_and_b() {
    let images = [
        image("A", &["alpha-1"], 4),
        image("B", &["beta-1"], 3),
        image("C", &[], 2),
        image("D", &["alpha-2"], 1),
    ];
    let all = every(&more_than(1), "expire");
    assert_eq!(
        taken(&images, std::slice::from_ref(&all)),
        [("A", 1), ("B", 1), ("C", 1)]
    );
    let images = [
        image("A", &["alpha-1", "beta-1"], 4),
        image("B", &[], 3),
        image("C", &["alpha-2"], 2),
        image("D", &["githash"], 1),
        image("E", &[], 1),
    ];
    let rules = [
        tagged(&["alpha*"], &more_than(1)),
        untagged(&since("Pushed", 1)),
        all,
    ];
    assert_eq!(taken(&images, &rules), [("A", 1), ("B", 2), ("D", 3)]);
}

#[test]
fn docs_archive_then_expire_after_a_year() {
    let images = [
        archived("A", &["v1"], 366),
        archived("B", &[], 365),
        image("C", &["v2"], 31),
        image("D", &["v3"], 30),
    ];
    let rules = [
        every(&since("Pushed", 30), "archive"),
        every(&since("Transitioned", 365), "expire"),
    ];
    let planned = plan(&policy(&rules), &images, NOW);
    let expected = [
        (name("A"), Action::Expire, 2),
        (name("C"), Action::Transition, 1),
    ];
    assert_eq!(
        planned
            .iter()
            .map(|t| (t.image.digest.clone(), t.action, t.priority))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(planned[0].storage_class(), StorageClass::Archive);
    assert_eq!(planned[1].storage_class(), StorageClass::Standard);
}

#[test]
fn docs_pulls_count_from_the_push_or_the_restoration_where_there_was_none_since() {
    let times = |called, pushed, pulled: Option<u32>, activated: Option<u32>| Image {
        pulled: pulled.map(|n| NOW - days(n)),
        activated: activated.map(|n| NOW - days(n)),
        ..image(called, &["v"], pushed)
    };
    let images = [
        times("A", 200, Some(91), None),
        times("B", 200, Some(90), None),
        times("C", 91, None, None),
        times("D", 90, None, None),
        times("E", 200, Some(100), Some(10)),
        times("F", 200, Some(95), Some(120)),
    ];
    let rules = [every(&since("Pulled", 90), "archive")];
    assert_eq!(taken(&images, &rules), [("A", 1), ("F", 1), ("C", 1)]);
    // "last_activated_at is used instead of pushed_at_time"
    let rules = [every(&since("Pushed", 90), "archive")];
    assert_eq!(
        taken(&images, &rules),
        [("A", 1), ("B", 1), ("F", 1), ("C", 1)]
    );
    assert_eq!(
        taken(&images, &[every(&more_than(5), "expire")]),
        [("A", 1)]
    );
}

#[test]
fn days_are_of_24_hours_and_an_image_of_just_that_age_stays() {
    let just = image("A", &[], 7);
    let older = Image {
        pushed: just.pushed - Duration::from_millis(1),
        ..image("B", &[], 7)
    };
    let future = Image {
        pushed: NOW + days(1),
        ..image("C", &[], 7)
    };
    let rules = [untagged(&since("Pushed", 7))];
    assert_eq!(taken(&[just, older, future], &rules), [("B", 1)]);
    let forever = [untagged(&since("Pushed", i32::MAX.unsigned_abs()))];
    assert_eq!(taken(&[image("A", &[], 20_000)], &forever), []);
}

#[test]
fn images_of_the_other_storage_class_are_neither_taken_nor_counted() {
    let on_its_way = Image {
        status: ImageStatus::Activating,
        ..archived("C", &["c"], 200)
    };
    let images = [
        archived("A", &["a"], 200),
        image("B", &["b"], 50),
        on_its_way,
        image("D", &[], 1),
    ];
    assert_eq!(taken(&images, &[every(&more_than(2), "expire")]), []);
    assert_eq!(
        taken(&images, &[every(&more_than(1), "archive")]),
        [("B", 1)]
    );
    assert_eq!(
        taken(&images, &[every(&since("Transitioned", 90), "expire")]),
        [("A", 1)]
    );
    assert_eq!(
        taken(&images, &[every(&since("Pushed", 10), "archive")]),
        [("B", 1)]
    );
}

/// A child of these.
fn child(of: &[&str], image: Image) -> Image {
    Image {
        named_by: of.iter().map(|n| name(n)).collect(),
        ..image
    }
}

#[test]
fn what_an_index_names_stays_with_it_and_goes_after_it() {
    let images = [
        child(&["I"], image("A", &[], 20)),
        child(&["I", "J"], image("B", &[], 20)),
        image("I", &["old"], 19),
        child(&["J"], image("C", &[], 10)),
        image("D", &[], 10),
        image("J", &["new"], 9),
    ];
    // Indexes stay: only what none names goes.
    assert_eq!(taken(&images, &[untagged(&since("Pushed", 1))]), [("D", 1)]);
    let both = [tagged(&["*"], &more_than(1)), untagged(&since("Pushed", 1))];
    assert_eq!(taken(&images, &both), [("I", 1), ("A", 2), ("D", 2)]);
    // An image that is held still counts, as ECR counts it.
    let four = [every(&more_than(4), "expire")];
    assert_eq!(taken(&images, &four), []);
    let all = [every(&since("Pushed", 1), "expire")];
    let order = [("I", 1), ("A", 1), ("D", 1), ("J", 1), ("B", 1), ("C", 1)];
    assert_eq!(taken(&images, &all), order);
}

#[test]
fn an_archived_index_holds_what_it_names_from_expiry_but_not_from_the_archive() {
    let images = [child(&["I"], image("A", &[], 20)), archived("I", &["v"], 5)];
    assert_eq!(taken(&images, &[every(&since("Pushed", 1), "expire")]), []);
    assert_eq!(
        taken(&images, &[every(&since("Pushed", 1), "archive")]),
        [("A", 1)]
    );
    // One that is archived in the same run goes first; what was to expire waits for the next.
    let images = [child(&["I"], image("A", &[], 20)), image("I", &["v"], 5)];
    assert_eq!(
        taken(&images, &[every(&since("Pushed", 1), "archive")]),
        [("I", 1), ("A", 1)]
    );
    let selection = json!({ "tagStatus": "tagged", "tagPatternList": ["v"] });
    let rules = [
        rule(selection, &since("Pushed", 1), "archive"),
        every(&since("Pushed", 1), "expire"),
    ];
    assert_eq!(taken(&images, &rules), [("I", 1)]);
}

/// A reference artifact.
fn of(subject: &str, image: Image) -> Image {
    Image {
        subject: Some(name(subject)),
        ..image
    }
}

#[test]
fn docs_reference_artifacts_go_with_their_subject_and_never_without() {
    let images = [
        image("A", &["v1"], 20),
        of("A", image("S", &[], 20)),
        of("S", image("T", &["sbom"], 20)),
        image("B", &["v2"], 10),
        of("B", image("C", &[], 10)),
        // Its subject is not here, or no more.
        of("E", image("D", &[], 10)),
    ];
    assert_eq!(taken(&images, &[untagged(&since("Pushed", 1))]), [("D", 1)]);
    let planned = plan(&policy(&[tagged(&["v*"], &more_than(1))]), &images, NOW);
    let gone: Vec<_> = planned
        .iter()
        .map(|t| (t.image.digest.clone(), t.follows.clone()))
        .collect();
    let expected = [
        (name("A"), None),
        (name("S"), Some(name("A"))),
        (name("T"), Some(name("S"))),
    ];
    assert_eq!(gone, expected);
    // They do not count: of three images one goes.
    assert_eq!(
        taken(&images, &[every(&more_than(2), "expire")]),
        [("A", 1), ("S", 1), ("T", 1)]
    );
    // What is archived already stays there.
    let images = [
        image("A", &["v1"], 20),
        of("A", archived("S", &[], 3)),
        of("A", image("T", &[], 3)),
    ];
    assert_eq!(
        taken(&images, &[every(&since("Pushed", 1), "archive")]),
        [("A", 1), ("T", 1)]
    );
    // An artifact that an index needs holds nothing back but itself.
    let images = [
        image("A", &["v1"], 20),
        child(&["I"], of("A", image("S", &[], 3))),
        image("I", &["i"], 1),
    ];
    assert_eq!(
        taken(&images, &[tagged(&["v*"], &since("Pushed", 1))]),
        [("A", 1)]
    );
}

#[test]
fn an_index_of_its_own_subject_goes_too() {
    let images = [
        child(&["I"], image("A", &["v"], 20)),
        of("A", image("I", &[], 3)),
    ];
    assert_eq!(
        taken(&images, &[every(&since("Pushed", 1), "expire")]),
        [("I", 1), ("A", 1)]
    );
}

#[test]
fn a_hundred_thousand_images_in_a_long_chain_are_planned() {
    let n = 100_000;
    let mut images: Vec<Image> = (0..n).map(|i| image(&i.to_string(), &[], 30)).collect();
    for i in 1..n {
        let parent = images[i].digest.clone();
        images[i - 1].named_by.push(parent);
    }
    let rules = policy(&[every(&since("Pushed", 1), "expire")]);
    assert_eq!(plan(&rules, &images, NOW).len(), n);
    // The last index stays, and with it everything.
    images[n - 1].pushed = NOW;
    assert_eq!(plan(&rules, &images, NOW).len(), 0);
}
