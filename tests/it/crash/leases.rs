//! Leases: what is kept without a manifest, and how pushes and the collector get along (reliability:
//! X3 to X7, as stories with a clock in place of a race).
use std::time::Duration;

use serde_json::json;
use wharf_storage::{BlobState, Leases};
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

const HOUR: Duration = Duration::from_hours(1);

/// Lets time pass; passwords live half a day only.
async fn pass(s: &mut TestServer, hours: u32) {
    s.advance(HOUR * hours);
    s.login().await;
}

async fn collect(s: &TestServer) -> (u64, u64) {
    let done = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(done.postponed, None);
    (done.links, done.blobs)
}

async fn has(s: &TestServer, repo: &str, digest: &Digest) -> bool {
    // GET, for HEAD renews what it finds.
    let got = s
        .call("GET", &format!("/v2/{repo}/blobs/{digest}"))
        .send()
        .await;
    got.status == 200
}

fn blob_files(s: &TestServer) -> usize {
    let folders = std::fs::read_dir(s.data_dir().join("blobs")).unwrap();
    let count = |path: std::path::PathBuf| std::fs::read_dir(path).unwrap().count();
    folders
        .map(|f| f.unwrap().path())
        .filter(|path| path.is_dir())
        .map(count)
        .sum()
}

#[tokio::test]
async fn a_pushed_blob_without_a_manifest_is_kept_for_a_day() {
    let mut s = TestServer::new().await;
    let (large, small) = (
        s.push_blob("app", &vec![1; 100_000]).await,
        s.push_blob("app", b"small").await,
    );
    pass(&mut s, 24).await;
    assert_eq!(collect(&s).await, (0, 0));
    assert!(has(&s, "app", &large).await && has(&s, "app", &small).await);
    assert_eq!(blob_files(&s), 1);
    s.advance(Duration::from_millis(1));
    assert_eq!(collect(&s).await, (2, 2));
    assert!(!has(&s, "app", &large).await && !has(&s, "app", &small).await);
    assert_eq!(blob_files(&s), 0);
    assert_eq!(collect(&s).await, (0, 0));
}

