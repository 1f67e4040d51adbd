//! What policies decide beyond one repository and one operation, and what cannot get around them.
use serde_json::{Value, json};
use wharf::StartError;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::{
    policies::{OWNER, PARTNER, World, statement, world},
    signatures::refused,
};

mod made;
mod told;

fn registry_statement(actions: &[&str]) -> Value {
    let mut policy = statement("Allow", &json!({ "AWS": PARTNER }), actions);
    policy["Statement"][0]["Resource"] = json!("*");
    policy
}

async fn put_registry_policy(w: &World, policy: &Value) {
    let body = json!({ "policyText": policy.to_string() });
    let put = w.root.ecr(&w.s, "PutRegistryPolicy", &body).await;
    put.expect(200);
}

#[tokio::test]
async fn a22_create_only_means_no_overwriting_and_no_deleting_on_any_path() {
    let w = world(|_| {}).await;
    w.create("app").await;
    let body = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    w.root
        .ecr(&w.s, "PutImageTagMutability", &body)
        .await
        .expect(200);
    let creator = &w.creator;
    let image = Image::new("one");
    image.push(&w.s, "app", "v1").await;
    let other = Image::new("two");
    other.push_blobs(&w.s, "app").await;
    let before = w.s.state().await;
    let put = async |path: &str| {
        let call = creator.call(&w.s, "PUT", path);
        let call = call.header("content-type", &other.media_type);
        call.body(other.manifest.clone()).send().await
    };
    put("/v2/app/manifests/v1").await.fails(400, "TAG_INVALID");
    let by_digest = format!("/v2/app/manifests/{}?tag=v1", other.digest);
    put(&by_digest).await.fails(400, "TAG_INVALID");
    let layer = Digest::sha256(&image.layers[0]);
    for path in [
        "manifests/v1".to_owned(),
        format!("manifests/{}", image.digest),
        format!("blobs/{layer}"),
    ] {
        let call = creator.call(&w.s, "DELETE", &format!("/v2/app/{path}"));
        call.send().await.fails(403, "DENIED");
    }
    let refusal = creator
        .ecr(
            &w.s,
            "PutImage",
            &json!({ "repositoryName": "app", "imageTag": "v1", "imageManifest": other.manifest }),
        )
        .await;
    refused(&refusal, "ImageTagAlreadyExistsException", "v1");
    let policy = statement("Allow", &json!("*"), &["ecr:*"]).to_string();
    for (operation, members) in [
        (
            "BatchDeleteImage",
            json!({ "imageIds": [{ "imageTag": "v1" }] }),
        ),
        (
            "BatchDeleteImage",
            json!({ "imageIds": [{ "imageDigest": image.digest }] }),
        ),
        ("DeleteRepository", json!({ "force": true })),
        (
            "PutImageTagMutability",
            json!({ "imageTagMutability": "MUTABLE" }),
        ),
        (
            "SetRepositoryPolicy",
            json!({ "policyText": policy, "force": true }),
        ),
    ] {
        let mut body = members;
        body["repositoryName"] = json!("app");
        let refusal = creator.ecr(&w.s, operation, &body).await;
        refused(&refusal, "AccessDeniedException", operation);
    }
    // What it may is to add.
    assert_eq!(w.s.state().await, before);
    put("/v2/app/manifests/v2").await.expect(201);
    image.assert_pulls(&w.s, "app", "v1").await;
}

