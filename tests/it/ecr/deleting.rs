//! Images deleted: by ECR's JSON API, and by `/v2/`, which means something else by it.
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer};

async fn delete(s: &TestServer, ids: Value) -> Value {
    s.aws(
        "BatchDeleteImage",
        json!({ "repositoryName": "app", "imageIds": ids }),
    )
    .await
    .ok()
}

#[tokio::test]
async fn batch_delete_by_tag_untags_and_the_last_tag_takes_the_image_along() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    image.put(&s, "app", "v2").await.expect(201);
    let digest = image.digest.as_str();
    let first = delete(&s, json!([{ "imageTag": "v1" }])).await;
    let id = |tag: &str| json!([{ "imageDigest": digest, "imageTag": tag }]);
    assert_eq!(first, json!({ "imageIds": id("v1"), "failures": [] }));
    image.assert_pulls(&s, "app", "v2").await;
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    let last = delete(&s, json!([{ "imageTag": "v2", "imageDigest": digest }])).await;
    assert_eq!(last, json!({ "imageIds": id("v2"), "failures": [] }));
    let gone = s
        .call("GET", &format!("/v2/app/manifests/{digest}"))
        .send()
        .await;
    gone.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn batch_delete_by_digest_takes_all_tags_along() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    image.put(&s, "app", "v2").await.expect(201);
    let untagged = Image::new("untagged");
    untagged.push_blobs(&s, "app").await;
    untagged
        .put(&s, "app", untagged.digest.as_str())
        .await
        .expect(201);
    let ids = json!([{ "imageDigest": image.digest }, { "imageDigest": untagged.digest }]);
    let expected = json!([
        { "imageDigest": image.digest, "imageTag": "v1" },
        { "imageDigest": image.digest, "imageTag": "v2" },
        { "imageDigest": untagged.digest },
    ]);
    assert_eq!(
        delete(&s, ids).await,
        json!({ "imageIds": expected, "failures": [] })
    );
    let left = s
        .aws("ListImages", json!({ "repositoryName": "app" }))
        .await
        .ok();
    assert_eq!(left, json!({ "imageIds": [] }));
}

#[tokio::test]
async fn deleting_a_tag_on_v2_only_untags() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    s.call("DELETE", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(202);
    s.call("DELETE", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    image.assert_pulls(&s, "app", image.digest.as_str()).await;
    let listed = s
        .aws("ListImages", json!({ "repositoryName": "app" }))
        .await
        .ok();
    assert_eq!(
        listed,
        json!({ "imageIds": [{ "imageDigest": image.digest }] })
    );
}

#[tokio::test]
async fn a_child_of_an_index_cannot_be_deleted_before_it() {
    let s = TestServer::new().await;
    let (a, b) = (s.push("app", "a").await, s.push("app", "b").await);
    let index = Image::index(&[&a, &b]);
    index.push(&s, "app", "multi").await;
    for id in [
        json!({ "imageDigest": a.digest }),
        json!({ "imageTag": "a" }),
    ] {
        let answer = delete(&s, json!([id])).await;
        assert_eq!(answer["imageIds"], json!([]));
        let failure = &answer["failures"][0];
        assert_eq!(failure["imageId"], id);
        assert_eq!(failure["failureCode"], "ImageReferencedByManifestList");
        let reason = failure["failureReason"].as_str().unwrap();
        assert!(
            reason.starts_with("Requested image referenced by manifest list: ["),
            "{reason}"
        );
        assert!(reason.contains(index.digest.as_str()), "{reason}");
    }
    let refused = s
        .call("DELETE", &format!("/v2/app/manifests/{}", a.digest))
        .send()
        .await;
    refused.fails(409, "DENIED");
    index.assert_pulls(&s, "app", "multi").await;
    a.assert_pulls(&s, "app", "a").await;
    // The index first, then its children.
    let ids = json!([{ "imageTag": "multi" }, { "imageTag": "a" }, { "imageTag": "b" }]);
    let answer = delete(&s, ids).await;
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(answer["imageIds"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn e7_what_cannot_be_deleted_fails_alone() {
    let s = TestServer::new().await;
    let (image, other) = (s.push("app", "v1").await, s.push("app", "other").await);
    let unknown = Image::new("unknown").digest;
    let ids = json!([
        {},
        { "imageTag": "-bad" },
        { "imageDigest": "sha256:no" },
        { "imageTag": "none" },
        { "imageDigest": unknown },
        { "imageTag": "v1", "imageDigest": other.digest },
        { "imageTag": "v1" },
        { "imageTag": "v1" },
    ]);
    let answer = delete(&s, ids.clone()).await;
    assert_eq!(
        answer["imageIds"],
        json!([{ "imageTag": "v1", "imageDigest": image.digest }])
    );
    let codes: Vec<_> = answer["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["failureCode"].as_str().unwrap(), f["imageId"].clone()))
        .collect();
    assert_eq!(
        codes,
        [
            ("MissingDigestAndTag", ids[0].clone()),
            ("InvalidImageTag", ids[1].clone()),
            ("InvalidImageDigest", ids[2].clone()),
            ("ImageNotFound", ids[3].clone()),
            ("ImageNotFound", ids[4].clone()),
            ("ImageTagDoesNotMatchDigest", ids[5].clone()),
            ("ImageNotFound", ids[7].clone()),
        ]
    );
    other.assert_pulls(&s, "app", "other").await;
}
