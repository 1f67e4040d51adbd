//! The tools' own request sequences, replayed: crane, regctl, oras, stargz, SOCI, cosign.
use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::{Digest, media};

use super::{
    assert_blob, bytes,
    lists::{next, walk},
    put,
};

fn subject_of(image: &Image) -> serde_json::Value {
    json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() })
}

// go-containerregistry pkg/v1/remote/write.go
#[tokio::test]
async fn crane_mounts_with_a_content_type_of_json_and_needs_a_location_every_time() {
    let s = TestServer::new().await;
    s.create("base").await;
    let layer = bytes(200_000);
    let digest = Digest::sha256(&layer);
    let blob = format!("/v2/app/blobs/{digest}");
    s.call("HEAD", &blob).send().await.expect(404);
    let mount = format!("/v2/app/blobs/uploads/?from=base&mount={digest}&origin=index.docker.io");
    let begin = || {
        s.call("POST", &mount)
            .header("content-type", "application/json")
    };
    let begun = begin().send().await.expect(202);
    let patch = s
        .call("PATCH", begun.header("location"))
        .body(layer.clone());
    let patched = patch.send().await.expect(202);
    let end = format!("{}?digest={digest}", patched.header("location"));
    let put = s.call("PUT", &end).send().await.expect(201);
    let got = s
        .call("GET", put.header("location"))
        .send()
        .await
        .expect(200);
    assert_eq!(got.body, layer);
    s.call("DELETE", &blob).send().await.expect(202);
    s.push_blob("base", &layer).await;
    let mounted = begin().send().await.expect(201);
    let got = s
        .call("GET", mounted.header("location"))
        .send()
        .await
        .expect(200);
    assert_eq!(got.body, layer);
}

