//! A19: nothing secret is logged, however much is logged.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use wharf_testkit::{Image, Process};

use super::signatures::{KEY, SECRET, credentials};

/// What must not be in a log, and what it is.
#[track_caller]
fn hides(log: &str, secret: &str, what: &str) {
    assert!(
        !secret.is_empty() && !log.contains(secret),
        "{what} was logged"
    );
}

#[tokio::test]
async fn a19_passwords_are_not_logged_at_any_level() {
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), &["--log", "trace"]).await;
    let image = Image::of("secret", vec![vec![1; 100_000]]);
    image.push(&s, "app", "v1").await;
    image.assert_pulls(&s, "app", "v1").await;
    let wrong = "wrong-password-that-must-not-be-logged";
    s.call("GET", "/v2/")
        .password(wrong)
        .send()
        .await
        .expect(401);
    s.call("GET", "/v2/none/tags/list").send().await.expect(404);
    let bearer = s
        .call("GET", "/v2/")
        .anonymous()
        .header("authorization", &format!("Bearer {wrong}"));
    bearer.send().await.expect(401);
    let signature = "feedface".repeat(8);
    let header = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecr/aws4_request, SignedHeaders=host, Signature={signature}"
    );
    let presigned = format!("/?X-Amz-Signature={signature}&X-Amz-Security-Token={wrong}");
    for call in [
        s.call("POST", "/").header("authorization", &header),
        s.call("POST", &presigned),
    ] {
        let call = call
            .anonymous()
            .header("content-type", "application/x-amz-json-1.1");
        let call = call
            .header("x-amz-date", "nonsense")
            .header("x-amz-security-token", wrong);
        call.body("{}").send().await.expect(400);
    }
    let key = std::fs::read(s.data_dir().join("keys/registry.key")).unwrap();
    let password = s.password().to_owned();
    let basic = STANDARD.encode(format!("AWS:{password}"));
    s.stop().await;
    let log = std::fs::read_to_string(scratch.path().join("data.log")).unwrap();
    assert!(log.contains("/v2/app/manifests/v1"), "there is a log");
    hides(&log, &password, "a password");
    hides(
        &log,
        password.rsplit_once('.').unwrap().1,
        "a password's signature",
    );
    hides(&log, &basic, "a Basic header");
    hides(&log, wrong, "a wrong password");
    hides(
        &log,
        &STANDARD.encode(format!("AWS:{wrong}")),
        "a wrong Basic header",
    );
    hides(&log, &signature, "a signature");
    hides(&log, &STANDARD.encode(key), "the signing key");
}

#[tokio::test]
async fn a19_secret_keys_are_not_logged_even_if_their_file_is_wrong() {
    let scratch = tempfile::tempdir().unwrap();
    let (dir, file) = (
        scratch.path().join("data"),
        scratch.path().join("credentials"),
    );
    let args = [
        "--log",
        "trace",
        "--auth",
        "strict",
        "--credentials",
        file.to_str().unwrap(),
    ];
    std::fs::write(&file, credentials()).unwrap();
    let s = Process::serve(&dir, &args).await;
    let refused = s
        .aws_as(KEY, "us-east-1", "DescribeRepositories", json!({}))
        .await;
    assert_eq!(refused.status, 400);
    s.stop().await;
    hides(
        &std::fs::read_to_string(scratch.path().join("data.log")).unwrap(),
        SECRET,
        "a secret key",
    );
    for wrong in [
        format!("[x]\naws_access_key_id = a\naws_secret_access_key {SECRET}\n"),
        format!("{SECRET}\n"),
        format!("[x]\n{SECRET} = 1\n"),
        format!("[x]\naws_secret_access_key = {SECRET}\n"),
        format!("{}{}", credentials(), credentials()),
    ] {
        std::fs::write(&file, wrong).unwrap();
        let refused = Process::refused(&dir, &args).await;
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("line "), "{said}");
        hides(&said, SECRET, "a secret key");
    }
}
