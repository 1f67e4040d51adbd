//! Forged, changed and stale signatures.
use http::{HeaderName, HeaderValue, Request, request::Parts};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

mod parse;
mod vectors;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The time of the test suite.
const AT: &str = "20150830T123600Z";

fn time(text: &str) -> Timestamp {
    time::parse_basic(text).unwrap()
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut parts = Request::builder()
        .method(method)
        .uri(uri)
        .body(())
        .unwrap()
        .into_parts()
        .0;
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        parts
            .headers
            .append(name, HeaderValue::from_str(value).unwrap());
    }
    parts
}

fn check(parts: &Parts, body: &[u8], now: &str) -> Result<(), SigError> {
    let secret = Secret::new(SECRET);
    verify(
        &parse(parts)?,
        parts,
        Payload::Bytes(body),
        &secret,
        time(now),
    )
}

/// A request that the test suite's key signed, with `headers` besides host and date.
fn suite(method: &str, uri: &str, headers: &[(&str, &str)], names: &str, signature: &str) -> Parts {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={names}, Signature={signature}"
    );
    let mut all = vec![("Host", "example.amazonaws.com"), ("X-Amz-Date", AT)];
    all.extend_from_slice(headers);
    all.push(("Authorization", &authorization));
    request(method, uri, &all)
}

const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

fn vanilla() -> Parts {
    suite("GET", "/", &[], "host;x-amz-date", VANILLA)
}

#[derive(Deserialize)]
struct Botocore {
    key: String,
    secret: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Case {
    fn request(&self) -> Parts {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        request(&self.method, &self.uri, &headers)
    }
}

fn botocore() -> Botocore {
    serde_json::from_str(include_str!("../../../fixtures/signed_by_botocore.json")).unwrap()
}

#[test]
fn a21_a_changed_body_is_refused_unless_it_was_declared_unsigned() {
    let Botocore { secret, cases, .. } = botocore();
    let secret = Secret::new(secret);
    for case in cases {
        let parts = case.request();
        let body = Payload::Bytes(b"changed");
        let result = verify(
            &parse(&parts).unwrap(),
            &parts,
            body,
            &secret,
            time("20260101T000500Z"),
        );
        assert_eq!(result.is_ok(), case.name == "put unsigned", "{}", case.name);
    }
    // Declaring it later does not help.
    let mut parts = vanilla();
    let unsigned = HeaderValue::from_static("UNSIGNED-PAYLOAD");
    parts.headers.insert("x-amz-content-sha256", unsigned);
    let error = check(&parts, b"changed", AT).unwrap_err();
    assert!(
        error
            .message()
            .contains("'x-amz-content-sha256' must be a 'SignedHeader'")
    );
}

#[test]
fn a21_a_hash_stands_for_the_body() {
    use sha2::{Digest as _, Sha256};
    let parts = vanilla();
    let (signed, secret) = (parse(&parts).unwrap(), Secret::new(SECRET));
    for (body, right) in [("", true), ("x", false)] {
        let hash: [u8; 32] = Sha256::digest(body).into();
        let result = verify(&signed, &parts, Payload::Sha256(&hash), &secret, time(AT));
        assert_eq!(result.is_ok(), right);
    }
}

#[test]
fn a21_every_bit_of_the_signature_matters() {
    let flip = |at: usize, bit: u8| -> String {
        let flipped = |(i, byte)| if i == at { byte ^ (1 << bit) } else { byte };
        VANILLA
            .bytes()
            .enumerate()
            .map(flipped)
            .map(char::from)
            .collect()
    };
    for at in 0..VANILLA.len() {
        for bit in 0..7 {
            let signature = flip(at, bit);
            if signature.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
                let parts = suite("GET", "/", &[], "host;x-amz-date", &signature);
                assert_eq!(
                    check(&parts, b"", AT),
                    Err(SigError::Mismatch),
                    "{signature}"
                );
            }
        }
    }
    let upper = VANILLA.to_uppercase();
    let short = VANILLA.strip_prefix('5').unwrap();
    for signature in [&upper, short, "0", &format!("{VANILLA}0")] {
        let parts = suite("GET", "/", &[], "host;x-amz-date", signature);
        assert_eq!(check(&parts, b"", AT), Err(SigError::Mismatch));
    }
}

#[test]
fn a21_any_other_request_is_refused() {
    let names = "host;x-amz-date";
    for (method, uri) in [
        ("POST", "/"),
        ("GET", "/x"),
        ("GET", "/?x"),
        ("GET", "/%2e"),
        ("GET", "/..%2f"),
    ] {
        let parts = suite(method, uri, &[], names, VANILLA);
        assert_eq!(
            check(&parts, b"", AT),
            Err(SigError::Mismatch),
            "{method} {uri}"
        );
    }
    let mut parts = vanilla();
    parts
        .headers
        .insert("host", HeaderValue::from_static("evil.example"));
    assert_eq!(check(&parts, b"", AT), Err(SigError::Mismatch));
    let mut parts = vanilla();
    parts.headers.remove("host");
    assert_eq!(
        check(&parts, b"", AT),
        Err(SigError::Mismatch),
        "a signed header is gone"
    );
    for (from, to) in [("us-east-1", "us-east-2"), ("/service/", "/ecr/")] {
        let mut parts = vanilla();
        let value = parts.headers["authorization"]
            .to_str()
            .unwrap()
            .replace(from, to);
        parts
            .headers
            .insert("authorization", value.parse().unwrap());
        assert_eq!(check(&parts, b"", AT), Err(SigError::Mismatch), "{to}");
    }
}