#[tokio::test]
async fn crane_finds_the_referrers_api_by_asking() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let signature = Image::with("signature", json!({ "subject": subject_of(&image) }));
    signature.push_blobs(&s, "app").await;
    signature
        .put(&s, "app", signature.digest.as_str())
        .await
        .expect(201);
    let asked = s.call("GET", &format!("/v2/app/referrers/{}", image.digest));
    let asked = asked
        .header("accept", media::OCI_INDEX)
        .send()
        .await
        .expect(200);
    assert_eq!(asked.header("content-type"), media::OCI_INDEX);
    // Without the API it would read and rewrite this tag.
    let tag = image.digest.as_str().replace(':', "-");
    let fallback = s.call("GET", &format!("/v2/app/manifests/{tag}"));
    fallback.send().await.fails(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn regctl_mounts_anonymously_first_and_then_puts_the_whole() {
    let s = TestServer::new().await;
    s.create("base").await;
    let layer = bytes(5000);
    let digest = Digest::sha256(&layer);
    let mount = format!("/v2/app/blobs/uploads/?mount={digest}");
    let begun = s.call("POST", &mount).send().await.expect(202);
    let end = format!("{}?digest={digest}", begun.header("location"));
    let put = s
        .call("PUT", &end)
        .header("content-type", "application/octet-stream");
    put.body(layer.clone()).send().await.expect(201);
    assert_blob(&s, "app", &layer).await;
    s.push_blob("base", b"elsewhere").await;
    let mount = format!(
        "/v2/app/blobs/uploads/?mount={}",
        Digest::sha256(b"elsewhere")
    );
    s.call("POST", &mount).send().await.expect(201);
}

#[tokio::test]
async fn regctl_ends_a_chunked_upload_with_a_content_range_on_an_empty_put() {
    let s = TestServer::new().await;
    let layer = bytes(5000);
    let digest = Digest::sha256(&layer);
    // Old versions say one byte too many; an empty body has no range at all.
    for last in ["4000-4999", "5000-4999", "5000-5000", "4000-5000"] {
        let location = s.begin("app").await;
        for (i, chunk) in layer.chunks(1000).enumerate() {
            let header = format!("{}-{}", i * 1000, i * 1000 + 999);
            let patch = s.call("PATCH", &location).header("content-range", &header);
            let patched = patch.body(chunk.to_vec()).send().await.expect(202);
            assert_eq!(patched.header("range"), format!("0-{}", i * 1000 + 999));
        }
        let end = format!("{location}?digest={digest}");
        let header = format!("Content-Range: {last}");
        s.ask("PUT", &end, &[&header, "Content-Length: 0"], "")
            .await
            .expect(201);
        assert_blob(&s, "app", &layer).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn regctl_cancels_by_docker_upload_uuid() {
    let s = TestServer::new().await;
    let begun = s
        .call("POST", "/v2/app/blobs/uploads/")
        .send()
        .await
        .expect(202);
    let path = format!(
        "/v2/app/blobs/uploads/{}",
        begun.header("docker-upload-uuid")
    );
    s.call("DELETE", &path).send().await.expect(204);
    s.call("GET", begun.header("location"))
        .send()
        .await
        .expect(404);
    s.assert_tidy().await;
}

// oras-go registry/remote/repository.go
#[tokio::test]
async fn oras_pages_tags_and_referrers_by_link_and_filters_by_type() {
    let s = TestServer::new().await;
    let image = s.push("app", "t00").await;
    for i in 1..25 {
        image.put(&s, "app", &format!("t{i:02}")).await.expect(201);
    }
    let tags = walk(&s, "/v2/app/tags/list?n=10", "tags").await;
    assert_eq!(tags.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    for i in 0..7 {
        let kind = if i < 5 {
            "example/sbom"
        } else {
            "example/other"
        };
        let members = json!({ "subject": subject_of(&image), "artifactType": kind });
        let artifact = Image::with(&i.to_string(), members);
        artifact.push_blobs(&s, "app").await;
        artifact
            .put(&s, "app", artifact.digest.as_str())
            .await
            .expect(201);
    }
    let mut found = Vec::new();
    let path = format!(
        "/v2/app/referrers/{}?artifactType=example%2Fsbom&n=2",
        image.digest
    );
    let mut path = Some(path);
    while let Some(at) = path {
        let page = s.call("GET", &at).send().await.expect(200);
        assert_eq!(page.header("oci-filters-applied"), "artifactType");
        let manifests = page.json()["manifests"].clone();
        found.extend(manifests.as_array().cloned().unwrap_or_default());
        path = next(&page);
    }
    assert_eq!(found.len(), 5);
    assert!(found.iter().all(|m| m["artifactType"] == "example/sbom"));
}

// notation replaces and then deletes the index that stands in for the API.
#[tokio::test]
async fn notation_deletes_the_old_index_after_it_moved_the_tag() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let tag = image.digest.as_str().replace(':', "-");
    let (old, new) = (Image::index(&[]), Image::index(&[&image]));
    old.put(&s, "app", &tag).await.expect(201);
    new.put(&s, "app", &tag).await.expect(201);
    let path = format!("/v2/app/manifests/{}", old.digest);
    s.call("DELETE", &path).send().await.expect(202);
    new.assert_pulls(&s, "app", &tag).await;
}

// stargz-snapshotter fs/remote/resolver.go; zot PR #3879, dragonfly #1874
#[tokio::test]
async fn stargz_reads_several_ranges_at_once_and_needs_a_content_type() {
    let s = TestServer::new().await;
    let layer = bytes(300_000);
    let path = format!("/v2/app/blobs/{}", s.push_blob("app", &layer).await);
    let head = s.call("HEAD", &path).send().await.expect(200);
    assert_eq!(head.header("content-type"), "application/octet-stream");
    let probe = s
        .call("GET", &path)
        .header("range", "bytes=0-1")
        .send()
        .await;
    let probe = probe.expect(206);
    assert_eq!(probe.header("content-type"), "application/octet-stream");
    assert_eq!(probe.header("content-range"), "bytes 0-1/300000");
    let several = s
        .call("GET", &path)
        .header("range", "bytes=0-9,299990-299999");
    let several = several.send().await.expect(206);
    let kind = several.header("content-type");
    assert!(kind.starts_with("multipart/byteranges"), "{kind}");
    let text = String::from_utf8_lossy(&several.body);
    assert!(
        text.contains("Content-Type: application/octet-stream\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn soci_reads_many_small_ranges() {
    let s = TestServer::new().await;
    let layer = bytes(300_000);
    let path = format!("/v2/app/blobs/{}", s.push_blob("app", &layer).await);
    for i in 0..200 {
        let (first, last) = (i * 1499, i * 1499 + 63);
        let get = s
            .call("GET", &path)
            .header("range", &format!("bytes={first}-{last}"));
        assert_eq!(get.send().await.expect(206).body, &layer[first..=last]);
    }
}

#[tokio::test]
async fn cosign_2_pushes_and_moves_tags_that_are_named_after_digests() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let hex = image.digest.as_str().replace(':', "-");
    for suffix in ["sig", "att", "sbom"] {
        let tag = format!("{hex}.{suffix}");
        s.call("HEAD", &format!("/v2/app/manifests/{tag}"))
            .send()
            .await
            .expect(404);
        for seed in ["one", "two"] {
            let signature = Image::new(&format!("{suffix} {seed}"));
            signature.push(&s, "app", &tag).await;
            signature.assert_pulls(&s, "app", &tag).await;
        }
    }
}

#[tokio::test]
async fn cosign_3_attaches_bundles_as_referrers_or_by_a_tag_index() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    s.push_blob("app", b"{}").await;
    let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundle = s.push_blob("app", b"{\"bundle\":1}").await;
    let document = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "artifactType": kind,
        "config": { "mediaType": media::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2 },
        "layers": [{ "mediaType": kind, "digest": bundle, "size": 12 }],
        "subject": subject_of(&image),
        "annotations": { "dev.sigstore.bundle.content": "dsse-envelope" },
    })
    .to_string();
    let digest = Digest::sha256(document.as_bytes());
    put(&s, digest.as_str(), media::OCI_MANIFEST, &document)
        .await
        .expect(201);
    let path = format!(
        "/v2/app/referrers/{}?artifactType={}",
        image.digest,
        kind.replace('+', "%2B")
    );
    let listed = s.call("GET", &path).send().await.expect(200).json();
    let found = &listed["manifests"][0];
    assert_eq!(found["digest"], digest.as_str());
    assert_eq!(
        found["annotations"]["dev.sigstore.bundle.content"],
        "dsse-envelope"
    );
    let entry = json!({ "mediaType": media::OCI_MANIFEST, "digest": digest, "size": document.len(), "artifactType": kind });
    let index = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [entry] });
    let tag = image.digest.as_str().replace(':', "-");
    put(&s, &tag, media::OCI_INDEX, &index.to_string())
        .await
        .expect(201);
    let got = s
        .call("GET", &format!("/v2/app/manifests/{tag}"))
        .send()
        .await;
    assert_eq!(got.expect(200).body, index.to_string());
}

