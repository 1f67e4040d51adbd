//! HTTP itself: methods, framing, headers, and what a guard must see before anything else does.
use tokio::io::AsyncWriteExt as _;
use wharf_testkit::{Raw, RawReply, TestServer};

use super::ABSENT;

#[tokio::test]
async fn r37_other_methods_are_405_and_echo_nothing() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let location = s.begin("app").await;
    let before = s.state().await;
    for (method, path) in [
        ("PROPFIND", "/v2/app/manifests/v1"),
        ("POST", "/v2/app/manifests/v1"),
        ("PATCH", "/v2/app/manifests/v1"),
        ("PUT", &format!("/v2/app/blobs/{ABSENT}")),
        ("POST", &format!("/v2/app/blobs/{ABSENT}")),
        ("GET", "/v2/app/blobs/uploads/"),
        ("PUT", "/v2/app/blobs/uploads/"),
        ("DELETE", "/v2/app/blobs/uploads/"),
        ("POST", &location),
        ("POST", "/v2/app/tags/list"),
        ("DELETE", "/v2/app/tags/list"),
        ("PUT", "/v2/_catalog"),
        ("DELETE", &format!("/v2/app/referrers/{ABSENT}")),
        ("POST", "/v2/"),
        ("MKCOL", "/v2/app"),
        ("TRACE", "/v2/app/manifests/v1"),
        ("TRACE", "/"),
    ] {
        let headers = ["X-Secret: swordfish", "Content-Length: 0"];
        let reply = s.ask(method, path, &headers, "").await;
        assert!(
            [404, 405].contains(&reply.status),
            "{method} {path}: {reply:?}"
        );
        if reply.status == 405 {
            assert!(
                !reply.header("allow").is_empty(),
                "{method} {path}: {reply:?}"
            );
        }
        assert!(!reply.code().is_empty(), "{method} {path}: {reply:?}");
        assert!(!reply.text.contains("swordfish"), "{reply:?}");
    }
    let connect = s.ask("CONNECT", "example.org:443", &[], "").await;
    assert!([400, 405].contains(&connect.status), "{connect:?}");
    assert_eq!(s.state().await, before);
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn r37_unknown_paths_are_404_in_json() {
    let s = TestServer::new().await;
    for path in [
        "/v2/app",
        "/v2/app/",
        "/v2/app/manifests",
        "/v2/app/manifests/a/b",
        "/v2/app/tags",
        "/v2/app/tags/list/more",
        "/v2/_catalog/more",
        "/v2/app/unknown/x",
        "/v3/",
        "/v1/search",
        "/v22/",
        "/unknown",
        "//v2/",
        "/../v2/",
        "/etc/passwd",
        "/v2/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ] {
        let reply = s.ask("GET", path, &[], "").await;
        assert!([400, 404].contains(&reply.status), "{path}: {reply:?}");
        assert!(!reply.code().is_empty(), "{path}: {reply:?}");
        assert!(!reply.text.contains("root:"), "{path}");
    }
}

fn with_framing(s: &TestServer, version: &str, framing: &str, body: &str) -> String {
    format!(
        "POST /v2/app/blobs/uploads/ HTTP/{version}\r\nHost: {}\r\nAuthorization: {}\r\n{framing}\r\n\r\n{body}",
        s.address(),
        s.authorization(),
    )
}

