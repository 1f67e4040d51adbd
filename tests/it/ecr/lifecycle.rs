//! Lifecycle policies: applied on command and by the clock, previewed, at scale and in races.
use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use wharf_storage::{Error, ImageStatus, NewManifest};
use wharf_testkit::{Image, Process, TestServer, eventually};
use wharf_types::{Digest, Manifest, media};

const DAY: Duration = Duration::from_hours(24);

/// `wharf lifecycle run` on the directory of a server, running or not.
async fn lifecycle(s: &TestServer, args: &[&str], status: i32) -> String {
    let mut all = vec!["lifecycle", "run"];
    all.extend(args);
    all.extend(["--data-dir", s.data_dir().to_str().unwrap()]);
    let output = Process::run(&all).await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    said
}

fn rule(priority: u32, selection: &Value, count: &Value, action: &str) -> Value {
    let mut all = selection.clone();
    let members = all.as_object_mut().unwrap();
    members.extend(count.as_object().unwrap().clone());
    let action = match action {
        "archive" => json!({ "type": "transition", "targetStorageClass": "archive" }),
        other => json!({ "type": other }),
    };
    json!({ "rulePriority": priority, "description": "why there is such a rule", "selection": all, "action": action })
}

fn tagged(pattern: &str) -> Value {
    json!({ "tagStatus": "tagged", "tagPatternList": [pattern] })
}

fn untagged() -> Value {
    json!({ "tagStatus": "untagged" })
}

fn any() -> Value {
    json!({ "tagStatus": "any" })
}

fn more_than(n: u32) -> Value {
    json!({ "countType": "imageCountMoreThan", "countNumber": n })
}

fn since(what: &str, days: u32) -> Value {
    json!({ "countType": format!("sinceImage{what}"), "countUnit": "days", "countNumber": days })
}

fn text(rules: &[Value]) -> String {
    json!({ "rules": rules }).to_string()
}

async fn put(s: &TestServer, repo: &str, rules: &[Value]) {
    let input = json!({ "repositoryName": repo, "lifecyclePolicyText": text(rules) });
    s.aws("PutLifecyclePolicy", input).await.ok();
}

/// The digests of a repository's images.
async fn images(s: &TestServer, repo: &str) -> BTreeSet<String> {
    let (mut found, mut token) = (BTreeSet::new(), Value::Null);
    loop {
        let all = json!({ "imageStatus": "ANY" });
        let input = json!({ "repositoryName": repo, "filter": all, "maxResults": 1000, "nextToken": token });
        let page = s.aws("DescribeImages", input).await.ok();
        let details = page["imageDetails"].as_array().unwrap();
        found.extend(
            details
                .iter()
                .map(|d| d["imageDigest"].as_str().unwrap().to_owned()),
        );
        token = page["nextToken"].clone();
        if token.is_null() {
            return found;
        }
    }
}

async fn get_preview(s: &TestServer, repo: &str) -> Value {
    let input = json!({ "repositoryName": repo });
    s.aws("GetLifecyclePolicyPreview", input).await.ok()
}

/// Waits until a preview is complete, and returns all its results.
async fn preview_of(s: &TestServer, repo: &str) -> Vec<Value> {
    eventually("the preview is complete", async || {
        let first = get_preview(s, repo).await;
        if first["status"] == "COMPLETE" {
            return Some(());
        }
        assert_eq!(first["status"], "IN_PROGRESS");
        assert_eq!(first["previewResults"], json!([]));
        None
    })
    .await;
    let (mut all, mut token) = (Vec::new(), Value::Null);
    loop {
        let input = json!({ "repositoryName": repo, "nextToken": token });
        let page = s.aws("GetLifecyclePolicyPreview", input).await.ok();
        all.extend(page["previewResults"].as_array().unwrap().iter().cloned());
        token = page["nextToken"].clone();
        if token.is_null() {
            return all;
        }
    }
}

