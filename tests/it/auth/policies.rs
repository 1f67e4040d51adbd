//! A22, P11: deny is deny on every path. The product of what can be done to a repository on each
//! door, and who does it under which policy.
use serde_json::{Value, json};
use wharf::config::{Auth, Durability};
use wharf_testkit::{Image, Reply, TestServer};
use wharf_types::Digest;

use super::signatures;

pub(super) const OWNER: &str = "000000000000";
pub(super) const PARTNER: &str = "111122223333";
pub(super) const HOST: &str = "000000000000.dkr.ecr.us-east-1.localhost";

/// A key of the credentials file, whose secret is its name.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) name: &'static str,
    pub(super) account: &'static str,
    pub(super) password: String,
}

impl User {
    pub(super) fn arn(&self) -> String {
        match self.name {
            "root" => format!("arn:aws:iam::{}:root", self.account),
            name => format!("arn:aws:iam::{}:user/{name}", self.account),
        }
    }

    /// Calls an operation, with what AWS takes for an empty answer checked nowhere.
    pub(super) async fn ecr(&self, s: &TestServer, operation: &str, body: &Value) -> Reply {
        let key = format!("AKID{}", self.name);
        signatures::ecr(s, &key, self.name, operation, &body.to_string()).await
    }

    /// A call to the owner's registry.
    pub(super) fn call<'s>(
        &self,
        s: &'s TestServer,
        method: &str,
        path: &str,
    ) -> wharf_testkit::Call<'s> {
        s.call(method, path)
            .password(&self.password)
            .header("host", HOST)
    }
}

/// A strict server with the owner's root and users: `dev` may everything, `limited` may log in,
/// `creator` may push; and with a user `partner` of another account.
pub(super) struct World {
    pub(super) s: TestServer,
    pub(super) root: User,
    pub(super) dev: User,
    pub(super) limited: User,
    pub(super) creator: User,
    pub(super) partner: User,
    _files: tempfile::TempDir,
}

pub(super) const PUSH: [&str; 6] = [
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];

pub(super) async fn world(change: impl FnOnce(&mut wharf::config::Config)) -> World {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("credentials");
    let mut text = String::new();
    for (name, account, policy) in [
        ("root", OWNER, ""),
        ("dev", OWNER, ""),
        ("limited", OWNER, "policy = limited.json\n"),
        ("creator", OWNER, "policy = creator.json\n"),
        ("partner", PARTNER, ""),
    ] {
        let profile = format!(
            "[{name}]\naws_access_key_id = AKID{name}\naws_secret_access_key = {name}\naccount = {account}\n{policy}"
        );
        text.push_str(&profile);
    }
    std::fs::write(&path, text).unwrap();
    let allow = |actions: &[&str]| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": actions, "Resource": "*" },
        ]})
    };
    for (name, policy) in [("limited", allow(&PUSH[..1])), ("creator", allow(&PUSH))] {
        std::fs::write(
            files.path().join(format!("{name}.json")),
            policy.to_string(),
        )
        .unwrap();
    }
    let mut s = TestServer::with(|c| {
        c.auth = Auth::Strict { credentials: path };
        c.durability = Durability::Relaxed;
        change(c);
    })
    .await;
    let mut users = Vec::new();
    for (name, account) in [
        ("root", OWNER),
        ("dev", OWNER),
        ("limited", OWNER),
        ("creator", OWNER),
        ("partner", PARTNER),
    ] {
        let password = signatures::password(&s, &format!("AKID{name}"), name).await;
        users.push(User {
            name,
            account,
            password,
        });
    }
    s.use_password(users[0].password.clone());
    let mut users = users.into_iter();
    let mut next = || users.next().unwrap();
    World {
        root: next(),
        dev: next(),
        limited: next(),
        creator: next(),
        partner: next(),
        s,
        _files: files,
    }
}

