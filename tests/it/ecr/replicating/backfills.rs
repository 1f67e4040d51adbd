//! Backfills: what was pushed before there was a rule.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, eventually};
use wharf_types::Digest;

use super::{EU, HOME, TO_EU, backfilled, start};

#[tokio::test]
async fn a_backfill_brings_what_was_pushed_before_and_its_results_are_paged() {
    let s = TestServer::new().await;
    let base = Image::new("base");
    base.push_blobs(&s, "app").await;
    for i in 0..60 {
        let image = Image::with("base", json!({ "annotations": { "i": i.to_string() } }));
        let tags: Vec<String> = (0..20).map(|t| format!("tag=v{i}.{t}")).collect();
        let reference = format!("{}?{}", image.digest, tags.join("&"));
        image.put(&s, "app", &reference).await.expect(201);
    }
    let (child, untagged) = (Image::new("child"), Image::new("untagged"));
    child.push(&s, "app", child.digest.as_str()).await;
    untagged.push(&s, "app", untagged.digest.as_str()).await;
    let index = Image::index(&[&child]);
    index.push(&s, "app", "index").await;
    HOME.replicates(&s, &[&EU], &["app"]).await;
    s.create("elsewhere").await;
    s.push("elsewhere", "v1").await;
    let id = start(&s, &EU).await;
    let done = backfilled(&s, &id, json!({ "maxResults": 1000 })).await;
    assert_eq!(done["status"], "COMPLETE");
    let total = 60 * 20 + 2;
    let progress = json!({ "totalReplicationCount": total, "completedReplicationCount": total,
        "failedReplicationCount": 0, "failureCodes": [] });
    assert_eq!(done["progress"], progress);
    let first = done["results"].as_array().unwrap();
    assert_eq!(first.len(), 1000);
    let rest = backfilled(
        &s,
        &id,
        json!({ "maxResults": 1000, "nextToken": done["nextToken"] }),
    )
    .await;
    let rest = (rest["results"].as_array().unwrap(), &rest["nextToken"]);
    assert_eq!((rest.0.len(), rest.1), (total - 1000, &Value::Null));
    let mut seen: Vec<&Value> = first.iter().chain(rest.0).map(|r| &r["imageId"]).collect();
    seen.sort_by_key(ToString::to_string);
    seen.dedup();
    assert_eq!(seen.len(), total);
    let of_index = rest.0.iter().find(|r| r["imageId"]["imageTag"] == "index");
    assert_eq!(of_index.unwrap()["subImageFailureCodes"], json!([]));
    for reference in [
        "v0.0",
        "v59.19",
        "index",
        untagged.digest.as_str(),
        child.digest.as_str(),
    ] {
        assert!(
            EU.names(&s, "app", reference).await.is_some(),
            "{reference}"
        );
    }
    assert_eq!(EU.names(&s, "elsewhere", "v1").await, None);
    assert_eq!(HOME.statuses(&s, "app", &untagged.digest).await, [TO_EU]);
    assert!(s.store().check(true).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_backfill_counts_failures_and_is_forgotten_after_90_days() {
    let s = TestServer::new().await;
    let mine = s.push("app", "v1").await;
    let good = s.push("app", "v2").await;
    let input = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    EU.aws(&s, "CreateRepository", input).await;
    let theirs = Image::new("theirs");
    let eu = s.password_of(EU.0, EU.1).await;
    push_with(&s, &eu, "app", "v1", &theirs).await;
    HOME.replicates(&s, &[&EU], &[]).await;
    let id = start(&s, &EU).await;
    let done = backfilled(&s, &id, json!({ "resultStatusFilter": "FAILED" })).await;
    let progress = json!({ "totalReplicationCount": 2, "completedReplicationCount": 1,
        "failedReplicationCount": 1, "failureCodes": ["ImageTagAlreadyExists"] });
    assert_eq!(
        (&done["status"], &done["progress"]),
        (&json!("COMPLETE"), &progress)
    );
    let failed = json!([{ "repositoryName": "app", "status": "FAILED", "failureCode": "ImageTagAlreadyExists",
        "imageId": { "imageDigest": mine.digest, "imageTag": "v1" } }]);
    assert_eq!(done["results"], failed);
    let done = backfilled(&s, &id, json!({ "resultStatusFilter": "COMPLETE" })).await;
    assert_eq!(
        done["results"][0]["imageId"]["imageDigest"],
        json!(good.digest)
    );
    assert_eq!(
        EU.names(&s, "app", "v1").await.unwrap(),
        theirs.digest.as_str()
    );
    s.advance(Duration::from_hours(90 * 24));
    let input = json!({ "replicationBackfillId": id });
    s.aws("DescribeReplicationBackfillResults", input)
        .await
        .fails("ReplicationBackfillNotFoundException");
    let left = || async {
        let state = s.state().await;
        state
            .iter()
            .filter(|line| line.contains("replication-backfill"))
            .count()
    };
    eventually("the backfill is removed", async || {
        (left().await == 0).then_some(())
    })
    .await;
}

/// Pushes an image with another registry's password.
async fn push_with(s: &TestServer, password: &str, repo: &str, tag: &str, image: &Image) {
    for bytes in image.layers.iter().chain([&image.config]) {
        let path = format!("/v2/{repo}/blobs/uploads/?digest={}", Digest::sha256(bytes));
        let call = s.call("POST", &path).password(password).body(bytes.clone());
        call.header("content-type", "application/octet-stream")
            .send()
            .await
            .expect(201);
    }
    s.call("PUT", &format!("/v2/{repo}/manifests/{tag}"))
        .password(password)
        .header("content-type", &image.media_type)
        .body(image.manifest.clone())
        .send()
        .await
        .expect(201);
}

#[tokio::test]
async fn backfills_are_one_a_region_and_fail_without_their_destination() {
    let s = TestServer::new().await;
    let input = json!({ "destination": EU.destination() });
    let refused = s.aws("StartReplicationBackfill", input).await;
    refused.fails("InvalidParameterException");
    let listed = HOME.aws(&s, "ListReplicationBackfills", json!({})).await;
    assert_eq!(listed["backfills"], json!([]));
    HOME.replicates(&s, &[&EU], &[]).await;
    // Nothing to do is soon done.
    let id = start(&s, &EU).await;
    let done = backfilled(&s, &id, json!({})).await;
    assert_eq!(done["status"], "COMPLETE");
    assert_eq!(done["progress"]["totalReplicationCount"], 0);
    let input = json!({ "replicationBackfillId": id });
    s.aws("StopReplicationBackfill", input)
        .await
        .fails("ReplicationBackfillInvalidStatusException");
    // Others do not see it.
    let input = json!({ "replicationBackfillId": id });
    s.aws_as(EU.0, EU.1, "StopReplicationBackfill", input)
        .await
        .fails("ReplicationBackfillNotFoundException");
}
