//! ECR Public where signatures are verified and policies enforced.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wharf::config::Auth;
use wharf_auth::{Secret, Signer};
use wharf_testkit::{Call, Image, Reply, TestServer};
use wharf_types::{Digest, media};

use super::policies::{OWNER, PARTNER};

mod another;

/// A repository as clients name it on a plain host.
const PREFIX: &str = "public.ecr.aws/w000000000000";

const TEAM: &str = "arn:aws:ecr-public::000000000000:repository/team/*";

const PUSH: [&str; 5] = [
    "ecr-public:BatchCheckLayerAvailability",
    "ecr-public:InitiateLayerUpload",
    "ecr-public:UploadLayerPart",
    "ecr-public:CompleteLayerUpload",
    "ecr-public:PutImage",
];

const LOGIN: [&str; 2] = [
    "ecr-public:GetAuthorizationToken",
    "sts:GetServiceBearerToken",
];

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

/// Users by their names, which are their secrets too: their accounts and what their policies allow.
fn users() -> Vec<(&'static str, &'static str, Vec<Value>)> {
    let registry = "arn:aws:ecr-public::000000000000:registry/*";
    let catalog = ["ecr-public:*RegistryCatalogData"];
    vec![
        ("root", OWNER, vec![]),
        ("partner", PARTNER, vec![]),
        (
            "pusher",
            OWNER,
            vec![allow(&LOGIN, "*"), allow(&PUSH, TEAM)],
        ),
        ("private", OWNER, vec![allow(&["ecr:*"], "*")]),
        ("half", OWNER, vec![allow(&LOGIN[..1], "*")]),
        (
            "teller",
            OWNER,
            vec![allow(&LOGIN, "*"), allow(&catalog, registry)],
        ),
        (
            "lister",
            OWNER,
            vec![
                allow(&LOGIN, "*"),
                allow(
                    &["ecr-public:DescribeRepositories"],
                    "arn:aws:ecr-public::000000000000:*",
                ),
            ],
        ),
    ]
}

/// A server with these users, where the owner has `team/app` with an image `v1`, and `other`.
async fn world() -> (TestServer, Image, tempfile::TempDir) {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("credentials");
    let mut text = String::new();
    for (name, account, statements) in users() {
        let profile = format!(
            "[{name}]\naws_access_key_id = AKID{name}\naws_secret_access_key = {name}\naccount = {account}\n"
        );
        text.push_str(&profile);
        if !statements.is_empty() {
            let line = format!("policy = {name}.json\n");
            text.push_str(&line);
            let policy = json!({ "Version": "2012-10-17", "Statement": statements });
            let path = files.path().join(format!("{name}.json"));
            std::fs::write(path, policy.to_string()).unwrap();
        }
    }
    std::fs::write(&path, text).unwrap();
    let mut s = TestServer::with(|c| c.auth = Auth::Strict { credentials: path }).await;
    s.use_password(password(&s, "root").await);
    for name in ["team/app", "other"] {
        ok(
            &s,
            "root",
            "CreateRepository",
            json!({ "repositoryName": name }),
        )
        .await;
    }
    let image = Image::new("public");
    image.push(&s, &format!("{PREFIX}/team/app"), "v1").await;
    (s, image, files)
}

/// Calls an operation of ECR Public.
async fn public(s: &TestServer, user: &str, operation: &str, input: &Value) -> Reply {
    let body = input.to_string();
    let target = format!("SpencerFrontendService.{operation}");
    let request = http::Request::post(format!("{}/", s.url()))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target);
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let (region, secret) = ("us-east-1".parse().unwrap(), Secret::new(user));
    let signer = Signer {
        access_key: &format!("AKID{user}"),
        secret: &secret,
        region: &region,
        service: "ecr-public",
    };
    signer.sign(&mut parts, body.as_bytes(), s.now()).unwrap();
    let mut call = s.call("POST", "/").anonymous();
    for (name, value) in &parts.headers {
        call = call.header(name.as_str(), value.to_str().unwrap());
    }
    call.body(body).send().await
}

async fn ok(s: &TestServer, user: &str, operation: &str, input: Value) -> Value {
    public(s, user, operation, &input).await.expect(200).json()
}

/// Demands a refusal, with what it ends with.
async fn denied(s: &TestServer, user: &str, operation: &str, input: Value, why: &str) {
    let body = public(s, user, operation, &input).await.expect(400).json();
    assert_eq!(
        body["__type"], "AccessDeniedException",
        "{operation}: {body}"
    );
    let message = body["message"].as_str().unwrap();
    assert!(message.ends_with(why), "{operation}: {message}");
}

