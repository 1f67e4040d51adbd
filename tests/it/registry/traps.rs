//! What the official conformance suite demands and other registries fail at, each by hand.
use serde_json::json;
use wharf::config::References;
use wharf_testkit::{Image, Reply, TestServer};
use wharf_types::{Algorithm, Digest, media};

use super::{ABSENT, assert_blob, bytes, digest_of_tag, put, range};

// 390 annotations of 10,000 bytes. Servers with a body limit of 2 MB by default answer 413.
#[tokio::test]
async fn large_manifest_of_3_9_mb_is_201() {
    let s = TestServer::new().await;
    let annotations: serde_json::Map<_, _> = (0..390)
        .map(|i| (format!("large-{i}"), json!("x".repeat(10_000))))
        .collect();
    let image = Image::with("large", json!({ "annotations": annotations }));
    assert!(image.manifest.len() > 3_900_000);
    image.push(&s, "app", "large").await;
    image.assert_pulls(&s, "app", "large").await;
}

// distribution answers with the sha256 of what was pushed under its sha512.
#[tokio::test]
async fn sha512_blob_without_a_hint_is_kept_under_its_sha512() {
    let s = TestServer::new().await;
    for size in [2, 200_000] {
        let content = bytes(size);
        let digest = Digest::of(Algorithm::Sha512, &content);
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(content.clone())
            .send()
            .await
            .expect(202);
        let put = s
            .call("PUT", &format!("{location}?digest={digest}"))
            .send()
            .await;
        let put = put.expect(201);
        assert_eq!(put.header("docker-content-digest"), digest.as_str());
        let got = s
            .call("GET", &format!("/v2/app/blobs/{digest}"))
            .send()
            .await
            .expect(200);
        assert_eq!(got.body, content);
    }
}

#[tokio::test]
async fn sha512_manifest_by_digest_is_201_and_said_as_pushed() {
    let s = TestServer::new().await;
    let image = Image::new("sha512");
    image.push_blobs(&s, "app").await;
    let digest = Digest::of(Algorithm::Sha512, image.manifest.as_bytes());
    let pushed = image
        .put(&s, "app", &format!("{digest}?tag=v1"))
        .await
        .expect(201);
    assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
    for reference in [digest.as_str(), "v1"] {
        let got = s
            .call("GET", &format!("/v2/app/manifests/{reference}"))
            .send()
            .await;
        let got = got.expect(200);
        assert_eq!(got.body, image.manifest);
        assert_eq!(got.header("docker-content-digest"), digest.as_str());
    }
    let path = format!("/v2/app/manifests/{digest}");
    s.call("DELETE", &path).send().await.expect(202);
    s.call("HEAD", &path).send().await.expect(404);
}

// distribution answers 400 to the PUT, and 2.8 takes the PATCH.
#[tokio::test]
async fn chunked_out_of_order_patch_and_put_are_416_and_the_status_is_204() {
    let s = TestServer::new().await;
    let content = bytes(3000);
    let location = s.begin("app").await;
    let status = s.call("GET", &location).send().await.expect(204);
    assert_eq!(
        status.header("range"),
        "0-0",
        "before any byte it still parses"
    );
    let patch = |at: usize| {
        let chunk = &content[at..at + 1000];
        let call = s.call("PATCH", &location).body(chunk.to_vec());
        call.header("content-range", &format!("{at}-{}", at + 999))
    };
    patch(1000).send().await.expect(416);
    let taken = patch(0).send().await.expect(202);
    assert_eq!(taken.header("range"), "0-999");
    patch(2000).send().await.expect(416);
    let end = format!("{location}?digest={}", Digest::sha256(&content));
    let early = s.call("PUT", &end).header("content-range", "2000-2999");
    early
        .body(content[2000..].to_vec())
        .send()
        .await
        .expect(416);
    let status = s.call("GET", &location).send().await.expect(204);
    assert_eq!(status.header("range"), "0-999");
    assert_eq!(status.header("location"), location);
    patch(1000).send().await.expect(202);
    let last = s.call("PUT", &end).header("content-range", "2000-2999");
    last.body(content[2000..].to_vec()).send().await.expect(201);
    assert_blob(&s, "app", &content).await;
}