/// Puts images without tags straight into a repository: their digests.
async fn fill(s: &TestServer, repo: &str, count: usize) -> Vec<Digest> {
    let name = repo.parse().unwrap();
    let registry = wharf_types::Registry {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
    };
    let repository = s
        .store()
        .meta()
        .read(move |tx| tx.repository(&registry, &name))
        .await;
    let (id, now) = (repository.unwrap().unwrap().id, s.now());
    let config =
        json!({ "mediaType": media::OCI_CONFIG, "digest": Digest::sha256(b"{}"), "size": 2 });
    let manifests: Vec<Manifest<Vec<u8>>> = (0..count)
        .map(|n| {
            let manifest = json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config,
                                   "layers": [], "annotations": { "n": n.to_string() } });
            Manifest::parse(Some(media::OCI_MANIFEST), manifest.to_string().into_bytes()).unwrap()
        })
        .collect();
    let digests: Vec<Digest> = manifests.iter().map(|m| Digest::sha256(&m.bytes)).collect();
    let all = digests.clone();
    let filled = s.store().meta().write(move |tx| {
        for (manifest, digest) in manifests.iter().zip(&all) {
            tx.put_manifest(&NewManifest {
                repository: id,
                digest,
                manifest,
                now,
            })?;
        }
        Ok::<_, Error>(())
    });
    filled.await.unwrap();
    digests
}

#[tokio::test]
async fn images_expire_when_their_days_are_over_and_the_policy_says_when_it_ran() {
    let mut s = TestServer::new().await;
    let old = s.push("app", "v1").await;
    s.advance(DAY * 3);
    s.login().await;
    let new = s.push("app", "v2").await;
    put(
        &s,
        "app",
        &[rule(1, &tagged("v*"), &since("Pushed", 7), "expire")],
    )
    .await;
    s.advance(DAY * 4);
    let get = json!({ "repositoryName": "app" });
    let none = "Expired 0 and archived 0 images by the policies of 1 repositories.\n";
    assert_eq!(lifecycle(&s, &[], 0).await, none);
    let policy = s.aws("GetLifecyclePolicy", get.clone()).await.ok();
    assert_eq!(policy["lastEvaluatedAt"], json!(s.now().as_secs_f64()));
    s.advance(Duration::from_millis(1));
    let said = lifecycle(&s, &[], 0).await;
    let line = format!(
        "expire  app@{} (v1), pushed 2026-01-01T00:00:00Z: rule 1\n",
        old.digest
    );
    assert_eq!(
        said,
        format!("{line}{}", none.replace("Expired 0", "Expired 1"))
    );
    s.login().await;
    let gone = s.call("GET", "/v2/app/manifests/v1").send().await;
    gone.fails(404, "MANIFEST_UNKNOWN");
    new.assert_pulls(&s, "app", "v2").await;
    // The same text again is the same policy; another one has not run yet.
    put(
        &s,
        "app",
        &[rule(1, &tagged("v*"), &since("Pushed", 7), "expire")],
    )
    .await;
    let policy = s.aws("GetLifecyclePolicy", get.clone()).await.ok();
    assert_eq!(policy["lastEvaluatedAt"], json!(s.now().as_secs_f64()));
    put(
        &s,
        "app",
        &[rule(1, &tagged("v*"), &since("Pushed", 9), "expire")],
    )
    .await;
    let policy = s.aws("GetLifecyclePolicy", get).await.ok();
    assert_eq!(policy["lastEvaluatedAt"], json!(0.0));
    s.assert_tidy().await;
}

/// Pushes what rules differ in: tags, none, indexes of kept and of other images, signatures.
async fn push_varied(s: &mut TestServer) {
    for n in 0..12 {
        let image = s.push("app", &format!("dev-{n}")).await;
        if n % 3 == 0 {
            image.put(s, "app", &format!("prod-{n}")).await.expect(201);
        }
        let (a, b) = (Image::new(&format!("{n} a")), Image::new(&format!("{n} b")));
        for child in [&a, &b] {
            child.push_blobs(s, "app").await;
            child.put(s, "app", child.digest.as_str()).await.expect(201);
        }
        if n % 2 == 0 {
            Image::index(&[&a, &image])
                .put(s, "app", &format!("multi-{n}"))
                .await
                .expect(201);
        }
        let subject = json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() });
        let signature = Image::with(&format!("{n} signature"), json!({ "subject": subject }));
        signature.push_blobs(s, "app").await;
        signature
            .put(s, "app", signature.digest.as_str())
            .await
            .expect(201);
        s.advance(DAY);
        s.login().await;
    }
}