#[test]
fn a21_the_host_and_amz_headers_must_be_signed() {
    let parts = suite("GET", "/", &[], "x-amz-date", VANILLA);
    let error = check(&parts, b"", AT).unwrap_err();
    assert_eq!(error.code(), "InvalidSignatureException");
    assert_eq!(
        error.message(),
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    );
    let target = [(
        "X-Amz-Target",
        "AmazonEC2ContainerRegistry_V20150921.DeleteRepository",
    )];
    let parts = suite("GET", "/", &target, "host;x-amz-date", VANILLA);
    let error = check(&parts, b"", AT).unwrap_err();
    assert_eq!(
        error.message(),
        "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."
    );
}

#[test]
fn a21_http2_has_its_host_in_the_uri() {
    let mut parts = vanilla();
    parts.headers.remove("host");
    parts.uri = "http://example.amazonaws.com/".parse().unwrap();
    assert_eq!(check(&parts, b"", AT), Ok(()));
}

#[test]
fn a21_clocks_may_differ_by_fifteen_minutes() {
    let parts = vanilla();
    for now in ["20150830T122100Z", "20150830T125100Z"] {
        assert_eq!(check(&parts, b"", now), Ok(()), "{now}");
    }
    let message = |now| {
        let error = check(&parts, b"", now).unwrap_err();
        assert_eq!(error.code(), "InvalidSignatureException");
        error.message()
    };
    assert_eq!(
        message("20150830T125101Z"),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150830T125101Z - 15 min.)"
    );
    assert_eq!(
        message("20150830T122059Z"),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T122059Z + 15 min.)"
    );
}

#[test]
fn a21_the_date_of_the_scope_is_that_of_the_request() {
    let mut parts = vanilla();
    let value = parts.headers["authorization"]
        .to_str()
        .unwrap()
        .replace("20150830", "20150829");
    parts
        .headers
        .insert("authorization", value.parse().unwrap());
    assert_eq!(
        check(&parts, b"", AT).unwrap_err().message(),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
         HTTP: '20150829' != '20150830', from '20150830T123600Z'."
    );
}

#[test]
fn a21_a_presigned_url_ends_when_it_says() {
    let Botocore { secret, cases, .. } = botocore();
    let case = cases
        .into_iter()
        .find(|case| case.name == "presigned")
        .unwrap();
    let parts = case.request();
    let signed = parse(&parts).unwrap();
    assert_eq!(signed.expires, Some(Duration::from_mins(1)));
    let check = |now| {
        verify(
            &signed,
            &parts,
            Payload::Bytes(b""),
            &Secret::new(&*secret),
            time(now),
        )
    };
    assert_eq!(check("20260101T000600Z"), Ok(()));
    assert_eq!(
        check("20260101T000601Z").unwrap_err().message(),
        "Signature expired: 20260101T000500Z is now earlier than 20260101T000501Z \
         (20260101T000601Z - 1 min.)"
    );
    check("20251231T234959Z").unwrap_err();
    let longer = case.uri.replace("Expires=60", "Expires=61");
    let parts = request("GET", &longer, &[("Host", "localhost:4566")]);
    let result = verify(
        &parse(&parts).unwrap(),
        &parts,
        Payload::Bytes(b""),
        &Secret::new(&*secret),
        time("20260101T000500Z"),
    );
    assert_eq!(result, Err(SigError::Mismatch));
}

#[test]
fn a21_unknown_keys_and_session_tokens_are_unrecognized() {
    let file = format!("[a]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key={SECRET}\n");
    let keys = crate::Keys::parse(&file, &"000000000000".parse().unwrap(), |_| {
        Err(String::new())
    })
    .unwrap();
    let mut parts = vanilla();
    let key = keys.find(&parse(&parts).unwrap()).unwrap();
    let (signed, now) = (parse(&parts).unwrap(), time(AT));
    assert_eq!(
        verify(&signed, &parts, Payload::Bytes(b""), &key.secret, now),
        Ok(())
    );
    parts
        .headers
        .insert("x-amz-security-token", HeaderValue::from_static("t0ken"));
    let signed = parse(&parts).unwrap();
    assert!(!format!("{signed:?}").contains("t0ken"));
    let error = keys.find(&signed).unwrap_err();
    assert_eq!(error.code(), "UnrecognizedClientException");
    assert_eq!(
        error.message(),
        "The security token included in the request is invalid."
    );
    assert_eq!(
        crate::Keys::default().find(&signed).unwrap_err(),
        SigError::UnknownKey
    );
}

proptest! {
    #[test]
    fn any_request_is_read_or_refused(
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=[a-z/0-9]{0,20}|SignedHeaders=[a-z;]{0,9}|Signature=|,|=| |.){0,9}",
        query in "(X-Amz-[A-Z][a-z]{1,9}=|%[0-9a-f]{0,2}|&|=|[a-z0-9]){0,20}",
        path in "(/|\\.|%[0-9A-Z]{2}|[a-z]){0,20}",
        date in "[0-9TZ]{0,17}",
    ) {
        let uri = format!("/{path}?{query}");
        let headers = [("x-amz-date", date.as_str()), ("host", "a")];
        let mut request = request("GET", &uri, &headers);
        if let Ok(value) = HeaderValue::from_str(&authorization) {
            request.headers.insert("authorization", value);
        }
        prop_assert!(check(&request, b"", AT).is_err());
        request.headers.remove("authorization");
        prop_assert!(check(&request, b"", AT).is_err());
    }
}
