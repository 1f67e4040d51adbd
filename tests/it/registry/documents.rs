//! Manifests as documents: their size, their JSON, their type.
use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::{Manifest, media};

use super::{digest_of_tag, put};

const MAX: usize = Manifest::<Vec<u8>>::MAX_BYTES;

/// An image whose manifest has exactly `size` bytes.
fn of_size(size: usize) -> Image {
    let padded =
        |n: usize| Image::with("sized", json!({ "annotations": { "pad": "x".repeat(n) } }));
    padded(size - padded(0).manifest.len())
}

#[tokio::test]
async fn r9_a_manifest_of_4_mib_is_201() {
    let s = TestServer::new().await;
    let image = of_size(MAX);
    assert_eq!(image.manifest.len(), 4 * 1024 * 1024);
    image.push(&s, "app", "big").await;
    image.assert_pulls(&s, "app", "big").await;
}

#[tokio::test]
async fn r9_a_manifest_of_one_byte_more_is_413_before_it_is_sent() {
    let s = TestServer::new().await;
    of_size(MAX).push_blobs(&s, "app").await;
    let before = s.state().await;
    let length = format!("Content-Length: {}", MAX + 1);
    let headers = [
        "Content-Type: application/vnd.oci.image.manifest.v1+json",
        &length,
    ];
    let reply = s.ask("PUT", "/v2/app/manifests/big", &headers, "").await;
    reply.fails(413, "SIZE_INVALID");
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r9_a_manifest_without_end_is_413_once_it_is_too_large() {
    let s = TestServer::new().await;
    let before = s.state().await;
    let headers = [
        "Content-Type: application/vnd.oci.image.manifest.v1+json",
        "Transfer-Encoding: chunked",
    ];
    let mut raw = s.hold("PUT", "/v2/app/manifests/endless", &headers).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
    for _ in 0..=MAX / 0x1_0000 {
        raw.write(chunk.as_bytes()).await;
    }
    raw.answer().await.fails(413, "SIZE_INVALID");
    assert_eq!(s.state().await, before);
}

/// Texts that are no JSON, or not JSON that all readers agree about.
fn no_documents(image: &Image) -> Vec<(&'static str, String)> {
    let with = |members: &str| image.manifest.replacen('{', &format!("{{{members},"), 1);
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        with(&format!("\"deep\":{open}1{close}"))
    };
    vec![
        ("empty", String::new()),
        ("white space", "  \n".into()),
        ("no JSON", "FROM scratch".into()),
        ("cut off", image.manifest.chars().take(40).collect()),
        ("null", "null".into()),
        ("an array", "[]".into()),
        ("a text", "\"manifest\"".into()),
        ("a number", "2".into()),
        ("10,000 arrays", deep("[", "]")),
        ("10,000 objects", deep("{\"a\":", "}")),
        ("a member twice", with("\"schemaVersion\":2")),
        (
            "a member twice, deeper",
            with("\"annotations\":{\"a\":\"1\",\"a\":\"2\"}"),
        ),
        (
            "a member twice, once escaped",
            with("\"m\\u0065diaType\":\"text/plain\""),
        ),
        ("a byte order mark", format!("\u{feff}{}", image.manifest)),
        ("trailing garbage", format!("{} x", image.manifest)),
        (
            "two documents",
            format!("{}{}", image.manifest, image.manifest),
        ),
        (
            "a trailing comma",
            image.manifest.replace("Version\":2", "Version\":2,"),
        ),
        ("a huge number", with("\"huge\":1e999")),
        ("NaN", with("\"x\":NaN")),
        ("Infinity", with("\"x\":Infinity")),
        ("a comment", format!("/* */{}", image.manifest)),
        ("a NUL", format!("{}\0", image.manifest)),
        ("half a surrogate", with("\"x\":\"\\ud800\"")),
        ("annotations in an array", with("\"annotations\":[]")),
        (
            "a version that is a text",
            image.manifest.replace("Version\":2", "Version\":\"2\""),
        ),
        (
            "a null config",
            image
                .manifest
                .replace("\"config\":{", "\"config\":null,\"c\":{"),
        ),
    ]
}

#[tokio::test]
async fn r10_what_is_no_manifest_is_400_manifest_invalid() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let before = s.state().await;
    for (what, text) in no_documents(&image) {
        assert_ne!(text, image.manifest, "{what}");
        let reply = put(&s, "v1", media::OCI_MANIFEST, &text).await;
        assert_eq!(reply.status, 400, "{what}: {reply:?}");
        assert_eq!(reply.code(), "MANIFEST_INVALID", "{what}: {reply:?}");
    }
    let not_utf8 = [image.manifest.as_bytes(), b"\xff"].concat();
    s.call("PUT", "/v2/app/manifests/v1")
        .header("content-type", media::OCI_MANIFEST)
        .body(not_utf8)
        .send()
        .await
        .fails(400, "MANIFEST_INVALID");
    assert_eq!(s.state().await, before);
}

