//! What policies decide beyond one repository and one operation, and what cannot get around them.
use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::{Value, json};
use wharf::StartError;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::{
    policies::{OWNER, PARTNER, PUSH, User, World, statement, world},
    signatures::{self, refused},
};

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
async fn a_push_makes_a_repository_only_for_those_who_may() {
    let w = world(|c| c.create_on_push = true).await;
    let begin = async |user: &User, repo: &str| {
        let call = user.call(&w.s, "POST", &format!("/v2/{repo}/blobs/uploads/"));
        call.send().await
    };
    let before = w.s.state().await;
    let text = begin(&w.creator, "new")
        .await
        .fails(403, "DENIED")
        .message();
    assert!(
        text.contains(
            "ecr:CreateRepository on resource: arn:aws:ecr:us-east-1:000000000000:repository/new "
        ),
        "{text}"
    );
    let push: Vec<&str> = PUSH[1..].to_vec();
    put_registry_policy(&w, &registry_statement(&push)).await;
    let text = begin(&w.partner, "new")
        .await
        .fails(403, "DENIED")
        .message();
    assert!(
        text.contains("no resource-based policy allows the ecr:CreateRepository"),
        "{text}"
    );
    let all: Vec<&str> = [&push[..], &["ecr:CreateRepository"]].concat();
    w.root
        .ecr(&w.s, "DeleteRegistryPolicy", &json!({}))
        .await
        .expect(200);
    assert_eq!(w.s.state().await, before);
    put_registry_policy(&w, &registry_statement(&all)).await;
    begin(&w.partner, "new").await.expect(202);
    begin(&w.creator, "new").await.expect(202);
}

#[tokio::test]
async fn a_template_makes_a_repository_only_for_those_who_may() {
    let w = world(|_| {}).await;
    let template = json!({ "prefix": "ROOT", "appliedFor": ["CREATE_ON_PUSH"] });
    let made = w
        .root
        .ecr(&w.s, "CreateRepositoryCreationTemplate", &template);
    made.await.expect(200);
    let before = w.s.state().await;
    let image = Image::new("x");
    let begin = w.creator.call(&w.s, "POST", "/v2/new/blobs/uploads/");
    let put = w.creator.call(&w.s, "PUT", "/v2/new/manifests/v1");
    let put = put
        .header("content-type", &image.media_type)
        .body(image.manifest.clone());
    for call in [begin, put] {
        let text = call.send().await.fails(403, "DENIED").message();
        assert!(text.contains("ecr:CreateRepository on resource"), "{text}");
    }
    assert_eq!(w.s.state().await, before);
    let begin = w.dev.call(&w.s, "POST", "/v2/new/blobs/uploads/");
    begin.send().await.expect(202);
    let begin = w.creator.call(&w.s, "POST", "/v2/new/blobs/uploads/");
    begin.send().await.expect(202);
}

/// ECR's documentation: a pull through cache takes `ecr:BatchImportUpstreamImage`, and
/// `ecr:CreateRepository` if the repository is not there.
#[tokio::test]
async fn an_image_comes_from_an_upstream_only_for_those_who_may_import_it() {
    let upstream = TestServer::new().await;
    for tag in ["v1", "v2"] {
        upstream.push("app", tag).await;
    }
    let secret = format!(
        "[\"ecr-pullthroughcache/up\"]\nusername='AWS'\naccessToken='{}'\n",
        upstream.password()
    );
    let w = world(|config| {
        config.upstream_allow = vec![upstream.url().parse().unwrap()];
        let path = config.data_dir.parent().unwrap().join("secrets.toml");
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.secrets = Some(path);
    })
    .await;
    let rule = json!({
        "ecrRepositoryPrefix": "up",
        "upstreamRegistryUrl": upstream.url(),
        "credentialArn": format!("arn:aws:secretsmanager:us-east-1:{OWNER}:secret:ecr-pullthroughcache/up"),
    });
    let made = w.root.ecr(&w.s, "CreatePullThroughCacheRule", &rule);
    made.await.expect(200);
    let pull = async |tag: &str| {
        let path = format!("/v2/up/app/manifests/{tag}");
        w.partner.call(&w.s, "GET", &path).send().await
    };
    let (read, import) = ("ecr:BatchGetImage", "ecr:BatchImportUpstreamImage");
    for (may, lacks) in [
        (&[read][..], import),
        (&[read, import], "ecr:CreateRepository"),
    ] {
        put_registry_policy(&w, &registry_statement(may)).await;
        let before = w.s.state().await;
        let text = pull("v1").await.fails(403, "DENIED").message();
        assert!(
            text.contains(&format!("allows the {lacks} action")),
            "{text}"
        );
        let body = json!({
            "registryId": OWNER, "repositoryName": "up/app", "imageIds": [{ "imageTag": "v1" }],
        });
        let got = w.partner.ecr(&w.s, "BatchGetImage", &body).await;
        refused(&got, "AccessDeniedException", lacks);
        assert_eq!(w.s.state().await, before, "nothing came");
    }
    let all = [read, import, "ecr:CreateRepository"];
    put_registry_policy(&w, &registry_statement(&all)).await;
    pull("v1").await.expect(200);
    put_registry_policy(&w, &registry_statement(&[read])).await;
    pull("v1").await.expect(200);
    pull("v2").await.fails(403, "DENIED");
}

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
async fn a_blob_is_mounted_only_from_where_it_may_be_read() {
    let w = world(|_| {}).await;
    for repo in ["secret", "shared", "mine"] {
        w.create(repo).await;
    }
    let image = Image::new("secret");
    image.push(&w.s, "secret", "v1").await;
    image.push(&w.s, "shared", "v1").await;
    let who = json!({ "AWS": w.partner.arn() });
    w.set("mine", &statement("Allow", &who, &["ecr:*"])).await;
    let layer = Digest::sha256(&image.layers[0]);
    let mount = async |query: &str| {
        let path = format!("/v2/mine/blobs/uploads/?mount={layer}{query}");
        w.partner.call(&w.s, "POST", &path).send().await
    };
    // Whether the source is not there, not to be read or not named: it is uploaded.
    for query in ["&from=secret", "&from=missing", ""] {
        mount(query).await.expect(202);
        let head = w
            .root
            .call(&w.s, "HEAD", &format!("/v2/mine/blobs/{layer}"));
        head.send().await.expect(404);
    }
    w.set(
        "shared",
        &statement("Allow", &who, &["ecr:GetDownloadUrlForLayer"]),
    )
    .await;
    mount("&from=shared").await.expect(201);
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
