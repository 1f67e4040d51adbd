//! Upstreams that lie, stall and point elsewhere.
use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::{
    SECRET, digest,
    fake::{Answer, Fake, answer, head, honest, redirect},
    get, rule, server,
};

/// How long an upstream may take where a test is about that.
const SHORT: Duration = Duration::from_millis(300);

async fn caching(upstream: &Fake) -> TestServer {
    let s = server(&upstream.url, "s3cret", |_| {}).await;
    rule(&s, "up", &upstream.url, json!({ "credentialArn": SECRET })).await;
    s
}

/// Gets a blob as far as it comes; whether it came to its end.
async fn raw(s: &TestServer, bytes: &[u8]) -> (String, bool) {
    let target = format!("/v2/up/app/blobs/{}", Digest::sha256(bytes));
    let mut connection = s.raw().await;
    let request = s.head("GET", &target, &["Connection: close"]);
    connection.write(request.as_bytes()).await;
    let got = connection.read_to_end().await;
    let (head, body) = got.split_once("\r\n\r\n").unwrap_or((&got, ""));
    let length = format!("content-length: {}", body.len());
    let whole = head.to_ascii_lowercase().contains(&length);
    (got.clone(), whole)
}

/// How many bytes of blobs are served.
async fn live_bytes(s: &TestServer) -> u64 {
    let totals = s.store().meta().read(|tx| tx.blob_totals()).await.unwrap();
    totals.1
}

/// A layer that does not fit into one read.
fn layer() -> Vec<u8> {
    (0..900_000_u32)
        .map(|i| b'a' + u8::try_from(i % 23).unwrap())
        .collect()
}

#[tokio::test]
async fn a_silent_upstream_is_asked_for_so_many_manifests_at_once() {
    let image = Image::new("x");
    let served = Image::new("x");
    let upstream = Fake::new(move |path, _| match honest(&served, path) {
        Answer::Bytes(all) => Answer::Gated(Vec::new(), all),
        gated @ Answer::Gated(..) => gated,
    })
    .await;
    let s = Arc::new(caching(&upstream).await);
    let mut pulls = JoinSet::new();
    for n in 0..48 {
        let s = Arc::clone(&s);
        pulls.spawn(async move { digest(&s, "up/app", &format!("v{n}")).await });
    }
    while upstream.asked("/manifests/").len() < 32 {
        tokio::task::yield_now().await;
    }
    // The others could have asked by now, as these do.
    for _ in 0..48 {
        s.call("GET", "/v2/").send().await.expect(200);
    }
    assert_eq!(upstream.asked("/manifests/").len(), 32, "the others wait");
    upstream.open();
    while let Some(pulled) = pulls.join_next().await {
        assert_eq!(pulled.unwrap(), image.digest.as_str());
    }
}

async fn refused(script: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) {
    let upstream = Fake::new(script).await;
    let s = caching(&upstream).await;
    let before = s.state().await;
    s.call("GET", "/v2/up/app/manifests/v1")
        .send()
        .await
        .fails(502, "UNKNOWN");
    assert_eq!(s.state().await, before, "nothing is cached");
    assert!(!upstream.asked("/v2/app/manifests/v1").is_empty());
}

#[tokio::test]
async fn a_realm_elsewhere_receives_nothing() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    for realm in [
        format!("http://127.0.0.1:{port}/token"),
        format!("https://127.0.0.1:{port}/token"),
        format!("https://localhost:{port}/token"),
    ] {
        let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"x\"\r\n");
        refused(move |_, _| answer("401 Unauthorized", &challenge, b"")).await;
    }
    let nobody = tokio::time::timeout(Duration::ZERO, elsewhere.accept()).await;
    assert!(nobody.is_err(), "somebody connected");
}

#[tokio::test]
async fn redirects_into_this_machine_and_its_networks_are_refused() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    for to in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[::1]:9/".to_owned(),
        "https://[::ffff:127.0.0.1]:9/".to_owned(),
        format!("http://127.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://0x7f000001:{port}/"),
        format!("https://localhost:{port}/"),
        format!("//127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "https://me:you@example.com/".to_owned(),
        String::new(),
    ] {
        refused(move |_, _| redirect(&to)).await;
    }
    let nobody = tokio::time::timeout(Duration::ZERO, elsewhere.accept()).await;
    assert!(nobody.is_err(), "somebody connected");
}

#[tokio::test]
async fn redirects_have_an_end() {
    let upstream = Fake::new(|path, _| redirect(&format!("{path}x"))).await;
    let s = caching(&upstream).await;
    s.call("GET", "/v2/up/app/manifests/v1")
        .send()
        .await
        .fails(502, "UNKNOWN");
    assert_eq!(upstream.asked("/manifests/v1").len(), 6);
}

