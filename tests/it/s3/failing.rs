//! S20 in small: a bucket that does not answer.
use wharf_testkit::Image;
use wharf_types::Digest;

use super::bucket::Bucket;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn s20_a_store_that_is_down_is_503_and_never_404() {
    let Some(mut bucket) = Bucket::new() else {
        return;
    };
    let s = bucket.serve().await;
    let image = Image::of("s20", vec![vec![1; MIB]]);
    image.push(&s, "app", "v1").await;
    let path = format!("/v2/app/blobs/{}", Digest::sha256(&image.layers[0]));
    bucket.stop();
    let (get, head) = tokio::join!(s.call("GET", &path).send(), s.call("HEAD", &path).send());
    for reply in [&get, &head] {
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("retry-after"), "5");
    }
    assert_eq!(get.code(), "UNAVAILABLE");
    // What lies in the database is served all the same, and nothing was taken for damaged.
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(200);
    let config = Digest::sha256(&image.config);
    s.call("GET", &format!("/v2/app/blobs/{config}"))
        .send()
        .await
        .expect(200);
    bucket.start();
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn s20_a_push_while_the_store_is_down_is_503_and_loses_nothing() {
    let Some(mut bucket) = Bucket::new() else {
        return;
    };
    let s = bucket.serve().await;
    let bytes = vec![7; MIB];
    let digest = Digest::sha256(&bytes);
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(bytes.clone())
        .send()
        .await
        .expect(202);
    bucket.stop();
    let finish = format!("{location}?digest={digest}");
    let refused = s.call("PUT", &finish).send().await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.header("retry-after"), "5");
    s.call("HEAD", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(404);
    bucket.start();
    s.push_blob("app", &bytes).await;
    let got = s
        .call("GET", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(200);
    assert!(got.body == bytes);
    assert_eq!(bucket.objects().len(), 1);
}

#[tokio::test]
async fn s20_a_collection_while_the_store_is_down_forgets_nothing() {
    let Some(mut bucket) = Bucket::new() else {
        return;
    };
    let s = bucket.serve().await;
    let digest = s.push_blob("app", &vec![7; MIB]).await;
    s.call("DELETE", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(202);
    bucket.stop();
    s.store()
        .collect(wharf_storage::Leases::Ignore)
        .await
        .unwrap_err();
    bucket.start();
    assert_eq!(bucket.objects().len(), 1);
    s.store()
        .collect(wharf_storage::Leases::Ignore)
        .await
        .unwrap();
    assert!(bucket.objects().is_empty());
}
