//! The form of signatures.
use http::Request;

use super::super::*;

const GOOD: &str = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/ecr/aws4_request, \
                    SignedHeaders=host;x-amz-date, Signature=abc";
const DATE: &str = "20260101T000000Z";

fn with(authorization: &str, date: &str) -> Result<Signed, SigError> {
    let request = Request::builder()
        .header("Authorization", authorization)
        .header("X-Amz-Date", date);
    parse(&request.body(()).unwrap().into_parts().0)
}

fn incomplete_text(authorization: &str) -> String {
    let error = with(authorization, DATE).unwrap_err();
    assert_eq!(
        error.code(),
        "IncompleteSignatureException",
        "{authorization}"
    );
    error.message()
}

#[test]
fn the_header_is_read() {
    let signed = with(GOOD, DATE).unwrap();
    let region = "us-east-1".parse().unwrap();
    let (access_key, date, service) = ("AKID".into(), "20260101".into(), "ecr".into());
    assert_eq!(
        signed.scope,
        Scope {
            access_key,
            date,
            region,
            service
        }
    );
    assert_eq!(signed.at, Timestamp::from_secs(1_767_225_600));
    assert_eq!((signed.expires, signed.headers.len()), (None, 2));
    with(&GOOD.replace(", ", ","), DATE).unwrap();
    with(GOOD, "Thu, 01 Jan 2026 00:00:00 GMT").unwrap();
}

#[test]
fn the_presigned_form_is_read() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=900&X-Amz-Signature=abc\
                 &X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fsts%2Faws4_request\
                 &X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id";
    let parsed = |query: &str| {
        let request = Request::builder().uri(format!("/?Action=GetCallerIdentity&{query}"));
        parse(&request.body(()).unwrap().into_parts().0)
    };
    let signed = parsed(query).unwrap();
    assert_eq!(signed.scope.service, "sts");
    assert_eq!(signed.headers, ["host", "x-k8s-aws-id"]);
    assert_eq!(signed.expires, Some(Duration::from_mins(15)));
    for (from, to) in [
        ("HMAC-SHA256", "HMAC-SHA1"),
        ("Expires=900", "Expires=0"),
        ("Expires=900", "Expires=604801"),
        ("Expires=900", "Expires=-1"),
        ("Expires=900", "Expires=900&X-Amz-Expires=900"),
        ("Signature=abc", "Signature="),
        ("Signature=abc", "Signature=%ff"),
    ] {
        let error = parsed(&query.replace(from, to)).unwrap_err();
        assert_eq!(error.code(), "IncompleteSignatureException", "{to}");
    }
    assert_eq!(
        parsed("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=x&X-Amz-Expires=1")
            .unwrap_err()
            .message(),
        "AWS query-string parameters must include 'X-Amz-Credential'. \
         AWS query-string parameters must include 'X-Amz-Signature'. \
         AWS query-string parameters must include 'X-Amz-SignedHeaders'. \
         Re-examine the query-string parameters."
    );
}

#[test]
fn a21_no_signature_is_a_missing_token() {
    let (parts, ()) = Request::new(()).into_parts();
    let error = parse(&parts).unwrap_err();
    assert_eq!(error.code(), "MissingAuthenticationTokenException");
    assert_eq!(error.message(), "Missing Authentication Token");
    for other in ["", "Basic QVdTOng=", "Bearer x", "aws4"] {
        assert_eq!(with(other, DATE).unwrap_err(), SigError::Missing);
    }
}

#[test]
fn a21_what_is_missing_is_named() {
    assert_eq!(
        incomplete_text("AWS4-HMAC-SHA256"),
        "Authorization header requires 'Credential' parameter. \
         Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. \
         Authorization=AWS4-HMAC-SHA256"
    );
    let (parts, ()) = Request::builder()
        .header("Authorization", GOOD)
        .body(())
        .unwrap()
        .into_parts();
    assert_eq!(
        parse(&parts).unwrap_err().message(),
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         Authorization=AWS4-HMAC-SHA256"
    );
    assert_eq!(
        incomplete_text("AWS4-HMAC-SHA256 x"),
        "'x' not a valid key=value pair (missing equal-sign) in Authorization header."
    );
    assert_eq!(
        incomplete_text(&GOOD.replace("/ecr", "")),
        "Credential must have exactly 5 slash-delimited elements, e.g. \
         keyid/date/region/service/term, got 'AKID/20260101/us-east-1/aws4_request'"
    );
    incomplete_text(&GOOD.replace("SHA256", "SHA1"));
    incomplete_text(&format!("{GOOD}, Signature=abc"));
    for (from, to) in [
        ("AKID", ""),
        ("/ecr", "/e r"),
        ("20260101", "2026"),
        ("abc", ""),
    ] {
        incomplete_text(&GOOD.replace(from, to));
    }
}

#[test]
fn a21_scopes_of_nowhere_and_wrong_dates_are_refused() {
    let error = with(&GOOD.replace("us-east-1", "mars"), DATE).unwrap_err();
    assert_eq!(error.code(), "InvalidSignatureException");
    assert_eq!(
        error.message(),
        "Credential should be scoped to a valid region, not 'mars'. "
    );
    let error = with(&GOOD.replace("aws4_request", "aws5"), DATE).unwrap_err();
    assert_eq!(
        error.message(),
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'. "
    );
    for date in [
        "20260101",
        "2026-01-01T00:00:00Z",
        "20261301T000000Z",
        "yesterday",
        "",
    ] {
        let error = with(GOOD, date).unwrap_err();
        assert_eq!(error.code(), "IncompleteSignatureException", "{date}");
    }
}

#[test]
fn a21_two_signatures_are_refused() {
    let twice = Request::builder()
        .header("Authorization", GOOD)
        .header("Authorization", GOOD)
        .header("X-Amz-Date", DATE);
    let both = Request::builder()
        .uri("/?X-Amz-Algorithm=AWS4-HMAC-SHA256")
        .header("Authorization", GOOD)
        .header("X-Amz-Date", DATE);
    for request in [twice, both] {
        let error = parse(&request.body(()).unwrap().into_parts().0).unwrap_err();
        assert_eq!(error.code(), "IncompleteSignatureException");
    }
}