async fn password(s: &TestServer, user: &str) -> String {
    let token = ok(s, user, "GetAuthorizationToken", json!({})).await;
    let token = token["authorizationData"]["authorizationToken"].as_str();
    let text = STANDARD.decode(token.unwrap()).unwrap();
    String::from_utf8(text).unwrap().split_off("AWS:".len())
}

fn begin<'s>(s: &'s TestServer, password: &str, repo: &str) -> Call<'s> {
    s.call("POST", &format!("/v2/{PREFIX}/{repo}/blobs/uploads/"))
        .password(password)
}

/// Begins an upload, which must go, and ends it.
async fn assert_begins(s: &TestServer, password: &str, repo: &str) {
    let begun = begin(s, password, repo).send().await.expect(202);
    let path = begun.header("location").to_owned();
    let call = |method| s.call(method, &path).password(password).send();
    call("GET").await.expect(204);
    call("DELETE").await.expect(204);
}

#[tokio::test]
async fn strangers_pull_public_repositories_and_do_nothing_else() {
    let (s, image, _files) = world().await;
    let at = |rest: &str| format!("/v2/{PREFIX}/{rest}");
    let layer = Digest::sha256(&image.layers[0]);
    for path in [
        at("team/app/manifests/v1"),
        at(&format!("team/app/blobs/{layer}")),
        at("team/app/tags/list"),
        at(&format!("team/app/referrers/{}", image.digest)),
    ] {
        stranger(&s, "GET", &path).await.expect(200);
    }
    for (method, path) in [
        ("GET", "/v2/".to_owned()),
        ("GET", at("_catalog")),
        ("POST", at("team/app/blobs/uploads/")),
        (
            "GET",
            at("team/app/blobs/uploads/00000000-0000-4000-8000-000000000000"),
        ),
        ("PUT", at("team/app/manifests/v2")),
        ("DELETE", at("team/app/manifests/v1")),
        ("DELETE", at(&format!("team/app/blobs/{layer}"))),
    ] {
        stranger(&s, method, &path).await.expect(401);
    }
}

/// Why the caller's own policy does not let it.
fn own(action: &str) -> String {
    format!("because no identity-based policy allows the {action} action")
}

async fn put(s: &TestServer, password: &str, image: &Image) -> Reply {
    let call = s.call("PUT", &format!("/v2/{PREFIX}/team/app/manifests/v3"));
    let call = call.header("content-type", media::OCI_MANIFEST);
    call.password(password)
        .body(image.manifest.clone())
        .send()
        .await
}

async fn stranger(s: &TestServer, method: &str, path: &str) -> Reply {
    s.call(method, path).anonymous().send().await
}

#[tokio::test]
async fn what_a_users_policy_says_of_ecr_public_holds_on_both_doors() {
    let (s, image, _files) = world().await;
    let pusher = password(&s, "pusher").await;
    assert_begins(&s, &pusher, "team/app").await;
    let begun = ok(
        &s,
        "pusher",
        "InitiateLayerUpload",
        json!({ "repositoryName": "team/app" }),
    )
    .await;
    let upload = format!(
        "/v2/{PREFIX}/team/app/blobs/uploads/{}",
        begun["uploadId"].as_str().unwrap()
    );
    s.call("DELETE", &upload)
        .password(&pusher)
        .send()
        .await
        .expect(204);
    let put =
        json!({ "repositoryName": "team/app", "imageTag": "v2", "imageManifest": image.manifest });
    ok(&s, "pusher", "PutImage", put).await;
    // The repository is not one that the policy names.
    let refused = begin(&s, &pusher, "other")
        .send()
        .await
        .fails(403, "DENIED");
    let why = own("ecr-public:InitiateLayerUpload");
    assert!(refused.message().ends_with(&why), "{}", refused.message());
    assert!(
        refused
            .message()
            .contains("arn:aws:ecr-public::000000000000:repository/other")
    );
    denied(
        &s,
        "pusher",
        "InitiateLayerUpload",
        json!({ "repositoryName": "other" }),
        &why,
    )
    .await;
    s.assert_tidy().await;
}