/// Something that goes, as it can be compared: what, how, by which rule.
type Gone = BTreeSet<(String, String, u64)>;

fn named_by_command(said: &str) -> Gone {
    let lines = said.lines().filter(|line| line.contains('@'));
    let parsed = lines.map(|line| {
        let action = if line.starts_with("expire ") {
            "EXPIRE"
        } else {
            "TRANSITION"
        };
        let digest = line.split_once('@').unwrap().1.split_once(' ').unwrap().0;
        let rule = line
            .rsplit_once(": rule ")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap();
        (digest.to_owned(), action.to_owned(), rule.parse().unwrap())
    });
    parsed.collect()
}

/// Of these images just these are in the archive, since now.
async fn assert_archived(s: &TestServer, left: &BTreeSet<String>, archived: &BTreeSet<String>) {
    for digest in left {
        let digest: Digest = digest.parse().unwrap();
        let asked = digest.clone();
        let row = s
            .store()
            .meta()
            .read(move |tx| tx.image(1, &asked))
            .await
            .unwrap()
            .unwrap();
        let is_archived = archived.contains(digest.as_str());
        assert_eq!(row.status == ImageStatus::Archived, is_archived, "{digest}");
        assert_eq!(row.archived, is_archived.then(|| s.now()));
    }
}

#[tokio::test]
async fn e10_preview_dry_run_and_real_run_agree() {
    let mut s = TestServer::new().await;
    push_varied(&mut s).await;
    put(
        &s,
        "app",
        &[
            rule(1, &tagged("prod-*"), &more_than(2), "archive"),
            rule(2, &tagged("multi-*"), &since("Pushed", 6), "expire"),
            rule(3, &tagged("dev-*"), &more_than(5), "expire"),
            rule(4, &untagged(), &since("Pushed", 3), "expire"),
        ],
    )
    .await;
    let before = images(&s, "app").await;
    s.aws(
        "StartLifecyclePolicyPreview",
        json!({ "repositoryName": "app" }),
    )
    .await
    .ok();
    let previewed: Gone = preview_of(&s, "app")
        .await
        .iter()
        .map(|result| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let rule = result["appliedRulePriority"].as_u64().unwrap();
            (
                text(&result["imageDigest"]),
                text(&result["action"]["type"]),
                rule,
            )
        })
        .collect();
    let summary = get_preview(&s, "app").await["summary"].clone();
    let untouched = s.state().await;
    let dry = lifecycle(&s, &["--dry-run"], 0).await;
    assert_eq!(s.state().await, untouched, "a dry run changes nothing");
    let real = lifecycle(&s, &[], 0).await;
    assert_eq!(
        real,
        dry.replace("Would expire", "Expired")
            .replace("and archive ", "and archived ")
    );
    assert_eq!(named_by_command(&real), previewed);
    let with = |action: &str| -> BTreeSet<String> {
        let of_action = previewed.iter().filter(|(_, a, _)| a == action);
        of_action.map(|(digest, ..)| digest.clone()).collect()
    };
    let (expired, archived) = (with("EXPIRE"), with("TRANSITION"));
    assert!(expired.len() > 10 && !archived.is_empty(), "{real}");
    assert_eq!(summary["expiringImageTotalCount"], expired.len());
    assert_eq!(
        summary["transitioningImageTotalCounts"][0]["imageTotalCount"],
        archived.len()
    );
    // Just that is gone.
    let left = images(&s, "app").await;
    assert_eq!(
        before.difference(&left).cloned().collect::<BTreeSet<_>>(),
        expired
    );
    assert_archived(&s, &left, &archived).await;
    // Nothing is left to do, and nothing was broken.
    let again = lifecycle(&s, &[], 0).await;
    assert!(again.starts_with("Expired 0 and archived 0 "), "{again}");
    assert!(s.store().check(false).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_index_goes_before_its_children_and_holds_them_while_it_stays() {
    let mut s = TestServer::new().await;
    let (a, b) = (Image::new("a"), Image::new("b"));
    for child in [&a, &b] {
        child.push_blobs(&s, "app").await;
        child
            .put(&s, "app", child.digest.as_str())
            .await
            .expect(201);
    }
    let index = Image::index(&[&a, &b]);
    index.put(&s, "app", "multi").await.expect(201);
    s.advance(DAY * 10);
    s.login().await;
    put(
        &s,
        "app",
        &[rule(1, &untagged(), &since("Pushed", 1), "expire")],
    )
    .await;
    lifecycle(&s, &[], 0).await;
    index.assert_pulls(&s, "app", "multi").await;
    assert_eq!(images(&s, "app").await.len(), 3);
    put(&s, "app", &[rule(1, &any(), &since("Pushed", 1), "expire")]).await;
    let said = lifecycle(&s, &[], 0).await;
    let order: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once('@'))
        .map(|(_, rest)| &rest[..71])
        .collect();
    assert_eq!(
        order,
        [index.digest.as_str(), a.digest.as_str(), b.digest.as_str()]
    );
    assert_eq!(images(&s, "app").await, BTreeSet::new());
}

