//! A21: Signature Version 4 on the JSON API, where it is verified and where only its form is.
use std::time::Duration;

use wharf::config::Auth;
use wharf_auth::{Secret, Signer};
use wharf_testkit::{Call, Reply, TestServer};
use wharf_types::Timestamp;

pub(super) const KEY: &str = "AKIAEXAMPLEEXAMPLE00";
pub(super) const SECRET: &str = "not/a+real=secret";
const OTHER: &str = "AKIAEXAMPLEEXAMPLE01";
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921";

/// A file with a root and a user of another account.
pub(super) fn credentials() -> String {
    format!(
        "[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\nuser = root\n\
         [ci]\naws_access_key_id = {OTHER}\naws_secret_access_key = second\naccount = 111122223333\n"
    )
}

pub(super) async fn strict() -> (TestServer, tempfile::TempDir) {
    let scratch = tempfile::tempdir().unwrap();
    let credentials_file = scratch.path().join("credentials");
    std::fs::write(&credentials_file, credentials()).unwrap();
    let s = TestServer::with(|c| {
        c.auth = Auth::Strict {
            credentials: credentials_file,
        }
    })
    .await;
    (s, scratch)
}

/// A signed request; everything may be changed after it was signed.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) headers: Vec<(String, String)>,
    body: String,
}

pub(super) fn signed(
    s: &TestServer,
    key: &str,
    secret: &str,
    at: Timestamp,
    extra: &[(&str, &str)],
    operation: &str,
    body: &str,
) -> Request {
    let mut request = http::Request::post(format!("{}/", s.url()))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("{TARGET}.{operation}"));
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let (region, secret) = ("us-east-1".parse().unwrap(), Secret::new(secret));
    let signer = Signer {
        access_key: key,
        secret: &secret,
        region: &region,
        service: "ecr",
    };
    signer.sign(&mut parts, body.as_bytes(), at).unwrap();
    let headers = parts.headers.iter();
    let headers = headers
        .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
        .collect();
    Request {
        headers,
        body: body.to_owned(),
    }
}

impl Request {
    pub(super) fn replace(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        for (header, value) in &mut self.headers {
            if header == name {
                *value = change(value);
            }
        }
        self
    }

    pub(super) async fn send(&self, s: &TestServer) -> Reply {
        self.send_to(s, "/").await
    }

    pub(super) async fn send_to(&self, s: &TestServer, path: &str) -> Reply {
        let mut call: Call<'_> = s.call("POST", path).anonymous();
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        call.body(self.body.clone()).send().await
    }
}

/// Calls an operation with a good signature.
pub(super) async fn ecr(
    s: &TestServer,
    key: &str,
    secret: &str,
    operation: &str,
    body: &str,
) -> Reply {
    signed(s, key, secret, s.now(), &[], operation, body)
        .send(s)
        .await
}

/// The password that a key gets.
pub(super) async fn password(s: &TestServer, key: &str, secret: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let reply = ecr(s, key, secret, "GetAuthorizationToken", "{}")
        .await
        .expect(200);
    let token = reply.json()["authorizationData"][0]["authorizationToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
    text.strip_prefix("AWS:").unwrap().to_owned()
}

#[track_caller]
pub(super) fn refused(reply: &Reply, kind: &str, text: &str) {
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(reply.json()["__type"], kind, "{reply:?}");
    let message = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(text), "{message}");
}

