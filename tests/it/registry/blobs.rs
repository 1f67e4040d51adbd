//! Bytes at rest: what is damaged is not served, and pushing it again heals it.
use std::path::{Path, PathBuf};

use wharf_testkit::TestServer;
use wharf_types::Digest;

use super::{assert_blob, bytes};

/// The only file of this size below a directory.
fn file_of(dir: &Path, size: usize) -> Option<PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() {
            return file_of(&path, size);
        }
        let len = std::fs::metadata(&path).ok()?.len();
        (len == size as u64).then_some(path)
    })
}

/// zot #4427: 200 and no bytes.
#[tokio::test]
async fn p4_a_blob_that_lost_bytes_is_404_until_it_is_pushed_again() {
    let s = TestServer::new().await;
    for (size, left) in [
        (200_000, Some(0)),
        (200_001, Some(199_999)),
        (200_002, None),
    ] {
        let content = bytes(size);
        let path = format!("/v2/app/blobs/{}", s.push_blob("app", &content).await);
        let file = file_of(s.data_dir(), size).unwrap();
        match left {
            Some(left) => std::fs::write(&file, &content[..left]).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        for method in ["HEAD", "GET", "HEAD"] {
            s.call(method, &path).send().await.expect(404);
        }
        let range = s.call("GET", &path).header("range", "bytes=0-1");
        range.send().await.fails(404, "BLOB_UNKNOWN");
        s.push_blob("app", &content).await;
        assert_blob(&s, "app", &content).await;
        s.call("HEAD", &path).send().await.expect(200);
    }
}

#[tokio::test]
async fn p3_with_verified_reads_a_changed_byte_cuts_the_answer_off() {
    let s = TestServer::with(|c| c.verify_reads = true).await;
    let content = bytes(3_000_000);
    let path = format!("/v2/app/blobs/{}", s.push_blob("app", &content).await);
    let file = file_of(s.data_dir(), content.len()).unwrap();
    let mut changed = content.clone();
    changed[1_234_567] ^= 1;
    std::fs::write(&file, &changed).unwrap();
    let cut = s.ask("GET", &path, &[], "").await.expect(200);
    assert_eq!(cut.header("content-length"), "3000000");
    assert!(
        cut.body().len() < content.len(),
        "the wrong bytes were served whole"
    );
    s.push_blob("app", &content).await;
    assert_blob(&s, "app", &content).await;
}

#[tokio::test]
async fn a_small_blob_survives_as_a_row_and_a_large_one_as_a_file() {
    let mut s = TestServer::new().await;
    for size in [0, 1, 65_535, 65_536, 65_537, 1_048_576, 1_048_577] {
        let content = bytes(size);
        assert_eq!(s.push_blob("app", &content).await, Digest::sha256(&content));
    }
    s.restart().await;
    for size in [0, 1, 65_535, 65_536, 65_537, 1_048_576, 1_048_577] {
        assert_blob(&s, "app", &bytes(size)).await;
    }
    s.assert_tidy().await;
}

// What is never named by a manifest is kept for the grace period, and not for ever.
#[tokio::test]
async fn a_blob_without_a_manifest_is_collected_after_its_grace() {
    let mut s = TestServer::new().await;
    let content = bytes(200_000);
    let digest = s.push_blob("app", &content).await;
    s.advance(std::time::Duration::from_hours(23));
    s.login().await;
    s.collect_garbage().await;
    // Who is told that it is there can rely on it for a while.
    let path = format!("/v2/app/blobs/{digest}");
    s.call("HEAD", &path).send().await.expect(200);
    s.advance(std::time::Duration::from_hours(2));
    s.collect_garbage().await;
    assert_blob(&s, "app", &content).await;
    s.advance(std::time::Duration::from_hours(25));
    s.login().await;
    s.collect_garbage().await;
    s.call("HEAD", &path).send().await.expect(404);
    assert!(file_of(s.data_dir(), content.len()).is_none());
}
