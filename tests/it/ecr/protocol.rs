//! AWS's protocols: which requests are read at all, and how errors look (reliability: E1 to E3).
use serde_json::json;
use wharf_testkit::{Call, Reply, TestServer};

const JSON: &str = "application/x-amz-json-1.1";
const FORM: &str = "application/x-www-form-urlencoded";

fn authorization(key: &str, service: &str) -> String {
    let signature = "0".repeat(64);
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
    )
}

fn post<'s>(s: &'s TestServer, service: &str) -> Call<'s> {
    s.call("POST", "/")
        .anonymous()
        .header("authorization", &authorization("test", service))
        .header("x-amz-date", "20260101T000000Z")
}

fn ecr<'s>(s: &'s TestServer, operation: &str) -> Call<'s> {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    post(s, "ecr").header("x-amz-target", &target)
}

#[track_caller]
fn is_exception(reply: Reply, status: u16, kind: &str) {
    let reply = reply.expect(status);
    assert_eq!(reply.header("content-type"), JSON, "{reply:?}");
    assert!(!reply.header("x-amzn-requestid").is_empty(), "{reply:?}");
    assert_eq!(reply.json()["__type"], kind, "{reply:?}");
    assert!(reply.json()["message"].is_string(), "{reply:?}");
}

#[tokio::test]
async fn e1_unknown_targets_and_operations_are_unknown() {
    let s = TestServer::new().await;
    for operation in [
        "",
        "Nonsense",
        "createRepository",
        "CreateRepository.",
        "x".repeat(4000).as_str(),
    ] {
        let reply = ecr(&s, operation)
            .header("content-type", JSON)
            .body("{}")
            .send()
            .await;
        is_exception(reply, 400, "UnknownOperationException");
    }
    for target in [
        "CreateRepository",
        "AmazonEC2ContainerRegistry_V20150921",
        "AmazonEKS.CreateCluster",
        "",
    ] {
        let reply = post(&s, "ecr").header("x-amz-target", target);
        let reply = reply.header("content-type", JSON).body("{}").send().await;
        is_exception(reply, 400, "UnknownOperationException");
    }
    let none = post(&s, "ecr")
        .header("content-type", JSON)
        .body("{}")
        .send()
        .await;
    is_exception(none, 400, "UnknownOperationException");
}

