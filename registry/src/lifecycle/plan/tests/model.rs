//! Plans compared with those of a naive model.
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Repositories of a few images whose indexes name only older ones.
fn repositories() -> impl Strategy<Value = Vec<Image>> {
    let tags = prop::sample::subsequence(vec!["a1", "a2", "b1", "b2", "ab"], 0..4);
    let one = (
        tags,
        0_u32..40,
        prop::option::of(0_u32..40),
        0_u32..6,
        any_index(),
        any_index(),
    );
    prop::collection::vec(one, 0..14).prop_map(|drawn| {
        let mut images: Vec<Image> = Vec::new();
        for (i, (tags, age, pulled, kind, at, also)) in drawn.into_iter().enumerate() {
            let mut new = image(&i.to_string(), &tags, age);
            new.pulled = pulled.map(|n| NOW - days(n));
            match kind {
                0 => {
                    new.status = ImageStatus::Archived;
                    new.archived = Some(NOW - days(age * 10));
                }
                1 => new.activated = Some(NOW - days(age / 2)),
                2 | 3 if i > 0 => {
                    let digest = new.digest.clone();
                    let chosen: BTreeSet<usize> = [at.index(i), also.index(i)].into();
                    for c in chosen {
                        images[c].named_by.push(digest.clone());
                    }
                }
                4 if i > 0 => new.subject = Some(images[at.index(i)].digest.clone()),
                _ => {}
            }
            images.push(new);
        }
        images
    })
}

fn any_index() -> impl Strategy<Value = prop::sample::Index> {
    any::<prop::sample::Index>()
}

fn policies() -> impl Strategy<Value = Policy> {
    let counts = prop_oneof![
        (1_u32..5).prop_map(more_than),
        (1_u32..30).prop_map(|n| since("Pushed", n)),
        (1_u32..30).prop_map(|n| since("Pulled", n)),
        (90_u32..300).prop_map(|n| since("Transitioned", n)),
    ];
    let selections = prop::sample::select(vec!["a*", "*b*", "a1", "*"]);
    let one = (selections, counts, any::<bool>());
    let ends = (any::<(bool, bool, bool)>(), 1_u32..6, 1_u32..30);
    (prop::collection::vec(one, 0..4), ends).prop_map(|(drawn, ends)| {
        let mut rules: Vec<Value> = drawn
            .into_iter()
            .map(|(pattern, count, archives)| {
                let action = match count["countType"].as_str().unwrap() {
                    "sinceImagePulled" => "archive",
                    "sinceImageTransitioned" => "expire",
                    _ if archives => "archive",
                    _ => "expire",
                };
                rule(
                    json!({ "tagStatus": "tagged", "tagPatternList": [pattern] }),
                    &count,
                    action,
                )
            })
            .collect();
        let ((with_untagged, with_any, expires), n, age) = ends;
        if with_untagged {
            rules.push(untagged(&since("Pushed", age)));
        }
        if with_any || rules.is_empty() {
            rules.push(every(
                &more_than(n),
                if expires { "expire" } else { "archive" },
            ));
            rules.push(every(&since("Transitioned", 200), "expire"));
        }
        policy(&rules)
    })
}

/// The rules of the documentation one after another, with no thought of speed. Whether an image
/// goes: its action and priority.
fn naive(policy: &Policy, images: &[Image]) -> Vec<Option<(Action, u32)>> {
    let at = |digest: &Digest| images.iter().position(|i| i.digest == *digest);
    let is_artifact = |i: &Image| i.subject.as_ref().and_then(at).is_some();
    let mut gone: Vec<Option<(Action, u32)>> = vec![None; images.len()];
    let mut seen = BTreeSet::new();
    for rule in policy.rules() {
        let class = match rule.count {
            Count::SinceTransitioned(_) => ImageStatus::Archived,
            _ => ImageStatus::Active,
        };
        let mut chosen: Vec<usize> = (0..images.len())
            .filter(|i| images[*i].status == class && !is_artifact(&images[*i]))
            .filter(|i| images[*i].is_selected(&rule.selection))
            .collect();
        chosen.sort_by_key(|i| (images[*i].since_push(), *i));
        for (n, i) in chosen.iter().enumerate() {
            let newer = chosen.len() - n - 1;
            let age = |since: Timestamp| NOW.since(since).as_secs();
            let goes = match rule.count {
                Count::ImagesMoreThan(kept) => newer >= usize::try_from(kept).unwrap(),
                Count::SincePushed(d) => age(images[*i].since_push()) > d.duration().as_secs(),
                Count::SincePulled(d) => age(images[*i].since_pull()) > d.duration().as_secs(),
                Count::SinceTransitioned(d) => {
                    age(images[*i].archived.unwrap()) > d.duration().as_secs()
                }
            };
            if goes && !seen.contains(i) {
                gone[*i] = Some((rule.action, rule.priority));
            }
        }
        seen.extend(chosen);
    }
    // An artifact is never older than its subject, so one pass is enough.
    for i in 0..images.len() {
        if let Some(subject) = images[i].subject.as_ref().and_then(at) {
            gone[i] = gone[subject].filter(|(action, _)| {
                *action == Action::Expire || images[i].status == ImageStatus::Active
            });
        }
    }
    loop {
        let stays = |i: &usize| {
            let Some((action, _)) = gone[*i] else {
                return false;
            };
            let held = images[*i]
                .named_by
                .iter()
                .filter_map(at)
                .any(|p| match action {
                    Action::Expire => !matches!(gone[p], Some((Action::Expire, _))),
                    Action::Transition => {
                        gone[p].is_none() && images[p].status != ImageStatus::Archived
                    }
                });
            let subject = images[*i].subject.as_ref().and_then(at);
            held || subject.is_some_and(|s| gone[s].is_none())
        };
        match (0..images.len()).find(stays) {
            Some(i) => gone[i] = None,
            None => return gone,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_plan_is_what_the_documentation_says(images in repositories(), policy in policies()) {
        let planned = plan(&policy, &images, NOW);
        let expected = naive(&policy, &images);
        let at = |digest: &Digest| images.iter().position(|i| i.digest == *digest).unwrap();
        let mut found = vec![None; images.len()];
        for taken in &planned {
            let before = found[at(&taken.image.digest)].replace((taken.action, taken.priority));
            prop_assert_eq!(before, None);
        }
        prop_assert_eq!(&found, &expected);
        // In order: nothing goes before what it hangs on, and otherwise nothing before what is older.
        let place = |digest: &Digest| planned.iter().position(|t| t.image.digest == *digest);
        for (n, taken) in planned.iter().enumerate() {
            let on = taken.image.named_by.iter().chain(&taken.image.subject).filter_map(place);
            let on: Vec<usize> = on.collect();
            prop_assert!(on.iter().all(|p| *p < n));
            let key = |t: &Taken| (t.image.pushed, at(&t.image.digest));
            let free_since = on.iter().max().map_or(0, |p| p + 1);
            for earlier in &planned[free_since..n] {
                prop_assert!(key(earlier) < key(taken) || earlier.image.pushed <= taken.image.pushed);
            }
        }
    }
}
