//! Parts of blobs and manifests: RFC 9110, section 14.
use wharf_testkit::{Image, Reply, TestServer};
use wharf_types::Digest;

use super::bytes;

/// What can be asked for in parts: a small and a large blob, and a manifest.
async fn contents(s: &TestServer) -> Vec<(String, Vec<u8>)> {
    let mut contents = Vec::new();
    for size in [5000, 200_000] {
        let digest = s.push_blob("app", &bytes(size)).await;
        contents.push((format!("/v2/app/blobs/{digest}"), bytes(size)));
    }
    let pad = String::from_utf8_lossy(&bytes(5000)).into_owned();
    let members = serde_json::json!({ "annotations": { "pad": pad } });
    let image = Image::with("ranges", members);
    image.push(s, "app", "v1").await;
    for reference in ["v1", image.digest.as_str()] {
        let path = format!("/v2/app/manifests/{reference}");
        contents.push((path, image.manifest.clone().into_bytes()));
    }
    contents
}

async fn get(s: &TestServer, path: &str, range: &str) -> Reply {
    s.call("GET", path).header("range", range).send().await
}

#[track_caller]
fn assert_part(reply: &Reply, first: usize, content: &[u8], all: usize) {
    assert_eq!(reply.status, 206, "{reply:?}");
    assert_eq!(reply.body, content);
    let last = first + content.len() - 1;
    assert_eq!(
        reply.header("content-range"),
        format!("bytes {first}-{last}/{all}")
    );
    assert_eq!(reply.header("content-length"), content.len().to_string());
}

#[tokio::test]
async fn r32_one_range_is_206_with_that_part() {
    let s = TestServer::new().await;
    for (path, content) in contents(&s).await {
        let n = content.len();
        for (range, first, end) in [
            ("bytes=0-0".to_owned(), 0, 1),
            ("bytes=0-499".into(), 0, 500),
            ("bytes=500-1499".into(), 500, 1500),
            ("bytes=500-".into(), 500, n),
            ("bytes=0-".into(), 0, n),
            ("bytes=-500".into(), n - 500, n),
            ("bytes=-1".into(), n - 1, n),
            (format!("bytes=-{}", n + 1), 0, n),
            (format!("bytes={}-", n - 1), n - 1, n),
            (format!("bytes=10-{n}"), 10, n),
            ("bytes=1-18446744073709551615".into(), 1, n),
            ("bytes=1-99999999999999999999999".into(), 1, n),
            (format!("bytes={n}-,0-9"), 0, 10),
        ] {
            let part = get(&s, &path, &range).await;
            assert_part(&part, first, &content[first..end], n);
            assert!(!part.header("docker-content-digest").is_empty(), "{range}");
        }
    }
}

#[tokio::test]
async fn r32_a_range_beyond_the_end_is_416_with_the_size() {
    let s = TestServer::new().await;
    for (path, content) in contents(&s).await {
        let n = content.len();
        for range in [
            &format!("bytes={n}-"),
            &format!("bytes={n}-{}", n + 5),
            "bytes=-0",
            "bytes=500-0",
            "bytes=99999999999999999999999-",
            &format!("bytes={n}-,{}-", n + 1),
        ] {
            let refused = get(&s, &path, range).await.expect(416);
            assert_eq!(refused.header("content-range"), format!("bytes */{n}"));
            assert!(refused.body.len() < n);
        }
    }
}

// "A recipient MUST ignore a Range header field containing an unknown range unit"; what is
// malformed may be ignored too.
#[tokio::test]
async fn r32_a_range_that_is_none_is_ignored() {
    let s = TestServer::new().await;
    for (path, content) in contents(&s).await {
        for range in [
            "items=0-5",
            "bytes",
            "bytes=",
            "bytes=a-b",
            "bytes=0-5x",
            "bytes=--5",
            "bytes=1-2-3",
            "bytes 0-5",
            "0-5",
        ] {
            let whole = get(&s, &path, range).await;
            assert_eq!(whole.status, 200, "{range}: {whole:?}");
            assert_eq!(whole.body, content, "{range}");
        }
        let put = s.call("HEAD", &path).header("range", "bytes=0-5");
        let head = put.send().await.expect(200);
        assert_eq!(head.header("content-length"), content.len().to_string());
    }
}

