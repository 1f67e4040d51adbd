//! Another account at a public repository.
use serde_json::{Value, json};
use wharf_testkit::TestServer;

use super::{
    super::policies::{OWNER, PARTNER, statement},
    PREFIX, PUSH, assert_begins, begin, denied, ok, password, put, world,
};

/// Why the owner's policy does not let another account.
fn foreign(action: &str) -> String {
    format!("because no resource-based policy allows the {action} action")
}

fn of_owner(name: &str) -> Value {
    json!({ "registryId": OWNER, "repositoryName": name })
}

async fn set_policy(s: &TestServer, policy: &Value) {
    let mut input = of_owner("team/app");
    input["policyText"] = policy.to_string().into();
    ok(s, "root", "SetRepositoryPolicy", input).await;
}

#[tokio::test]
async fn another_account_reads_as_strangers_do_and_writes_nothing() {
    let (s, image, _files) = world().await;
    let partner = password(&s, "partner").await;
    let call = |method: &str, path: &str| {
        let path = format!("/v2/{PREFIX}/{path}");
        s.call(method, &path).password(&partner).send()
    };
    call("GET", "team/app/manifests/v1").await.expect(200);
    for (method, path) in [
        ("POST", "team/app/blobs/uploads/"),
        ("POST", "new/blobs/uploads/"),
        ("DELETE", "team/app/manifests/v1"),
        ("GET", "_catalog"),
    ] {
        call(method, path).await.fails(403, "DENIED");
    }
    put(&s, &partner, &image).await.fails(403, "DENIED");
    for operation in [
        "InitiateLayerUpload",
        "DeleteRepository",
        "GetRepositoryPolicy",
        "DescribeImages",
    ] {
        let why = foreign(&format!("ecr-public:{operation}"));
        denied(&s, "partner", operation, of_owner("team/app"), &why).await;
    }
    let mut input = of_owner("team/app");
    input["imageManifest"] = json!(image.manifest);
    denied(
        &s,
        "partner",
        "PutImage",
        input,
        &foreign("ecr-public:PutImage"),
    )
    .await;
    // Its own registry is another one.
    let input = json!({ "repositoryName": "team/app" });
    ok(&s, "partner", "CreateRepository", input).await;
}

#[tokio::test]
async fn another_account_does_what_a_public_repositorys_policy_lets_it() {
    let (s, image, _files) = world().await;
    let partner = password(&s, "partner").await;
    let policy = statement("Allow", &json!({ "AWS": PARTNER }), &PUSH);
    set_policy(&s, &policy).await;
    assert_begins(&s, &partner, "team/app").await;
    put(&s, &partner, &image).await.expect(201);
    let mut input = of_owner("team/app");
    input["imageManifest"] = json!(image.manifest);
    input["imageTag"] = json!("v4");
    ok(&s, "partner", "PutImage", input).await;
    begin(&s, &partner, "other")
        .send()
        .await
        .fails(403, "DENIED");
    let v1 = format!("/v2/{PREFIX}/team/app/manifests/v1");
    let delete = s.call("DELETE", &v1).password(&partner);
    delete.send().await.fails(403, "DENIED");
    let mut input = of_owner("team/app");
    input["policyText"] = policy.to_string().into();
    let why = foreign("ecr-public:SetRepositoryPolicy");
    denied(&s, "partner", "SetRepositoryPolicy", input, &why).await;
    // What is denied to everyone is denied to the owner; strangers pull all the same.
    set_policy(
        &s,
        &statement("Deny", &json!("*"), &["ecr-public:PutImage"]),
    )
    .await;
    put(&s, s.password(), &image).await.fails(403, "DENIED");
    s.call("GET", &v1).anonymous().send().await.expect(200);
    s.assert_tidy().await;
}
