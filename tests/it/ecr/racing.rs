//! E8 and X12: a repository that is deleted under a push.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use wharf_testkit::{Raw, TestServer};
use wharf_types::Digest;

/// Begins a request and sends half of a body of 200,000 bytes.
async fn half_of(s: &TestServer, method: &str, path: &str) -> Raw {
    let basic = STANDARD.encode(format!("AWS:{}", s.password()));
    let mut raw = s.raw().await;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {basic}\r\n\
         content-length: 200000\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
    );
    raw.write(head.as_bytes()).await;
    // The server asks for the body once the request is under way.
    let mut interim = [0; 25];
    raw.0.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    raw.write(&vec![7; 100_000]).await;
    raw
}

async fn delete(s: &TestServer) {
    s.aws(
        "DeleteRepository",
        json!({ "repositoryName": "app", "force": true }),
    )
    .await
    .ok();
}

#[tokio::test]
async fn e8_a_push_into_a_repository_that_is_deleted_meanwhile_is_404() {
    let s = TestServer::new().await;
    let digest = Digest::sha256(&vec![7; 200_000]);
    let location = s.begin("app").await;
    let mut raw = half_of(&s, "PUT", &format!("{location}?digest={digest}")).await;
    delete(&s).await;
    raw.write(&vec![7; 100_000]).await;
    let reply = raw.read_to_end().await;
    assert!(
        reply.starts_with("HTTP/1.1 404 ") && reply.contains("NAME_UNKNOWN"),
        "{reply}"
    );
    s.assert_tidy().await;
    s.create("app").await;
    s.call("HEAD", &format!("/v2/app/blobs/{digest}"))
        .send()
        .await
        .expect(404);
    assert!(s.store().check(true).await.unwrap().is_empty());
}

#[tokio::test]
async fn e8_a_chunk_for_an_upload_that_is_deleted_meanwhile_leaves_nothing() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    let mut raw = half_of(&s, "PATCH", &location).await;
    delete(&s).await;
    raw.write(&vec![7; 100_000]).await;
    let reply = raw.read_to_end().await;
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
    s.assert_tidy().await;
}
