//! Conditional requests, and HEAD as GET without its body: RFC 9110, sections 9.3.2 and 13.
use wharf_testkit::{Reply, TestServer};

use super::{ABSENT, bytes};

/// A small blob, a large one, and a manifest by tag and by digest.
async fn paths(s: &TestServer) -> [String; 4] {
    let image = s.push("app", "v1").await;
    let (small, large) = (bytes(1000), bytes(200_000));
    [
        format!("/v2/app/blobs/{}", s.push_blob("app", &small).await),
        format!("/v2/app/blobs/{}", s.push_blob("app", &large).await),
        "/v2/app/manifests/v1".into(),
        format!("/v2/app/manifests/{}", image.digest),
    ]
}

async fn with(s: &TestServer, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let call = s.call(method, path);
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    call.send().await
}

fn etag(reply: &Reply) -> String {
    let etag = reply.header("etag").to_owned();
    assert!(
        etag.starts_with('"') && etag.ends_with('"'),
        "a strong ETag: {reply:?}"
    );
    etag
}

#[tokio::test]
async fn r33_what_the_client_has_is_304() {
    let s = TestServer::new().await;
    for path in paths(&s).await {
        let etag = etag(&with(&s, "GET", &path, &[]).await.expect(200));
        let weak = format!("W/{etag}");
        let listed = format!("\"other\", {etag}");
        for method in ["GET", "HEAD"] {
            for known in [etag.as_str(), &weak, &listed, "*"] {
                let reply = with(&s, method, &path, &[("if-none-match", known)]).await;
                let reply = reply.expect(304);
                assert!(reply.body.is_empty());
                assert_eq!(reply.header("etag"), etag);
            }
            for other in ["\"other\"", "W/\"other\"", ABSENT, "\"\""] {
                let reply = with(&s, method, &path, &[("if-none-match", other)]).await;
                reply.expect(200);
            }
        }
        // If-None-Match decides before Range does.
        let headers = [("if-none-match", etag.as_str()), ("range", "bytes=0-1")];
        with(&s, "GET", &path, &headers).await.expect(304);
    }
}

#[tokio::test]
async fn r33_a_precondition_that_fails_is_412() {
    let s = TestServer::new().await;
    for path in paths(&s).await {
        let etag = etag(&with(&s, "GET", &path, &[]).await.expect(200));
        let listed = format!("\"other\", {etag}");
        for method in ["GET", "HEAD"] {
            for held in [etag.as_str(), &listed, "*"] {
                with(&s, method, &path, &[("if-match", held)])
                    .await
                    .expect(200);
            }
            let failed = with(&s, method, &path, &[("if-match", "\"other\"")]).await;
            failed.expect(412);
        }
        // 13.1.1: the strong comparison, which a weak tag never passes.
        let weak = format!("W/{etag}");
        with(&s, "GET", &path, &[("if-match", &weak)])
            .await
            .expect(412);
        // 13.2.2: If-Match comes first.
        let both = [("if-match", "\"other\""), ("if-none-match", etag.as_str())];
        with(&s, "GET", &path, &both).await.expect(412);
    }
}

#[tokio::test]
async fn r33_if_range_gives_a_part_of_the_same_or_the_whole_of_another() {
    let s = TestServer::new().await;
    for path in paths(&s).await {
        let whole = with(&s, "GET", &path, &[]).await.expect(200);
        let etag = etag(&whole);
        let range = ("range", "bytes=2-5");
        let part = with(&s, "GET", &path, &[range, ("if-range", &etag)]).await;
        assert_eq!(part.expect(206).body, whole.body.slice(2..6));
        let weak = format!("W/{etag}");
        for other in ["\"other\"", &weak, "Thu, 01 Jan 2026 00:00:00 GMT"] {
            let reply = with(&s, "GET", &path, &[range, ("if-range", other)]).await;
            assert_eq!(reply.expect(200).body, whole.body, "{other}");
        }
        // A range that cannot be satisfied does not matter if the whole is sent.
        let beyond = [("range", "bytes=99999999-"), ("if-range", "\"other\"")];
        with(&s, "GET", &path, &beyond).await.expect(200);
    }
}

/// All headers but those that are of this one answer.
fn lasting(reply: &Reply) -> Vec<(String, String)> {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), format!("{value:?}")))
        .collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn r33_head_has_the_headers_of_get() {
    let s = TestServer::new().await;
    let absent = [
        "/v2/".to_owned(),
        format!("/v2/app/blobs/{ABSENT}"),
        format!("/v2/app/manifests/{ABSENT}"),
        "/v2/app/manifests/absent".into(),
        "/v2/absent/manifests/v1".into(),
        "/v2/app/manifests/.bad".into(),
        "/v2/App/manifests/v1".into(),
    ];
    for path in paths(&s).await.into_iter().chain(absent) {
        let get = with(&s, "GET", &path, &[]).await;
        let head = with(&s, "HEAD", &path, &[]).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty());
        assert_eq!(get.header("content-length"), get.body.len().to_string());
        assert_eq!(lasting(&head), lasting(&get), "{path}");
    }
    let anonymous = |method| s.call(method, "/v2/").anonymous().send();
    let (get, head) = (anonymous("GET").await, anonymous("HEAD").await);
    assert_eq!(
        head.expect(401).headers.len(),
        get.expect(401).headers.len()
    );
}

#[tokio::test]
async fn what_is_served_says_what_it_is() {
    let s = TestServer::new().await;
    let [small, large, tag, digest] = paths(&s).await;
    for path in [&small, &large] {
        let reply = with(&s, "GET", path, &[]).await.expect(200);
        assert_eq!(reply.header("content-type"), "application/octet-stream");
        assert!(path.ends_with(reply.header("docker-content-digest")));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    for path in [&tag, &digest] {
        let reply = with(&s, "GET", path, &[]).await.expect(200);
        assert!(digest.ends_with(reply.header("docker-content-digest")));
    }
    for path in [small, large, tag, digest] {
        let reply = with(&s, "GET", &path, &[]).await.expect(200);
        assert_eq!(reply.header("accept-ranges"), "bytes");
    }
}