pub(super) fn statement(effect: &str, principal: &Value, actions: &[&str]) -> Value {
    let statement = json!({ "Effect": effect, "Principal": principal, "Action": actions });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

impl World {
    pub(super) async fn create(&self, repo: &str) {
        let body = json!({ "repositoryName": repo });
        self.root
            .ecr(&self.s, "CreateRepository", &body)
            .await
            .expect(200);
    }

    pub(super) async fn set(&self, repo: &str, policy: &Value) {
        let body =
            json!({ "repositoryName": repo, "policyText": policy.to_string(), "force": true });
        let set = self.root.ecr(&self.s, "SetRepositoryPolicy", &body).await;
        set.expect(200);
    }
}

/// What one does to the repository `{repo}`, which has the image `v1` and a blob of no image.
struct Row {
    /// What it takes. The first one is asked for first.
    actions: &'static [&'static str],
    /// The method of `/v2/`, or empty for an operation of the JSON API.
    method: &'static str,
    at: &'static str,
    body: &'static str,
    status: u16,
}

const fn v2(
    actions: &'static [&'static str],
    method: &'static str,
    at: &'static str,
    status: u16,
) -> Row {
    let body = "";
    Row {
        actions,
        method,
        at,
        body,
        status,
    }
}

const fn api(actions: &'static [&'static str], at: &'static str, body: &'static str) -> Row {
    let (method, status) = ("", 200);
    Row {
        actions,
        method,
        at,
        body,
        status,
    }
}

