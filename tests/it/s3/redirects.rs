//! Clients that are sent to the bucket (`--redirect`).
use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::bucket::Bucket;

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A GET or HEAD with the password that follows no redirect.
async fn ask(s: &TestServer, method: &str, path: &str) -> reqwest::Response {
    let url = format!("{}{path}", s.url());
    let request = client().request(method.parse().unwrap(), url);
    let request = request.basic_auth("AWS", Some(s.password()));
    request.send().await.unwrap()
}

fn location(response: &reqwest::Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

async fn download_url(s: &TestServer, digest: &Digest) -> String {
    let input = json!({ "repositoryName": "app", "layerDigest": digest });
    let found = s.aws("GetDownloadUrlForLayer", input).await.ok();
    found["downloadUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn layers_are_had_from_the_bucket_and_small_ones_from_here() {
    let Some(bucket) = Bucket::new() else { return };
    let s = TestServer::with(|config| {
        bucket.configure(config);
        config.redirect = true;
    })
    .await;
    let (large, small) = (vec![5; 3_000_000], vec![6; 1000]);
    let image = Image::of("redirected", vec![large.clone(), small.clone()]);
    image.push(&s, "app", "v1").await;
    let path = format!("/v2/app/blobs/{}", Digest::sha256(&large));
    let sent = ask(&s, "GET", &path).await;
    assert_eq!(sent.status(), 307);
    let digest = Digest::sha256(&large);
    assert_eq!(sent.headers()["docker-content-digest"], digest.as_str());
    let url = location(&sent);
    assert!(!url.starts_with(&s.url()), "{url}");
    let got = client().get(&url).send().await.unwrap();
    assert_eq!(got.status(), 200);
    assert!(got.bytes().await.unwrap() == large);
    let ranged = client().get(&url).header("range", "bytes=5-9");
    let ranged = ranged.send().await.unwrap();
    assert_eq!(ranged.bytes().await.unwrap(), large[5..10]);
    // Nobody is sent anywhere for what needs no bytes.
    let head = ask(&s, "HEAD", &path).await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], "3000000");
    let known = client()
        .get(format!("{}{path}", s.url()))
        .basic_auth("AWS", Some(s.password()))
        .header("if-none-match", format!("\"{digest}\""));
    assert_eq!(known.send().await.unwrap().status(), 304);
    let path = format!("/v2/app/blobs/{}", Digest::sha256(&small));
    let direct = ask(&s, "GET", &path).await;
    assert_eq!(direct.status(), 200);
    assert!(direct.bytes().await.unwrap() == small);
    // The JSON API hands out the same kind of URL.
    for layer in [&large, &small] {
        let url = download_url(&s, &Digest::sha256(layer)).await;
        assert_eq!(url.starts_with(&s.url()), *layer == small, "{url}");
        let got = client().get(&url).send().await.unwrap();
        assert!(got.bytes().await.unwrap() == *layer);
    }
    // Clients that follow see nothing of it.
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn without_the_setting_everything_is_served_from_here() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let layer = vec![5; 3_000_000];
    Image::of("direct", vec![layer.clone()])
        .push(&s, "app", "v1")
        .await;
    let digest = Digest::sha256(&layer);
    let got = ask(&s, "GET", &format!("/v2/app/blobs/{digest}")).await;
    assert_eq!(got.status(), 200);
    let url = download_url(&s, &digest).await;
    assert!(url.starts_with(&s.url()), "{url}");
    let got = client().get(&url).send().await.unwrap();
    assert!(got.bytes().await.unwrap() == layer);
}

#[tokio::test]
async fn several_digests_of_a_layer_are_compared_in_the_bucket() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use wharf_types::Algorithm;
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let layer = vec![8; 12_000_000];
    let right = [
        Digest::sha256(&layer),
        Digest::of(Algorithm::Sha512, &layer),
    ];
    let wrong = Digest::of(Algorithm::Sha512, b"other");
    for (digests, kind) in [
        (json!([right[0], wrong]), "InvalidLayerException"),
        (json!([wrong, right[0], right[1]]), "InvalidLayerException"),
        (json!(right), ""),
        (json!([right[1], right[0]]), "LayerAlreadyExistsException"),
    ] {
        let begun = s
            .aws("InitiateLayerUpload", json!({ "repositoryName": "app" }))
            .await
            .ok();
        let id = &begun["uploadId"];
        let part = json!({
            "repositoryName": "app", "uploadId": id, "partFirstByte": 0,
            "partLastByte": layer.len() - 1, "layerPartBlob": STANDARD.encode(&layer),
        });
        s.aws("UploadLayerPart", part).await.ok();
        let input = json!({ "repositoryName": "app", "uploadId": id, "layerDigests": digests });
        let done = s.aws("CompleteLayerUpload", input).await;
        if kind.is_empty() {
            assert_eq!(done.ok()["layerDigest"], right[0].as_str());
        } else {
            done.fails(kind);
        }
        assert!(bucket.unfinished().is_empty());
    }
    s.store()
        .collect(wharf_storage::Leases::Respect)
        .await
        .unwrap();
    assert_eq!(bucket.objects().len(), 1);
    s.assert_tidy().await;
}
