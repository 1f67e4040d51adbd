//! Repositories: made, described, deleted.
use serde_json::json;
use wharf_testkit::{Image, TestServer, start_time};

#[tokio::test]
async fn a_new_repository_is_answered_with_all_its_settings() {
    let s = TestServer::new().await;
    let input = json!({
        "repositoryName": "team/web",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "dev-*" }],
        "imageScanningConfiguration": { "scanOnPush": true },
        "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/mine" },
        "tags": [{ "Key": "team", "Value": "web" }],
    });
    let made = s.aws("CreateRepository", input).await.ok();
    let expected = json!({
        "repositoryArn": "arn:aws:ecr:us-east-1:000000000000:repository/team/web",
        "registryId": "000000000000",
        "repositoryName": "team/web",
        "repositoryUri": format!("{}/team/web", s.address()),
        "createdAt": start_time().as_secs_f64(),
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "dev-*" }],
        "imageScanningConfiguration": { "scanOnPush": true },
        "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/mine" },
    });
    assert_eq!(made, json!({ "repository": expected }));
    let described = s.aws(
        "DescribeRepositories",
        json!({ "repositoryNames": ["team/web"] }),
    );
    assert_eq!(described.await.ok(), json!({ "repositories": [expected] }));
    let deleted = s
        .aws("DeleteRepository", json!({ "repositoryName": "team/web" }))
        .await
        .ok();
    assert_eq!(deleted, json!({ "repository": expected }));
}