#[tokio::test]
async fn archived_images_expire_after_their_time_in_the_archive() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let status = async |s: &TestServer| {
        let digest = image.digest.clone();
        s.store()
            .meta()
            .read(move |tx| tx.image(1, &digest))
            .await
            .unwrap()
            .map(|row| row.status)
    };
    let mut archive = since("Transitioned", 90);
    archive["storageClass"] = json!("archive");
    let rules = [
        rule(1, &any(), &since("Pulled", 30), "archive"),
        rule(2, &any(), &archive, "expire"),
    ];
    put(&s, "app", &rules).await;
    s.advance(DAY * 31);
    lifecycle(&s, &[], 0).await;
    assert_eq!(status(&s).await, Some(ImageStatus::Archived));
    s.advance(DAY * 90);
    lifecycle(&s, &[], 0).await;
    assert_eq!(status(&s).await, Some(ImageStatus::Archived));
    s.advance(Duration::from_secs(1));
    lifecycle(&s, &[], 0).await;
    assert_eq!(status(&s).await, None);
}

// Immutability says that a tag never names another image; ECR's policies expire images with
// immutable tags like any other. What is gone leaves its tag free.
#[tokio::test]
async fn p11_immutable_tags_are_never_moved_but_do_not_keep_images_from_expiry() {
    let s = TestServer::new().await;
    let immutable = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    s.aws("PutImageTagMutability", immutable).await.ok();
    let (old, new) = (s.push("app", "v1").await, s.push("app", "v2").await);
    put(
        &s,
        "app",
        &[rule(1, &tagged("v*"), &more_than(1), "expire")],
    )
    .await;
    lifecycle(&s, &[], 0).await;
    assert_eq!(images(&s, "app").await, [new.digest.to_string()].into());
    let other = Image::new("other");
    other.push_blobs(&s, "app").await;
    other.put(&s, "app", "v2").await.fails(400, "TAG_INVALID");
    new.assert_pulls(&s, "app", "v2").await;
    old.push(&s, "app", "v1").await;
}

#[tokio::test]
async fn the_command_can_look_at_some_repositories_only_and_works_without_a_server() {
    let mut s = TestServer::new().await;
    for repo in ["one", "two"] {
        s.create(repo).await;
        s.push(repo, "v1").await;
        s.push(repo, "v2").await;
        put(&s, repo, &[rule(1, &any(), &more_than(1), "expire")]).await;
    }
    let said = lifecycle(&s, &["--repository", "one", "app"], 1).await;
    assert!(
        said.contains("Expired 1 and archived 0 images by the policies of 1 repositories."),
        "{said}"
    );
    assert!(
        said.contains("app: there is no such repository with a lifecycle policy"),
        "{said}"
    );
    assert_eq!(
        (images(&s, "one").await.len(), images(&s, "two").await.len()),
        (1, 2)
    );
    lifecycle(&s, &["--repository", "../x"], 2).await;
    s.stop().await;
    let said = lifecycle(&s, &[], 0).await;
    assert!(said.starts_with("expire  two@sha256:"), "{said}");
    s.start().await.unwrap();
    assert_eq!(images(&s, "two").await.len(), 1);
}

