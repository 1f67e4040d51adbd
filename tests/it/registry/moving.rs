//! Reading while others write.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use tokio::task::JoinSet;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::bytes;

const READERS: usize = 4;
const MOVES: usize = 200;

/// Reads a tag until it is told to stop; how often it found which image.
async fn read(s: &TestServer, images: &[Image], stop: &AtomicBool) -> Vec<usize> {
    let mut found = vec![0; images.len()];
    while !stop.load(Ordering::Relaxed) {
        let got = s
            .call("GET", "/v2/app/manifests/moving")
            .send()
            .await
            .expect(200);
        let which = images.iter().position(|image| image.manifest == got.body);
        assert!(which.is_some(), "no version: {got:?}");
        let Some(which) = which else { break };
        found[which] += 1;
        let image = &images[which];
        assert_eq!(got.header("docker-content-digest"), image.digest.as_str());
        assert_eq!(got.header("etag"), format!("\"{}\"", image.digest));
        assert_eq!(
            got.header("content-length"),
            image.manifest.len().to_string()
        );
        assert_eq!(got.header("content-type"), image.media_type);
        let layer = Digest::sha256(&image.layers[0]);
        let layer = s
            .call("GET", &format!("/v2/app/blobs/{layer}"))
            .send()
            .await;
        assert_eq!(layer.expect(200).body, image.layers[0]);
    }
    found
}

#[tokio::test]
async fn r42_a_tag_that_moves_is_always_one_whole_version() {
    let s = Arc::new(TestServer::new().await);
    let images: Arc<[Image]> = (0..4)
        .map(|i| {
            let annotations = json!({ "annotations": { "pad": "x".repeat(i * 20_000) } });
            Image::with(&format!("version {i}"), annotations)
        })
        .collect();
    for image in images.iter() {
        image.push(&s, "app", "moving").await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (s, images, stop) = (Arc::clone(&s), Arc::clone(&images), Arc::clone(&stop));
        readers.spawn(async move { read(&s, &images, &stop).await });
    }
    for i in 0..MOVES {
        images[i % images.len()]
            .put(&s, "app", "moving")
            .await
            .expect(201);
    }
    stop.store(true, Ordering::Relaxed);
    let reads: usize = readers.join_all().await.iter().flatten().sum();
    assert!(reads > 0, "nobody read");
    images[(MOVES - 1) % images.len()]
        .assert_pulls(&s, "app", "moving")
        .await;
}

#[tokio::test]
async fn x1_a_blob_that_fifty_clients_push_at_once_is_there_once() {
    let s = Arc::new(TestServer::new().await);
    let content = bytes(200_000);
    let digest = Digest::sha256(&content);
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let (s, content) = (Arc::clone(&s), content.clone());
        clients.spawn(async move { s.push_blob("app", &content).await });
    }
    for pushed in clients.join_all().await {
        assert_eq!(pushed, digest);
    }
    super::assert_blob(&s, "app", &content).await;
    s.collect_garbage().await;
    let stored = s.state().await;
    let stored = stored
        .iter()
        .filter(|line| line.ends_with(" 200000"))
        .count();
    assert_eq!(stored, 1);
    s.assert_tidy().await;
}

#[tokio::test]
async fn x2_a_tag_that_fifty_clients_push_at_once_is_one_of_theirs() {
    let s = Arc::new(TestServer::new().await);
    let mut clients = JoinSet::new();
    for i in 0..50 {
        let s = Arc::clone(&s);
        clients.spawn(async move {
            let image = Image::new(&i.to_string());
            image.push(&s, "app", "v1").await;
            image.digest.to_string()
        });
    }
    let digests = clients.join_all().await;
    assert!(digests.contains(&super::digest_of_tag(&s, "v1").await));
    for digest in digests {
        let path = format!("/v2/app/manifests/{digest}");
        s.call("GET", &path).send().await.expect(200);
    }
}

// X2, for an immutable tag: one is first, and it stays.
#[tokio::test]
async fn x2_an_immutable_tag_that_fifty_clients_push_at_once_is_the_firsts() {
    let s = Arc::new(TestServer::new().await);
    let immutable = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    s.aws("PutImageTagMutability", immutable).await.ok();
    let mut clients = JoinSet::new();
    for i in 0..50 {
        let s = Arc::clone(&s);
        clients.spawn(async move {
            let image = Image::new(&i.to_string());
            image.push_blobs(&s, "app").await;
            let put = image.put(&s, "app", "v1").await;
            if put.status == 201 {
                return Some(image.digest.to_string());
            }
            put.fails(400, "TAG_INVALID");
            None
        });
    }
    let first: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    assert_eq!(first, [super::digest_of_tag(&s, "v1").await]);
}

#[tokio::test]
async fn x10_of_patch_put_and_delete_at_once_one_wins_and_nothing_is_left() {
    let s = TestServer::new().await;
    for _ in 0..20 {
        let location = s.begin("app").await;
        let end = format!("{location}?digest={}", Digest::sha256(b"whole"));
        let (patch, put, delete) = tokio::join!(
            s.call("PATCH", &location).body("whole").send(),
            s.call("PUT", &end).body("whole").send(),
            s.call("DELETE", &location).send(),
        );
        for (reply, won) in [(&patch, 202), (&put, 201), (&delete, 204)] {
            let allowed = [won, 400, 404, 409, 416];
            assert!(allowed.contains(&reply.status.as_u16()), "{reply:?}");
        }
        let ended = s.call("DELETE", &location).send().await.status.as_u16();
        assert!([204, 404].contains(&ended), "{ended}");
        if put.status == 201 {
            super::assert_blob(&s, "app", b"whole").await;
        }
    }
    s.assert_tidy().await;
}
