//! Push, pull and resume with the bytes in a bucket.
use wharf_testkit::{Image, TestServer};
use wharf_types::{Algorithm, Digest};

use super::bucket::Bucket;

const MIB: usize = 1024 * 1024;

/// Bytes in which every place can be told.
fn bytes(len: usize) -> Vec<u8> {
    (0..len / 4)
        .flat_map(|i| u32::try_from(i).unwrap().to_le_bytes())
        .collect()
}

async fn pulls(s: &TestServer, digest: &Digest, expected: &[u8]) {
    let path = format!("/v2/app/blobs/{digest}");
    let head = s.call("HEAD", &path).send().await.expect(200);
    assert_eq!(head.header("content-length"), expected.len().to_string());
    let got = s.call("GET", &path).send().await.expect(200);
    assert!(got.body == expected, "other bytes");
}

#[tokio::test]
async fn images_of_every_size_are_pulled_as_they_were_pushed() {
    let Some(bucket) = Bucket::new() else { return };
    let mut s = bucket.serve().await;
    let image = Image::of("s3", vec![bytes(1000), bytes(MIB), bytes(40 * MIB)]);
    image.push(&s, "app", "v1").await;
    image.assert_pulls(&s, "app", "v1").await;
    // Small ones lie in the database, the others in the bucket, each in one object.
    let mut sizes: Vec<u64> = bucket
        .objects()
        .iter()
        .map(|path| std::fs::metadata(path).unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [MIB as u64, 40 * MIB as u64]);
    assert!(bucket.unfinished().is_empty());
    s.assert_tidy().await;
    s.restart().await;
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn a_large_upload_streams_in_parts_and_goes_on_after_a_restart() {
    let Some(bucket) = Bucket::new() else { return };
    let mut s = bucket.serve().await;
    let all = bytes(40 * MIB);
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(all[..20 * MIB].to_vec())
        .send()
        .await
        .expect(202);
    // Two parts of 8 MiB have left; what is no part yet waits in a file.
    assert!(!bucket.unfinished().is_empty());
    let tails: Vec<_> = std::fs::read_dir(s.data_dir().join("staging"))
        .unwrap()
        .collect();
    assert_eq!(tails.len(), 1);
    assert_eq!(
        tails[0].as_ref().unwrap().metadata().unwrap().len(),
        4 * MIB as u64
    );
    for (from, to) in [(20 * MIB, 20 * MIB + 10), (20 * MIB + 10, 33 * MIB)] {
        s.restart().await;
        let status = s.call("GET", &location).send().await.expect(204);
        assert_eq!(status.header("range"), format!("0-{}", from - 1));
        s.call("PATCH", &location)
            .body(all[from..to].to_vec())
            .send()
            .await
            .expect(202);
    }
    s.restart().await;
    let digest = Digest::sha256(&all);
    let finish = format!("{location}?digest={digest}");
    s.call("PUT", &finish)
        .body(all[33 * MIB..].to_vec())
        .send()
        .await
        .expect(201);
    pulls(&s, &digest, &all).await;
    assert_eq!(bucket.objects().len(), 1);
    assert!(bucket.unfinished().is_empty());
    s.assert_tidy().await;
}

#[tokio::test]
async fn uploads_of_just_so_many_parts_are_whole() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    for len in [8 * MIB - 4, 8 * MIB, 8 * MIB + 4, 16 * MIB] {
        let all = bytes(len);
        let digest = s.push_blob("app", &all).await;
        pulls(&s, &digest, &all).await;
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(all[..len / 2].to_vec())
            .send()
            .await
            .expect(202);
        s.call("PATCH", &location)
            .body(all[len / 2..].to_vec())
            .send()
            .await
            .expect(202);
        s.call("PUT", &format!("{location}?digest={digest}"))
            .send()
            .await
            .expect(201);
        pulls(&s, &digest, &all).await;
    }
    assert!(bucket.unfinished().is_empty());
    s.assert_tidy().await;
}

