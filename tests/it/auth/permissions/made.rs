//! Who may make repositories and take images and layers from elsewhere.
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use wharf_testkit::{Image, TestServer};
use wharf_types::Digest;

use super::{
    super::{
        policies::{OWNER, PUSH, User, statement, world},
        signatures::refused,
    },
    put_registry_policy, registry_statement,
};

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
