//! The pull-through cache, with another server of ours as the upstream.
use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

mod fake;
mod hostile;

const DAY: Duration = Duration::from_hours(24);
const SECRET: &str =
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:ecr-pullthroughcache/up-AbCdEf";

/// A server whose rules may name this upstream, with the password of its secret.
async fn server(
    upstream: &str,
    password: &str,
    change: impl FnOnce(&mut wharf::config::Config),
) -> TestServer {
    let secrets =
        format!("[\"ecr-pullthroughcache/up\"]\nusername='AWS'\naccessToken='{password}'\n");
    TestServer::with(|config| {
        config.upstream_allow = vec![upstream.parse().unwrap()];
        let path = config.data_dir.parent().unwrap().join("secrets.toml");
        std::fs::write(&path, secrets).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.secrets = Some(path);
        change(config);
    })
    .await
}

async fn rule(s: &TestServer, prefix: &str, upstream: &str, members: Value) {
    let mut input = json!({ "ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": upstream });
    if let (Some(input), Value::Object(members)) = (input.as_object_mut(), members) {
        input.extend(members);
    }
    s.aws("CreatePullThroughCacheRule", input).await.ok();
}

/// An upstream with the repository `app`, and a server with the rule `up` for it.
async fn pair() -> (TestServer, TestServer) {
    let upstream = TestServer::new().await;
    let s = server(&upstream.url(), upstream.password(), |_| {}).await;
    rule(
        &s,
        "up",
        &upstream.url(),
        json!({ "credentialArn": SECRET }),
    )
    .await;
    (upstream, s)
}

async fn digest(s: &TestServer, repo: &str, tag: &str) -> String {
    let path = format!("/v2/{repo}/manifests/{tag}");
    let head = s.call("HEAD", &path).send().await.expect(200);
    head.header("docker-content-digest").to_owned()
}

async fn get(s: &TestServer, repo: &str, bytes: &[u8]) -> wharf_testkit::Reply {
    let path = format!("/v2/{repo}/blobs/{}", Digest::sha256(bytes));
    s.call("GET", &path).send().await
}

#[tokio::test]
async fn a_pull_makes_the_repository_and_keeps_the_image() {
    let (mut upstream, mut s) = pair().await;
    let large = vec![7; 3_000_000];
    let image = Image::of("large", vec![large, b"small".to_vec(), Vec::new()]);
    image.push(&upstream, "app", "v1").await;
    image.assert_pulls(&s, "up/app", "v1").await;
    let found = s
        .aws("DescribeImages", json!({ "repositoryName": "up/app" }))
        .await
        .ok();
    assert_eq!(found["imageDetails"][0]["imageTags"], json!(["v1"]));
    assert_eq!(found["imageDetails"][0]["imageDigest"], json!(image.digest));
    s.assert_tidy().await;
    assert_eq!(s.store().check(false).await.unwrap(), []);
    // All of it is here now.
    upstream.stop().await;
    s.restart().await;
    image.assert_pulls(&s, "up/app", "v1").await;
}

#[tokio::test]
async fn layers_come_when_they_are_asked_for_over_a_restart_too() {
    let (upstream, mut s) = pair().await;
    let image = upstream.push("app", "v1").await;
    assert_eq!(digest(&s, "up/app", "v1").await, image.digest.as_str());
    s.restart().await;
    assert_eq!(
        s.store().check(false).await.unwrap(),
        [],
        "what may come later is not missing"
    );
    let path = format!("/v2/up/app/blobs/{}", Digest::sha256(&image.layers[0]));
    let part = s
        .call("GET", &path)
        .header("range", "bytes=2-4")
        .send()
        .await
        .expect(206);
    assert_eq!(part.body, image.layers[0][2..=4]);
    let config = format!("/v2/up/app/blobs/{}", Digest::sha256(&image.config));
    let length = image.config.len().to_string();
    let head = s.call("HEAD", &config).send().await.expect(200);
    assert_eq!(head.header("content-length"), length);
    image.assert_pulls(&s, "up/app", "v1").await;
    s.assert_tidy().await;
}

