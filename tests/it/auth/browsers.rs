//! Web pages that the user of this machine visits cannot reach the server: U1 to U4 through a socket.
//! The whole table is in the unit tests of the guard.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use wharf_testkit::{RawReply, TestServer};

async fn ask(s: &TestServer, method: &str, headers: &str) -> RawReply {
    let basic = STANDARD.encode(format!("AWS:{}", s.password()));
    let request = format!(
        "{method} /v2/_catalog HTTP/1.1\r\n{headers}authorization: Basic {basic}\r\nconnection: close\r\n\r\n"
    );
    let reply = s.raw().await.ask(request.as_bytes()).await;
    assert!(
        !reply.text.to_ascii_lowercase().contains("access-control-"),
        "{}",
        reply.text
    );
    reply
}

#[tokio::test]
async fn u1_names_that_others_can_point_here_are_421_or_400() {
    let s = TestServer::new().await;
    for (host, status) in [
        ("evil.test", 421),
        ("localhost.evil.com", 421),
        ("127.0.0.1.nip.io", 421),
        ("0.0.0.0", 421),
        (
            "000000000000.dkr.ecr.us-east-1.amazonaws.com.evil.test",
            421,
        ),
        ("", 400),
        ("localhost/?", 400),
        ("evil@localhost", 400),
        ("localhost.", 400),
    ] {
        let reply = ask(&s, "GET", &format!("host: {host}\r\n")).await;
        assert_eq!(reply.status, status, "{host}: {}", reply.text);
    }
    for headers in [
        "",
        "host: localhost\r\nhost: localhost\r\n",
        "host: localhost\r\nhost: evil.test\r\n",
    ] {
        assert_eq!(ask(&s, "GET", headers).await.status, 400, "{headers:?}");
    }
}

#[tokio::test]
async fn u2_our_own_names_are_served() {
    let s = TestServer::with(|c| c.public_hosts = vec!["registry.example".into()]).await;
    for host in [
        "localhost",
        "LOCALHOST:4566",
        "127.0.0.1",
        "127.0.0.1:4566",
        "[::1]:4566",
        "app.localhost",
        "registry.example",
        "Registry.Example:80",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com",
    ] {
        let reply = ask(&s, "GET", &format!("host: {host}\r\n")).await;
        assert_eq!(reply.status, 200, "{host}: {}", reply.text);
    }
}

#[tokio::test]
async fn u3_other_origins_are_403_whatever_the_method() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for origin in [
        "http://evil.test",
        "null",
        "file://",
        "http://localhost:81",
        "https://localhost",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let headers = format!("host: localhost\r\norigin: {origin}\r\n");
            let reply = ask(&s, method, &headers).await;
            assert_eq!(reply.status, 403, "{method} {origin}: {}", reply.text);
        }
    }
    assert_eq!(s.state().await, before);
    let own = ask(&s, "GET", "host: localhost\r\norigin: http://localhost\r\n").await;
    assert_eq!(own.status, 200, "{}", own.text);
}

#[tokio::test]
async fn u4_requests_that_another_site_started_are_403() {
    let s = TestServer::new().await;
    for site in ["cross-site", "same-site", "nonsense"] {
        for mode in ["no-cors", "navigate", "cors"] {
            let headers =
                format!("host: localhost\r\nsec-fetch-site: {site}\r\nsec-fetch-mode: {mode}\r\n");
            let reply = ask(&s, "GET", &headers).await;
            assert_eq!(reply.status, 403, "{site} {mode}: {}", reply.text);
        }
    }
    for site in ["same-origin", "none"] {
        let reply = ask(
            &s,
            "GET",
            &format!("host: localhost\r\nsec-fetch-site: {site}\r\n"),
        )
        .await;
        assert_eq!(reply.status, 200, "{site}: {}", reply.text);
    }
}

#[tokio::test]
async fn u5_what_a_form_can_send_is_no_call_of_aws() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let body = "{\"repositoryName\":\"evil\"}";
        let call = s
            .call("POST", "/")
            .anonymous()
            .header("content-type", content_type);
        call.body(body).send().await.expect(415);
    }
    assert_eq!(s.state().await, before);
}