// RFC 9112, 6.3: two parsers must not disagree about where a request ends.
#[tokio::test]
async fn r38_framing_that_can_be_read_in_two_ways_is_400() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for (version, framing) in [
        ("1.1", "Content-Length: 3\r\nContent-Length: 4"),
        ("1.1", "Content-Length: 3, 4"),
        ("1.1", "Content-Length: +3"),
        ("1.1", "Content-Length: -1"),
        ("1.1", "Content-Length: 0x3"),
        ("1.1", "Content-Length: 18446744073709551616"),
        ("1.1", "Content-Length: "),
        ("1.1", "Transfer-Encoding: xchunked"),
        ("1.1", "Transfer-Encoding: chunked, identity"),
        ("1.1", "Transfer-Encoding : chunked"),
        ("1.0", "Transfer-Encoding: chunked"),
        ("1.1", "Content-Length: 3\r\n folded: x"),
        ("1.1", "X-Folded: a\r\n b\r\nContent-Length: 3"),
        ("1.1", "X-Nul: a\0b\r\nContent-Length: 3"),
        ("1.1", "X Space: a\r\nContent-Length: 3"),
        ("1.1", ": nameless\r\nContent-Length: 3"),
        ("3.0", "Content-Length: 3"),
    ] {
        let request = with_framing(&s, version, framing, "abc");
        let reply = s.raw().await.ask(request.as_bytes()).await;
        assert_eq!(reply.status, 400, "{framing:?}: {reply:?}");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r38_nothing_is_smuggled_behind_two_framings() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let smuggled = s.head("DELETE", "/v2/app/manifests/v1", &[]);
    let body = format!("0\r\n\r\n{smuggled}");
    for framing in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked",
            body.len()
        ),
        format!(
            "Transfer-Encoding: chunked\r\nContent-Length: {}",
            body.len()
        ),
        "Content-Length: 5\r\nTransfer-Encoding: chunked".into(),
    ] {
        let request = with_framing(&s, "1.1", &framing, &body);
        let reply = s.raw().await.ask(request.as_bytes()).await;
        assert!([202, 400].contains(&reply.status), "{framing}: {reply:?}");
        assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{reply:?}");
    }
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .expect(200);
    // A bare LF is a line's end or it is refused; it is no header's value.
    let bare = s
        .head("GET", "/v2/", &["Connection: close"])
        .replace("\r\n", "\n");
    let reply = s.raw().await.ask(bare.as_bytes()).await;
    assert!([200, 400].contains(&reply.status), "{reply:?}");
}

#[tokio::test]
async fn r38_a_thousand_pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 1000;
    let s = TestServer::new().await;
    let mut digests = Vec::new();
    for tag in ["a", "b", "c"] {
        digests.push(s.push("app", tag).await.digest.to_string());
    }
    let mut requests = String::new();
    for i in 0..REQUESTS {
        let tag = ["a", "b", "c"][i % 3];
        let last = if i + 1 == REQUESTS {
            "close"
        } else {
            "keep-alive"
        };
        let header = format!("Connection: {last}");
        requests.push_str(&s.head("HEAD", &format!("/v2/app/manifests/{tag}"), &[&header]));
    }
    let Raw(stream) = s.raw().await;
    let (reader, mut writer) = stream.into_split();
    let writing = tokio::spawn(async move {
        drop(writer.write_all(requests.as_bytes()).await);
        writer
    });
    let mut answers = String::new();
    let mut reader = reader;
    tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut answers)
        .await
        .unwrap();
    drop(writing.await.unwrap());
    let got: Vec<_> = answers
        .split("\r\n")
        .filter_map(|line| line.strip_prefix("docker-content-digest: "))
        .collect();
    let expected: Vec<_> = (0..REQUESTS).map(|i| digests[i % 3].as_str()).collect();
    assert!(
        got == expected,
        "{} answers, or in another order",
        got.len()
    );
}

