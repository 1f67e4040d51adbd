//! Names of repositories, tags and digests that are none.
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::ABSENT;

/// Asks everything of a repository, byte for byte.
async fn assert_no_name(s: &TestServer, name: &str, codes: &[&str]) {
    for (method, rest) in [
        ("GET", "tags/list".to_owned()),
        ("GET", "manifests/v1".to_owned()),
        ("PUT", "manifests/v1".to_owned()),
        ("DELETE", "manifests/v1".to_owned()),
        ("POST", "blobs/uploads/".to_owned()),
        ("GET", format!("blobs/{ABSENT}")),
        ("GET", format!("referrers/{ABSENT}")),
    ] {
        let target = format!("/v2/{name}/{rest}");
        let reply = s.ask(method, &target, &["Content-Length: 0"], "").await;
        assert!(
            [400, 404].contains(&reply.status),
            "{method} {target}: {reply:?}"
        );
        assert!(
            codes.contains(&reply.code().as_str()),
            "{method} {target}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn r1_names_that_climb_are_no_names() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for name in [
        "..",
        ".",
        "app/..",
        "../app",
        "a/../b",
        "a/./b",
        "/../app",
        "....//app",
        "%2e%2e",
        "%2E%2E/app",
        "%2e%2e%2fapp",
        "a%2f..%2fb",
        "%252e%252e",
        "..\\app",
        "a%5c..%5cb",
        "..%c0%af",
    ] {
        assert_no_name(&s, name, &["NAME_INVALID"]).await;
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r2_names_outside_the_grammar_are_400_name_invalid() {
    let s = TestServer::with(|c| c.create_on_push = true).await;
    let before = s.state().await;
    for name in [
        "App", "aPP", "a__b___c", "a._b", "a..b", "-app", "app-", "_app", "app_", ".app", "app.",
        "app/", "/app", "a//b", "app/-b", "a+b", "a:b", "a@b", "a~b", "app%20", "a*", "_catalog",
    ] {
        assert_no_name(&s, name, &["NAME_INVALID"]).await;
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r3_names_have_at_most_256_characters_however_deep() {
    let s = TestServer::with(|c| c.create_on_push = true).await;
    let (longest, deepest) = ("a".repeat(256), format!("{}ab", "a/".repeat(127)));
    for name in [&longest, &deepest] {
        assert!(name.len() <= 256);
        s.push(name, "v1").await.assert_pulls(&s, name, "v1").await;
    }
    let before = s.state().await;
    for name in ["a".repeat(257), format!("{}a", "a/".repeat(255))] {
        assert_no_name(&s, &name, &["NAME_INVALID"]).await;
    }
    assert_eq!(s.state().await, before);
}

// The names that contain the words of the API belong to repositories like any others: a path is
// matched from its end.
#[tokio::test]
async fn r4_names_with_the_words_of_the_api_are_not_confused() {
    let s = TestServer::new().await;
    let names = [
        "app/blobs/uploads/x",
        "blobs/uploads",
        "manifests",
        "app/manifests/tags",
        "tags/list",
        "app/tags/list",
        "referrers/app",
        "v2/app",
    ];
    let mut images = Vec::new();
    for name in names {
        s.create(name).await;
        images.push((name, s.push(name, "list").await));
    }
    for (name, image) in images {
        image.assert_pulls(&s, name, "list").await;
        let tags = s.call("GET", &format!("/v2/{name}/tags/list"));
        let tags = tags.send().await.expect(200).json();
        assert_eq!(
            tags,
            serde_json::json!({ "name": name, "tags": ["list"] }),
            "{name}"
        );
    }
    for path in ["/v2/tags/list", "/v2/manifests/v1", "/v2/blobs/uploads/"] {
        let reply = s.ask("GET", path, &[], "").await;
        assert!([400, 404, 405].contains(&reply.status), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn r5_bytes_that_are_no_text_are_400_and_reach_no_header() {
    let s = TestServer::with(|c| c.create_on_push = true).await;
    let before = s.state().await;
    for name in [
        &b"a\0b"[..],
        b"a%00b",
        b"a%0d%0aX-Injected:%20yes",
        b"a%0aX-Injected:%20yes",
        b"\xff\xfe",
        b"\xc0\xaf",
        b"%c0%af",
        b"%ff",
        "caf\u{e9}".as_bytes(),
        "cafe\u{301}".as_bytes(),
        b"%",
        b"%zz",
    ] {
        let mut request = b"POST /v2/".to_vec();
        request.extend_from_slice(name);
        let head = s.head("", "", &["Content-Length: 0", "Connection: close"]);
        let rest = head.split_once("HTTP/1.1").map_or("", |(_, rest)| rest);
        request.extend_from_slice(b"/blobs/uploads/ HTTP/1.1");
        request.extend_from_slice(rest.as_bytes());
        let reply = s.raw().await.ask(&request).await;
        assert_eq!(reply.status, 400, "{name:?}: {reply:?}");
        assert!(reply.header("x-injected").is_empty(), "{reply:?}");
        assert!(reply.header("location").is_empty(), "{reply:?}");
    }
    for query in ["digest", "mount", "digest-algorithm"] {
        let target = format!("/v2/app/blobs/uploads/?{query}=x%0d%0aX-Injected:%20yes");
        let reply = s.ask("POST", &target, &["Content-Length: 0"], "").await;
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
        assert!(reply.header("x-injected").is_empty(), "{reply:?}");
    }
    assert_eq!(s.state().await, before);
}

/// Texts that look like digests.
fn malformed_digests() -> Vec<String> {
    let hex = "0123456789abcdef".repeat(4);
    vec![
        "sha256:".into(),
        "sha256:abc".into(),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha256:{}", "g".repeat(64)),
        "sha256:..%2f..%2fx".into(),
        "sha256:baddigeststring".into(),
        "md5:d41d8cd98f00b204e9800998ecf8427e".into(),
        format!("sha384:{hex}{}", "0".repeat(32)),
        format!("sha512:{hex}"),
        format!("sha256+b64:{hex}"),
        format!("sha256::{hex}"),
        format!("sha256:{hex}%00"),
    ]
}

#[tokio::test]
async fn r6_malformed_digests_are_400_and_never_tags() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let location = s.begin("app").await;
    let before = s.state().await;
    for digest in malformed_digests() {
        for (method, target) in [
            ("PUT", format!("{location}?digest={digest}")),
            ("POST", format!("/v2/app/blobs/uploads/?digest={digest}")),
            ("POST", format!("/v2/app/blobs/uploads/?mount={digest}")),
            ("PUT", format!("/v2/app/manifests/{digest}")),
        ] {
            let headers = [
                "Content-Length: 0",
                "Content-Type: application/vnd.oci.image.manifest.v1+json",
            ];
            let reply = s.ask(method, &target, &headers, "").await;
            reply.fails(400, "DIGEST_INVALID");
        }
        for (method, path) in [
            ("GET", "blobs"),
            ("HEAD", "blobs"),
            ("DELETE", "blobs"),
            ("GET", "manifests"),
            ("HEAD", "manifests"),
            ("DELETE", "manifests"),
            ("GET", "referrers"),
        ] {
            let target = format!("/v2/app/{path}/{digest}");
            let reply = s.ask(method, &target, &[], "").await;
            assert!(
                [400, 404].contains(&reply.status),
                "{method} {target}: {reply:?}"
            );
        }
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r7_sha512_is_as_good_as_sha256() {
    let s = TestServer::new().await;
    for size in [0, 3, 100_000] {
        let content = super::bytes(size);
        let digest = Digest::of(wharf_types::Algorithm::Sha512, &content);
        for begin in ["", "?digest-algorithm=sha512", "?digest-algorithm=sha256"] {
            let path = format!("/v2/app/blobs/uploads/{begin}");
            let begun = s.call("POST", &path).send().await.expect(202);
            let end = format!("{}?digest={digest}", begun.header("location"));
            let put = s.call("PUT", &end).body(content.clone());
            let put = put.send().await.expect(201);
            assert_eq!(put.header("docker-content-digest"), digest.as_str());
            let got = s.call("GET", put.header("location"));
            let got = got.send().await.expect(200);
            assert_eq!(got.body, content);
            assert_eq!(got.header("docker-content-digest"), digest.as_str());
        }
        let whole = format!("/v2/app/blobs/uploads/?digest={digest}");
        let post = s.call("POST", &whole).body(content.clone());
        assert_eq!(
            post.send().await.expect(201).header("location"),
            format!("/v2/app/blobs/{digest}")
        );
    }
    s.call("POST", "/v2/app/blobs/uploads/?digest-algorithm=md5")
        .send()
        .await
        .fails(400, "DIGEST_INVALID");
    s.assert_tidy().await;
}

#[tokio::test]
async fn r8_tags_outside_the_grammar_are_400_or_404() {
    let s = TestServer::new().await;
    let image = Image::new("r8");
    image.push_blobs(&s, "app").await;
    let before = s.state().await;
    let too_long = "t".repeat(129);
    for tag in [
        &too_long, ".a", "-a", "a/b", "a%2fb", "a+b", "a%20b", "a b", "%c3%a4", "a%00", "..", "",
        "a~", "a*", "a,b",
    ] {
        let target = format!("/v2/app/manifests/{tag}");
        let headers = [
            format!("Content-Type: {}", image.media_type),
            format!("Content-Length: {}", image.manifest.len()),
        ];
        let headers = headers.each_ref().map(String::as_str);
        let reply = s.ask("PUT", &target, &headers, &image.manifest).await;
        assert!([400, 404].contains(&reply.status), "{tag}: {reply:?}");
        let by_digest = format!("/v2/app/manifests/{}?tag={tag}", image.digest);
        if !tag.contains([' ', '+']) {
            let reply = s.ask("PUT", &by_digest, &headers, &image.manifest).await;
            assert_eq!(reply.status, 400, "?tag={tag}: {reply:?}");
        }
    }
    assert_eq!(s.state().await, before);
    let longest = "t".repeat(128);
    image.put(&s, "app", &longest).await.expect(201);
    image.assert_pulls(&s, "app", &longest).await;
    image.put(&s, "app", "_A.b-C").await.expect(201);
}