#[tokio::test]
async fn the_registrys_policy_speaks_for_all_of_its_repositories_and_those_to_come() {
    let w = world(|_| {}).await;
    w.create("app").await;
    let list = json!({ "registryId": OWNER });
    let create = json!({ "registryId": OWNER, "repositoryName": "theirs" });
    for (operation, body) in [
        ("DescribeRepositories", &list),
        ("CreateRepository", &create),
    ] {
        let refusal = w.partner.ecr(&w.s, operation, body).await;
        refused(
            &refusal,
            "AccessDeniedException",
            "no resource-based policy",
        );
    }
    let catalog = w.partner.call(&w.s, "GET", "/v2/_catalog").send().await;
    let text = catalog.fails(403, "DENIED").message();
    assert!(
        text.contains(
            "ecr:DescribeRepositories on resource: arn:aws:ecr:us-east-1:000000000000:repository/* "
        ),
        "{text}"
    );
    put_registry_policy(
        &w,
        &registry_statement(&["ecr:DescribeRepositories", "ecr:CreateRepository"]),
    )
    .await;
    w.partner
        .ecr(&w.s, "CreateRepository", &create)
        .await
        .expect(200);
    let listed = w
        .partner
        .ecr(&w.s, "DescribeRepositories", &list)
        .await
        .expect(200)
        .json();
    let names: Vec<_> = listed["repositories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["repositoryName"])
        .collect();
    assert_eq!(names, ["app", "theirs"]);
    assert_eq!(listed["repositories"][1]["registryId"], OWNER);
    let catalog = w
        .partner
        .call(&w.s, "GET", "/v2/_catalog")
        .send()
        .await
        .expect(200);
    assert_eq!(catalog.json(), json!({ "repositories": ["app", "theirs"] }));
    // It allowed no more than that, and its own registry is another one.
    let tags = w
        .partner
        .call(&w.s, "GET", "/v2/app/tags/list")
        .send()
        .await;
    tags.fails(403, "DENIED");
    let own = w
        .partner
        .ecr(&w.s, "DescribeRepositories", &json!({}))
        .await
        .expect(200);
    assert_eq!(own.json(), json!({ "repositories": [] }));
    // The next request feels that it is gone.
    w.root
        .ecr(&w.s, "DeleteRegistryPolicy", &json!({}))
        .await
        .expect(200);
    let refusal = w.partner.ecr(&w.s, "DescribeRepositories", &list).await;
    refused(
        &refusal,
        "AccessDeniedException",
        "no resource-based policy",
    );
}

#[tokio::test]
async fn a_policy_that_locks_out_its_author_takes_force() {
    let w = world(|_| {}).await;
    w.create("app").await;
    let deny = statement("Deny", &json!("*"), &["ecr:*"]).to_string();
    let mut body = json!({ "repositoryName": "app", "policyText": deny });
    let before = w.s.state().await;
    let refusal = w.root.ecr(&w.s, "SetRepositoryPolicy", &body).await;
    refused(&refusal, "InvalidParameterException", "use force");
    assert_eq!(w.s.state().await, before);
    body["force"] = json!(true);
    w.root
        .ecr(&w.s, "SetRepositoryPolicy", &body)
        .await
        .expect(200);
    for operation in [
        "SetRepositoryPolicy",
        "DeleteRepositoryPolicy",
        "DeleteRepository",
    ] {
        let refusal = w.root.ecr(&w.s, operation, &body).await;
        refused(
            &refusal,
            "AccessDeniedException",
            "explicit deny in a resource-based policy",
        );
    }
}

#[tokio::test]
async fn in_local_mode_policies_are_kept_and_not_enforced() {
    let mut s = TestServer::new().await;
    let image = s.push("app", "v1").await;
    let deny = statement("Deny", &json!("*"), &["ecr:BatchGetImage"]).to_string();
    let body = json!({ "repositoryName": "app", "policyText": deny });
    s.aws("SetRepositoryPolicy", body).await.ok();
    s.restart().await;
    image.assert_pulls(&s, "app", "v1").await;
    let name = json!({ "repositoryName": "app" });
    let kept = s.aws("GetRepositoryPolicy", name.clone()).await.ok();
    assert_eq!(kept["policyText"], deny);
    // It goes with its repository.
    let all = json!({ "repositoryName": "app", "force": true });
    s.aws("DeleteRepository", all).await.ok();
    s.create("app").await;
    let gone = s.aws("GetRepositoryPolicy", name).await;
    gone.fails("RepositoryPolicyNotFoundException");
}

#[tokio::test]
async fn a_users_policy_that_cannot_be_read_stops_the_start() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("credentials");
    std::fs::write(
        &file,
        "[ci]\naws_access_key_id = A\naws_secret_access_key = b\npolicy = ci.json\n",
    )
    .unwrap();
    let mut s = TestServer::new().await;
    s.stop().await;
    for text in [None, Some("{}")] {
        if let Some(text) = text {
            std::fs::write(scratch.path().join("ci.json"), text).unwrap();
        }
        let at = file.clone();
        let strict = |c: &mut wharf::config::Config| {
            c.auth = wharf::config::Auth::Strict { credentials: at };
        };
        let failed = s.start_with(strict).await.unwrap_err();
        assert!(matches!(failed, StartError::Config(_)), "{failed}");
        let text = failed.to_string();
        assert!(text.contains("line 4: policy ci.json: "), "{text}");
    }
}
