//! Creation templates: repositories that a push makes, in a race and over a restart.
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer};

async fn template(s: &TestServer, prefix: &str, members: Value) {
    let mut input = json!({ "prefix": prefix, "appliedFor": ["CREATE_ON_PUSH"] });
    if let (Some(input), Value::Object(members)) = (input.as_object_mut(), members) {
        input.extend(members);
    }
    s.aws("CreateRepositoryCreationTemplate", input).await.ok();
}

async fn mutability(s: &TestServer, name: &str) -> String {
    let found = s
        .aws("DescribeRepositories", json!({ "repositoryNames": [name] }))
        .await
        .ok();
    found["repositories"][0]["imageTagMutability"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_template_survives_a_restart_and_is_only_of_its_own_registry() {
    let mut s = TestServer::new().await;
    template(&s, "team", json!({ "imageTagMutability": "IMMUTABLE" })).await;
    s.restart().await;
    Image::new("a").push(&s, "team/app", "v1").await;
    assert_eq!(mutability(&s, "team/app").await, "IMMUTABLE");
    let elsewhere = s.password_of("test", "eu-west-1").await;
    s.call("POST", "/v2/team/app/blobs/uploads/")
        .password(&elsewhere)
        .send()
        .await
        .fails(404, "NAME_UNKNOWN");
    let none = s
        .aws_as(
            "test",
            "eu-west-1",
            "DescribeRepositoryCreationTemplates",
            json!({}),
        )
        .await
        .ok();
    assert_eq!(none["repositoryCreationTemplates"], json!([]));
}

#[tokio::test]
async fn pushes_at_once_make_one_repository() {
    let s = TestServer::new().await;
    template(&s, "team", json!({})).await;
    let begin = || async { s.begin("team/app").await };
    tokio::join!(begin(), begin(), begin(), begin());
    let found = s.aws("DescribeRepositories", json!({})).await.ok();
    assert_eq!(found["repositories"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_template_does_not_change_what_is_there_and_pulls_make_nothing() {
    let s = TestServer::new().await;
    template(&s, "ROOT", json!({ "imageTagMutability": "IMMUTABLE" })).await;
    s.push("app", "v1").await;
    assert_eq!(mutability(&s, "app").await, "MUTABLE");
    let before = s.state().await;
    s.call("GET", "/v2/other/manifests/v1")
        .send()
        .await
        .fails(404, "NAME_UNKNOWN");
    let image = Image::new("x");
    s.aws(
        "PutImage",
        json!({ "repositoryName": "other", "imageManifest": image.manifest }),
    )
    .await
    .fails("RepositoryNotFoundException");
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn with_create_on_push_a_template_of_another_purpose_is_not_followed() {
    let s = TestServer::with(|config| config.create_on_push = true).await;
    s.aws(
        "CreateRepositoryCreationTemplate",
        json!({ "prefix": "team", "appliedFor": ["REPLICATION"], "imageTagMutability": "IMMUTABLE" }),
    )
    .await
    .ok();
    s.push("team/app", "v1").await;
    assert_eq!(mutability(&s, "team/app").await, "MUTABLE");
}