const DELETE: &[&str] = &["ecr:BatchDeleteImage"];
const GET: &[&str] = &["ecr:BatchGetImage"];
const PUT: &[&str] = &["ecr:PutImage"];
const PART: &[&str] = &["ecr:UploadLayerPart"];
const WHOLE: &[&str] = &[
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    v2(&["ecr:ListImages"], "GET", "tags/list", 200),
    v2(&["ecr:ListImageReferrers"], "GET", "referrers/{digest}", 200),
    v2(GET, "GET", "manifests/v1", 200),
    v2(GET, "HEAD", "manifests/v1", 200),
    v2(GET, "GET", "manifests/{digest}", 200),
    v2(PUT, "PUT", "manifests/v2", 201),
    v2(PUT, "PUT", "manifests/{digest}", 201),
    v2(PUT, "PUT", "manifests/{digest}?tag=v3", 201),
    v2(DELETE, "DELETE", "manifests/v1", 202),
    v2(DELETE, "DELETE", "manifests/{digest}", 202),
    v2(DELETE, "DELETE", "blobs/{orphan}", 202),
    v2(&["ecr:GetDownloadUrlForLayer"], "GET", "blobs/{layer}", 200),
    v2(&["ecr:BatchCheckLayerAvailability"], "HEAD", "blobs/{layer}", 200),
    v2(&["ecr:InitiateLayerUpload"], "POST", "blobs/uploads/", 202),
    v2(&["ecr:InitiateLayerUpload", "ecr:GetDownloadUrlForLayer"], "POST", "blobs/uploads/?mount={layer}&from={repo}", 201),
    v2(WHOLE, "POST", "blobs/uploads/?digest={bytes}", 201),
    v2(PART, "GET", "{upload}", 204),
    v2(PART, "PATCH", "{upload}", 202),
    v2(PART, "DELETE", "{upload}", 204),
    v2(&["ecr:CompleteLayerUpload", "ecr:UploadLayerPart"], "PUT", "{upload}?digest={bytes}", 201),
    api(DELETE, "BatchDeleteImage", r#""imageIds":[{"imageTag":"v1"}]"#),
    api(DELETE, "BatchDeleteImage", r#""imageIds":[{"imageDigest":"{digest}"}]"#),
    api(GET, "BatchGetImage", r#""imageIds":[{"imageTag":"v1"}]"#),
    api(PUT, "PutImage", r#""imageTag":"v2","imageManifest":{manifest}"#),
    api(&["ecr:DescribeImages"], "DescribeImages", r#""maxResults":9"#),
    api(&["ecr:ListImages"], "ListImages", r#""maxResults":9"#),
    api(&["ecr:DescribeRepositories"], "DescribeRepositories", r#""repositoryNames":["{repo}"]"#),
    api(&["ecr:PutImageTagMutability"], "PutImageTagMutability", r#""imageTagMutability":"IMMUTABLE""#),
    api(&["ecr:DeleteRepository"], "DeleteRepository", r#""force":true"#),
    api(&["ecr:GetRepositoryPolicy"], "GetRepositoryPolicy", ""),
    api(&["ecr:DeleteRepositoryPolicy"], "DeleteRepositoryPolicy", ""),
    api(&["ecr:SetRepositoryPolicy"], "SetRepositoryPolicy", r#""force":true,"policyText":{policy}"#),
    api(&["ecr:ListTagsForResource"], "ListTagsForResource", r#""resourceArn":"{arn}""#),
    api(&["ecr:TagResource"], "TagResource", r#""resourceArn":"{arn}","tags":[{"Key":"a","Value":"b"}]"#),
    api(&["ecr:UntagResource"], "UntagResource", r#""resourceArn":"{arn}","tagKeys":["a"]"#),
];

/// Who acts, and what the repository's policy says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Full access, and a policy about someone else.
    Own,
    /// Full access, and a policy that denies it.
    Denied,
    /// No access, and a policy about someone else.
    Limited,
    /// No access, and a policy that allows exactly this.
    LimitedAllowed,
    /// Another account, and a policy about someone else.
    Foreign,
    /// Another account, and a policy that allows exactly this.
    ForeignAllowed,
    /// Another account, and a policy that allows and denies it.
    ForeignDenied,
}

impl Effect {
    const ALL: [Self; 7] = [
        Self::Own,
        Self::Denied,
        Self::Limited,
        Self::LimitedAllowed,
        Self::Foreign,
        Self::ForeignAllowed,
        Self::ForeignDenied,
    ];

    fn user(self, w: &World) -> &User {
        match self {
            Self::Own | Self::Denied => &w.dev,
            Self::Limited | Self::LimitedAllowed => &w.limited,
            Self::Foreign | Self::ForeignAllowed | Self::ForeignDenied => &w.partner,
        }
    }

    fn policy(self, user: &User, row: &Row) -> Value {
        let arn = json!({ "AWS": user.arn() });
        match self {
            Self::Own | Self::Limited | Self::Foreign => {
                statement("Allow", &json!({ "AWS": "999999999999" }), &["ecr:*"])
            }
            Self::Denied => statement("Deny", &arn, &row.actions[..1]),
            Self::LimitedAllowed => statement("Allow", &arn, row.actions),
            Self::ForeignAllowed => statement("Allow", &json!({ "AWS": PARTNER }), row.actions),
            Self::ForeignDenied => {
                let mut both = statement("Allow", &json!("*"), &["ecr:*"]);
                let deny = statement("Deny", &arn, &row.actions[..1]);
                let deny = deny["Statement"][0].clone();
                both["Statement"].as_array_mut().unwrap().push(deny);
                both
            }
        }
    }

    /// How a refusal ends; `None` if it is allowed.
    fn refusal(self, action: &str) -> Option<String> {
        match self {
            Self::Own | Self::LimitedAllowed | Self::ForeignAllowed => None,
            Self::Denied | Self::ForeignDenied => {
                Some("with an explicit deny in a resource-based policy".into())
            }
            Self::Limited => Some(format!(
                "because no identity-based policy allows the {action} action"
            )),
            Self::Foreign => Some(format!(
                "because no resource-based policy allows the {action} action"
            )),
        }
    }
}

async fn act(w: &World, row: &Row, effect: Effect, repo: &str) {
    let user = effect.user(w);
    w.create(repo).await;
    let image = Image::new("A22");
    image.push(&w.s, repo, "v1").await;
    let orphan = Digest::sha256(b"orphan");
    let upload = format!("/v2/{repo}/blobs/uploads/?digest={orphan}");
    let uploaded = w
        .root
        .call(&w.s, "POST", &upload)
        .body("orphan")
        .send()
        .await;
    uploaded.expect(201);
    // An upload of its own, which it may begin and perhaps not go on with.
    let all = statement("Allow", &json!({ "AWS": user.arn() }), &["ecr:*"]);
    w.set(repo, &all).await;
    let begun = user.call(&w.s, "POST", &format!("/v2/{repo}/blobs/uploads/"));
    let begun = begun.send().await.expect(202);
    let policy = effect.policy(user, row);
    w.set(repo, &policy).await;
    let arn = format!("arn:aws:ecr:us-east-1:{OWNER}:repository/{repo}");
    let fill = |text: &str| {
        text.replace("{upload}", begun.header("location"))
            .replace("{repo}", repo)
            .replace("{digest}", image.digest.as_str())
            .replace("{layer}", Digest::sha256(&image.layers[0]).as_str())
            .replace("{orphan}", orphan.as_str())
            .replace("{bytes}", Digest::sha256(b"bytes").as_str())
            .replace("{manifest}", &json!(image.manifest).to_string())
            .replace("{policy}", &json!(all.to_string()).to_string())
            .replace("{arn}", &arn)
    };
    let before = w.s.state().await;
    let case = format!("{} {} as {effect:?}", row.method, row.at);
    let reply = send(w, row, user, repo, &image, fill).await;
    let action = row.actions[0];
    let Some(because) = effect.refusal(action) else {
        assert_eq!(reply.status, row.status, "{case}: {reply:?}");
        return;
    };
    let text = format!(
        "User: {} is not authorized to perform: {action} on resource: {arn} {because}",
        user.arn()
    );
    if row.method.is_empty() {
        assert_eq!(reply.status, 400, "{case}: {reply:?}");
        let expected = json!({ "__type": "AccessDeniedException", "message": text });
        assert_eq!(reply.json(), expected, "{case}");
    } else if row.method == "HEAD" {
        assert_eq!(reply.status, 403, "{case}: {reply:?}");
    } else {
        assert_eq!(reply.fails(403, "DENIED").message(), text, "{case}");
    }
    assert_eq!(w.s.state().await, before, "{case}");
}

/// Sends the request of a row, whose blanks `fill` fills.
async fn send(
    w: &World,
    row: &Row,
    user: &User,
    repo: &str,
    image: &Image,
    fill: impl Fn(&str) -> String,
) -> Reply {
    if row.method.is_empty() {
        let mut body: Value = serde_json::from_str(&format!("{{{}}}", fill(row.body))).unwrap();
        if body.get("resourceArn").is_none() {
            body["registryId"] = json!(OWNER);
            if body.get("repositoryNames").is_none() {
                body["repositoryName"] = json!(repo);
            }
        }
        user.ecr(&w.s, row.at, &body).await
    } else {
        let path = fill(row.at);
        let path = if path.starts_with('/') {
            path
        } else {
            format!("/v2/{repo}/{path}")
        };
        let call = user.call(&w.s, row.method, &path);
        let call = match (row.method, row.at.starts_with("manifests")) {
            ("PUT", true) => call
                .header("content-type", &image.media_type)
                .body(image.manifest.clone()),
            ("PUT" | "PATCH", _) => call.body("bytes"),
            ("POST", _) if row.at.contains("?digest") => call.body("bytes"),
            _ => call,
        };
        call.send().await
    }
}

#[tokio::test]
async fn a22_every_operation_on_each_door_is_allowed_or_denied_as_policies_say() {
    let w = world(|_| {}).await;
    for (number, row) in ROWS.iter().enumerate() {
        for effect in Effect::ALL {
            let repo = format!("r{number}/{}", format!("{effect:?}").to_lowercase());
            act(&w, row, effect, &repo).await;
            let body = json!({ "repositoryName": repo, "force": true });
            w.root.ecr(&w.s, "DeleteRepository", &body).await;
        }
    }
}

#[tokio::test]
async fn a22_no_operation_that_there_is_forgets_to_ask() {
    let w = world(|_| {}).await;
    w.create("app").await;
    let info =
        w.s.call("GET", "/_wharf/info")
            .anonymous()
            .send()
            .await
            .json();
    let operations = info["services"]["ecr"]["operations"]
        .as_array()
        .unwrap()
        .clone();
    assert!(operations.len() > 10);
    let before = w.s.state().await;
    for operation in &operations {
        let operation = operation.as_str().unwrap();
        if operation == "GetAuthorizationToken" {
            continue;
        }
        for body in [
            json!({}),
            json!({ "repositoryName": "app", "registryId": OWNER }),
        ] {
            let refused = w.limited.ecr(&w.s, operation, &body).await;
            let text = format!(
                "{} is not authorized to perform: ecr:{operation} on resource: ",
                w.limited.arn()
            );
            signatures::refused(&refused, "AccessDeniedException", &text);
        }
    }
    assert_eq!(w.s.state().await, before);
}