#[tokio::test]
async fn only_what_a_manifest_here_names_is_fetched() {
    let (upstream, s) = pair().await;
    let image = upstream.push("app", "v1").await;
    upstream.push_blob("app", b"unnamed").await;
    get(&s, "up/app", &image.layers[0])
        .await
        .fails(404, "NAME_UNKNOWN");
    digest(&s, "up/app", "v1").await;
    get(&s, "up/app", b"unnamed")
        .await
        .fails(404, "BLOB_UNKNOWN");
    // Nor is it shown what other repositories of ours have.
    s.push_blob("app", &image.layers[0]).await;
    s.create("other").await;
    get(&s, "other", &image.layers[0])
        .await
        .fails(404, "BLOB_UNKNOWN");
    get(&s, "up/app", &image.layers[0]).await.expect(200);
}

#[tokio::test]
async fn what_the_upstream_does_not_have_makes_nothing() {
    let (upstream, s) = pair().await;
    upstream.push("app", "v1").await;
    let before = s.state().await;
    let pull = |path: &'static str| s.call("GET", path).send();
    pull("/v2/up/none/manifests/v1")
        .await
        .fails(404, "NAME_UNKNOWN");
    pull("/v2/up/app/manifests/v2")
        .await
        .fails(404, "NAME_UNKNOWN");
    pull("/v2/upp/app/manifests/v1")
        .await
        .fails(404, "NAME_UNKNOWN");
    assert_eq!(s.state().await, before);
    digest(&s, "up/app", "v1").await;
    pull("/v2/up/app/manifests/v2")
        .await
        .fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_tag_is_compared_once_a_day_and_what_fails_leaves_it() {
    let (mut upstream, mut s) = pair().await;
    let first = upstream.push("app", "v1").await;
    assert_eq!(digest(&s, "up/app", "v1").await, first.digest.as_str());
    let second = Image::new("second");
    second.push(&upstream, "app", "v1").await;
    s.advance(Duration::from_secs(24 * 60 * 60 - 1));
    s.login().await;
    assert_eq!(digest(&s, "up/app", "v1").await, first.digest.as_str());
    s.advance(Duration::from_secs(1));
    assert_eq!(digest(&s, "up/app", "v1").await, second.digest.as_str());
    // ECR serves the last image if it cannot update it, and so do we if the tag has gone.
    s.advance(DAY);
    s.login().await;
    upstream
        .call("DELETE", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(202);
    assert_eq!(digest(&s, "up/app", "v1").await, second.digest.as_str());
    first.put(&upstream, "app", "v1").await.expect(201);
    assert_eq!(
        digest(&s, "up/app", "v1").await,
        second.digest.as_str(),
        "left alone for minutes"
    );
    s.advance(Duration::from_mins(5));
    assert_eq!(digest(&s, "up/app", "v1").await, first.digest.as_str());
    upstream.stop().await;
    s.advance(DAY);
    s.login().await;
    assert_eq!(digest(&s, "up/app", "v1").await, first.digest.as_str());
    assert_eq!(
        digest(&s, "up/app", first.digest.as_str()).await,
        first.digest.as_str()
    );
    s.call("GET", "/v2/up/app/manifests/v2")
        .send()
        .await
        .fails(502, "UNKNOWN");
}

#[tokio::test]
async fn immutability_keeps_a_tag_from_being_updated() {
    let (upstream, mut s) = pair().await;
    let template = json!({ "prefix": "up", "appliedFor": ["PULL_THROUGH_CACHE"], "imageTagMutability": "IMMUTABLE" });
    s.aws("CreateRepositoryCreationTemplate", template)
        .await
        .ok();
    let first = upstream.push("app", "v1").await;
    assert_eq!(digest(&s, "up/app", "v1").await, first.digest.as_str());
    Image::new("second").push(&upstream, "app", "v1").await;
    s.advance(DAY);
    s.login().await;
    assert_eq!(digest(&s, "up/app", "v1").await, first.digest.as_str());
    let found = s
        .aws(
            "DescribeRepositories",
            json!({ "repositoryNames": ["up/app"] }),
        )
        .await
        .ok();
    assert_eq!(found["repositories"][0]["imageTagMutability"], "IMMUTABLE");
    let images = s
        .aws("ListImages", json!({ "repositoryName": "up/app" }))
        .await
        .ok();
    assert_eq!(
        images["imageIds"].as_array().unwrap().len(),
        1,
        "nothing more was stored"
    );
}

#[tokio::test]
async fn what_is_pushed_here_is_not_overwritten() {
    let (upstream, mut s) = pair().await;
    upstream.push("app", "v1").await;
    upstream.push("app", "v2").await;
    digest(&s, "up/app", "v1").await;
    let own = Image::new("own");
    own.push(&s, "up/app", "v1").await;
    own.push(&s, "up/app", "v2").await;
    s.advance(DAY);
    s.login().await;
    for tag in ["v1", "v2"] {
        assert_eq!(digest(&s, "up/app", tag).await, own.digest.as_str());
    }
    // A push is as strict as elsewhere: what it names must be here.
    let missing = Image::new("missing");
    missing
        .put(&s, "up/app", "v3")
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn an_index_brings_its_children_and_digests_can_be_pulled_first() {
    let (upstream, s) = pair().await;
    let (amd, arm) = (Image::new("amd64"), Image::new("arm64"));
    amd.push(&upstream, "app", amd.digest.as_str()).await;
    arm.push(&upstream, "app", arm.digest.as_str()).await;
    let index = Image::index(&[&amd, &arm]);
    index.put(&upstream, "app", "multi").await.expect(201);
    index.assert_pulls(&s, "up/app", "multi").await;
    arm.assert_pulls(&s, "up/app", arm.digest.as_str()).await;
    // ECR refuses this one; the digest makes it as safe as a tag.
    upstream.create("second").await;
    let pinned = Image::new("pinned");
    pinned.push(&upstream, "second", "v1").await;
    pinned
        .assert_pulls(&s, "up/second", pinned.digest.as_str())
        .await;
    let unknown = format!("/v2/up/third/manifests/{}", pinned.digest);
    s.call("GET", &unknown)
        .send()
        .await
        .fails(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn referrers_come_with_the_image_they_are_of() {
    let (upstream, s) = pair().await;
    let image = upstream.push("app", "v1").await;
    let subject = json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() });
    let signature = Image::with(
        "signature",
        json!({ "subject": subject, "artifactType": "a/signature" }),
    );
    signature
        .push(&upstream, "app", signature.digest.as_str())
        .await;
    digest(&s, "up/app", "v1").await;
    let path = format!("/v2/up/app/referrers/{}", image.digest);
    let listed = s.call("GET", &path).send().await.expect(200).json();
    assert_eq!(listed["manifests"][0]["digest"], json!(signature.digest));
    signature
        .assert_pulls(&s, "up/app", signature.digest.as_str())
        .await;
}

#[tokio::test]
async fn the_json_api_pulls_through_and_says_why_it_could_not() {
    let (mut upstream, s) = pair().await;
    let image = upstream.push("app", "v1").await;
    let batch = |tags: &[&str]| {
        let ids: Vec<Value> = tags.iter().map(|tag| json!({ "imageTag": tag })).collect();
        s.aws(
            "BatchGetImage",
            json!({ "repositoryName": "up/app", "imageIds": ids }),
        )
    };
    let none = json!({ "repositoryName": "up/none", "imageIds": [{ "imageTag": "v1" }] });
    s.aws("BatchGetImage", none)
        .await
        .fails("RepositoryNotFoundException");
    let got = batch(&["v1", "v2"]).await.ok();
    assert_eq!(got["images"][0]["imageManifest"], json!(image.manifest));
    assert_eq!(got["failures"][0]["failureCode"], "ImageNotFound");
    upstream.stop().await;
    let got = batch(&["v1", "v2"]).await.ok();
    assert_eq!(got["images"][0]["imageManifest"], json!(image.manifest));
    assert_eq!(got["failures"][0]["failureCode"], "UpstreamUnavailable");
}

#[tokio::test]
async fn the_json_api_fetches_layers_and_referrers_and_says_why_it_could_not() {
    let (mut upstream, s) = pair().await;
    let image = Image::of("two", vec![b"first".to_vec(), b"second".to_vec()]);
    image.push(&upstream, "app", "v1").await;
    let subject = json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() });
    let signature = Image::with(
        "signature",
        json!({ "subject": subject, "artifactType": "a/signature" }),
    );
    signature
        .push(&upstream, "app", signature.digest.as_str())
        .await;
    digest(&s, "up/app", "v1").await;
    let url = |layer: &[u8]| {
        let input = json!({ "repositoryName": "up/app", "layerDigest": Digest::sha256(layer) });
        s.aws("GetDownloadUrlForLayer", input)
    };
    let referrers = || {
        let subject = json!({ "imageDigest": image.digest });
        let input = json!({ "repositoryName": "up/app", "subjectId": subject });
        s.aws("ListImageReferrers", input)
    };
    let got = url(b"first").await.ok();
    let got = reqwest::get(got["downloadUrl"].as_str().unwrap()).await;
    assert_eq!(got.unwrap().bytes().await.unwrap(), "first");
    let listed = referrers().await.ok();
    assert_eq!(listed["referrers"][0]["digest"], json!(signature.digest));
    upstream.stop().await;
    s.advance(DAY);
    // What is here needs nobody, and what is not is nobody's fault but the upstream's.
    url(b"first").await.ok();
    url(b"second")
        .await
        .fails("UnableToGetUpstreamLayerException");
    // It is said each time, also while the upstream is left alone.
    for _ in 0..2 {
        referrers()
            .await
            .fails("UnableToListUpstreamImageReferrersException");
    }
}

#[tokio::test]
async fn wrong_credentials_are_denied_access() {
    let upstream = TestServer::new().await;
    upstream.push("app", "v1").await;
    let s = server(&upstream.url(), "wrong", |_| {}).await;
    rule(
        &s,
        "up",
        &upstream.url(),
        json!({ "credentialArn": SECRET }),
    )
    .await;
    rule(&s, "none", &upstream.url(), json!({})).await;
    for prefix in ["up", "none"] {
        let path = format!("/v2/{prefix}/app/manifests/v1");
        s.call("GET", &path).send().await.fails(403, "DENIED");
        let ids = json!({ "repositoryName": format!("{prefix}/app"), "imageIds": [{ "imageTag": "v1" }] });
        let got = s.aws("BatchGetImage", ids).await.ok();
        assert_eq!(got["failures"][0]["failureCode"], "UpstreamAccessDenied");
        let validated = s
            .aws(
                "ValidatePullThroughCacheRule",
                json!({ "ecrRepositoryPrefix": prefix }),
            )
            .await
            .ok();
        assert_eq!(validated["isValid"], false);
        assert!(
            validated["failure"].as_str().unwrap().contains("denied"),
            "{validated}"
        );
    }
}

#[tokio::test]
async fn rules_end_with_the_permission_of_the_operator_and_images_stay() {
    let (upstream, mut s) = pair().await;
    let image = upstream.push("app", "v1").await;
    image.assert_pulls(&s, "up/app", "v1").await;
    s.stop().await;
    s.start_with(|config| config.upstream_allow.clear())
        .await
        .unwrap();
    s.advance(DAY);
    s.login().await;
    image.assert_pulls(&s, "up/app", "v1").await;
    s.call("GET", "/v2/up/app/manifests/v2")
        .send()
        .await
        .fails(502, "UNKNOWN");
    let ids = json!({ "repositoryName": "up/app", "imageIds": [{ "imageTag": "v2" }] });
    s.aws("BatchGetImage", ids)
        .await
        .fails("UnableToGetUpstreamImageException");
    s.aws(
        "DeletePullThroughCacheRule",
        json!({ "ecrRepositoryPrefix": "up" }),
    )
    .await
    .ok();
    image.assert_pulls(&s, "up/app", "v1").await;
    s.call("GET", "/v2/up/app/manifests/v2")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
}