#[tokio::test]
async fn policies_are_applied_once_in_an_interval() {
    let s = TestServer::with(|config| config.lifecycle_interval = Duration::from_millis(50)).await;
    s.push("app", "v1").await;
    let new = s.push("app", "v2").await;
    put(&s, "app", &[rule(1, &any(), &more_than(1), "expire")]).await;
    eventually("the policy is applied", async || {
        (images(&s, "app").await.len() == 1).then_some(())
    })
    .await;
    new.assert_pulls(&s, "app", "v2").await;
}

#[tokio::test]
async fn a_preview_ends_after_a_day_and_survives_a_restart_until_then() {
    let mut s = TestServer::new().await;
    s.push("app", "v1").await;
    s.push("app", "v2").await;
    let start = json!({ "repositoryName": "app", "lifecyclePolicyText": text(&[rule(1, &any(), &more_than(1), "expire")]) });
    s.aws("StartLifecyclePolicyPreview", start.clone())
        .await
        .ok();
    let results = preview_of(&s, "app").await;
    assert_eq!(results.len(), 1);
    s.restart().await;
    assert_eq!(preview_of(&s, "app").await, results);
    // What came of it since is not looked at.
    let ids = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    s.aws("BatchDeleteImage", ids).await.ok();
    s.advance(Duration::from_millis(24 * 3_600_000 - 1));
    assert_eq!(preview_of(&s, "app").await, results);
    s.advance(Duration::from_millis(1));
    let expired = get_preview(&s, "app").await;
    assert_eq!(expired["status"], "EXPIRED");
    assert_eq!(expired["previewResults"], json!([]));
    assert!(expired.get("summary").is_none() && expired.get("nextToken").is_none());
    s.aws("StartLifecyclePolicyPreview", start).await.ok();
    assert_eq!(preview_of(&s, "app").await.len(), 0);
}

