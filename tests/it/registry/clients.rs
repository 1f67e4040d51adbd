//! The engines' own request sequences, replayed: docker, containerd, `BuildKit`, podman.
use serde_json::json;
use wharf_testkit::{Image, Reply, TestServer};
use wharf_types::{Digest, media};

use super::{ABSENT, assert_blob, bytes, put};

/// Reads `%d-%d` as moby does, which fails if the end is before the start.
fn moby_range(reply: &Reply) -> (u64, u64) {
    let range = reply.header("range");
    let (start, end) = range.split_once('-').unwrap_or_default();
    let (start, end) = (start.parse().unwrap_or(1), end.parse().unwrap_or(0));
    assert!(start <= end, "Range: {range:?}");
    (start, end)
}

// moby distribution/push_v2.go, distribution internal/client/blob_writer.go
#[tokio::test]
async fn docker_classic_uploads_by_one_patch_without_content_range_and_parses_the_range_of_its_answer()
 {
    let s = TestServer::new().await;
    for size in [0, 1, 5000, 200_000] {
        let layer = bytes(size);
        let digest = Digest::sha256(&layer);
        let blob = format!("/v2/app/blobs/{digest}");
        s.call("HEAD", &blob).send().await.expect(404);
        let begun = s
            .call("POST", "/v2/app/blobs/uploads/")
            .send()
            .await
            .expect(202);
        let location = begun.header("location");
        let uuid = begun.header("docker-upload-uuid");
        assert!(!uuid.is_empty() && location.ends_with(uuid), "{begun:?}");
        moby_range(&begun);
        let mut body = Vec::new();
        for piece in layer.chunks(1000) {
            body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            body.extend_from_slice(piece);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        let patched = s
            .ask("PATCH", location, &["Transfer-Encoding: chunked"], body)
            .await;
        let patched = patched.expect(202);
        assert_eq!(patched.header("docker-upload-uuid"), uuid);
        let last = size.saturating_sub(1);
        assert_eq!(patched.header("range"), format!("0-{last}"));
        let end = format!("{}?digest={digest}", patched.header("location"));
        let put = s
            .ask("PUT", &end, &["Content-Length: 0"], "")
            .await
            .expect(201);
        assert_eq!(put.header("docker-content-digest"), digest.as_str());
        let head = s.call("HEAD", &blob).send().await.expect(200);
        assert_eq!(head.header("content-length"), size.to_string());
    }
}

#[tokio::test]
async fn docker_classic_deletes_the_sessions_that_failed_mounts_began() {
    let s = TestServer::new().await;
    s.create("base").await;
    let digest = Digest::sha256(b"layer");
    for _ in 0..4 {
        let path = format!("/v2/app/blobs/uploads/?from=base&mount={digest}");
        let begun = s.call("POST", &path).send().await.expect(202);
        let location = begun.header("location").to_owned();
        s.call("DELETE", &location).send().await.expect(204);
    }
    s.push_blob("base", b"layer").await;
    let path = format!("/v2/app/blobs/uploads/?from=base&mount={digest}");
    s.call("POST", &path).send().await.expect(201);
    s.assert_tidy().await;
}

#[tokio::test]
async fn docker_classic_pushes_schema_2_manifests_and_lists() {
    let s = TestServer::new().await;
    let image = Image::with("docker", json!({ "mediaType": media::DOCKER_MANIFEST }));
    image.push(&s, "app", "v1").await;
    image.assert_pulls(&s, "app", "v1").await;
    let child = json!({
        "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len(),
        "platform": { "architecture": "amd64", "os": "linux" },
    });
    let list = json!({ "schemaVersion": 2, "mediaType": media::DOCKER_LIST, "manifests": [child] });
    let pushed = put(&s, "multi", media::DOCKER_LIST, &list.to_string())
        .await
        .expect(201);
    let got = s
        .call("GET", pushed.header("location"))
        .send()
        .await
        .expect(200);
    assert_eq!(got.header("content-type"), media::DOCKER_LIST);
}

// containerd core/remotes/docker/pusher.go: no PATCH, and what the answer says is compared.
#[tokio::test]
async fn containerd_uploads_by_one_put_and_needs_the_digest_in_every_answer() {
    let s = TestServer::new().await;
    s.create("base").await;
    let image = Image::new("containerd");
    for content in [&image.config, &image.layers[0]] {
        let digest = Digest::sha256(content);
        let head = s.call("HEAD", &format!("/v2/app/blobs/{digest}"));
        let accept = "application/vnd.oci.image.layer.v1.tar+gzip, */*";
        head.header("accept", accept).send().await.expect(404);
        // A mount that cannot be is an upload, never a refusal.
        for from in ["base", "absent", "library/base"] {
            let path = format!("/v2/app/blobs/uploads/?mount={digest}&from={from}");
            s.call("POST", &path).send().await.expect(202);
        }
        let begun = s
            .call("POST", "/v2/app/blobs/uploads/")
            .send()
            .await
            .expect(202);
        let location = begun.header("location");
        assert!(
            location.starts_with("/v2/"),
            "credentials stay on this host: {location}"
        );
        let end = format!("{location}?digest={}", digest.as_str().replace(':', "%3A"));
        let put = s
            .call("PUT", &end)
            .header("content-type", "application/octet-stream");
        let put = put.body(content.clone()).send().await.expect(201);
        assert_eq!(put.header("docker-content-digest"), digest.as_str());
    }
    s.call("HEAD", "/v2/app/manifests/v1")
        .header("accept", &format!("{}, */*", media::OCI_MANIFEST))
        .send()
        .await
        .expect(404);
    let put = image.put(&s, "app", "v1").await.expect(201);
    assert_eq!(put.header("docker-content-digest"), image.digest.as_str());
    let head = s
        .call("HEAD", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(200);
    assert_eq!(head.header("docker-content-digest"), image.digest.as_str());
}

#[tokio::test]
async fn containerd_fetches_with_open_ranges_on_manifests_too() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let layer = bytes(200_000);
    let digest = s.push_blob("app", &layer).await;
    for (path, content) in [
        (
            format!("/v2/app/manifests/{}", image.digest),
            image.manifest.as_bytes(),
        ),
        (format!("/v2/app/blobs/{digest}"), &layer[..]),
    ] {
        for at in [0, 1, content.len() / 2, content.len() - 1] {
            let get = s
                .call("GET", &path)
                .header("range", &format!("bytes={at}-"));
            let got = get
                .header("accept-encoding", "zstd,gzip,deflate")
                .send()
                .await;
            let got = got.expect(206);
            let prefix = format!("bytes {at}-");
            assert!(got.header("content-range").starts_with(&prefix), "{got:?}");
            assert_eq!(got.body, &content[at..]);
        }
    }
}

// A compressed answer has neither the length nor the ranges of its content.
#[tokio::test]
async fn containerd_is_never_sent_what_it_would_have_to_decompress() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let digest = s.push_blob("app", &bytes(200_000)).await;
    for path in [
        "/v2/app/manifests/v1".to_owned(),
        format!("/v2/app/blobs/{digest}"),
        "/v2/app/tags/list".into(),
        format!("/v2/app/referrers/{}", image.digest),
    ] {
        for encoding in ["zstd,gzip,deflate", "gzip", "br;q=1.0, identity;q=0", "*"] {
            let get = s.call("GET", &path).header("accept-encoding", encoding);
            let got = get.send().await.expect(200);
            assert!(got.headers.get("content-encoding").is_none(), "{got:?}");
            assert_eq!(got.header("content-length"), got.body.len().to_string());
        }
    }
}

