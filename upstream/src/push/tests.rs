use super::*;

#[test]
fn plain_http_is_for_this_machine_unless_it_is_allowed() {
    for good in [
        "https://registry.example",
        "http://localhost:4566",
        "http://127.0.0.1:1/",
        "http://[::1]:1",
    ] {
        Origin::secure(good).unwrap();
    }
    Origin::secure("http://registry.example").unwrap_err();
    Origin::secure("http://127.0.0.1.example").unwrap_err();
    Origin::insecure("http://registry.example").unwrap();
    for bad in [
        "",
        "registry.example",
        "ftp://registry.example",
        "https://u:p@registry.example",
        "https://registry.example/v2/",
        "https://registry.example/?a",
    ] {
        Origin::insecure(bad).unwrap_err();
    }
}

#[test]
fn an_upload_is_only_followed_on_the_origin() {
    let origin = Origin::secure("https://registry.example").unwrap();
    let at = |location| origin.locate(location).map(String::from);
    assert_eq!(
        at("/v2/a/blobs/uploads/1?x=2").unwrap(),
        "https://registry.example/v2/a/blobs/uploads/1?x=2"
    );
    assert!(at("https://registry.example/v2/").is_some());
    for elsewhere in [
        "https://registry.example:444/",
        "http://registry.example/",
        "//169.254.169.254/",
        "https://evil.example/",
    ] {
        assert_eq!(at(elsewhere), None, "{elsewhere}");
    }
}

#[test]
fn errors_of_both_doors_are_understood() {
    let answer = |status, body: &str| Answer {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_owned()),
    };
    let told = |answer: Answer| match answer.refused() {
        Error::Refused { code, message, .. } => (code, message),
        other => panic!("{other:?}"),
    };
    let oci = r#"{"errors":[{"code":"TAG_INVALID","message":"no"}]}"#;
    let aws = r#"{"__type":"LimitExceededException","message":"full"}"#;
    assert_eq!(
        told(answer(StatusCode::BAD_REQUEST, oci)),
        ("TAG_INVALID".into(), "no".into())
    );
    assert_eq!(
        told(answer(StatusCode::BAD_REQUEST, aws)),
        ("LimitExceededException".into(), "full".into())
    );
    assert!(matches!(
        answer(StatusCode::BAD_GATEWAY, "<html>").refused(),
        Error::Unavailable(_)
    ));
}
