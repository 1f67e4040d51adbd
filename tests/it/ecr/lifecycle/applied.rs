//! Policies applied on command and by the clock.
use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use wharf_storage::ImageStatus;
use wharf_testkit::{Image, TestServer, eventually};

use super::{DAY, any, images, lifecycle, more_than, put, rule, since, tagged, text, untagged};

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