#[tokio::test]
async fn containerd_and_kind_mirrors_ask_with_ns_over_plain_http() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let layer = Digest::sha256(&image.layers[0]);
    for ns in ["docker.io", "registry.k8s.io", "localhost:5000"] {
        for path in [
            "/v2/app/manifests/v1".to_owned(),
            format!("/v2/app/manifests/{}", image.digest),
            format!("/v2/app/blobs/{layer}"),
        ] {
            for method in ["HEAD", "GET"] {
                let call = s.call(method, &format!("{path}?ns={ns}"));
                call.send().await.expect(200);
            }
        }
        let absent = s.call("GET", &format!("/v2/absent/manifests/v1?ns={ns}"));
        absent.send().await.fails(404, "NAME_UNKNOWN");
    }
}

#[tokio::test]
async fn buildkit_exports_a_cache_as_an_index_of_blobs() {
    let s = TestServer::new().await;
    let (layer, config) = (
        s.push_blob("app", b"layer").await,
        s.push_blob("app", b"[]").await,
    );
    let cache = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_INDEX,
        "manifests": [
            { "mediaType": media::OCI_LAYER_GZIP, "digest": layer, "size": 5,
              "annotations": { "buildkit/createdat": "2026-01-01T00:00:00Z" } },
            { "mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": config, "size": 2 },
        ],
    })
    .to_string();
    put(&s, "cache", media::OCI_INDEX, &cache).await.expect(201);
    let got = s
        .call("GET", "/v2/app/manifests/cache")
        .send()
        .await
        .expect(200);
    assert_eq!(got.body, cache);
    // Its blobs are kept like those of an image.
    s.collect_garbage().await;
    assert_blob(&s, "app", b"layer").await;
}

