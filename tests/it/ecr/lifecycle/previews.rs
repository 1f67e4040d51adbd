//! Previews: the same as the run that follows, one at a time, and for a day.
use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use wharf_storage::ImageStatus;
use wharf_testkit::{Image, TestServer, eventually};
use wharf_types::Digest;

use super::{
    DAY, any, fill, images, lifecycle, more_than, put, rule, since, tagged, text, untagged,
};

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