#[tokio::test]
async fn one_preview_at_a_time_and_one_that_was_cut_off_is_completed() {
    let mut s = TestServer::new().await;
    fill(&s, "app", 5000).await;
    s.advance(DAY * 2);
    let rules = text(&[rule(1, &any(), &since("Pushed", 1), "expire")]);
    let start = json!({ "repositoryName": "app", "lifecyclePolicyText": rules });
    s.aws("StartLifecyclePolicyPreview", start.clone())
        .await
        .ok();
    s.aws("StartLifecyclePolicyPreview", start.clone())
        .await
        .fails("LifecyclePolicyPreviewInProgressException");
    s.restart().await;
    assert_eq!(preview_of(&s, "app").await.len(), 5000);
    // Each once, though the first attempt had begun to write them.
    let digests: BTreeSet<String> = preview_of(&s, "app")
        .await
        .iter()
        .map(|result| result["imageDigest"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(digests.len(), 5000);
    s.aws("StartLifecyclePolicyPreview", start).await.ok();
    assert_eq!(preview_of(&s, "app").await.len(), 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_images_expire_while_others_write() {
    let s = TestServer::new().await;
    fill(&s, "app", 10_000).await;
    s.advance(DAY * 2);
    put(&s, "app", &[rule(1, &any(), &since("Pushed", 1), "expire")]).await;
    let (mut slowest, mut writes) = (Duration::ZERO, 0);
    let command = lifecycle(&s, &[], 0);
    tokio::pin!(command);
    let said = loop {
        let begun = Instant::now();
        let tag = json!({ "resourceArn": "arn:aws:ecr:us-east-1:000000000000:repository/app",
                          "tags": [{ "Key": "k", "Value": writes.to_string() }] });
        tokio::select! {
            said = &mut command => break said,
            answer = s.aws("TagResource", tag) => answer.ok(),
        };
        slowest = slowest.max(begun.elapsed());
        writes += 1;
    };
    println!("{writes} writes meanwhile, the slowest took {slowest:?}");
    assert!(
        said.ends_with("Expired 10000 and archived 0 images by the policies of 1 repositories.\n")
    );
    assert_eq!(images(&s, "app").await.len(), 0);
    // They came in between the chunks.
    assert!(writes >= 10, "{writes}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

// X13: whoever tags an image while policies are applied keeps it, or is told that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn x13_an_image_that_is_tagged_meanwhile_is_not_taken() {
    let s = TestServer::new().await;
    let digests = fill(&s, "app", 3000).await;
    s.advance(DAY * 2);
    put(
        &s,
        "app",
        &[rule(1, &untagged(), &since("Pushed", 1), "expire")],
    )
    .await;
    let tagging = async {
        let mut kept = Vec::new();
        // From the end: these are planned to go last.
        for (n, digest) in digests.iter().rev().enumerate().take(200) {
            let (digest, tag) = (digest.clone(), format!("t{n}").parse().unwrap());
            let there = s.store().meta().write(move |tx| {
                let there = tx.manifest_size(1, &digest)?.is_some();
                if there {
                    tx.put_tag(1, &tag, &digest)?;
                }
                Ok::<_, Error>(there.then(|| digest.to_string()))
            });
            kept.extend(there.await.unwrap());
        }
        kept
    };
    let (said, kept) = tokio::join!(lifecycle(&s, &[], 0), tagging);
    let left = images(&s, "app").await;
    assert!(kept.iter().all(|digest| left.contains(digest)), "{said}");
    assert_eq!(left.len(), kept.len());
}

#[tokio::test]
async fn a_policy_that_is_replaced_meanwhile_takes_nothing_more() {
    let s = TestServer::new().await;
    fill(&s, "app", 5000).await;
    s.advance(DAY * 2);
    put(&s, "app", &[rule(1, &any(), &since("Pushed", 1), "expire")]).await;
    let replacing = async {
        while images(&s, "app").await.len() == 5000 {
            tokio::task::yield_now().await;
        }
        s.aws("DeleteLifecyclePolicy", json!({ "repositoryName": "app" }))
            .await
            .ok();
        images(&s, "app").await.len()
    };
    let (said, then) = tokio::join!(lifecycle(&s, &[], 0), replacing);
    assert_eq!(images(&s, "app").await.len(), then, "{said}");
}

#[tokio::test]
async fn e10_catastrophic_patterns_take_no_time() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    for n in 0..200 {
        let tag = format!("{}{n}", "a".repeat(120));
        image.put(&s, "app", &tag).await.expect(201);
    }
    let nasty: Vec<String> = (0..250)
        .map(|n| format!("*{}*{}*a*b{n}", "a".repeat(40), "a".repeat(40)))
        .collect();
    let many = json!({ "tagStatus": "tagged", "tagPatternList": nasty });
    let long = json!({ "tagStatus": "tagged", "tagPatternList": ["a".repeat(4000)] });
    put(
        &s,
        "app",
        &[
            rule(1, &many, &more_than(1), "expire"),
            rule(2, &long, &more_than(1), "expire"),
        ],
    )
    .await;
    let begun = Instant::now();
    lifecycle(&s, &[], 0).await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn registries_have_policies_of_their_own() {
    let s = TestServer::new().await;
    let input = json!({ "repositoryName": "app", "lifecyclePolicyText": text(&[rule(1, &any(), &more_than(1), "expire")]) });
    s.aws_as("test", "eu-west-1", "PutLifecyclePolicy", input.clone())
        .await
        .fails("RepositoryNotFoundException");
    s.aws_as(
        "test",
        "eu-west-1",
        "CreateRepository",
        json!({ "repositoryName": "app" }),
    )
    .await
    .ok();
    s.aws_as("test", "eu-west-1", "PutLifecyclePolicy", input)
        .await
        .ok();
    s.aws("GetLifecyclePolicy", json!({ "repositoryName": "app" }))
        .await
        .fails("LifecyclePolicyNotFoundException");
    s.push("app", "v1").await;
    s.push("app", "v2").await;
    lifecycle(&s, &[], 0).await;
    assert_eq!(images(&s, "app").await.len(), 2);
}