#[tokio::test]
async fn without_settings_a_repository_has_those_of_ecr() {
    let s = TestServer::new().await;
    let made = s
        .aws("CreateRepository", json!({ "repositoryName": "plain" }))
        .await
        .ok();
    let repository = &made["repository"];
    assert_eq!(repository["imageTagMutability"], "MUTABLE");
    assert_eq!(
        repository["imageScanningConfiguration"],
        json!({ "scanOnPush": false })
    );
    assert_eq!(
        repository["encryptionConfiguration"],
        json!({ "encryptionType": "AES256" })
    );
    assert!(
        repository
            .get("imageTagMutabilityExclusionFilters")
            .is_none()
    );
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_leaves_no_trace() {
    let s = TestServer::new().await;
    let before = s.state().await;
    let again = s
        .aws("CreateRepository", json!({ "repositoryName": "app" }))
        .await;
    let text = again.fails("RepositoryAlreadyExistsException")["message"].clone();
    assert_eq!(
        text,
        "The repository with name 'app' already exists in the registry with id '000000000000'"
    );
    let filters = |n: usize| vec![json!({ "filterType": "WILDCARD", "filter": "x" }); n];
    for change in [
        json!({ "imageTagMutability": "SOMETIMES" }),
        json!({ "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION" }),
        json!({ "imageTagMutability": "MUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": [] }),
        json!({ "imageTagMutability": "IMMUTABLE", "imageTagMutabilityExclusionFilters": filters(1) }),
        json!({ "imageTagMutabilityExclusionFilters": filters(1) }),
        json!({ "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": filters(6) }),
        json!({ "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": [{ "filterType": "REGEX", "filter": "x" }] }),
        json!({ "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "a/b" }] }),
        json!({ "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "*a*b*" }] }),
        json!({ "encryptionConfiguration": { "encryptionType": "ROT13" } }),
        json!({ "encryptionConfiguration": { "encryptionType": "AES256", "kmsKey": "k" } }),
        json!({ "registryId": "111122223333" }),
        json!({ "registryId": "mine" }),
    ] {
        let mut input = json!({ "repositoryName": "new" });
        input
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        s.aws("CreateRepository", input)
            .await
            .fails("InvalidParameterException");
    }
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_named_in_the_error() {
    let s = TestServer::new().await;
    let arn = "arn:aws:ecr:us-east-1:000000000000:repository/none";
    let ids = json!([{ "imageTag": "v1" }]);
    for (operation, input) in [
        (
            "DescribeRepositories",
            json!({ "repositoryNames": ["app", "none"] }),
        ),
        ("DeleteRepository", json!({ "repositoryName": "none" })),
        (
            "DeleteRepository",
            json!({ "repositoryName": "none", "force": true }),
        ),
        ("ListImages", json!({ "repositoryName": "none" })),
        ("DescribeImages", json!({ "repositoryName": "none" })),
        (
            "DescribeImages",
            json!({ "repositoryName": "none", "imageIds": ids }),
        ),
        (
            "BatchGetImage",
            json!({ "repositoryName": "none", "imageIds": ids }),
        ),
        (
            "BatchDeleteImage",
            json!({ "repositoryName": "none", "imageIds": ids }),
        ),
        (
            "PutImage",
            json!({ "repositoryName": "none", "imageManifest": Image::new("x").manifest }),
        ),
        (
            "PutImageTagMutability",
            json!({ "repositoryName": "none", "imageTagMutability": "MUTABLE" }),
        ),
        (
            "TagResource",
            json!({ "resourceArn": arn, "tags": [{ "Key": "a", "Value": "b" }] }),
        ),
        (
            "UntagResource",
            json!({ "resourceArn": arn, "tagKeys": ["a"] }),
        ),
        ("ListTagsForResource", json!({ "resourceArn": arn })),
    ] {
        let failed = s
            .aws(operation, input)
            .await
            .fails("RepositoryNotFoundException");
        assert_eq!(
            failed["message"],
            "The repository with name 'none' does not exist in the registry with id '000000000000'",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn e11_the_registry_of_another_account_has_nothing_to_show() {
    let s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let ids = json!([{ "imageTag": "v1" }]);
    for (operation, input) in [
        (
            "DescribeRepositories",
            json!({ "repositoryNames": ["app"] }),
        ),
        (
            "DeleteRepository",
            json!({ "repositoryName": "app", "force": true }),
        ),
        ("ListImages", json!({ "repositoryName": "app" })),
        (
            "BatchGetImage",
            json!({ "repositoryName": "app", "imageIds": ids }),
        ),
        (
            "BatchDeleteImage",
            json!({ "repositoryName": "app", "imageIds": ids }),
        ),
        (
            "PutImageTagMutability",
            json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" }),
        ),
    ] {
        let mut input = input;
        input["registryId"] = json!("000000000000");
        let foreign = s
            .aws_as("111122223333", "us-east-1", operation, input.clone())
            .await;
        foreign.fails("RepositoryNotFoundException");
        let elsewhere = s.aws_as("test", "eu-central-1", operation, input).await;
        elsewhere.fails("RepositoryNotFoundException");
    }
    let arn = "arn:aws:ecr:us-east-1:000000000000:repository/app";
    let foreign = json!({ "resourceArn": arn, "tags": [{ "Key": "a", "Value": "b" }] });
    let tagged = s
        .aws_as("111122223333", "us-east-1", "TagResource", foreign)
        .await;
    tagged.fails("RepositoryNotFoundException");
    image.assert_pulls(&s, "app", "v1").await;
}

#[tokio::test]
async fn e8_a_repository_with_images_is_deleted_by_force_only() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let refused = s
        .aws("DeleteRepository", json!({ "repositoryName": "app" }))
        .await;
    assert_eq!(
        refused.fails("RepositoryNotEmptyException")["message"],
        "The repository with name 'app' in registry with id '000000000000' cannot be deleted because it still contains images"
    );
    s.aws(
        "DeleteRepository",
        json!({ "repositoryName": "app", "force": true }),
    )
    .await
    .ok();
    let gone = s
        .call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "NAME_UNKNOWN");
    assert_eq!(
        gone.message(),
        "The repository with name 'app' does not exist in the registry with id '000000000000'"
    );
    // A new repository of the name has nothing of the old one.
    s.create("app").await;
    s.call("GET", "/v2/app/manifests/v1")
        .send()
        .await
        .fails(404, "MANIFEST_UNKNOWN");
    let layer = wharf_types::Digest::sha256(b"layer of app:v1");
    s.call("HEAD", &format!("/v2/app/blobs/{layer}"))
        .send()
        .await
        .expect(404);
    let arn = json!({ "resourceArn": "arn:aws:ecr:us-east-1:000000000000:repository/app" });
    assert_eq!(
        s.aws("ListTagsForResource", arn).await.ok(),
        json!({ "tags": [] })
    );
}

#[tokio::test]
async fn e8_uploads_into_a_repository_end_with_it() {
    let s = TestServer::new().await;
    let location = s.begin("app").await;
    let large = vec![7; 200_000];
    s.call("PATCH", &location)
        .body(large.clone())
        .send()
        .await
        .expect(202);
    s.aws("DeleteRepository", json!({ "repositoryName": "app" }))
        .await
        .ok();
    s.assert_tidy().await;
    let digest = wharf_types::Digest::sha256(&large);
    let finish = format!("{location}?digest={digest}");
    s.call("PUT", &finish)
        .send()
        .await
        .fails(404, "NAME_UNKNOWN");
    s.create("app").await;
    s.call("PUT", &finish)
        .send()
        .await
        .fails(404, "BLOB_UPLOAD_UNKNOWN");
    s.call("PATCH", &location)
        .body("x")
        .send()
        .await
        .fails(404, "BLOB_UPLOAD_UNKNOWN");
    s.assert_tidy().await;
}

#[tokio::test]
async fn uris_are_what_the_client_can_reach_or_those_of_aws() {
    let s = TestServer::new().await;
    let uri = async |s: &TestServer, key: &str, region: &str| {
        let input = json!({ "repositoryName": "shop" });
        let made = s.aws_as(key, region, "CreateRepository", input).await.ok();
        made["repository"]["repositoryUri"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let endpoint = async |s: &TestServer, key: &str, region: &str| {
        let token = s
            .aws_as(key, region, "GetAuthorizationToken", json!({}))
            .await
            .ok();
        token["authorizationData"][0]["proxyEndpoint"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let port = s.address().port();
    assert_eq!(
        uri(&s, "test", "us-east-1").await,
        format!("127.0.0.1:{port}/shop")
    );
    assert_eq!(
        endpoint(&s, "test", "us-east-1").await,
        format!("http://127.0.0.1:{port}")
    );
    assert_eq!(
        uri(&s, "111122223333", "eu-west-1").await,
        format!("111122223333.dkr.ecr.eu-west-1.localhost:{port}/shop")
    );
    let s = TestServer::with(|c| c.uri_style = wharf::config::UriStyle::Aws).await;
    assert_eq!(
        uri(&s, "test", "us-east-1").await,
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop"
    );
    assert_eq!(
        endpoint(&s, "111122223333", "eu-west-1").await,
        "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    );
}
