//! Collection and checks of a bucket.
use std::time::Duration;

use wharf_storage::Leases;
use wharf_testkit::Image;
use wharf_types::Digest;

use super::bucket::Bucket;

const SIZE: usize = 1_000_000;
const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn what_nobody_needs_is_deleted_from_the_bucket() {
    let Some(bucket) = Bucket::new() else { return };
    let mut s = bucket.serve().await;
    let (kept, gone) = (
        Image::of("kept", vec![vec![1; SIZE]]),
        Image::of("gone", vec![vec![2; SIZE]]),
    );
    kept.push(&s, "app", "kept").await;
    gone.push(&s, "app", "gone").await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(vec![3; 20_000_000])
        .send()
        .await
        .expect(202);
    s.call("DELETE", &format!("/v2/app/manifests/{}", gone.digest))
        .send()
        .await
        .expect(202);
    assert!(s.store().check(false).await.unwrap().is_empty());
    s.advance(DAY * 2);
    s.login().await;
    let dry = s.store().would_collect(Leases::Respect).await.unwrap();
    assert_eq!((dry.blobs, dry.uploads, bucket.objects().len()), (2, 1, 2));
    let done = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(
        (done.blobs, done.uploads, bucket.objects().len()),
        (2, 1, 1)
    );
    assert!(bucket.unfinished().is_empty());
    kept.assert_pulls(&s, "app", "kept").await;
    s.assert_tidy().await;
}

#[tokio::test]
async fn s13_objects_without_a_row_are_swept_after_the_grace() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let orphan = bucket
        .folder()
        .join("ab/ab000000-0000-4000-8000-000000000001");
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    std::fs::write(&orphan, "orphan").unwrap();
    // The bucket's clock is the real one, far ahead of this server's: the object is young.
    s.store().collect(Leases::Ignore).await.unwrap();
    assert!(orphan.exists());
    s.advance(DAY * 365 * 100);
    let done = s.store().collect(Leases::Respect).await.unwrap();
    assert_eq!(done.orphans, 1);
    assert!(!orphan.exists());
}

#[tokio::test]
async fn s10_to_s12_damage_in_the_bucket_is_404_and_heals() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let image = Image::of("s3 damage", vec![vec![1; SIZE]]);
    let path = format!("/v2/app/blobs/{}", Digest::sha256(&image.layers[0]));
    for first in ["HEAD", "GET"] {
        for what in ["deleted", "truncated", "longer"] {
            image.push(&s, "app", "v1").await;
            s.store().collect(Leases::Respect).await.unwrap();
            let [object] = &bucket.objects()[..] else {
                panic!("{:?}", bucket.objects())
            };
            match what {
                "deleted" => std::fs::remove_file(object).unwrap(),
                "truncated" => std::fs::write(object, vec![1; SIZE - 1]).unwrap(),
                _ => std::fs::write(object, vec![1; SIZE + 1]).unwrap(),
            }
            let reply = s.call(first, &path).send().await;
            assert_eq!(reply.status, 404, "{first} of an object that is {what}");
            s.call("GET", &path).send().await.fails(404, "BLOB_UNKNOWN");
            s.call("GET", "/v2/app/manifests/v1")
                .send()
                .await
                .expect(200);
        }
    }
    image.push(&s, "app", "v1").await;
    image.assert_pulls(&s, "app", "v1").await;
    s.store().collect(Leases::Respect).await.unwrap();
    assert!(s.store().check(false).await.unwrap().is_empty());
}

#[tokio::test]
async fn s10_the_scrub_reads_the_bucket_too() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let image = Image::of("s3 scrub", vec![vec![1; SIZE]]);
    image.push(&s, "app", "v1").await;
    s.advance(Duration::from_secs(1));
    assert_eq!(s.store().scrub(Duration::ZERO).await.unwrap(), 0);
    s.advance(Duration::from_secs(1));
    let mut bytes = image.layers[0].clone();
    bytes[SIZE / 2] ^= 1;
    std::fs::write(&bucket.objects()[0], bytes).unwrap();
    assert_eq!(s.store().check(false).await.unwrap().len(), 1);
    assert_eq!(s.store().scrub(Duration::ZERO).await.unwrap(), 1);
    let path = format!("/v2/app/blobs/{}", Digest::sha256(&image.layers[0]));
    s.call("GET", &path).send().await.expect(404);
    image.push(&s, "app", "v1").await;
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn a_bucket_has_one_database() {
    let Some(bucket) = Bucket::new() else { return };
    let mut s = bucket.serve().await;
    let image = Image::of("mine", vec![vec![1; SIZE]]);
    image.push(&s, "app", "v1").await;
    let mut other = wharf_testkit::TestServer::new().await;
    other.stop().await;
    // Its sweep would delete what is ours.
    let failed = other.start_with(|c| bucket.configure(c)).await.unwrap_err();
    assert!(
        failed.to_string().contains("belongs to another database"),
        "{failed}"
    );
    let fresh = tempfile::tempdir().unwrap();
    let at = fresh.path().join("data");
    let failed = other.start_with(|c| c.data_dir = at).await.unwrap_err();
    assert!(failed.to_string().contains("restore a backup"), "{failed}");
    s.restart().await;
    image.assert_pulls(&s, "app", "v1").await;
}
