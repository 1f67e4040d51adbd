//! Uploads: chunks, digests, lengths, and bodies that break off.
use wharf_testkit::{RawReply, TestServer};
use wharf_types::Digest;

use super::{ABSENT, assert_blob, bytes, range};

/// Smaller than what is kept in the database, larger than that, and larger than what is written at
/// once.
const SIZES: [usize; 3] = [1000, 100_000, 3_000_000];

fn chunk(first: usize, content: &[u8]) -> String {
    format!("Content-Range: {first}-{}", first + content.len() - 1)
}

/// A body in the chunks of HTTP/1.1.
fn chunked(pieces: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in pieces {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

async fn patch(s: &TestServer, at: &str, headers: &[&str], body: &[u8]) -> RawReply {
    let length = format!("Content-Length: {}", body.len());
    let headers = [headers, &[length.as_str()]].concat();
    s.ask("PATCH", at, &headers, body).await
}

async fn finish(s: &TestServer, at: &str, digest: &Digest) {
    let end = format!("{at}?digest={digest}");
    s.call("PUT", &end).send().await.expect(201);
}

#[tokio::test]
async fn r21_bytes_with_another_digest_are_400_and_the_session_is_gone() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for size in SIZES {
        let content = bytes(size);
        let location = s.begin("app").await;
        s.call("PATCH", &location)
            .body(content.clone())
            .send()
            .await
            .expect(202);
        let end = format!("{location}?digest={ABSENT}");
        s.call("PUT", &end)
            .send()
            .await
            .fails(400, "DIGEST_INVALID");
        s.call("GET", &location)
            .send()
            .await
            .fails(404, "BLOB_UPLOAD_UNKNOWN");
        let at_once = format!("/v2/app/blobs/uploads/?digest={ABSENT}");
        let post = s.call("POST", &at_once).body(content.clone());
        post.send().await.fails(400, "DIGEST_INVALID");
        for digest in [ABSENT, Digest::sha256(&content).as_str()] {
            let head = s.call("HEAD", &format!("/v2/app/blobs/{digest}"));
            head.send().await.expect(404);
        }
    }
    s.assert_tidy().await;
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r22_nothing_is_a_blob() {
    let s = TestServer::new().await;
    let empty = Digest::sha256(b"");
    assert!(empty.as_str().starts_with("sha256:e3b0c442"));
    let at_once = format!("/v2/app/blobs/uploads/?digest={empty}");
    s.call("POST", &at_once).body("").send().await.expect(201);
    finish(&s, &s.begin("app").await, &empty).await;
    let location = s.begin("app").await;
    patch(&s, &location, &[], b"").await.expect(202);
    finish(&s, &location, &empty).await;
    let path = format!("/v2/app/blobs/{empty}");
    for method in ["GET", "HEAD"] {
        let got = s.call(method, &path).send().await.expect(200);
        assert_eq!(got.header("content-length"), "0");
        assert!(got.body.is_empty());
    }
    let part = s.call("GET", &path).header("range", "bytes=0-0");
    part.send().await.expect(416);
    s.assert_tidy().await;
}

#[tokio::test]
async fn r23_a_chunk_out_of_order_is_416_and_the_upload_goes_on() {
    let s = TestServer::new().await;
    for size in SIZES {
        let content = bytes(size);
        let (first, rest) = content.split_at(size / 2);
        let location = s.begin("app").await;
        // Nothing has come: a chunk in the middle is a gap.
        let gap = patch(&s, &location, &[&chunk(first.len(), rest)], rest).await;
        gap.expect(416);
        patch(&s, &location, &[&chunk(0, first)], first)
            .await
            .expect(202);
        let come = format!("0-{}", first.len() - 1);
        for at in [0, first.len() - 1, first.len() + 1, size] {
            let header = chunk(at, rest);
            let refused = patch(&s, &location, &[&header], rest).await;
            assert_eq!(refused.status, 416, "{header}: {refused:?}");
            assert_eq!(refused.header("range"), come, "{refused:?}");
            let end = format!("{location}?digest={}", Digest::sha256(&content));
            let length = format!("Content-Length: {}", rest.len());
            let put = s.ask("PUT", &end, &[&header, &length], rest).await;
            put.expect(416);
            assert_eq!(range(&s, &location).await, come);
        }
        let put = s.call(
            "PUT",
            &format!("{location}?digest={}", Digest::sha256(&content)),
        );
        let put = put.header("content-range", &format!("{}-{}", first.len(), size - 1));
        put.body(rest.to_vec()).send().await.expect(201);
        assert_blob(&s, "app", &content).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn r24_a_content_range_that_is_none_is_400_or_416_and_nothing_is_taken() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    patch(&s, &location, &[], b"hello ").await.expect(202);
    let before = s.state().await;
    for value in [
        "6-",
        "-10",
        "-",
        "",
        "10-6",
        "a-b",
        "6-a",
        "6-18446744073709551616",
        "6-18446744073709551615",
        "18446744073709551616-18446744073709551620",
        "bytes=6-10",
        "bytes 6-10/11",
        "items 6-10",
        "6-10/11",
        "6 - 10",
        "+6-10",
        "0x6-0xa",
        "6-10,11-12",
        // Ends that do not match the length.
        "6-9",
        "6-11",
        "6-6",
    ] {
        let header = format!("Content-Range: {value}");
        let refused = patch(&s, &location, &[&header], b"world").await;
        assert!([400, 416].contains(&refused.status), "{value}: {refused:?}");
        let framed = [header.as_str(), "Transfer-Encoding: chunked"];
        let refused = s
            .ask("PATCH", &location, &framed, chunked(&[b"wor", b"ld"]))
            .await;
        assert!([400, 416].contains(&refused.status), "{value}: {refused:?}");
        assert_eq!(s.state().await, before, "{value}");
    }
    patch(&s, &location, &["Content-Range: 6-10"], b"world")
        .await
        .expect(202);
    finish(&s, &location, &Digest::sha256(b"hello world")).await;
    assert_blob(&s, "app", b"hello world").await;
}

#[tokio::test]
async fn r24_a_large_chunk_that_is_not_as_long_as_it_says_is_not_taken() {
    let s = TestServer::new().await;
    let content = bytes(3_000_000);
    let (first, rest) = content.split_at(200_000);
    let location = s.begin("app").await;
    patch(&s, &location, &[&chunk(0, first)], first)
        .await
        .expect(202);
    let come = range(&s, &location).await;
    for header in [
        "Content-Range: 200000-2999998",
        "Content-Range: 200000-3000000",
        "Content-Range: 200000-200000",
    ] {
        let framed = [header, "Transfer-Encoding: chunked"];
        let refused = s.ask("PATCH", &location, &framed, chunked(&[rest])).await;
        assert!(
            [400, 416].contains(&refused.status),
            "{header}: {refused:?}"
        );
        assert_eq!(range(&s, &location).await, come, "{header}");
    }
    patch(&s, &location, &[&chunk(first.len(), rest)], rest)
        .await
        .expect(202);
    finish(&s, &location, &Digest::sha256(&content)).await;
    assert_blob(&s, "app", &content).await;
}

/// Sends a part of an announced body and hangs up.
async fn break_off(s: &TestServer, location: &str, announced: usize, sent: &[u8]) -> RawReply {
    use tokio::io::AsyncWriteExt as _;
    let length = format!("Content-Length: {announced}");
    let mut raw = s.hold("PATCH", location, &[&length]).await;
    raw.write(sent).await;
    drop(raw.0.shutdown().await);
    raw.answer().await
}

#[tokio::test]
async fn r25_what_came_before_the_client_died_is_kept_and_resumed() {
    let s = TestServer::new().await;
    for size in SIZES {
        let content = bytes(size);
        let (first, rest) = content.split_at(size * 2 / 3);
        let location = s.begin("app").await;
        let broken = break_off(&s, &location, size, first).await;
        assert!(broken.status == 0 || broken.status == 400, "{broken:?}");
        assert_eq!(range(&s, &location).await, format!("0-{}", first.len() - 1));
        let again = patch(&s, &location, &[&chunk(first.len(), rest)], rest).await;
        assert_eq!(again.expect(202).header("range"), format!("0-{}", size - 1));
        finish(&s, &location, &Digest::sha256(&content)).await;
        assert_blob(&s, "app", &content).await;
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn r25_a_connection_that_is_reset_leaves_a_session_to_resume() {
    let s = TestServer::new().await;
    let content = bytes(3_000_000);
    let location = s.begin("app").await;
    let mut raw = s
        .hold("PATCH", &location, &["Content-Length: 3000000"])
        .await;
    raw.write(&content[..2_000_000]).await;
    drop(raw);
    // While the first request is still at it, the session is busy: 416 with its Range.
    let mut offset = None;
    for _ in 0..10_000 {
        let status = range(&s, &location).await;
        let come = status.split('-').nth(1).and_then(|last| last.parse().ok());
        let at = come.map_or(0, |last: usize| if last == 0 { 0 } else { last + 1 });
        let rest = &content[at..];
        let reply = patch(&s, &location, &[&chunk(at, rest)], rest).await;
        if reply.status == 202 {
            offset = Some(at);
            break;
        }
        reply.expect(416);
    }
    assert!(offset.is_some(), "the session stayed busy");
    finish(&s, &location, &Digest::sha256(&content)).await;
    assert_blob(&s, "app", &content).await;
}

#[tokio::test]
async fn r26_a_patch_in_chunks_without_a_length_is_202() {
    let s = TestServer::new().await;
    for size in SIZES {
        let content = bytes(size);
        let (first, rest) = content.split_at(size / 3);
        let location = s.begin("app").await;
        let framing = ["Transfer-Encoding: chunked"];
        let reply = s
            .ask("PATCH", &location, &framing, chunked(&[first, rest]))
            .await;
        assert_eq!(reply.expect(202).header("range"), format!("0-{}", size - 1));
        finish(&s, &location, &Digest::sha256(&content)).await;
        assert_blob(&s, "app", &content).await;
    }
}

#[tokio::test]
async fn r27_a_whole_blob_that_breaks_off_is_not_published() {
    use tokio::io::AsyncWriteExt as _;
    let s = TestServer::new().await;
    let before = s.state().await;
    for size in SIZES {
        let content = bytes(size);
        // The digest of what comes, and that of what should.
        for digest in [
            Digest::sha256(&content[..size / 2]),
            Digest::sha256(&content),
        ] {
            let target = format!("/v2/app/blobs/uploads/?digest={digest}");
            let length = format!("Content-Length: {size}");
            let mut raw = s.hold("POST", &target, &[&length]).await;
            raw.write(&content[..size / 2]).await;
            drop(raw.0.shutdown().await);
            let reply = raw.answer().await;
            assert!(reply.status == 0 || reply.status == 400, "{reply:?}");
            let head = s.call("HEAD", &format!("/v2/app/blobs/{digest}"));
            head.send().await.expect(404);
        }
    }
    s.assert_tidy().await;
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r28_the_last_chunk_may_come_with_the_put() {
    let s = TestServer::new().await;
    for size in SIZES {
        let content = bytes(size);
        let (first, rest) = content.split_at(size / 2);
        for header in [None, Some(chunk(first.len(), rest))] {
            let location = s.begin("app").await;
            patch(&s, &location, &[], first).await.expect(202);
            let digest = Digest::sha256(&content);
            let end = format!("{location}?digest={digest}");
            let length = format!("Content-Length: {}", rest.len());
            let mut headers = vec![length.as_str()];
            headers.extend(header.as_deref());
            let put = s.ask("PUT", &end, &headers, rest).await.expect(201);
            assert_eq!(put.header("docker-content-digest"), digest.as_str());
            assert_blob(&s, "app", &content).await;
        }
    }
    s.assert_tidy().await;
}

#[tokio::test]
async fn r40_a_content_encoding_is_not_undone() {
    let s = TestServer::new().await;
    // What gzip makes of nothing.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\x03\0\0\0\0\0\0\0\0\0";
    let digest = Digest::sha256(gzip);
    let end = format!("{}?digest={digest}", s.begin("app").await);
    let put = s.call("PUT", &end).header("content-encoding", "gzip");
    put.body(gzip.to_vec()).send().await.expect(201);
    let got = s.call("GET", &format!("/v2/app/blobs/{digest}"));
    let got = got
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect(200);
    assert_eq!(got.body, &gzip[..]);
    assert!(got.headers.get("content-encoding").is_none(), "{got:?}");
}

#[tokio::test]
async fn r31_a_blob_over_52000_mib_is_413_by_its_length_alone() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    let before = s.state().await;
    let most: u64 = 52_000 * 1024 * 1024;
    for length in [most + 1, u64::MAX / 2] {
        for (method, target) in [
            ("POST", format!("/v2/app/blobs/uploads/?digest={ABSENT}")),
            ("PATCH", location.clone()),
            ("PUT", format!("{location}?digest={ABSENT}")),
        ] {
            let length = format!("Content-Length: {length}");
            for headers in [&[length.as_str()][..], &[&length, "Expect: 100-continue"]] {
                let refused = s.ask(method, &target, headers, "").await;
                refused.fails(413, "SIZE_INVALID");
            }
        }
    }
    assert_eq!(s.state().await, before);
    patch(&s, &location, &[], b"small").await.expect(202);
    let length = format!("Content-Length: {}", most - 4);
    s.ask("PATCH", &location, &[&length], "")
        .await
        .fails(413, "SIZE_INVALID");
    finish(&s, &location, &Digest::sha256(b"small")).await;
}
