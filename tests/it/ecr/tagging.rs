//! Tags of resources.
use serde_json::{Value, json};
use wharf_testkit::TestServer;

const ARN: &str = "arn:aws:ecr:us-east-1:000000000000:repository/app";

fn tags(range: std::ops::Range<usize>) -> Vec<Value> {
    range
        .map(|i| json!({ "Key": format!("k{i:03}"), "Value": format!("v{i}") }))
        .collect()
}

async fn list(s: &TestServer) -> Value {
    s.aws("ListTagsForResource", json!({ "resourceArn": ARN }))
        .await
        .ok()
}

#[tokio::test]
async fn tags_are_set_replaced_listed_and_removed() {
    let s = TestServer::new().await;
    assert_eq!(list(&s).await, json!({ "tags": [] }));
    let tag = async |tags: Value| {
        let input = json!({ "resourceArn": ARN, "tags": tags });
        s.aws("TagResource", input).await.ok()
    };
    assert_eq!(
        tag(json!([{ "Key": "b", "Value": "1" }, { "Key": "a", "Value": "" }])).await,
        json!({})
    );
    tag(json!([{ "Key": "b", "Value": "2" }])).await;
    let expected = json!({ "tags": [{ "Key": "a", "Value": "" }, { "Key": "b", "Value": "2" }] });
    assert_eq!(list(&s).await, expected);
    let removed = json!({ "resourceArn": ARN, "tagKeys": ["a", "never there"] });
    assert_eq!(s.aws("UntagResource", removed).await.ok(), json!({}));
    assert_eq!(
        list(&s).await,
        json!({ "tags": [{ "Key": "b", "Value": "2" }] })
    );
}

#[tokio::test]
async fn a_resource_has_fifty_tags_at_most() {
    let s = TestServer::new().await;
    let tag = async |tags: Vec<Value>| {
        s.aws("TagResource", json!({ "resourceArn": ARN, "tags": tags }))
            .await
    };
    tag(tags(0..51)).await.fails("TooManyTagsException");
    assert_eq!(list(&s).await, json!({ "tags": [] }), "all or nothing");
    tag(tags(0..50)).await.ok();
    tag(tags(0..50)).await.ok();
    tag(tags(50..51)).await.fails("TooManyTagsException");
    assert_eq!(list(&s).await["tags"].as_array().unwrap().len(), 50);
    let new = json!({ "repositoryName": "new", "tags": tags(0..51) });
    s.aws("CreateRepository", new)
        .await
        .fails("TooManyTagsException");
}

#[tokio::test]
async fn tags_that_aws_does_not_allow_are_refused() {
    let s = TestServer::new().await;
    let before = s.state().await;
    for bad in [
        json!([{ "Key": "", "Value": "x" }]),
        json!([{ "Value": "x" }]),
        json!([{ "Key": "k".repeat(129), "Value": "x" }]),
        json!([{ "Key": "k", "Value": "v".repeat(257) }]),
        json!([{ "Key": "aws:mine", "Value": "x" }]),
        json!([{ "Key": "k", "Value": "1" }, { "Key": "k", "Value": "2" }]),
    ] {
        let tagged = s
            .aws("TagResource", json!({ "resourceArn": ARN, "tags": bad }))
            .await;
        tagged.fails("InvalidTagParameterException");
        let made = s
            .aws(
                "CreateRepository",
                json!({ "repositoryName": "new", "tags": bad }),
            )
            .await;
        made.fails("InvalidTagParameterException");
    }
    assert_eq!(s.state().await, before);
    let longest = json!([{ "Key": "ü".repeat(128), "Value": "ü".repeat(256) }]);
    s.aws(
        "TagResource",
        json!({ "resourceArn": ARN, "tags": longest }),
    )
    .await
    .ok();
}

#[tokio::test]
async fn e12_what_is_not_the_arn_of_a_repository_is_refused() {
    let s = TestServer::new().await;
    for arn in [
        "",
        "app",
        "arn:aws:ecr:us-east-1:000000000000:repository/",
        "arn:aws:ecr:us-east-1:000000000000:repository/App",
        "arn:aws:ecr:us-east-1:000000000000:repository/a b",
        "arn:aws:ecr:us-east-1:000000000000:image/app",
        "arn:aws:ecr:us-east-1:1:repository/app",
        "arn:aws:s3:::app",
        "arn:aws:ecr:us-east-1:000000000000:repository/app' OR '1'='1",
    ] {
        let listed = s
            .aws("ListTagsForResource", json!({ "resourceArn": arn }))
            .await;
        listed.fails("InvalidParameterException");
    }
    for operation in ["TagResource", "UntagResource"] {
        let empty = s.aws(operation, json!({ "resourceArn": ARN })).await;
        empty.fails("InvalidParameterException");
    }
}