#[tokio::test]
async fn chunked_multi_needs_no_least_length() {
    let s = TestServer::new().await;
    let begun = s
        .call("POST", "/v2/app/blobs/uploads/")
        .send()
        .await
        .expect(202);
    assert!(begun.headers.get("oci-chunk-min-length").is_none());
    let location = begun.header("location").to_owned();
    for i in 0..5 {
        let patch = s
            .call("PATCH", &location)
            .header("content-range", &format!("{i}-{i}"));
        patch.body(i.to_string()).send().await.expect(202);
    }
    let end = format!("{location}?digest={}", Digest::sha256(b"01234"));
    s.call("PUT", &end).send().await.expect(201);
    assert_blob(&s, "app", b"01234").await;
}

/// How a blob can be pushed.
#[derive(Clone, Copy, Debug)]
enum Way {
    Post,
    Put,
    Stream,
    Chunks,
    LastChunkInPut,
}

impl Way {
    const ALL: [Self; 5] = [
        Self::Post,
        Self::Put,
        Self::Stream,
        Self::Chunks,
        Self::LastChunkInPut,
    ];

    async fn push(self, s: &TestServer, content: &[u8], digest: &str) -> Reply {
        if matches!(self, Self::Post) {
            let whole = format!("/v2/app/blobs/uploads/?digest={digest}");
            return s.call("POST", &whole).body(content.to_vec()).send().await;
        }
        let (first, rest) = content.split_at(content.len() / 2);
        let (chunks, last) = match self {
            Self::Post | Self::Put => (vec![], content),
            Self::Stream => (vec![content], &b""[..]),
            Self::Chunks => (vec![first, rest], &b""[..]),
            Self::LastChunkInPut => (vec![first], rest),
        };
        let (location, mut at) = (s.begin("app").await, 0);
        for chunk in chunks {
            let patch = s.call("PATCH", &location).body(chunk.to_vec());
            let end = at + chunk.len();
            let patch = match end.checked_sub(1) {
                Some(last) if last >= at && !matches!(self, Self::Stream) => {
                    patch.header("content-range", &format!("{at}-{last}"))
                }
                _ => patch,
            };
            patch.send().await.expect(202);
            at = end;
        }
        let end = format!("{location}?digest={digest}");
        s.call("PUT", &end).body(last.to_vec()).send().await
    }
}

// distribution takes a whole blob in a POST for the beginning of an upload.
#[tokio::test]
async fn every_way_to_push_is_201_and_its_location_is_pulled() {
    let s = TestServer::new().await;
    for content in [&b""[..], b"{}", b"x", &bytes(5000)] {
        let digest = Digest::sha256(content);
        let path = format!("/v2/app/blobs/{digest}");
        for way in Way::ALL {
            let pushed = way.push(&s, content, digest.as_str()).await;
            assert_eq!(pushed.status, 201, "{way:?}: {pushed:?}");
            assert_eq!(pushed.header("docker-content-digest"), digest.as_str());
            let got = s
                .call("GET", pushed.header("location"))
                .send()
                .await
                .expect(200);
            assert_eq!(got.body, content, "{way:?}");
            s.call("DELETE", &path).send().await.expect(202);
            s.call("HEAD", &path).send().await.expect(404);
        }
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn bad_digest_is_400_in_every_way_to_push() {
    let s = TestServer::new().await;
    for digest in [ABSENT, "sha256:baddigeststring"] {
        for way in Way::ALL {
            let refused = way.push(&s, &bytes(1000), digest).await;
            assert_eq!(refused.status, 400, "{way:?}: {refused:?}");
            assert_eq!(refused.code(), "DIGEST_INVALID", "{way:?}");
        }
    }
}

#[tokio::test]
async fn cancel_is_204_and_the_upload_is_gone() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    assert_eq!(range(&s, &location).await, "0-0");
    s.call("DELETE", &location).send().await.expect(204);
    s.call("GET", &location)
        .send()
        .await
        .fails(404, "BLOB_UPLOAD_UNKNOWN");
    s.assert_tidy().await;
}

// distribution answers 500, ferro 404.
#[tokio::test]
async fn non_distributable_layers_need_not_be_there() {
    let s = TestServer::new().await;
    Image::new("foreign").push_blobs(&s, "app").await;
    for kind in ["tar", "tar+gzip", "tar+zstd"] {
        let media_type = format!("application/vnd.oci.image.layer.nondistributable.v1.{kind}");
        let layers = json!([{ "mediaType": media_type, "digest": ABSENT, "size": 123_456 }]);
        let image = Image::with("foreign", json!({ "layers": layers }));
        image.put(&s, "app", "foreign").await.expect(201);
        assert_eq!(digest_of_tag(&s, "foreign").await, image.digest.as_str());
    }
}

#[tokio::test]
async fn referrers_of_what_was_never_pushed_are_200_and_an_index() {
    let s = TestServer::new().await;
    let got = s
        .call("GET", &format!("/v2/app/referrers/{ABSENT}"))
        .send()
        .await
        .expect(200);
    assert_eq!(
        got.header("content-type"),
        "application/vnd.oci.image.index.v1+json"
    );
    let expected = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [] });
    assert_eq!(got.json(), expected);
}