// CVE-2021-41190: one document must not be readable as two things.
#[tokio::test]
async fn r11_a_document_of_two_types_is_400() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let index = Image::index(&[&image]);
    let inside_index = Image::with("r11", json!({ "mediaType": media::OCI_INDEX })).manifest;
    let both = Image::with("r11", json!({ "manifests": [] })).manifest;
    let untyped = json!({ "schemaVersion": 2, "manifests": [], "layers": [] }).to_string();
    let config = json!({ "schemaVersion": 2, "manifests": [], "config": null }).to_string();
    let before = s.state().await;
    for (media_type, document) in [
        (media::OCI_MANIFEST, &inside_index),
        (media::OCI_INDEX, &image.manifest),
        (media::OCI_MANIFEST, &index.manifest),
        (media::DOCKER_MANIFEST, &image.manifest),
        (media::DOCKER_LIST, &index.manifest),
        ("application/json", &image.manifest),
        (media::OCI_MANIFEST, &both),
        (media::OCI_INDEX, &both),
        (media::OCI_INDEX, &untyped),
        (media::OCI_MANIFEST, &untyped),
        (media::OCI_MANIFEST, &config),
        ("nonsense", &image.manifest),
        ("text/<script>", &image.manifest),
        ("", &image.manifest),
    ] {
        let reply = put(&s, "v1", media_type, document).await;
        assert_eq!(reply.status, 400, "{media_type}: {document}: {reply:?}");
        assert_eq!(reply.code(), "MANIFEST_INVALID", "{media_type}: {reply:?}");
    }
    s.call("PUT", "/v2/app/manifests/v1")
        .body(image.manifest.clone())
        .send()
        .await
        .fails(400, "MANIFEST_INVALID");
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r11_a_charset_does_not_make_another_type() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let bare = json!({ "schemaVersion": 2, "manifests": [] }).to_string();
    for (tag, media_type, document) in [
        (
            "plain",
            format!("{}; charset=utf-8", media::OCI_MANIFEST),
            &image.manifest,
        ),
        (
            "tight",
            format!("{};charset=UTF-8", media::OCI_MANIFEST),
            &image.manifest,
        ),
        (
            "index",
            format!("{}; charset=utf-8", media::OCI_INDEX),
            &bare,
        ),
    ] {
        put(&s, tag, &media_type, document).await.expect(201);
        let got = s.call("GET", &format!("/v2/app/manifests/{tag}"));
        let got = got.send().await.expect(200);
        assert_eq!(got.body, *document);
        let essence = media_type.split(';').next();
        assert_eq!(got.header("content-type").split(';').next(), essence);
    }
}

#[tokio::test]
async fn r20_schema_1_is_400_unsupported() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let was = digest_of_tag(&s, "v1").await;
    let document = json!({
        "schemaVersion": 1, "name": "app", "tag": "v1", "architecture": "amd64",
        "fsLayers": [], "history": [],
    })
    .to_string();
    let before = s.state().await;
    for media_type in [
        media::DOCKER_SCHEMA1,
        media::DOCKER_SCHEMA1_SIGNED,
        media::OCI_MANIFEST,
    ] {
        let reply = put(&s, "v1", media_type, &document).await;
        assert_eq!(reply.status, 400, "{media_type}: {reply:?}");
        assert_eq!(reply.code(), "UNSUPPORTED", "{media_type}: {reply:?}");
    }
    assert_eq!(s.state().await, before);
    assert_eq!(digest_of_tag(&s, "v1").await, was);
}

// RFC 9110, 12.5.1: who cannot be served what it accepts may be served all the same, and a digest
// leaves nothing to choose from.
#[tokio::test]
async fn r36_whatever_is_accepted_the_stored_bytes_are_served() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let index = Image::index(&[&image]);
    index.push(&s, "app", "multi").await;
    for accept in [
        None,
        Some("*/*"),
        Some("application/*"),
        Some(media::DOCKER_MANIFEST),
        Some("application/vnd.docker.distribution.manifest.v2+json;q=1.0, */*;q=0.1"),
        Some("application/vnd.oci.image.index.v1+json;q=0"),
        Some(media::DOCKER_SCHEMA1_SIGNED),
        Some("text/html"),
        Some("nonsense;;q=x"),
        Some(""),
    ] {
        for (tag, stored) in [("v1", &image), ("multi", &index)] {
            for method in ["GET", "HEAD"] {
                let call = s.call(method, &format!("/v2/app/manifests/{tag}"));
                let call = match accept {
                    Some(accept) => call.header("accept", accept),
                    None => call,
                };
                let got = call.send().await.expect(200);
                assert_eq!(got.header("content-type"), stored.media_type, "{accept:?}");
                assert_eq!(got.header("docker-content-digest"), stored.digest.as_str());
                if method == "GET" {
                    assert_eq!(got.body, stored.manifest, "{accept:?}");
                }
            }
        }
    }
}