#[tokio::test]
async fn e1_what_aws_has_and_we_have_not_is_501() {
    let s = TestServer::new().await;
    let info = s
        .call("GET", "/_wharf/info")
        .anonymous()
        .send()
        .await
        .expect(200)
        .json();
    let missing = info["services"]["ecr"]["missing"]
        .as_array()
        .unwrap()
        .clone();
    let done = info["services"]["ecr"]["operations"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(missing.len() + done.len(), 62, "ECR has 62 operations");
    for operation in missing {
        let operation = operation.as_str().unwrap();
        let reply = ecr(&s, operation)
            .header("content-type", JSON)
            .body("{}")
            .send()
            .await;
        is_exception(reply, 501, "NotImplementedException");
    }
    for operation in done {
        let operation = operation.as_str().unwrap();
        let reply = ecr(&s, operation)
            .header("content-type", JSON)
            .body("{}")
            .send()
            .await;
        assert_ne!(reply.status, 501, "{operation}");
    }
    let service = post(&s, "ecs")
        .header("content-type", JSON)
        .body("{}")
        .send()
        .await;
    is_exception(service, 501, "NotImplementedException");
}

#[tokio::test]
async fn e2_other_content_types_are_415_and_change_nothing() {
    let s = TestServer::new().await;
    let before = s.state().await;
    let body = json!({ "repositoryName": "new" }).to_string();
    for content_type in [
        "text/plain",
        "application/json",
        "application/x-amz-json-1.0",
        "multipart/form-data; boundary=x",
        "application/cbor",
        FORM,
        "",
    ] {
        let call = ecr(&s, "CreateRepository").header("content-type", content_type);
        call.body(body.clone()).send().await.expect(415);
    }
    ecr(&s, "CreateRepository")
        .body(body.clone())
        .send()
        .await
        .expect(415);
    assert_eq!(s.state().await, before);
    let charset = ecr(&s, "CreateRepository")
        .header("content-type", "application/x-amz-json-1.1; charset=utf-8");
    charset.body(body).send().await.expect(200);
}

#[tokio::test]
async fn e3_bodies_that_are_not_of_the_operations_shape_are_serialization_exceptions() {
    let s = TestServer::new().await;
    let before = s.state().await;
    let deep = format!("{{\"repositoryName\":{}", "[".repeat(10_000));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{\"repositoryName\": 1}",
        "{\"repositoryName\": {}}",
        "{\"repositoryName\": [\"a\"]}",
        "{\"repositoryName\": \"ab\", \"tags\": {}}",
        "{\"repositoryName\": \"ab\", \"tags\": [1]}",
        "{\"repositoryName\": \"ab\", \"imageScanningConfiguration\": {\"scanOnPush\": \"yes\"}}",
        "{\"repositoryName\": \"ab\"} trailing",
        "{\"repositoryName\": \"a\\ud800b\"}",
        &deep,
    ] {
        let call = ecr(&s, "CreateRepository").header("content-type", JSON);
        let reply = call.body(body.to_owned()).send().await;
        // An absent body is an empty object, which lacks the name.
        let kind = if body.is_empty() {
            "InvalidParameterException"
        } else {
            "SerializationException"
        };
        is_exception(reply, 400, kind);
    }
    let latin1 = ecr(&s, "CreateRepository").header("content-type", JSON);
    let latin1 = latin1
        .body(b"{\"repositoryName\": \"\xe4b\"}".to_vec())
        .send()
        .await;
    is_exception(latin1, 400, "SerializationException");
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn e3_members_of_another_type_are_serialization_exceptions() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for (operation, input) in [
        (
            "ListImages",
            json!({ "repositoryName": "app", "maxResults": "ten" }),
        ),
        (
            "ListImages",
            json!({ "repositoryName": "app", "maxResults": 1.5 }),
        ),
        (
            "DescribeImages",
            json!({ "repositoryName": "app", "imageIds": "v1" }),
        ),
        (
            "DescribeImages",
            json!({ "repositoryName": "app", "filter": "TAGGED" }),
        ),
        (
            "DeleteRepository",
            json!({ "repositoryName": "app", "force": "yes" }),
        ),
        (
            "BatchGetImage",
            json!({ "repositoryName": "app", "imageIds": ["v1"] }),
        ),
        (
            "BatchGetImage",
            json!({ "repositoryName": "app", "imageIds": [["sha256:00", "v1"]] }),
        ),
        ("ListTagsForResource", json!(["x"])),
        (
            "PutImage",
            json!({ "repositoryName": "app", "imageManifest": {} }),
        ),
        (
            "UntagResource",
            json!({ "resourceArn": "x", "tagKeys": [1] }),
        ),
    ] {
        s.aws(operation, input)
            .await
            .fails("SerializationException");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn e3_members_that_nobody_knows_are_ignored_and_null_is_absent() {
    let s = TestServer::new().await;
    let input = json!({
        "repositoryName": "ab", "futureMember": { "x": [1, 2] }, "registryId": null, "tags": null,
        "imageTagMutability": null, "imageScanningConfiguration": null, "encryptionConfiguration": null,
    });
    let made = s.aws("CreateRepository", input).await.ok();
    assert_eq!(made["repository"]["imageTagMutability"], "MUTABLE");
    let many = json!({ "repositoryName": "app", "imageIds": vec![json!({}); 100_000] });
    s.aws("BatchGetImage", many)
        .await
        .fails("InvalidParameterException");
}

#[tokio::test]
async fn a_request_that_is_not_signed_is_refused() {
    let s = TestServer::new().await;
    let call = s.call("POST", "/").anonymous().header("content-type", JSON);
    let call = call.header(
        "x-amz-target",
        "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
    );
    is_exception(
        call.body("{}").send().await,
        400,
        "MissingAuthenticationTokenException",
    );
}

fn sts<'s>(s: &'s TestServer, key: &str) -> Call<'s> {
    s.call("POST", "/")
        .anonymous()
        .header("authorization", &authorization(key, "sts"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
}

fn element(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let rest = xml
        .split_once(&open)
        .unwrap_or_else(|| panic!("no {name} in {xml}"))
        .1;
    rest.split_once(&close).unwrap().0.to_owned()
}

#[tokio::test]
async fn sts_says_who_the_caller_is() {
    let s = TestServer::new().await;
    for (key, arn, account) in [
        ("test", "arn:aws:iam::000000000000:root", "000000000000"),
        (
            "111122223333",
            "arn:aws:iam::111122223333:root",
            "111122223333",
        ),
        (
            "AKIDEXAMPLE",
            "arn:aws:iam::000000000000:user/AKIDEXAMPLE",
            "000000000000",
        ),
    ] {
        let call = sts(&s, key).body("Action=GetCallerIdentity&Version=2011-06-15");
        let reply = call.send().await.expect(200);
        assert_eq!(reply.header("content-type"), "text/xml");
        let xml = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(
            xml.starts_with("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"),
            "{xml}"
        );
        assert_eq!(element(&xml, "Arn"), arn);
        assert_eq!(element(&xml, "Account"), account);
        assert!(!element(&xml, "UserId").is_empty());
        let request = element(&element(&xml, "ResponseMetadata"), "RequestId");
        assert_eq!(request, reply.header("x-amzn-requestid"));
    }
}

#[tokio::test]
async fn sts_errors_are_those_of_the_query_protocol() {
    let s = TestServer::new().await;
    for (form, status, code) in [
        ("Action=Nonsense&Version=2011-06-15", 400, "InvalidAction"),
        ("Version=2011-06-15", 400, "InvalidAction"),
        ("", 400, "InvalidAction"),
        (
            "Action=AssumeRole&RoleArn=x",
            501,
            "NotImplementedException",
        ),
    ] {
        let reply = sts(&s, "test").body(form).send().await.expect(status);
        assert_eq!(reply.header("content-type"), "text/xml", "{form}");
        let xml = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(xml.starts_with("<ErrorResponse xmlns="), "{xml}");
        assert_eq!(element(&xml, "Code"), code);
        assert!(!element(&xml, "Message").is_empty());
    }
}
