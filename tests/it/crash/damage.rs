//! S10 to S12: bytes that changed behind our back are not served, and a push heals them.
use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

const SIZE: usize = 1_000_000;

async fn pushed(s: &TestServer) -> (Image, String, PathBuf) {
    let image = Image::of("damaged", vec![vec![1; SIZE]]);
    image.push(s, "app", "v1").await;
    let path = format!("/v2/app/blobs/{}", Digest::sha256(&image.layers[0]));
    (image, path, file(s))
}

/// The file of the only blob that has one.
fn file(s: &TestServer) -> PathBuf {
    let folders = std::fs::read_dir(s.data_dir().join("blobs")).unwrap();
    let folders = folders
        .map(|f| f.unwrap().path())
        .filter(|path| path.is_dir());
    let mut files = folders
        .flat_map(|f| std::fs::read_dir(f).unwrap())
        .map(|f| f.unwrap().path());
    let file = files.next().unwrap();
    assert_eq!(files.next(), None);
    file
}

fn flip(file: &PathBuf) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[SIZE / 2] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

/// The blob is not there for anyone, though its image is still listed, and a push brings it back.
async fn heals(s: &TestServer, image: &Image, path: &str) {
    for method in ["HEAD", "GET"] {
        s.call(method, path).send().await.expect(404);
    }
    let unknown = s.call("GET", path).send().await.fails(404, "BLOB_UNKNOWN");
    assert_eq!(
        unknown.header("content-length"),
        unknown.body.len().to_string()
    );
    let listed = s
        .aws("ListImages", json!({ "repositoryName": "app" }))
        .await
        .ok();
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), 1);
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(200);
    image.push(s, "app", "v1").await;
    image.assert_pulls(s, "app", "v1").await;
    s.store()
        .collect(wharf_storage::Leases::Respect)
        .await
        .unwrap();
    image.assert_pulls(s, "app", "v1").await;
    assert!(s.store().check(false).await.unwrap().is_empty());
    file(s);
}

#[tokio::test]
async fn s11_a_blob_of_another_size_is_404_until_it_is_pushed_again() {
    for (what, size) in [
        ("truncated", SIZE as u64 - 1),
        ("empty", 0),
        ("longer", SIZE as u64 + 1),
    ] {
        for first in ["HEAD", "GET"] {
            let s = TestServer::new().await;
            let (image, path, file) = pushed(&s).await;
            std::fs::File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_len(size)
                .unwrap();
            let reply = s.call(first, &path).send().await;
            assert_eq!(reply.status, 404, "{first} of a blob that is {what}");
            heals(&s, &image, &path).await;
        }
    }
}

#[tokio::test]
async fn s12_a_blob_that_is_gone_is_404_until_it_is_pushed_again() {
    let s = TestServer::new().await;
    let (image, path, file) = pushed(&s).await;
    std::fs::remove_file(&file).unwrap();
    heals(&s, &image, &path).await;
}

#[tokio::test]
async fn s16_a_link_in_place_of_a_blob_is_not_followed() {
    let s = TestServer::new().await;
    let (image, path, file) = pushed(&s).await;
    let secret = s.scratch().join("secret");
    std::fs::write(&secret, vec![1; SIZE]).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&secret, &file).unwrap();
    heals(&s, &image, &path).await;
    assert!(secret.exists());
}

#[tokio::test]
async fn s10_with_verified_reads_a_flipped_bit_cuts_the_answer_off() {
    let s = TestServer::with(|c| c.verify_reads = true).await;
    let (image, path, file) = pushed(&s).await;
    image.assert_pulls(&s, "app", "v1").await;
    flip(&file);
    let basic = STANDARD.encode(format!("AWS:{}", s.password()));
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {basic}\r\nconnection: close\r\n\r\n"
    );
    let reply = s.raw().await.ask(request.as_bytes()).await;
    assert_eq!(reply.status, 200);
    let (head, body) = reply.text.split_once("\r\n\r\n").unwrap();
    assert!(
        head.to_ascii_lowercase()
            .contains(&format!("content-length: {SIZE}")),
        "{head}"
    );
    assert!(body.len() < SIZE, "all bytes of a damaged blob were sent");
    // It is marked beside the answer; a write after it finds that done.
    for _ in 0..1000 {
        if s.call("HEAD", &path).send().await.status == 404 {
            break;
        }
    }
    heals(&s, &image, &path).await;
}

#[tokio::test]
async fn s10_the_scrub_finds_a_flipped_bit() {
    let s = TestServer::new().await;
    let (image, path, file) = pushed(&s).await;
    let week = Duration::from_hours(24 * 7);
    assert_eq!(s.store().scrub(week).await.unwrap(), 0);
    flip(&file);
    // It was looked at when it was pushed: not before its time comes again.
    assert_eq!(s.store().scrub(week).await.unwrap(), 0);
    s.call("GET", &path).send().await.expect(200);
    s.advance(Duration::from_secs(1));
    assert_eq!(s.store().scrub(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(s.store().scrub(Duration::ZERO).await.unwrap(), 0);
    heals(&s, &image, &path).await;
}

#[tokio::test]
async fn s10_check_finds_a_flipped_bit_and_stops_serving_it_when_told_to() {
    let s = TestServer::new().await;
    let (image, path, file) = pushed(&s).await;
    flip(&file);
    let found = s.store().check(false).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].repaired, None);
    let found = s.store().check(true).await.unwrap();
    assert_eq!(found[0].repaired, Some("no longer served"));
    heals(&s, &image, &path).await;
}

#[tokio::test]
async fn a_blob_whose_disk_is_away_is_not_damaged_and_comes_back() {
    let s = TestServer::new().await;
    let (image, path, _) = pushed(&s).await;
    let (blobs, away) = (s.data_dir().join("blobs"), s.data_dir().join("away"));
    std::fs::rename(&blobs, &away).unwrap();
    std::fs::create_dir(&blobs).unwrap();
    for method in ["HEAD", "GET"] {
        s.call(method, &path).send().await.expect(503);
    }
    std::fs::remove_dir(&blobs).unwrap();
    std::fs::rename(&away, &blobs).unwrap();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn check_serves_again_what_was_damaged_and_is_whole() {
    let s = TestServer::new().await;
    let (image, path, file) = pushed(&s).await;
    let away = s.scratch().join("away");
    std::fs::rename(&file, &away).unwrap();
    s.call("GET", &path).send().await.expect(404);
    std::fs::rename(&away, &file).unwrap();
    s.call("GET", &path).send().await.expect(404);
    let found = s.store().check(true).await.unwrap();
    assert_eq!(found[0].repaired, Some("served again"), "{found:?}");
    image.assert_pulls(&s, "app", "v1").await;
}