#[tokio::test]
async fn a_digest_that_is_wrong_leaves_no_object() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    for len in [1000, MIB, 20 * MIB] {
        for wrong in [
            Digest::sha256(b"other"),
            Digest::of(Algorithm::Sha512, b"other"),
        ] {
            let location = s.begin("app").await;
            let finish = format!("{location}?digest={wrong}");
            let refused = s.call("PUT", &finish).body(bytes(len)).send().await;
            refused.fails(400, "DIGEST_INVALID");
            s.call("GET", &location)
                .send()
                .await
                .fails(404, "BLOB_UPLOAD_UNKNOWN");
            assert!(
                bucket.objects().is_empty(),
                "{len} bytes, {wrong}: {:?}",
                bucket.objects()
            );
            assert!(bucket.unfinished().is_empty());
        }
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn sha512_may_be_asked_for_at_the_end_or_from_the_beginning() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    for len in [1000, MIB, 20 * MIB] {
        let all = bytes(len);
        let digest = Digest::of(Algorithm::Sha512, &all);
        // Hashed as sha256 while it came, it is read again from the bucket.
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(all[..len / 2].to_vec())
            .send()
            .await
            .expect(202);
        let finish = format!("{location}?digest={digest}");
        s.call("PUT", &finish)
            .body(all[len / 2..].to_vec())
            .send()
            .await
            .expect(201);
        pulls(&s, &digest, &all).await;
        s.call("DELETE", &format!("/v2/app/blobs/{digest}"))
            .send()
            .await
            .expect(202);
        let whole = format!("/v2/app/blobs/uploads/?digest={digest}");
        s.call("POST", &whole)
            .body(all.clone())
            .send()
            .await
            .expect(201);
        pulls(&s, &digest, &all).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn s22_cancelling_aborts_the_multipart_upload() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let location = s.begin("app").await;
    s.call("PATCH", &location)
        .body(bytes(20 * MIB))
        .send()
        .await
        .expect(202);
    assert!(!bucket.unfinished().is_empty());
    s.call("DELETE", &location).send().await.expect(204);
    assert!(bucket.unfinished().is_empty());
    assert!(bucket.objects().is_empty());
    s.assert_tidy().await;
}

#[tokio::test]
async fn ranges_are_read_from_the_bucket() {
    let Some(bucket) = Bucket::new() else { return };
    let s = bucket.serve().await;
    let all = bytes(9 * MIB);
    let path = format!("/v2/app/blobs/{}", s.push_blob("app", &all).await);
    let last = all.len() - 1;
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=5-9".to_owned(), 5, 10),
        (format!("bytes={}-", 8 * MIB - 3), 8 * MIB - 3, all.len()),
        ("bytes=-7".to_owned(), all.len() - 7, all.len()),
    ] {
        let got = s
            .call("GET", &path)
            .header("range", &range)
            .send()
            .await
            .expect(206);
        assert!(got.body == all[from..to], "{range}");
        assert_eq!(
            got.header("content-range"),
            format!("bytes {from}-{}/{}", to - 1, all.len())
        );
    }
    let beyond = format!("bytes={}-", all.len());
    s.call("GET", &path)
        .header("range", &beyond)
        .send()
        .await
        .expect(416);
    let ranges = format!("bytes=0-3, {}-{last}", last - 3);
    let many = s
        .call("GET", &path)
        .header("range", &ranges)
        .send()
        .await
        .expect(206);
    let kind = many.header("content-type").to_owned();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let expected = [
        format!("--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-3/{}\r\n\r\n", all.len())
            .into_bytes(),
        all[..4].to_vec(),
        format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {}-{last}/{}\r\n\r\n",
            last - 3,
            all.len()
        )
        .into_bytes(),
        all[last - 3..].to_vec(),
        format!("\r\n--{boundary}--\r\n").into_bytes(),
    ]
    .concat();
    assert!(many.body == expected);
}