#[tokio::test]
async fn a21_a_good_signature_is_its_keys_principal() {
    let (s, _file) = strict().await;
    let make = "{\"repositoryName\":\"app\"}";
    let made = ecr(&s, KEY, SECRET, "CreateRepository", make)
        .await
        .expect(200)
        .json();
    assert_eq!(made["repository"]["registryId"], "000000000000");
    let made = ecr(&s, OTHER, "second", "CreateRepository", make)
        .await
        .expect(200)
        .json();
    assert_eq!(made["repository"]["registryId"], "111122223333");
    let pass = password(&s, OTHER, "second").await;
    s.call("GET", "/v2/app/tags/list")
        .password(&pass)
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a21_wrong_keys_and_secrets_are_refused_and_change_nothing() {
    let (s, _file) = strict().await;
    let before = s.state().await;
    let make = "{\"repositoryName\":\"app\"}";
    let mismatch = "The request signature we calculated does not match";
    let unknown = "The security token included in the request is invalid.";
    for (key, secret, kind, text) in [
        (KEY, "wrong", "InvalidSignatureException", mismatch),
        (KEY, "second", "InvalidSignatureException", mismatch),
        (OTHER, SECRET, "InvalidSignatureException", mismatch),
        ("test", "test", "UnrecognizedClientException", unknown),
        (
            "000000000000",
            SECRET,
            "UnrecognizedClientException",
            unknown,
        ),
    ] {
        refused(
            &ecr(&s, key, secret, "CreateRepository", make).await,
            kind,
            text,
        );
    }
    let good = signed(&s, KEY, SECRET, s.now(), &[], "CreateRepository", make);
    let mut body = good.clone();
    body.body = make.replace("app", "apq");
    refused(&body.send(&s).await, "InvalidSignatureException", mismatch);
    let target = good
        .clone()
        .replace("x-amz-target", |_| format!("{TARGET}.DeleteRepository"));
    refused(
        &target.send(&s).await,
        "InvalidSignatureException",
        mismatch,
    );
    let flipped = good.clone().replace("authorization", |value| {
        let (rest, signature) = value.rsplit_once('=').unwrap();
        let digit = if signature.starts_with('0') { '1' } else { '0' };
        format!("{rest}={digit}{}", &signature[1..])
    });
    refused(
        &flipped.send(&s).await,
        "InvalidSignatureException",
        mismatch,
    );
    refused(
        &good.send_to(&s, "/?x=1").await,
        "InvalidSignatureException",
        mismatch,
    );
    assert_eq!(s.state().await, before);
    good.send(&s).await.expect(200);
}

#[tokio::test]
async fn a21_a_signature_holds_for_fifteen_minutes_either_way() {
    let (s, _file) = strict().await;
    let quarter = Duration::from_mins(15);
    let second = Duration::from_secs(1);
    let now = s.now();
    let ask = async |at| {
        signed(&s, KEY, SECRET, at, &[], "DescribeRepositories", "{}")
            .send(&s)
            .await
    };
    for at in [now - quarter, now, now + quarter] {
        ask(at).await.expect(200);
    }
    refused(
        &ask(now - quarter - second).await,
        "InvalidSignatureException",
        "Signature expired: ",
    );
    refused(
        &ask(now + quarter + second).await,
        "InvalidSignatureException",
        "Signature not yet current: ",
    );
    let kept = signed(&s, KEY, SECRET, now, &[], "DescribeRepositories", "{}");
    s.advance(quarter + second);
    refused(
        &kept.send(&s).await,
        "InvalidSignatureException",
        "Signature expired: ",
    );
    // Another day in the scope than in the date.
    let moved = signed(&s, KEY, SECRET, s.now(), &[], "DescribeRepositories", "{}")
        .replace("authorization", |value| {
            value.replace("/20260101/", "/20260102/")
        });
    refused(
        &moved.send(&s).await,
        "InvalidSignatureException",
        "Date in Credential scope does not match",
    );
}

#[tokio::test]
async fn a21_what_matters_must_be_signed() {
    let (s, _file) = strict().await;
    let good = signed(&s, KEY, SECRET, s.now(), &[], "DescribeRepositories", "{}");
    let without = |name: &'static str| {
        good.clone().replace("authorization", move |value| {
            value
                .replace(&format!("{name};"), "")
                .replace(&format!(";{name}"), "")
        })
    };
    refused(
        &without("host").send(&s).await,
        "InvalidSignatureException",
        "'Host' or ':authority'",
    );
    refused(
        &without("x-amz-target").send(&s).await,
        "InvalidSignatureException",
        "'x-amz-target'",
    );
    refused(
        &without("x-amz-date").send(&s).await,
        "InvalidSignatureException",
        "'x-amz-date'",
    );
    let mut more = good.clone();
    more.headers.push(("x-amz-more".into(), "1".into()));
    refused(
        &more.send(&s).await,
        "InvalidSignatureException",
        "'x-amz-more'",
    );
    // We issue no temporary credentials.
    let token = [("x-amz-security-token", "FwoGZXIvYXdzEXAMPLE")];
    let session = signed(
        &s,
        KEY,
        SECRET,
        s.now(),
        &token,
        "DescribeRepositories",
        "{}",
    );
    refused(
        &session.send(&s).await,
        "UnrecognizedClientException",
        "security token",
    );
    // A client may say, signed, that it does not cover the body.
    let unsigned = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
    let mut open = signed(
        &s,
        KEY,
        SECRET,
        s.now(),
        &unsigned,
        "DescribeRepositories",
        "{}",
    );
    open.body = "{ }".into();
    open.send(&s).await.expect(200);
    open.body = "{".into();
    refused(&open.send(&s).await, "SerializationException", "");
}