#[tokio::test]
async fn tokens_are_asked_for_with_the_password_and_used_again() {
    let image = Arc::new(Image::new("token"));
    let served = Arc::clone(&image);
    let upstream = Fake::new(move |path, head| {
        if path.starts_with("/token") {
            return answer("200 OK", "", br#"{"token":"t0ken","expires_in":300}"#);
        }
        if head.contains("authorization: bearer t0ken") {
            return honest(&served, path);
        }
        let host = head
            .split("host: ")
            .nth(1)
            .unwrap()
            .split("\r\n")
            .next()
            .unwrap();
        let challenge =
            format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"x\"\r\n");
        answer("401 Unauthorized", &challenge, b"")
    })
    .await;
    let s = caching(&upstream).await;
    image.assert_pulls(&s, "up/app", "v1").await;
    let asked = upstream.asked("/token");
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0].contains("/token?service=x&scope=repository%3aapp%3apull "),
        "{asked:?}"
    );
    assert!(asked[0].contains("authorization: basic "), "{asked:?}");
    for head in upstream.asked("/v2/") {
        assert!(!head.contains("authorization: basic"), "{head}");
        assert!(head.contains("accept-encoding: identity"), "{head}");
        assert!(!head.contains("cookie"), "{head}");
    }
}

#[tokio::test]
async fn manifests_that_are_not_what_they_should_be_are_refused() {
    let image = Image::new("x");
    let manifest = image.manifest.clone();
    let kind = format!("Content-Type: {}\r\n", image.media_type);
    let wrong = format!("{kind}Docker-Content-Digest: {}\r\n", Digest::sha256(b""));
    let body = manifest.clone();
    refused(move |_, _| answer("200 OK", &wrong, body.as_bytes())).await;
    let gzip = format!("{kind}Content-Encoding: gzip\r\n");
    let body = manifest.clone();
    refused(move |_, _| answer("200 OK", &gzip, body.as_bytes())).await;
    refused(|_, _| answer("200 OK", "Content-Type: text/html\r\n", b"<html>")).await;
    let endless = vec![b' '; 4 * 1024 * 1024 + 1];
    let large = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{kind}\r\n");
    refused(move |_, _| Answer::Bytes([large.as_bytes(), &endless].concat())).await;
    refused(|_, _| answer("500 Oops", "", b"")).await;
    refused(|_, _| Answer::Bytes(b"nonsense\r\n\r\n".to_vec())).await;
    // By digest, another manifest than the one that was asked for.
    let upstream = Fake::new(move |path, _| honest(&Image::new("x"), path)).await;
    let s = caching(&upstream).await;
    let path = format!("/v2/up/app/manifests/{}", Digest::sha256(b"other"));
    s.call("GET", &path).send().await.fails(502, "UNKNOWN");
}

/// A layer of which the first download goes wrong, and the second one does not.
async fn first_wrong(wrong: impl Fn(&[u8]) -> Answer + Send + Sync + 'static) {
    let image = Arc::new(Image::of("x", vec![layer()]));
    let (served, tries) = (Arc::clone(&image), std::sync::atomic::AtomicUsize::new(0));
    let upstream = Fake::new(move |path, _| {
        let first = || tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if path.contains(Digest::sha256(&served.layers[0]).as_str()) && first() {
            return wrong(&served.layers[0]);
        }
        honest(&served, path)
    })
    .await;
    let s = caching(&upstream).await;
    digest(&s, "up/app", "v1").await;
    let (got, whole) = raw(&s, &image.layers[0]).await;
    assert!(
        !whole || !got.starts_with("HTTP/1.1 200"),
        "it was completed"
    );
    assert!(live_bytes(&s).await < 10_000, "it was cached");
    s.assert_tidy().await;
    let (_, whole) = raw(&s, &image.layers[0]).await;
    assert!(whole, "the next pull tries again");
    image.assert_pulls(&s, "up/app", "v1").await;
    s.assert_tidy().await;
}

#[tokio::test]
async fn a_layer_of_other_bytes_is_never_completed() {
    first_wrong(|layer| {
        let mut other = layer.to_vec();
        other[800_000] ^= 1;
        answer("200 OK", "", &other)
    })
    .await;
}

#[tokio::test]
async fn a_layer_that_is_too_long_is_cut() {
    // With the length in its head, and without.
    first_wrong(|layer| answer("200 OK", "", &layer.repeat(10))).await;
    first_wrong(|layer| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        Answer::Bytes([head.as_bytes(), &layer.repeat(10)].concat())
    })
    .await;
}