#[tokio::test]
async fn what_a_users_policy_does_not_say_of_ecr_public_is_refused() {
    let (s, _, _files) = world().await;
    let pusher = password(&s, "pusher").await;
    let path = format!("/v2/{PREFIX}/team/app/manifests/v1");
    let refused = s
        .call("DELETE", &path)
        .password(&pusher)
        .send()
        .await
        .fails(403, "DENIED");
    let why = own("ecr-public:BatchDeleteImage");
    assert!(refused.message().ends_with(&why), "{}", refused.message());
    let input = json!({ "repositoryName": "team/app", "imageIds": [{ "imageTag": "v1" }] });
    denied(&s, "pusher", "BatchDeleteImage", input, &why).await;
    for (operation, input) in [
        (
            "DeleteRepository",
            json!({ "repositoryName": "team/app", "force": true }),
        ),
        ("DescribeRepositories", json!({})),
        ("DescribeRegistries", json!({})),
        (
            "SetRepositoryPolicy",
            json!({ "repositoryName": "team/app", "policyText": "{}" }),
        ),
        (
            "PutRepositoryCatalogData",
            json!({ "repositoryName": "team/app", "catalogData": {} }),
        ),
    ] {
        denied(
            &s,
            "pusher",
            operation,
            input,
            &own(&format!("ecr-public:{operation}")),
        )
        .await;
    }
    // Whose policy is about the private service has no business here.
    denied(
        &s,
        "private",
        "GetAuthorizationToken",
        json!({}),
        &own(LOGIN[0]),
    )
    .await;
    denied(
        &s,
        "half",
        "GetAuthorizationToken",
        json!({}),
        &own(LOGIN[1]),
    )
    .await;
    let private = super::signatures::password(&s, "AKIDprivate", "private").await;
    begin(&s, &private, "team/app")
        .send()
        .await
        .fails(403, "DENIED");
    begin(&s, &private, "new").send().await.fails(403, "DENIED");
    s.assert_tidy().await;
}

#[tokio::test]
async fn a_public_registry_and_its_repositories_are_resources() {
    let (s, _, _files) = world().await;
    let said = json!({ "displayName": "Team" });
    ok(&s, "teller", "PutRegistryCatalogData", said.clone()).await;
    let why =
        "because no identity-based policy allows the ecr-public:PutRegistryCatalogData action";
    denied(&s, "lister", "PutRegistryCatalogData", said, why).await;
    let listed = ok(&s, "lister", "DescribeRepositories", json!({})).await;
    assert_eq!(listed["repositories"].as_array().unwrap().len(), 2);
    let catalog = format!("/v2/{PREFIX}/_catalog");
    let lister = password(&s, "lister").await;
    let listed = s
        .call("GET", &catalog)
        .password(&lister)
        .send()
        .await
        .expect(200);
    let names = [format!("{PREFIX}/other"), format!("{PREFIX}/team/app")];
    assert_eq!(listed.json()["repositories"], json!(names));
    let teller = password(&s, "teller").await;
    let refused = s.call("GET", &catalog).password(&teller).send().await;
    refused.fails(403, "DENIED");
}

#[tokio::test]
async fn a_blob_is_mounted_from_a_repository_of_the_same_public_registry() {
    let (s, image, _files) = world().await;
    let layer = Digest::sha256(&image.layers[0]);
    let mount = |host: &'static str, prefix: &'static str, from: String| {
        let (s, layer) = (&s, &layer);
        async move {
            let path = format!("/v2/{prefix}other/blobs/uploads/?mount={layer}&from={from}");
            s.call("POST", &path).header("host", host).send().await
        }
    };
    let plain = ("localhost", "public.ecr.aws/w000000000000/");
    let named = ("public.ecr.aws", "w000000000000/");
    // Names of nothing in this registry: the blob has to be uploaded.
    for ((host, prefix), from) in [
        (plain, "team/app"),
        (plain, "w000000000000/team/app"),
        (plain, "public.ecr.aws/w111122223333/team/app"),
        (named, "team/app"),
        (named, "w111122223333/team/app"),
        (named, "public.ecr.aws/w000000000000/team/app"),
    ] {
        let begun = mount(host, prefix, from.to_owned()).await.expect(202);
        let upload = begun.header("location").to_owned();
        let cancel = s.call("DELETE", &upload).header("host", host);
        cancel.send().await.expect(204);
    }
    for (host, prefix) in [plain, named] {
        let mounted = mount(host, prefix, format!("{prefix}team/app"))
            .await
            .expect(201);
        let at = format!("/v2/{prefix}other/blobs/{layer}");
        assert_eq!(mounted.header("location"), at);
        s.call("GET", &at)
            .header("host", host)
            .anonymous()
            .send()
            .await
            .expect(200);
        s.call("DELETE", &at)
            .header("host", host)
            .send()
            .await
            .expect(202);
    }
    s.assert_tidy().await;
}