#[tokio::test]
async fn a_request_has_one_host_that_is_ours_and_agrees_with_its_target() {
    let s = TestServer::new().await;
    let (host, auth) = (s.address(), s.authorization());
    for (target, hosts, statuses) in [
        ("/v2/", format!("Host: {host}\r\n"), &[200][..]),
        ("/v2/", String::new(), &[400]),
        ("/v2/", format!("Host: {host}\r\nHost: {host}\r\n"), &[400]),
        (
            "/v2/",
            format!("Host: {host}\r\nHost: evil.example\r\n"),
            &[400],
        ),
        (
            "http://evil.example/v2/",
            format!("Host: {host}\r\n"),
            &[400],
        ),
        (
            &format!("http://{host}/v2/"),
            format!("Host: {host}\r\n"),
            &[200],
        ),
        ("/v2/", "Host: evil.example\r\n".into(), &[421]),
        ("/v2/", "Host: \r\n".into(), &[400]),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\n{hosts}Authorization: {auth}\r\nConnection: close\r\n\r\n"
        );
        let reply = s.raw().await.ask(request.as_bytes()).await;
        assert!(
            statuses.contains(&reply.status),
            "{target} {hosts:?}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn headers_and_targets_have_limits() {
    let s = TestServer::new().await;
    let many = vec!["X-Many: 1"; 120];
    s.ask("GET", "/v2/", &many, "").await.expect(431);
    let long = format!("X-Long: {}", "x".repeat(600 * 1024));
    s.ask("GET", "/v2/", &[&long], "").await.expect(431);
    for length in [20 * 1024, 60 * 1024] {
        let target = format!("/v2/{}", "a".repeat(length));
        s.ask("GET", &target, &[], "").await.expect(414);
    }
    s.ask("GET", "/v2/", &["X-Few: 1"], "").await.expect(200);
}

async fn expecting(s: &TestServer, authorization: &str, target: &str) -> RawReply {
    let request = format!(
        "PATCH {target} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
        s.address()
    );
    // The connection is not said to be closed: the server must do so itself, unread body and all.
    s.raw().await.ask(request.as_bytes()).await
}

#[tokio::test]
async fn r39_who_has_no_credentials_is_told_so_without_100_continue() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    let refused = expecting(&s, "", &location).await.expect(401);
    assert!(!refused.text.contains("100 Continue"), "{refused:?}");
    assert!(
        refused
            .header("www-authenticate")
            .starts_with("Basic realm=")
    );
    let wrong = "Authorization: Basic QVdTOndyb25n\r\n";
    let refused = expecting(&s, wrong, &location).await.expect(401);
    assert!(!refused.text.contains("100 Continue"), "{refused:?}");
    // Nor is a body asked for that goes nowhere.
    let known = format!("Authorization: {}\r\n", s.authorization());
    let absent = "/v2/app/blobs/uploads/01234567-89ab-4cde-8f01-23456789abcd";
    let refused = expecting(&s, &known, absent).await.expect(404);
    assert!(!refused.text.contains("100 Continue"), "{refused:?}");
    assert_eq!(super::range(&s, &location).await, "0-0");
}

#[tokio::test]
async fn nothing_below_v2_answers_without_credentials() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let location = s.begin("app").await;
    let before = s.state().await;
    for (method, path) in [
        ("GET", "/v2/"),
        ("GET", "/v2"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/app/tags/list"),
        ("GET", "/v2/app/manifests/v1"),
        ("HEAD", "/v2/app/manifests/v1"),
        ("PUT", "/v2/app/manifests/v1"),
        ("DELETE", "/v2/app/manifests/v1"),
        ("GET", &format!("/v2/app/referrers/{}", image.digest)),
        ("GET", &format!("/v2/app/blobs/{ABSENT}")),
        ("DELETE", &format!("/v2/app/blobs/{ABSENT}")),
        ("POST", "/v2/app/blobs/uploads/"),
        ("GET", &location),
        ("PATCH", &location),
        ("PUT", &location),
        ("DELETE", &location),
        ("GET", "/v2/absent/manifests/v1"),
        ("GET", "/v2/unknown/path"),
        ("PROPFIND", "/v2/"),
    ] {
        let reply = s.call(method, path).anonymous().send().await.expect(401);
        let challenge = reply.header("www-authenticate");
        assert!(
            challenge.starts_with("Basic realm=\""),
            "{path}: {challenge}"
        );
    }
    assert_eq!(s.state().await, before);
}