#[tokio::test]
async fn a_layer_that_is_too_short_or_compressed_is_refused() {
    first_wrong(|layer| {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        Answer::Bytes([head.as_bytes(), &layer[..500_000]].concat())
    })
    .await;
    first_wrong(|layer| {
        let head = head("200 OK", "", layer.len());
        Answer::Bytes([head.as_bytes(), &layer[..500_000]].concat())
    })
    .await;
    first_wrong(|layer| answer("200 OK", "Content-Encoding: gzip\r\n", layer)).await;
}

#[tokio::test]
async fn an_upstream_that_stalls_is_given_up() {
    let image = Arc::new(Image::of("x", vec![layer()]));
    let served = Arc::clone(&image);
    let upstream = Fake::new(move |path, _| {
        if path.contains(Digest::sha256(&served.layers[0]).as_str()) {
            let (first, rest) = served.layers[0].split_at(500_000);
            let head = head("200 OK", "", served.layers[0].len());
            return Answer::Gated([head.as_bytes(), first].concat(), rest.to_vec());
        }
        if path.ends_with("/manifests/stalls") {
            return Answer::Gated(Vec::new(), Vec::new());
        }
        honest(&served, path)
    })
    .await;
    let s = server(&upstream.url, "x", |config| config.upstream_timeout = SHORT).await;
    rule(&s, "up", &upstream.url, json!({})).await;
    digest(&s, "up/app", "v1").await;
    s.call("GET", "/v2/up/app/manifests/stalls")
        .send()
        .await
        .fails(502, "UNKNOWN");
    let (_, whole) = raw(&s, &image.layers[0]).await;
    assert!(!whole);
    s.assert_tidy().await;
}

/// An upstream whose layer comes when the test opens the gate.
async fn gated() -> (Arc<Image>, Fake) {
    let image = Arc::new(Image::of("x", vec![layer()]));
    let served = Arc::clone(&image);
    let upstream = Fake::new(move |path, _| {
        if path.contains(Digest::sha256(&served.layers[0]).as_str()) {
            let (first, rest) = served.layers[0].split_at(500_000);
            let head = head("200 OK", "", served.layers[0].len());
            return Answer::Gated([head.as_bytes(), first].concat(), rest.to_vec());
        }
        honest(&served, path)
    })
    .await;
    (image, upstream)
}

#[tokio::test]
async fn a_hundred_pulls_of_a_layer_are_one_of_the_upstream() {
    let (image, upstream) = gated().await;
    let s = Arc::new(caching(&upstream).await);
    digest(&s, "up/app", "v1").await;
    let mut pulls = JoinSet::new();
    for _ in 0..100 {
        let (s, image) = (Arc::clone(&s), Arc::clone(&image));
        pulls.spawn(async move {
            let got = get(&s, "up/app", &image.layers[0]).await.expect(200);
            assert!(got.body == image.layers[0]);
        });
    }
    let path = format!("/blobs/{}", Digest::sha256(&image.layers[0]));
    upstream.until_asked(&path).await;
    upstream.open();
    while let Some(pull) = pulls.join_next().await {
        pull.unwrap();
    }
    assert_eq!(upstream.asked(&path).len(), 1);
    s.assert_tidy().await;
}

#[tokio::test]
async fn bytes_are_sent_on_as_they_come_and_kept_when_the_client_hangs_up() {
    let (image, upstream) = gated().await;
    let s = caching(&upstream).await;
    digest(&s, "up/app", "v1").await;
    let target = format!("/v2/up/app/blobs/{}", Digest::sha256(&image.layers[0]));
    let mut connection = s.raw().await;
    connection
        .write(s.head("GET", &target, &[]).as_bytes())
        .await;
    let head = connection.head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut first = [0; 1000];
    tokio::io::AsyncReadExt::read_exact(&mut connection.0, &mut first)
        .await
        .unwrap();
    assert_eq!(first, image.layers[0][..1000]);
    drop(connection);
    upstream.open();
    get(&s, "up/app", &image.layers[0]).await.expect(200);
    assert_eq!(upstream.asked(&target.replace("/v2/up", "/v2")).len(), 1);
}

#[tokio::test]
async fn nothing_is_asked_of_anyone_without_a_rule() {
    let upstream = Fake::new(|_, _| answer("200 OK", "", b"")).await;
    let s = server(&upstream.url, "x", |_| {}).await;
    s.call("GET", "/v2/up/app/manifests/v1")
        .send()
        .await
        .fails(404, "NAME_UNKNOWN");
    rule(&s, "up", &upstream.url, json!({})).await;
    s.aws("DescribePullThroughCacheRules", json!({})).await.ok();
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    s.aws("DescribeImages", json!({ "repositoryName": "app" }))
        .await
        .ok();
    s.aws("ListImages", json!({ "repositoryName": "app" }))
        .await
        .ok();
    let pushed = Image::new("pushed");
    pushed.push(&s, "app", "v1").await;
    assert!(upstream.asked("").is_empty());
}
