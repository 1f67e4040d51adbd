//! Signatures of others: AWS's published test suite and botocore. And ours.
use proptest::prelude::*;

use super::*;
use crate::Error;

#[test]
fn the_published_test_suite_passes() {
    let names = "host;x-amz-date";
    for (method, uri, signature) in [
        ("GET", "/", VANILLA),
        ("GET", "/example/..", VANILLA),
        ("GET", "/./", VANILLA),
        ("GET", "//", VANILLA),
        (
            "GET",
            "/?Param1=value1",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?%E1%88%B4=bar",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "POST",
            "/",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        let parts = suite(method, uri, &[], names, signature);
        assert_eq!(check(&parts, b"", AT), Ok(()), "{method} {uri}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
    let parts = suite(
        "POST",
        "/",
        &form,
        "content-type;host;x-amz-date",
        signature,
    );
    assert_eq!(check(&parts, b"Param1=value1", AT), Ok(()));
    let spaces = [("My-Header1", "  value1"), ("My-Header2", "\"a   b   c\"")];
    let signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736";
    let parts = suite(
        "GET",
        "/",
        &spaces,
        "host;my-header1;my-header2;x-amz-date",
        signature,
    );
    assert_eq!(check(&parts, b"", AT), Ok(()));
}

#[test]
fn what_botocore_signs_is_accepted() {
    let Botocore { key, secret, cases } = botocore();
    let secret = Secret::new(secret);
    let now = time("20260101T000500Z");
    for case in cases {
        let parts = case.request();
        let signed = parse(&parts).unwrap();
        assert_eq!(signed.scope.access_key, key);
        let payload = Payload::Bytes(case.body.as_bytes());
        assert_eq!(
            verify(&signed, &parts, payload, &secret, now),
            Ok(()),
            "{}",
            case.name
        );
        let other = Secret::new("other");
        let result = verify(&signed, &parts, payload, &other, now);
        assert_eq!(result, Err(SigError::Mismatch), "{}", case.name);
    }
}

#[test]
fn our_own_signatures_are_accepted() {
    let (secret, region) = (Secret::new(SECRET), "us-east-1".parse().unwrap());
    let signer = Signer {
        access_key: "AKIDEXAMPLE",
        secret: &secret,
        region: &region,
        service: "service",
    };
    let mut parts = request("GET", "http://example.amazonaws.com/", &[]);
    signer.sign(&mut parts, b"", time(AT)).unwrap();
    let authorization = parts.headers["authorization"].to_str().unwrap();
    assert!(authorization.ends_with(VANILLA), "{authorization}");

    let headers = [
        ("X-Amz-Target", "a.b"),
        ("Content-Type", "x"),
        ("Accept", "*/*"),
    ];
    let mut parts = request("POST", "http://localhost:4566/a%20b?x=y&a", &headers);
    signer.sign(&mut parts, b"body", time(AT)).unwrap();
    assert_eq!(check(&parts, b"body", AT), Ok(()));
    assert_eq!(check(&parts, b"Body", AT), Err(SigError::Mismatch));

    let mut nowhere = request("GET", "/", &[]);
    let error = signer.sign(&mut nowhere, b"", time(AT)).unwrap_err();
    assert!(matches!(error, Error::Unsignable));
}

proptest! {
    #[test]
    fn whatever_we_sign_we_accept(
        path in "(/|\\.|%[0-9A-F]{2}|[a-zA-Z0-9+~!*'():@,;=$-]){0,20}",
        query in "(%[0-9A-F]{0,2}|&|=|[a-z0-9+/?:@-]){0,20}",
        meta in "[ -~]{0,20}",
        body: Vec<u8>,
    ) {
        let (secret, region) = (Secret::new(SECRET), "eu-central-1".parse().unwrap());
        let signer = Signer { access_key: "test", secret: &secret, region: &region, service: "ecr" };
        let uri = format!("http://localhost:4566/{path}?{query}");
        let mut request = request("PUT", &uri, &[("x-amz-meta", &meta)]);
        signer.sign(&mut request, &body, time(AT)).unwrap();
        prop_assert_eq!(check(&request, &body, AT), Ok(()));
    }
}
