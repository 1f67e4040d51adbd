//! The collector: what it would do is what it does, and bytes that no row names.
use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use wharf_storage::{BlobState, Collected, Leases};
use wharf_testkit::{Image, TestServer};

const DAY: Duration = Duration::from_hours(24);

/// What a report names, without its order.
fn named(report: &Collected) -> Vec<String> {
    let mut all: Vec<_> = report
        .removals
        .iter()
        .map(|r| format!("{} {} {} {}", r.kind, r.what, r.bytes, r.why))
        .collect();
    all.sort();
    all
}

/// Puts a file into the store that no row names, so old by the server's clock.
fn plant(s: &TestServer, name: &str, age: Duration) -> PathBuf {
    let path = s.data_dir().join("blobs").join(name);
    std::fs::write(&path, [1; 100]).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(s.now().as_secs().cast_unsigned());
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(now.checked_sub(age).unwrap())
        .unwrap();
    path
}

#[tokio::test]
async fn a_dry_run_names_what_the_real_one_removes_and_changes_nothing() {
    let mut s = TestServer::new().await;
    s.create("other").await;
    for i in 0..5 {
        let image = Image::of(&format!("image {i}"), vec![vec![i; 70_000]]);
        image.push(&s, "app", &format!("v{i}")).await;
        let layer = wharf_types::Digest::sha256(&image.layers[0]);
        s.call(
            "POST",
            &format!("/v2/other/blobs/uploads/?mount={layer}&from=app"),
        )
        .send()
        .await
        .expect(201);
    }
    for i in 2..5 {
        let head = s
            .call("HEAD", &format!("/v2/app/manifests/v{i}"))
            .send()
            .await;
        let path = format!("/v2/app/manifests/{}", head.header("docker-content-digest"));
        s.call("DELETE", &path).send().await.expect(202);
    }
    let location = s.begin("other").await;
    s.call("PATCH", &location)
        .body("abandoned")
        .send()
        .await
        .expect(202);
    s.advance(DAY * 2);
    s.login().await;
    plant(&s, "ab/ab000000-0000-4000-8000-000000000001", DAY * 3);
    let before = s.state().await;
    let dry = s.store().would_collect(Leases::Respect).await.unwrap();
    assert_eq!(s.state().await, before);
    let real = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(named(&dry), named(&real));
    // Five mounted layers, and layer and config of three images; a config each and three layers.
    assert_eq!(
        (real.links, real.blobs, real.uploads, real.orphans),
        (5 + 6, 6, 1, 1)
    );
    assert_eq!(
        (dry.links, dry.blobs, dry.uploads, dry.orphans),
        (5 + 6, 6, 1, 1)
    );
    assert_eq!(dry.bytes, real.bytes);
    for i in 0..2 {
        let image = Image::of(&format!("image {i}"), vec![vec![i; 70_000]]);
        image.assert_pulls(&s, "app", &format!("v{i}")).await;
    }
}

#[tokio::test]
async fn s13_bytes_without_a_row_are_swept_after_the_grace_and_not_before() {
    let s = TestServer::new().await;
    let young = plant(
        &s,
        "ab/ab000000-0000-4000-8000-000000000001",
        Duration::from_secs(24 * 3600 - 1),
    );
    let old = plant(
        &s,
        "cd/cd000000-0000-4000-8000-000000000002",
        DAY + Duration::from_secs(1),
    );
    let future = plant(
        &s,
        "ef/ef000000-0000-4000-8000-000000000003",
        Duration::ZERO,
    );
    // What is no blob of ours is not the collector's business.
    let stranger = plant(&s, "ab/README", DAY * 100);
    for (leases, kept) in [(Leases::Respect, true), (Leases::Ignore, true)] {
        s.store().collect(leases).await.unwrap();
        assert_eq!(young.exists(), kept, "{leases:?}");
    }
    assert!(!old.exists() && future.exists() && stranger.exists());
    s.advance(Duration::from_secs(2));
    let swept = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(swept.orphans, 1);
    assert!(!young.exists());
    let found = s.store().check(false).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, "store: ab/README is not of wharf's making");
    s.store().check(true).await.unwrap();
    assert!(stranger.exists());
}

#[tokio::test]
async fn a_collection_during_pushes_takes_nothing_that_is_pushed() {
    let s = TestServer::new().await;
    let push = async {
        for i in 0..20_u8 {
            let image = Image::of(&format!("busy {i}"), vec![vec![i; 70_000]]);
            image.push(&s, "app", &format!("v{i}")).await;
        }
    };
    let collect = async {
        let mut collected = 0;
        for _ in 0..40 {
            collected += s.store().collect(Leases::Respect).await.unwrap().blobs;
            tokio::task::yield_now().await;
        }
        collected
    };
    let ((), collected) = tokio::join!(push, collect);
    assert_eq!(collected, 0);
    for i in 0..20_u8 {
        let image = Image::of(&format!("busy {i}"), vec![vec![i; 70_000]]);
        image.assert_pulls(&s, "app", &format!("v{i}")).await;
    }
    assert!(s.store().check(false).await.unwrap().is_empty());
}

#[tokio::test]
async fn c12_a_collection_that_was_cut_off_is_finished_by_the_next() {
    let mut s = TestServer::new().await;
    let digests = [
        s.push_blob("app", &vec![1; 100_000]).await,
        s.push_blob("app", &vec![2; 100_000]).await,
    ];
    let all = s
        .store()
        .meta()
        .read(|tx| tx.all_blobs("", 10))
        .await
        .unwrap();
    for digest in digests {
        s.call("DELETE", &format!("/v2/app/blobs/{digest}"))
            .send()
            .await
            .expect(202);
    }
    // Decided for both, and the bytes of one deleted, when the server died.
    let keys: Vec<_> = all.into_iter().map(|(row, _)| row.key).collect();
    let (first, condemned) = (keys[0].clone(), keys.clone());
    s.store()
        .meta()
        .write(move |tx| {
            condemned
                .iter()
                .try_for_each(|key| tx.set_blob_state(key, BlobState::Condemned))
        })
        .await
        .unwrap();
    let fan: String = first.as_str().chars().take(2).collect();
    std::fs::remove_file(s.data_dir().join("blobs").join(fan).join(first.as_str())).unwrap();
    s.restart().await;
    for _ in 0..2 {
        s.store().collect(Leases::Respect).await.unwrap();
        let left = s
            .store()
            .meta()
            .read(|tx| tx.all_blobs("", 10))
            .await
            .unwrap();
        assert!(left.is_empty(), "{left:?}");
        assert!(
            s.state()
                .await
                .iter()
                .all(|line| !line.contains(keys[1].as_str()))
        );
    }
}