// moby/buildkit #7007: attestations come before the image that they are about.
#[tokio::test]
async fn buildkit_pushes_attestations_before_their_subject() {
    let s = TestServer::new().await;
    let image = Image::new("buildkit");
    s.push_blob("app", b"{}").await;
    let attestation = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "artifactType": "application/vnd.in-toto+json",
        "config": { "mediaType": media::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2, "data": "e30=" },
        "layers": [{ "mediaType": media::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2 }],
        "subject": { "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() },
    });
    let attestation = attestation.to_string();
    let digest = Digest::sha256(attestation.as_bytes());
    let pushed = put(&s, digest.as_str(), media::OCI_MANIFEST, &attestation)
        .await
        .expect(201);
    assert_eq!(pushed.header("oci-subject"), image.digest.as_str());
    image.push(&s, "app", "v1").await;
    let listed = s.call("GET", &format!("/v2/app/referrers/{}", image.digest));
    let listed = listed.send().await.expect(200).json();
    assert_eq!(
        listed["manifests"][0]["artifactType"],
        "application/vnd.in-toto+json"
    );
}

// container-libs #1009: who is answered 200 sends no credentials ever after.
#[tokio::test]
async fn podman_is_challenged_at_its_ping_and_once() {
    let s = TestServer::new().await;
    for path in ["/v2/", "/v2"] {
        let ping = s.call("GET", path).anonymous().send().await.expect(401);
        assert_eq!(ping.headers.get_all("www-authenticate").iter().count(), 1);
        assert_eq!(
            ping.header("docker-distribution-api-version"),
            "registry/2.0"
        );
        let ping = s.call("GET", path).send().await.expect(200);
        assert_eq!(
            ping.header("docker-distribution-api-version"),
            "registry/2.0"
        );
    }
}

#[tokio::test]
async fn podman_streams_a_patch_and_reads_zstd_chunked_layers_by_multi_range() {
    let s = TestServer::new().await;
    let layer = bytes(300_000);
    let digest = Digest::sha256(&layer);
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(layer.clone())
        .send()
        .await
        .expect(202);
    let end = format!("{location}?digest={digest}");
    s.call("PUT", &end).body("").send().await.expect(201);
    let get = s.call("GET", &format!("/v2/app/blobs/{digest}"));
    let got = get
        .header("range", "bytes=299900-299999,0-99,1000-1099")
        .send()
        .await;
    let got = got.expect(206);
    let kind = got.header("content-type");
    assert!(
        kind.starts_with("multipart/byteranges; boundary="),
        "{kind}"
    );
    let text = String::from_utf8_lossy(&got.body);
    for range in ["299900-299999", "0-99", "1000-1099"] {
        assert!(text.contains(&format!("bytes {range}/300000")), "{text}");
    }
    assert!(got.body.len() < 1000, "no more than was asked for");
}

#[tokio::test]
async fn podman_reuses_blobs_by_mount_and_goes_on_if_it_cannot() {
    let s = TestServer::new().await;
    s.create("other").await;
    let digest = s.push_blob("other", b"shared").await;
    let path = |digest: &str| format!("/v2/app/blobs/uploads/?from=other&mount={digest}");
    s.call("POST", &path(digest.as_str()))
        .send()
        .await
        .expect(201);
    assert_blob(&s, "app", b"shared").await;
    let begun = s.call("POST", &path(ABSENT)).send().await.expect(202);
    let location = begun.header("location").to_owned();
    s.call("DELETE", &location).send().await.expect(204);
}
