//! Requests without credentials, or with malformed ones.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use wharf_testkit::{Reply, TestServer};
use wharf_types::Digest;

/// Every route of `/v2/`, there or not.
fn routes() -> Vec<(&'static str, String)> {
    let digest = Digest::sha256(b"x");
    let upload = "ab000000-0000-4000-8000-000000000001";
    let mut routes = Vec::new();
    for path in [
        "/v2".to_owned(),
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/app/tags/list".to_owned(),
        "/v2/app/manifests/v1".to_owned(),
        format!("/v2/app/manifests/{digest}"),
        format!("/v2/app/blobs/{digest}"),
        "/v2/app/blobs/uploads/".to_owned(),
        format!("/v2/app/blobs/uploads/{upload}"),
        format!("/v2/app/blobs/uploads/?mount={digest}&from=app"),
        format!("/v2/app/referrers/{digest}"),
        "/v2/none/manifests/v1".to_owned(),
        "/v2/nothing/of/the/kind".to_owned(),
        "/v2/app/manifests/..%2f..%2fetc".to_owned(),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            routes.push((method, path.clone()));
        }
    }
    routes
}

#[track_caller]
fn is_challenge(reply: &Reply, host: &str) {
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(
        reply.header("www-authenticate"),
        format!("Basic realm=\"https://{host}/\",service=\"ecr.amazonaws.com\"")
    );
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        reply.header("docker-distribution-api-version"),
        "registry/2.0"
    );
    assert_eq!(reply.header("content-length"), "15");
}

#[tokio::test]
async fn a1_every_route_demands_credentials_before_it_says_anything() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let before = s.state().await;
    for (method, path) in routes() {
        let reply = s.call(method, &path).anonymous().body("x").send().await;
        is_challenge(&reply, &s.address().to_string());
        if method != "HEAD" {
            assert_eq!(reply.body, "Not Authorized\n", "{method} {path}");
        }
    }
    assert_eq!(s.state().await, before);
    for open in ["/healthz", "/readyz", "/metrics", "/_wharf/info", "/"] {
        s.call("GET", open).anonymous().send().await.expect(200);
    }
}

#[tokio::test]
async fn a24_every_resource_challenges_with_the_host_that_was_asked() {
    let s = TestServer::new().await;
    for host in [
        "localhost:4566",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com",
        "[::1]:4566",
    ] {
        for path in ["/v2/", "/v2/app/manifests/v1", "/v2/none/blobs/uploads/"] {
            // Docker asks again and again: it must be told the same each time.
            for _ in 0..3 {
                let reply = s
                    .call("GET", path)
                    .anonymous()
                    .header("host", host)
                    .send()
                    .await;
                is_challenge(&reply, host);
            }
        }
    }
    let ping = s.call("GET", "/v2/").send().await.expect(200);
    assert_eq!(
        ping.header("docker-distribution-api-version"),
        "registry/2.0"
    );
}

#[tokio::test]
async fn a2_malformed_credentials_are_no_credentials() {
    let s = TestServer::new().await;
    let before = s.state().await;
    let good = STANDARD.encode(format!("AWS:{}", s.password()));
    let ask = async |header: &str| {
        s.call("GET", "/v2/")
            .anonymous()
            .header("authorization", header)
            .send()
            .await
    };
    for bad in [
        "",
        "Basic",
        "Basic ",
        "Basic =",
        "Basic QVdT",
        "Basic QVdTOng",
        "Basic !!!!",
        "Basic QVdTOg==",
        "Basic QVdTOnh5eg==",
        &good,
        &format!("Basic{good}"),
        &format!("Bearer {good}"),
        &format!("Bearer {}", s.password()),
        &format!(
            "Basic {}",
            good.trim_end_matches('=').replace('+', "-") + "*"
        ),
        &format!("Basic {}", STANDARD.encode(s.password())),
        &format!("Basic {}", STANDARD.encode(b"\xff\xfe:\xff")),
    ] {
        let reply = ask(bad).await;
        is_challenge(&reply, &s.address().to_string());
    }
    for fine in [format!("basic {good}"), format!("BASIC   {good}")] {
        ask(&fine).await.expect(200);
    }
    let huge = ask(&format!("Basic {}", "A".repeat(20_000))).await;
    is_challenge(&huge, &s.address().to_string());
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn a2_two_headers_are_refused_even_if_one_is_good() {
    let s = TestServer::new().await;
    let good = format!("Basic {}", STANDARD.encode(format!("AWS:{}", s.password())));
    for other in [good.as_str(), "Basic QVdTOnh5eg=="] {
        for (first, second) in [(good.as_str(), other), (other, good.as_str())] {
            let call = s.call("GET", "/v2/").anonymous();
            let call = call
                .header("authorization", first)
                .header("authorization", second);
            is_challenge(&call.send().await, &s.address().to_string());
        }
    }
}

#[tokio::test]
async fn a2_a_header_of_a_mebibyte_is_not_even_read() {
    let s = TestServer::new().await;
    let request = format!(
        "GET /v2/ HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {}\r\nconnection: close\r\n\r\n",
        "A".repeat(1024 * 1024)
    );
    let reply = s.raw().await.ask(request.as_bytes()).await;
    // The server may have closed before all was written, which some kernels make a reset.
    assert!(matches!(reply.status, 431 | 400 | 0), "{}", reply.text);
    s.call("GET", "/v2/").send().await.expect(200);
}