#[tokio::test]
async fn an_image_needs_no_lease_with_a_tag_or_without() {
    let mut s = TestServer::new().await;
    let image = Image::of("kept", vec![vec![1; 100_000]]);
    image.push(&s, "app", "v1").await;
    s.call("DELETE", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(202);
    pass(&mut s, 1000).await;
    assert_eq!(collect(&s).await, (0, 0));
    image.assert_pulls(&s, "app", image.digest.as_str()).await;
    s.call("DELETE", &format!("/v2/app/manifests/{}", image.digest))
        .send()
        .await
        .expect(202);
    assert_eq!(collect(&s).await, (2, 2));
    assert_eq!(blob_files(&s), 0);
}

#[tokio::test]
async fn head_renews_a_lease_that_is_half_over() {
    let mut s = TestServer::new().await;
    let digest = s.push_blob("app", b"asked for").await;
    let head = format!("/v2/app/blobs/{digest}");
    let before = s.state().await;
    s.call("HEAD", &head).send().await.expect(200);
    assert_eq!(s.state().await, before, "a young lease is left alone");
    for _ in 0..3 {
        pass(&mut s, 13).await;
        s.call("HEAD", &head).send().await.expect(200);
    }
    pass(&mut s, 24).await;
    assert_eq!(collect(&s).await, (0, 0));
    s.advance(Duration::from_millis(1));
    assert_eq!(collect(&s).await, (1, 1));
}

#[tokio::test]
async fn x6_a_mount_has_a_lease_of_its_own() {
    let mut s = TestServer::new().await;
    s.create("other").await;
    let digest = s.push_blob("app", b"mounted").await;
    pass(&mut s, 20).await;
    let mount = format!("/v2/other/blobs/uploads/?mount={digest}&from=app");
    s.call("POST", &mount).send().await.expect(201);
    s.call("DELETE", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(202);
    pass(&mut s, 24).await;
    assert_eq!(collect(&s).await, (0, 0));
    assert!(has(&s, "other", &digest).await && !has(&s, "app", &digest).await);
    s.advance(Duration::from_millis(1));
    assert_eq!(collect(&s).await, (1, 1));
    // What is gone cannot be mounted: an upload begins instead.
    let begun = s.call("POST", &mount).send().await.expect(202);
    s.call("DELETE", begun.header("location"))
        .send()
        .await
        .expect(204);
}

#[tokio::test]
async fn x3_a_blob_that_was_found_is_there_for_the_manifest() {
    let mut s = TestServer::new().await;
    let image = Image::new("x3");
    image.push_blobs(&s, "app").await;
    pass(&mut s, 23).await;
    for bytes in [&image.config, &image.layers[0]] {
        let path = format!("/v2/app/blobs/{}", Digest::sha256(bytes));
        s.call("HEAD", &path).send().await.expect(200);
    }
    pass(&mut s, 12).await;
    assert_eq!(collect(&s).await, (0, 0));
    image.put(&s, "app", "v1").await.expect(201);
    // Without a look before it, a push that comes too late is told what is missing.
    let late = Image::new("late");
    late.push_blobs(&s, "app").await;
    pass(&mut s, 25).await;
    collect(&s).await;
    let refused = late
        .put(&s, "app", "late")
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
    assert!(
        refused
            .message()
            .contains(Digest::sha256(&late.config).as_str()),
        "{}",
        refused.message()
    );
    s.call("GET", "/v2/app/manifests/late")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn x4_a_manifest_within_the_lease_of_its_blobs_is_always_taken() {
    let mut s = TestServer::new().await;
    for hours in [0, 1, 12, 24] {
        let image = Image::new(&format!("x4 {hours}"));
        image.push_blobs(&s, "app").await;
        pass(&mut s, hours).await;
        collect(&s).await;
        image.put(&s, "app", "v1").await.expect(201);
        collect(&s).await;
        image.assert_pulls(&s, "app", "v1").await;
    }
}

#[tokio::test]
async fn x5_an_old_shared_layer_outlives_the_image_that_brought_it() {
    let mut s = TestServer::new().await;
    s.create("bb").await;
    let base = vec![7; 100_000];
    let old = Image::of("a", vec![base.clone(), b"of a".to_vec()]);
    old.push(&s, "app", "v1").await;
    pass(&mut s, 24 * 365).await;
    // B finds the layer where A has it; A deletes its image before B's manifest comes.
    let new = Image::of("bb", vec![base.clone(), b"of b".to_vec()]);
    let mount = format!(
        "/v2/bb/blobs/uploads/?mount={}&from=app",
        Digest::sha256(&base)
    );
    s.call("POST", &mount).send().await.expect(201);
    s.push_blob("bb", &new.layers[1]).await;
    s.push_blob("bb", &new.config).await;
    let ids = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] });
    s.aws("BatchDeleteImage", ids).await.ok();
    pass(&mut s, 11).await;
    collect(&s).await;
    new.put(&s, "bb", "v1").await.expect(201);
    pass(&mut s, 24 * 365).await;
    collect(&s).await;
    new.assert_pulls(&s, "bb", "v1").await;
    assert!(!has(&s, "app", &Digest::sha256(&base)).await);
}

#[tokio::test]
async fn x7_bytes_that_are_being_deleted_never_take_new_ones_along() {
    let s = TestServer::new().await;
    let bytes = vec![9; 100_000];
    let image = Image::of("x7", vec![bytes.clone()]);
    let digest = s.push_blob("app", &bytes).await;
    // The collector has decided, and has not deleted yet.
    let wanted = digest.clone();
    let key = s.store().meta().read(move |tx| {
        let all = tx.all_blobs("", 10)?;
        let found = all.into_iter().find(|(row, _)| row.digest == wanted);
        Ok::<_, wharf_storage::Error>(found.unwrap().0.key)
    });
    let key = key.await.unwrap();
    let condemned = s
        .store()
        .meta()
        .write(move |tx| tx.set_blob_state(&key, BlobState::Condemned));
    condemned.await.unwrap();
    // From then on it is not there for anyone.
    s.call("HEAD", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(404);
    let mount = format!("/v2/app/blobs/uploads/?mount={digest}&from=app");
    let begun = s.call("POST", &mount).send().await.expect(202);
    s.call("DELETE", begun.header("location"))
        .send()
        .await
        .expect(204);
    image
        .put(&s, "app", "v1")
        .await
        .fails(400, "MANIFEST_BLOB_UNKNOWN");
    image.push(&s, "app", "v1").await;
    assert_eq!(blob_files(&s), 2);
    collect(&s).await;
    assert_eq!(blob_files(&s), 1);
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_ends_after_a_day() {
    let mut s = TestServer::new().await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(vec![1; 100_000])
        .send()
        .await
        .expect(202);
    pass(&mut s, 20).await;
    s.call("PATCH", &location)
        .body("more")
        .send()
        .await
        .expect(202);
    pass(&mut s, 23).await;
    collect(&s).await;
    s.call("GET", &location).send().await.expect(204);
    pass(&mut s, 2).await;
    let done = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(done.uploads, 1);
    s.call("GET", &location)
        .send()
        .await
        .fails(404, "BLOB_UPLOAD_UNKNOWN");
    s.assert_tidy().await;
}