/// The parts of a `multipart/byteranges`: what their `Content-Range` says, and their bytes.
fn parts(reply: &Reply) -> Vec<(String, String)> {
    let content_type = reply.header("content-type");
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=");
    assert!(boundary.is_some(), "{content_type}");
    let boundary = boundary.unwrap_or_default().trim_matches('"');
    let text = String::from_utf8_lossy(&reply.body);
    let text = format!("\r\n{text}");
    let mut pieces: Vec<&str> = text.split(&format!("\r\n--{boundary}")).collect();
    assert!(
        pieces.pop().is_some_and(|end| end.starts_with("--")),
        "no end"
    );
    let parts = pieces.into_iter().skip(1).map(|piece| {
        let (head, body) = piece.split_once("\r\n\r\n").unwrap_or_default();
        let fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
        let mut range = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-range"));
        let range = range.next().map(|(_, value)| value.to_owned());
        (range.unwrap_or_default(), body.to_owned())
    });
    parts.collect()
}

#[tokio::test]
async fn r32_several_ranges_are_parts_in_the_order_asked_for() {
    let s = TestServer::new().await;
    for (path, content) in contents(&s).await {
        let n = content.len();
        for ranges in [
            &[(0, 0), (5, 9)][..],
            &[(100, 199), (300, 399), (1000, 1999)],
            &[(2000, 2999), (0, 99)],
            &[(0, 9), (10, 19)],
        ] {
            let asked: Vec<_> = ranges.iter().map(|(a, b)| format!("{a}-{b}")).collect();
            for separator in [",", ", "] {
                let header = format!("bytes={}", asked.join(separator));
                let reply = get(&s, &path, &header).await.expect(206);
                assert!(reply.headers.get("content-range").is_none(), "{reply:?}");
                assert_eq!(reply.header("content-length"), reply.body.len().to_string());
                let expected = ranges.iter().map(|(a, b)| {
                    let part = String::from_utf8_lossy(&content[*a..=*b]).into_owned();
                    (format!("bytes {a}-{b}/{n}"), part)
                });
                assert_eq!(parts(&reply), expected.collect::<Vec<_>>(), "{header}");
            }
        }
        // What lies beyond the end is left out.
        let header = format!("bytes=0-1,{n}-,-2");
        let reply = get(&s, &path, &header).await.expect(206);
        let got: Vec<_> = parts(&reply).into_iter().map(|(range, _)| range).collect();
        assert_eq!(
            got,
            [
                format!("bytes 0-1/{n}"),
                format!("bytes {}-{}/{n}", n - 2, n - 1)
            ]
        );
    }
}

// CVE-2011-3192: overlapping ranges ask for more than there is.
#[tokio::test]
async fn r32_many_overlapping_ranges_are_not_multiplied() {
    let s = TestServer::new().await;
    for (path, content) in contents(&s).await {
        for range in [
            "bytes=0-,0-,0-".to_owned(),
            format!("bytes={}", vec!["0-"; 1300].join(",")),
            format!("bytes={}", vec!["0-0"; 1500].join(",")),
        ] {
            let reply = get(&s, &path, &range).await;
            assert!([200, 416].contains(&reply.status.as_u16()), "{reply:?}");
            assert!(reply.body.len() <= content.len());
        }
    }
}

#[tokio::test]
async fn r32_parts_put_together_are_the_whole() {
    let s = TestServer::new().await;
    let content = bytes(200_000);
    let path = format!("/v2/app/blobs/{}", s.push_blob("app", &content).await);
    let mut whole = Vec::new();
    while whole.len() < content.len() {
        let range = format!("bytes={}-{}", whole.len(), whole.len() + 32_767);
        whole.extend_from_slice(&get(&s, &path, &range).await.expect(206).body);
    }
    assert_eq!(Digest::sha256(&whole), Digest::sha256(&content));
}
