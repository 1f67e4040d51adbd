//! What manifests name must be there, as large as they say, and stay there.
use serde_json::json;
use tokio::net::TcpListener;
use wharf_testkit::{Image, TestServer};
use wharf_types::{Digest, media};

use super::{ABSENT, digest_of_tag, put};

#[tokio::test]
async fn r12_missing_blobs_are_400_with_all_their_digests() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let was = digest_of_tag(&s, "v1").await;
    let image = Image::of(
        "r12",
        vec![b"one".to_vec(), b"two".to_vec(), b"three".to_vec()],
    );
    s.push_blob("app", b"two").await;
    let before = s.state().await;
    let refused = image.put(&s, "app", "v1").await;
    let refused = refused.fails(400, "MANIFEST_BLOB_UNKNOWN");
    let detail = refused.json()["errors"][0]["detail"].to_string();
    for missing in [&image.config[..], b"one", b"three"] {
        let digest = Digest::sha256(missing);
        assert!(detail.contains(digest.as_str()), "{digest}: {detail}");
    }
    assert!(
        !detail.contains(Digest::sha256(b"two").as_str()),
        "{detail}"
    );
    image
        .put(&s, "app", image.digest.as_str())
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(s.state().await, before);
    assert_eq!(digest_of_tag(&s, "v1").await, was);
}

#[tokio::test]
async fn r12_missing_children_are_400_with_all_their_digests() {
    let s = TestServer::new().await;
    let present = s.push("app", "v1").await;
    let (first, second) = (Image::new("first"), Image::new("second"));
    // The bytes of a child as a blob are what build caches push; those of its parts are not it.
    first.push_blobs(&s, "app").await;
    let index = Image::index(&[&first, &present, &second]);
    let before = s.state().await;
    let refused = index.put(&s, "app", "v1").await;
    let refused = refused.fails(400, "MANIFEST_BLOB_UNKNOWN");
    let detail = refused.json()["errors"][0]["detail"].to_string();
    for missing in [&first, &second] {
        assert!(detail.contains(missing.digest.as_str()), "{detail}");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r13_a_layer_of_another_repository_is_not_there() {
    let s = TestServer::new().await;
    s.create("other").await;
    let image = Image::new("r13");
    image.push(&s, "other", "v1").await;
    s.push_blob("app", &image.config).await;
    let before = s.state().await;
    let refused = image.put(&s, "app", "v1").await;
    refused.fails(400, "MANIFEST_BLOB_UNKNOWN");
    // Nor is an image of another repository.
    let index = Image::index(&[&image]);
    let refused = index.put(&s, "app", "v1").await;
    refused.fails(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r14_a_size_that_cannot_be_is_400() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let index = Image::index(&[&image]);
    let before = s.state().await;
    let real = image.layers[0].len();
    let child = image.manifest.len();
    for size in [
        &(real + 1).to_string(),
        &(real - 1).to_string(),
        "0",
        "-1",
        "9223372036854775808",
        "18446744073709551616",
        "1.5",
        "1e3",
        "\"3\"",
        "null",
        "true",
    ] {
        let stated = |n: usize| format!("\"size\":{n}}}");
        let lie = format!("\"size\":{size}}}");
        for (media_type, document) in [
            (
                media::OCI_MANIFEST,
                image.manifest.replace(&stated(real), &lie),
            ),
            (
                media::OCI_INDEX,
                index.manifest.replace(&stated(child), &lie),
            ),
        ] {
            assert!(document.contains(&lie));
            let refused = put(&s, "v1", media_type, &document).await;
            assert_eq!(refused.status, 400, "{size}: {refused:?}");
            assert_eq!(refused.code(), "MANIFEST_INVALID", "{size}: {refused:?}");
        }
    }
    assert_eq!(s.state().await, before);
}

fn layer(media_type: &str, urls: &[String]) -> serde_json::Value {
    json!({ "layers": [{ "mediaType": media_type, "digest": ABSENT, "size": 3, "urls": urls }] })
}

#[tokio::test]
async fn r41_urls_of_layers_are_refused_or_kept_and_never_fetched() {
    let s = TestServer::new().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = [format!("http://{}/layer", elsewhere.local_addr().unwrap())];
    Image::new("r41").push_blobs(&s, "app").await;
    let before = s.state().await;
    for media_type in [
        media::OCI_LAYER_GZIP,
        media::OCI_LAYER,
        "application/octet-stream",
    ] {
        let image = Image::with("r41", layer(media_type, &urls));
        let refused = image.put(&s, "app", "v1").await;
        refused.fails(400, "MANIFEST_INVALID");
    }
    assert_eq!(s.state().await, before);
    for media_type in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        let image = Image::with("r41", layer(media_type, &urls));
        image.put(&s, "app", "foreign").await.expect(201);
        let got = s.call("GET", "/v2/app/manifests/foreign").send().await;
        assert_eq!(got.expect(200).body, image.manifest);
    }
    tokio::select! {
        biased;
        _ = elsewhere.accept() => panic!("the server fetched a layer"),
        () = std::future::ready(()) => {}
    }
}

// ECR: an image that an index names cannot be deleted before it.
#[tokio::test]
async fn r43_an_image_that_an_index_names_stays() {
    let s = TestServer::new().await;
    let (amd64, arm64) = (s.push("app", "amd64").await, s.push("app", "arm64").await);
    let index = Image::index(&[&amd64, &arm64]);
    index.push(&s, "app", "multi").await;
    let before = s.state().await;
    let path = |image: &Image| format!("/v2/app/manifests/{}", image.digest);
    for child in [&amd64, &arm64] {
        s.call("DELETE", &path(child)).send().await.expect(409);
    }
    assert_eq!(s.state().await, before);
    index.assert_pulls(&s, "app", "multi").await;
    // A tag is only taken off.
    let untagged = s.call("DELETE", "/v2/app/manifests/amd64").send().await;
    untagged.expect(202);
    amd64.assert_pulls(&s, "app", amd64.digest.as_str()).await;
    // Without the index its images can go.
    s.call("DELETE", &path(&index)).send().await.expect(202);
    for image in [&amd64, &arm64] {
        s.call("DELETE", &path(image)).send().await.expect(202);
        s.call("GET", &path(image))
            .send()
            .await
            .fails(404, "MANIFEST_UNKNOWN");
    }
}

#[tokio::test]
async fn r43_what_refers_to_a_deleted_subject_is_still_whole_and_listed() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let subject = json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() });
    let signature = Image::with("signature", json!({ "subject": subject }));
    signature.push(&s, "app", "signature").await;
    let path = format!("/v2/app/manifests/{}", image.digest);
    s.call("DELETE", &path).send().await.expect(202);
    s.call("GET", &path)
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    signature.assert_pulls(&s, "app", "signature").await;
    let listed = s.call("GET", &format!("/v2/app/referrers/{}", image.digest));
    let listed = listed.send().await.expect(200).json();
    assert_eq!(listed["manifests"][0]["digest"], signature.digest.as_str());
}

#[tokio::test]
async fn r43_a_blob_that_an_image_names_stays() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let before = s.state().await;
    let layer = format!("/v2/app/blobs/{}", Digest::sha256(&image.layers[0]));
    let refused = s.call("DELETE", &layer).send().await;
    assert!([405, 409].contains(&refused.status.as_u16()), "{refused:?}");
    assert_eq!(s.state().await, before);
    image.assert_pulls(&s, "app", "v1").await;
}
