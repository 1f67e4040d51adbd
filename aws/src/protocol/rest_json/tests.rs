use serde_json::json;

use super::*;

const ROUTES: &[Route] = &[
    Route::new("List", "GET", "/clusters"),
    Route::new("Create", "POST", "/clusters"),
    Route::new("Describe", "GET", "/clusters/{name}"),
    Route::new(
        "Entry",
        "GET",
        "/clusters/{clusterName}/entries/{principalArn}",
    ),
    Route::new(
        "Policies",
        "GET",
        "/clusters/{clusterName}/entries/{principalArn}/policies",
    ),
    Route::new("Tags", "DELETE", "/tags/{resourceArn}"),
];

fn found(method: &Method, path: &str) -> (&'static str, Vec<(&'static str, String)>) {
    let found = find(ROUTES, method, path).unwrap();
    (found.route.name, found.labels)
}

#[test]
fn a_path_and_a_method_mean_one_operation() {
    assert_eq!(found(&Method::GET, "/clusters"), ("List", vec![]));
    assert_eq!(found(&Method::GET, "/clusters/"), ("List", vec![]));
    assert_eq!(found(&Method::POST, "/clusters"), ("Create", vec![]));
    assert_eq!(
        found(&Method::GET, "/clusters/a%2Bb+c"),
        ("Describe", vec![("name", "a+b+c".into())])
    );
    for (method, path) in [
        (Method::PUT, "/clusters"),
        (Method::GET, "/"),
        (Method::GET, "/clusters/a/b"),
        (Method::GET, "/clusters//entries/x"),
        (Method::DELETE, "/clusters/a"),
    ] {
        let refused = find(ROUTES, &method, path).unwrap_err();
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(refused.kind, "UnknownOperationException");
    }
    let bad = find(ROUTES, &Method::GET, "/clusters/%f").unwrap_err();
    assert_eq!(bad.kind, "SerializationException");
}

#[test]
fn an_arn_may_have_its_slashes_encoded_or_not() {
    let arn = "arn:aws:iam::1:role/a/b";
    for path in [
        "arn:aws:iam::1:role/a/b",
        "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%2Fb",
    ] {
        let (name, labels) = found(&Method::GET, &format!("/clusters/c/entries/{path}"));
        assert_eq!((name, labels[1].1.as_str()), ("Entry", arn));
        let (name, labels) = found(
            &Method::GET,
            &format!("/clusters/c/entries/{path}/policies"),
        );
        assert_eq!((name, labels[1].1.as_str()), ("Policies", arn));
    }
}

#[expect(clippy::unnecessary_wraps, reason = "shapes of types may not be there")]
fn shape() -> Result<Value, String> {
    Ok(json!({ "members": {
        "resourceArn": { "type": "string" }, "tagKeys": { "type": "list" },
        "max": { "type": "integer" }, "all": { "type": "boolean" },
    }}))
}

fn read(method: &Method, uri: &str, body: &'static [u8]) -> Result<Value, Exception> {
    let request = http::Request::builder().method(method.clone()).uri(uri);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let found = find(ROUTES, method, parts.uri.path())?;
    let input = input(&found, &parts, Bytes::from_static(body), shape)?;
    Ok(serde_json::from_slice(&input).unwrap_or(Value::Null))
}

#[test]
fn labels_query_and_body_become_one_object() {
    let uri = "/tags/a%2Fb?tagKeys=x&tagKeys=y+z&max=3&all=true&unknown=1&resourceArn=other";
    assert_eq!(
        read(&Method::DELETE, uri, b"{}").unwrap(),
        json!({ "resourceArn": "a/b", "tagKeys": ["x", "y z"], "max": 3, "all": true })
    );
    let refused = read(&Method::DELETE, "/tags/a?max=x", b"").unwrap_err();
    assert_eq!(refused.kind, "SerializationException");
    assert_eq!(read(&Method::POST, "/clusters", b"").unwrap(), json!({}));
    let labels = json!({ "name": "a\"b" });
    let labels = labels.as_object().unwrap();
    for (body, all) in [
        (&b""[..], json!({ "name": "a\"b" })),
        (b" { } ", json!({ "name": "a\"b" })),
        (b"{\"x\":1}", json!({ "name": "a\"b", "x": 1 })),
        (b"[1]", json!([1])),
    ] {
        let bytes = with_labels(labels, Bytes::from_static(body));
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), all);
    }
}

#[test]
fn an_error_has_its_type_in_a_header_and_its_members_beside_the_message() {
    let mut e = Exception::client("AccessDeniedException", "no");
    e.members.insert("clusterName".into(), "c".into());
    let response = error(e);
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        "AccessDeniedException"
    );
}
