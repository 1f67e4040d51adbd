//! `PutImage` and `BatchGetImage`: manifests through the JSON door.
use serde_json::{Value, json};
use wharf_testkit::{AwsReply, Image, TestServer};
use wharf_types::{Digest, media};

async fn put(s: &TestServer, members: Value) -> AwsReply {
    let mut input = json!({ "repositoryName": "app" });
    input
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    s.aws("PutImage", input).await
}

#[tokio::test]
async fn e6_what_is_put_is_pulled_and_got_byte_for_byte() {
    let s = TestServer::new().await;
    // Bytes that another serialiser would write otherwise.
    let mut image = Image::new("spaces");
    image.manifest = image.manifest.replacen('{', "{ \n\t", 1);
    image.digest = Digest::sha256(image.manifest.as_bytes());
    image.push_blobs(&s, "app").await;
    let expected = json!({
        "registryId": "000000000000",
        "repositoryName": "app",
        "imageId": { "imageDigest": image.digest, "imageTag": "v1" },
        "imageManifest": image.manifest,
        "imageManifestMediaType": media::OCI_MANIFEST,
    });
    let made = put(
        &s,
        json!({ "imageManifest": image.manifest, "imageTag": "v1" }),
    )
    .await
    .ok();
    assert_eq!(made, json!({ "image": expected }));
    image.assert_pulls(&s, "app", "v1").await;
    let got = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    let got = s.aws("BatchGetImage", got).await.ok();
    assert_eq!(got, json!({ "images": [expected], "failures": [] }));
}

#[tokio::test]
async fn e6_what_cannot_be_put_is_refused_and_leaves_no_trace() {
    let s = TestServer::new().await;
    let there = s.push("app", "v1").await;
    let missing = Image::new("missing");
    let index = Image::index(&[&missing]);
    let other = Image::new("other").digest;
    let before = s.state().await;
    let manifest = &there.manifest;
    for (members, kind) in [
        (
            json!({ "imageManifest": missing.manifest }),
            "LayersNotFoundException",
        ),
        (
            json!({ "imageManifest": index.manifest }),
            "ReferencedImagesNotFoundException",
        ),
        (
            json!({ "imageManifest": manifest, "imageDigest": other }),
            "ImageDigestDoesNotMatchException",
        ),
        (
            json!({ "imageManifest": manifest, "imageTag": "v1" }),
            "ImageAlreadyExistsException",
        ),
        (
            json!({ "imageManifest": manifest }),
            "ImageAlreadyExistsException",
        ),
        (
            json!({ "imageManifest": manifest, "imageTag": "-x" }),
            "InvalidParameterException",
        ),
        (
            json!({ "imageManifest": manifest, "imageTag": "x".repeat(301) }),
            "InvalidParameterException",
        ),
        (
            json!({ "imageManifest": manifest, "imageDigest": "sha256:no" }),
            "InvalidParameterException",
        ),
        (
            json!({ "imageManifest": manifest, "imageManifestMediaType": media::OCI_INDEX }),
            "InvalidParameterException",
        ),
        (
            json!({ "imageManifest": "{}" }),
            "InvalidParameterException",
        ),
        (
            json!({ "imageManifest": "not json" }),
            "InvalidParameterException",
        ),
        (json!({ "imageManifest": "" }), "InvalidParameterException"),
        (json!({ "imageTag": "v1" }), "InvalidParameterException"),
    ] {
        let reply = put(&s, members.clone()).await;
        assert_eq!(reply.body["__type"], kind, "{members}");
        reply.fails(kind);
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn e6_errors_say_what_is_missing_in_the_words_of_ecr() {
    let s = TestServer::new().await;
    let there = s.push("app", "v1").await;
    let missing = Image::new("missing");
    let failed = put(&s, json!({ "imageManifest": missing.manifest })).await;
    let text = failed.fails("LayersNotFoundException")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(text.starts_with("Layers with digests '["), "{text}");
    assert!(
        text.ends_with(
            "required for pushing image into repository with name 'app' in the registry with id '000000000000' do not exist"
        ),
        "{text}"
    );
    for bytes in missing.layers.iter().chain([&missing.config]) {
        assert!(text.contains(Digest::sha256(bytes).as_str()), "{text}");
    }
    let again = put(
        &s,
        json!({ "imageManifest": there.manifest, "imageTag": "v1" }),
    )
    .await;
    let expected = format!(
        "Image with digest '{}' and tag 'v1' already exists in the repository with name 'app' in registry with id '000000000000'",
        there.digest
    );
    assert_eq!(
        again.fails("ImageAlreadyExistsException")["message"],
        expected
    );
}

#[tokio::test]
async fn json_knows_tags_that_are_too_long_for_v2() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let long = "x".repeat(300);
    put(
        &s,
        json!({ "imageManifest": image.manifest, "imageTag": long }),
    )
    .await
    .ok();
    let got = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": long }] });
    let got = s.aws("BatchGetImage", got).await.ok();
    assert_eq!(got["images"][0]["imageManifest"], image.manifest);
}

#[tokio::test]
async fn e7_batch_get_answers_what_it_can() {
    let s = TestServer::new().await;
    let (a, b) = (s.push("app", "a").await, s.push("app", "b").await);
    let ids = json!([
        { "imageTag": "a" },
        { "imageDigest": b.digest },
        { "imageTag": "b", "imageDigest": b.digest },
        { "imageTag": "a", "imageDigest": b.digest },
        { "imageTag": "none" },
        { "imageDigest": "sha512:xx" },
        { "imageTag": "a b" },
        {},
    ]);
    let input = json!({
        "repositoryName": "app", "imageIds": ids, "acceptedMediaTypes": ["application/nothing"],
    });
    let got = s.aws("BatchGetImage", input).await.ok();
    let images: Vec<_> = got["images"].as_array().unwrap().iter().collect();
    assert_eq!(
        images.iter().map(|i| &i["imageId"]).collect::<Vec<_>>(),
        [
            &json!({ "imageTag": "a", "imageDigest": a.digest }),
            &json!({ "imageDigest": b.digest }),
            &json!({ "imageTag": "b", "imageDigest": b.digest }),
        ]
    );
    assert_eq!(images[1]["imageManifest"], b.manifest);
    let failures = got["failures"].as_array().unwrap();
    let codes: Vec<_> = failures
        .iter()
        .map(|f| f["failureCode"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "ImageTagDoesNotMatchDigest",
            "ImageNotFound",
            "InvalidImageDigest",
            "InvalidImageTag",
            "MissingDigestAndTag",
        ]
    );
    assert_eq!(failures[1]["failureReason"], "Requested image not found");
    assert_eq!(
        failures[4]["failureReason"],
        "Invalid request parameters: both tag and digest cannot be null"
    );
}