// sigstore-js: ECR sent OCI-Subject before it had the API, so both are asked.
#[tokio::test]
async fn sigstore_js_finds_oci_subject_and_the_api_together() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let probe = s.call("GET", &format!("/v2/app/referrers/{}", image.digest));
    probe.send().await.expect(200);
    let attached = Image::with("attached", json!({ "subject": subject_of(&image) }));
    attached.push_blobs(&s, "app").await;
    let put = attached
        .put(&s, "app", attached.digest.as_str())
        .await
        .expect(201);
    assert_eq!(put.header("oci-subject"), image.digest.as_str());
    let listed = s.call("GET", &format!("/v2/app/referrers/{}", image.digest));
    let listed = listed.send().await.expect(200).json();
    assert_eq!(listed["manifests"].as_array().map_or(0, Vec::len), 1);
}

#[tokio::test]
async fn every_client_may_escape_the_colon_of_a_digest() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let layer = Digest::sha256(&image.layers[0]);
    for colon in ["%3A", "%3a"] {
        for (kind, digest) in [("manifests", &image.digest), ("blobs", &layer)] {
            let digest = digest.as_str().replace(':', colon);
            s.ask("GET", &format!("/v2/app/{kind}/{digest}"), &[], "")
                .await
                .expect(200);
        }
    }
}
