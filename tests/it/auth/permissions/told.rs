//! What a call is about, and what its answer tells.
use std::time::Duration;

use serde_json::json;

use super::{
    super::{
        policies::{OWNER, User, statement, world},
        signatures::{self, refused},
    },
    registry_statement,
};

#[tokio::test]
async fn what_public_repositories_there_are_is_told_to_those_who_may_know() {
    let w = world(|_| {}).await;
    let path = format!("/v2/public.ecr.aws/w{OWNER}/_catalog");
    let ask = async |user: &User| {
        let call = w.s.call("GET", &path).password(&user.password);
        call.send().await
    };
    ask(&w.root).await.expect(200);
    let text = ask(&w.limited).await.fails(403, "DENIED").message();
    assert!(text.contains("ecr-public:DescribeRepositories"), "{text}");
}

#[tokio::test]
async fn e12_nothing_in_a_body_makes_a_call_about_something_else() {
    let w = world(|_| {}).await;
    w.create("mine").await;
    w.create("theirs").await;
    let who = json!({ "AWS": w.limited.arn() });
    w.set("mine", &statement("Allow", &who, &["ecr:*"])).await;
    let policy = registry_statement(&["ecr:*"]).to_string();
    let before = w.s.state().await;
    let theirs = format!("arn:aws:ecr:us-east-1:{OWNER}:repository/theirs");
    for (operation, body) in [
        // Members that the operation does not have.
        (
            "PutRegistryPolicy",
            json!({ "policyText": policy, "repositoryName": "mine" }),
        ),
        (
            "DeleteRepository",
            json!({ "repositoryName": "theirs", "repositoryNames": ["mine"] }),
        ),
        (
            "TagResource",
            json!({ "resourceArn": theirs, "repositoryName": "mine", "tags": [] }),
        ),
        // One that is allowed and one that is not.
        (
            "DescribeRepositories",
            json!({ "repositoryNames": ["mine", "theirs"] }),
        ),
        ("DescribeRepositories", json!({})),
        ("DeleteRepository", json!({ "repositoryName": "../mine" })),
        ("DeleteRepository", json!({ "repositoryName": "*" })),
        (
            "TagResource",
            json!({ "resourceArn": "arn:aws:ecr:us-east-1:000000000000:repository/*", "tags": [] }),
        ),
    ] {
        let refusal = w.limited.ecr(&w.s, operation, &body).await;
        refused(&refusal, "AccessDeniedException", operation);
    }
    for body in [
        r#"{"repositoryName":"theirs","repositoryName":"mine"}"#,
        r#"{"repositoryName":"mine","repository\u004eame":"theirs"}"#,
        r#"[null,"theirs",true]"#,
        r#" ["mine",null,null]"#,
    ] {
        let reply = signatures::ecr(&w.s, "AKIDlimited", "limited", "DeleteRepository", body).await;
        refused(&reply, "SerializationException", "");
    }
    assert_eq!(w.s.state().await, before);
}

#[tokio::test]
async fn e11_a_refusal_is_the_same_whether_there_is_a_repository_or_not() {
    let w = world(|_| {}).await;
    w.create("there").await;
    w.s.push("there", "v1").await;
    for user in [&w.limited, &w.partner] {
        let mut told = Vec::new();
        for repo in ["there", "gone"] {
            let same = |text: String| text.replace(repo, "…");
            for path in ["manifests/v1", "manifests/none", "tags/list"] {
                let reply = user
                    .call(&w.s, "GET", &format!("/v2/{repo}/{path}"))
                    .send()
                    .await;
                told.push(same(reply.fails(403, "DENIED").message()));
            }
            let body = json!({ "repositoryName": repo, "registryId": OWNER });
            for operation in ["ListImages", "DeleteRepository", "GetRepositoryPolicy"] {
                let reply = user.ecr(&w.s, operation, &body).await;
                refused(&reply, "AccessDeniedException", operation);
                told.push(same(reply.json()["message"].as_str().unwrap().to_owned()));
            }
        }
        assert_eq!(told[..6], told[6..]);
    }
}

#[tokio::test]
async fn conditions_see_the_address_the_connection_the_time_and_tags() {
    let w = world(|_| {}).await;
    w.create("app").await;
    w.s.push("app", "v1").await;
    let tags = json!({ "resourceArn": format!("arn:aws:ecr:us-east-1:{OWNER}:repository/app"), "tags": [{ "Key": "Stage", "Value": "prod" }] });
    w.root.ecr(&w.s, "TagResource", &tags).await.expect(200);
    for (condition, allowed) in [
        (
            json!({ "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } }),
            true,
        ),
        (
            json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
            false,
        ),
        (json!({ "Bool": { "aws:SecureTransport": "true" } }), false),
        (
            json!({ "StringEquals": { "ecr:ResourceTag/stage": "prod" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "aws:ResourceTag/Stage": "test" } }),
            false,
        ),
        (json!({ "StringLike": { "aws:username": "part*" } }), true),
        (
            json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-01T00:10:00Z" } }),
            true,
        ),
        (
            json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-01T00:00:00Z" } }),
            false,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
            false,
        ),
    ] {
        let mut policy = statement("Allow", &json!("*"), &["ecr:BatchGetImage"]);
        policy["Statement"][0]["Condition"] = condition.clone();
        w.set("app", &policy).await;
        let got = w
            .partner
            .call(&w.s, "GET", "/v2/app/manifests/v1")
            .send()
            .await;
        assert_eq!(got.status == 200, allowed, "{condition}: {got:?}");
    }
    let mut policy = statement("Allow", &json!("*"), &["ecr:BatchGetImage"]);
    policy["Statement"][0]["Condition"] =
        json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-01T00:10:00Z" } });
    w.set("app", &policy).await;
    w.s.advance(Duration::from_mins(10));
    let late = w
        .partner
        .call(&w.s, "GET", "/v2/app/manifests/v1")
        .send()
        .await;
    late.fails(403, "DENIED");
}
