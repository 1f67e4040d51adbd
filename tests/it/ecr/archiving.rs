//! The archive, and when images were pulled: rules that need a clock.
use std::time::Duration;

use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, eventually};

const HOUR: Duration = Duration::from_hours(1);

async fn describe(s: &TestServer, image: &Image) -> Value {
    let input =
        json!({ "repositoryName": "app", "imageIds": [{ "imageDigest": image.digest.as_str() }] });
    s.aws("DescribeImages", input).await.ok()["imageDetails"][0].clone()
}

async fn move_to(s: &TestServer, image: &Image, class: &str) -> Value {
    let input = json!({
        "repositoryName": "app",
        "imageId": { "imageDigest": image.digest.as_str() },
        "targetStorageClass": class,
    });
    s.aws("UpdateImageStorageClass", input).await.ok()["imageStatus"].clone()
}

#[tokio::test]
async fn an_image_says_when_it_was_archived_and_activated() {
    let mut s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let start = s.now();
    s.advance(HOUR);
    assert_eq!(move_to(&s, &image, "ARCHIVE").await, "ARCHIVED");
    s.advance(HOUR);
    s.restart().await;
    let archived = describe(&s, &image).await;
    assert_eq!(archived["imageStatus"], "ARCHIVED");
    assert_eq!(archived["lastArchivedAt"], (start + HOUR).as_secs_f64());
    assert_eq!(archived["lastActivatedAt"], Value::Null);
    assert_eq!(archived["imagePushedAt"], start.as_secs_f64());
    assert_eq!(move_to(&s, &image, "STANDARD").await, "ACTIVATING");
    let active = describe(&s, &image).await;
    assert_eq!(active["imageStatus"], "ACTIVE");
    assert_eq!(active["lastArchivedAt"], (start + HOUR).as_secs_f64());
    assert_eq!(active["lastActivatedAt"], (start + HOUR * 2).as_secs_f64());
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn archived_bytes_are_kept() {
    let mut s = TestServer::new().await;
    let image = Image::of("kept", vec![vec![1; 100_000]]);
    image.push(&s, "app", "v1").await;
    move_to(&s, &image, "ARCHIVE").await;
    s.advance(HOUR * 1000);
    s.login().await;
    let collected = s.store().collect(wharf_storage::Leases::Respect).await;
    assert_eq!(collected.unwrap().blobs, 0);
    assert!(s.store().check(false).await.unwrap().is_empty());
    move_to(&s, &image, "STANDARD").await;
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn an_index_comes_back_with_all_that_is_below_it() {
    let s = TestServer::new().await;
    let leaf = s.push("app", "leaf").await;
    let inner = Image::index(&[&leaf]);
    inner.put(&s, "app", "inner").await.expect(201);
    let outer = Image::index(&[&inner]);
    outer.put(&s, "app", "outer").await.expect(201);
    for image in [&outer, &inner, &leaf] {
        assert_eq!(move_to(&s, image, "ARCHIVE").await, "ARCHIVED");
    }
    // A push of an index whose children are archived is one of an index without them.
    outer
        .put(&s, "app", "outer")
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(move_to(&s, &outer, "STANDARD").await, "ACTIVATING");
    for image in [&outer, &inner, &leaf] {
        assert_eq!(describe(&s, image).await["imageStatus"], "ACTIVE");
    }
}

/// The time of the last pull once it is noted, which happens beside the answer.
async fn pulled(s: &TestServer, image: &Image, expected: Option<f64>) {
    eventually(&format!("the pull time is {expected:?}"), async || {
        let noted = describe(s, image).await["lastRecordedPullTime"].as_f64();
        (noted == expected).then_some(())
    })
    .await;
}

async fn pull(s: &TestServer, by: &str) {
    let password = s.password_of(by, "us-east-1").await;
    let got = s.call("GET", "/v2/app/manifests/v1").password(&password);
    got.send().await.expect(200);
}

async fn batch_get(s: &TestServer, by: &str) {
    let input = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    s.aws_as(by, "us-east-1", "BatchGetImage", input).await.ok();
}

#[tokio::test]
async fn a_pull_is_noted_at_most_once_in_24_hours_by_whichever_door() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    pulled(&s, &image, None).await;
    let first = s.now();
    batch_get(&s, "test").await;
    pulled(&s, &image, Some(first.as_secs_f64())).await;
    s.advance(Duration::from_millis(24 * 60 * 60 * 1000 - 1));
    pull(&s, "test").await;
    batch_get(&s, "test").await;
    s.call("HEAD", "/v2/app/manifests/v1").send().await;
    pulled(&s, &image, Some(first.as_secs_f64())).await;
    s.advance(Duration::from_millis(1));
    let second = s.now();
    pull(&s, "test").await;
    pulled(&s, &image, Some(second.as_secs_f64())).await;
}

#[tokio::test]
async fn an_excluded_principal_leaves_no_pull_time_by_either_door() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let excluded = json!({ "principalArn": "arn:aws:iam::000000000000:user/AKIDSCAN" });
    let made = s
        .aws("RegisterPullTimeUpdateExclusion", excluded.clone())
        .await;
    assert_eq!(made.ok()["createdAt"], s.now().as_secs_f64());
    pull(&s, "AKIDSCAN").await;
    batch_get(&s, "AKIDSCAN").await;
    // Whatever those two would have noted is decided once this is: the writer takes one at a time.
    s.create("other").await;
    pulled(&s, &image, None).await;
    s.advance(HOUR);
    pull(&s, "AKIDOTHER").await;
    let first = s.now();
    pulled(&s, &image, Some(first.as_secs_f64())).await;
    s.advance(HOUR * 24);
    s.aws("DeregisterPullTimeUpdateExclusion", excluded)
        .await
        .ok();
    batch_get(&s, "AKIDSCAN").await;
    pulled(&s, &image, Some(s.now().as_secs_f64())).await;
}