// registry 2.8.3 includes `last` in what follows it.
#[tokio::test]
async fn tag_list_last_is_not_listed_again() {
    let s = TestServer::new().await;
    let image = s.push("app", "b").await;
    for tag in ["c", "a"] {
        image.put(&s, "app", tag).await.expect(201);
    }
    let page = s
        .call("GET", "/v2/app/tags/list?n=2&last=a")
        .send()
        .await
        .expect(200);
    assert_eq!(page.json()["tags"], json!(["b", "c"]));
}

// ferro still shows what was deleted.
#[tokio::test]
async fn delete_is_atomic_head_is_404_at_once() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let blob = s.push_blob("app", b"alone").await;
    for path in [
        "/v2/app/manifests/v1".to_owned(),
        format!("/v2/app/manifests/{}", image.digest),
        format!("/v2/app/blobs/{}", Digest::sha256(&image.layers[0])),
        format!("/v2/app/blobs/{blob}"),
    ] {
        s.call("DELETE", &path).send().await.expect(202);
        s.call("HEAD", &path).send().await.expect(404);
        s.call("GET", &path).send().await.expect(404);
    }
    let tags = s.call("GET", "/v2/app/tags/list").send().await.expect(200);
    assert_eq!(tags.json()["tags"], json!([]));
}

// distribution answers 500; others take it for a tag.
#[tokio::test]
async fn invalid_digest_format_is_neither_a_tag_nor_an_error_of_ours() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let put = image.put(&s, "app", "sha256:baddigeststring").await;
    put.fails(400, "DIGEST_INVALID");
    for path in ["manifests", "blobs"] {
        for method in ["GET", "HEAD"] {
            let path = format!("/v2/app/{path}/sha256:baddigeststring");
            let got = s.call(method, &path).send().await;
            assert!([400, 404].contains(&got.status.as_u16()), "{got:?}");
        }
    }
}

#[tokio::test]
async fn sparse_images_and_indexes_are_taken_if_the_operator_says_so() {
    let s = TestServer::with(|c| c.references = References::Sparse).await;
    let image = Image::new("sparse");
    s.push_blob("app", &image.config).await;
    image.put(&s, "app", "image").await.expect(201);
    let index = Image::index(&[&image, &Image::new("absent")]);
    index.put(&s, "app", "index").await.expect(201);
    index.assert_pulls(&s, "app", "index").await;
    // What is there must still have the size that is stated.
    let lie = image.manifest.replace(
        &format!("\"size\":{}", image.config.len()),
        &format!("\"size\":{}", image.config.len() + 1),
    );
    assert_ne!(lie, image.manifest);
    let refused = put(&s, "lie", media::OCI_MANIFEST, &lie).await;
    refused.fails(400, "MANIFEST_INVALID");
}

#[tokio::test]
async fn auth_has_one_challenge_whose_parameters_are_quoted() {
    let s = TestServer::new().await;
    for (method, path) in [("GET", "/v2/"), ("POST", "/v2/app/blobs/uploads/")] {
        let refused = s.call(method, path).anonymous().send().await.expect(401);
        let challenges = refused.headers.get_all("www-authenticate");
        assert_eq!(challenges.iter().count(), 1);
        let challenge = refused.header("www-authenticate");
        let realm = format!("https://{}/", s.address());
        let expected = format!("Basic realm=\"{realm}\",service=\"ecr.amazonaws.com\"");
        assert_eq!(challenge, expected);
    }
    // The suite caches credentials by a path of this form.
    let location = s.begin("app").await;
    let id = location
        .strip_prefix("/v2/app/blobs/uploads/")
        .unwrap_or_default();
    assert!(!id.is_empty() && !id.contains(['/', '?']), "{location}");
}
