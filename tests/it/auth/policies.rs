//! A22, P11: deny is deny on every path. The product of what can be done to a repository on each
//! door, and who does it under which policy.
use serde_json::{Value, json};
use wharf::config::{Auth, Durability};
use wharf_testkit::{Image, Reply, TestServer};
use wharf_types::Digest;

use super::{
    rows::{REGISTRY_ROWS, ROWS, Row},
    signatures,
};

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

    /// What a refusal says; `None` if it is allowed.
    fn text(self, w: &World, row: &Row, resource: &str) -> Option<String> {
        let (arn, action) = (self.user(w).arn(), row.actions[0]);
        let because = self.refusal(action)?;
        Some(format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource} {because}"
        ))
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

const LIFECYCLE: &str = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any",
    "countType":"imageCountMoreThan","countNumber":9},"action":{"type":"expire"}}]}"#;

/// Makes what a row is about: the image, and what its blanks are filled with.
async fn prepare(
    w: &World,
    row: &Row,
    effect: Effect,
    repo: &str,
) -> (Image, Vec<(String, String)>) {
    let user = effect.user(w);
    w.create(repo).await;
    let image = Image::new("A22");
    image.push(&w.s, repo, "v1").await;
    let orphan = Digest::sha256(b"orphan");
    let upload = format!("/v2/{repo}/blobs/uploads/?digest={orphan}");
    let uploaded = w.root.call(&w.s, "POST", &upload).body("orphan");
    uploaded.send().await.expect(201);
    let body = json!({ "repositoryName": repo, "lifecyclePolicyText": LIFECYCLE });
    let put = w.root.ecr(&w.s, "PutLifecyclePolicy", &body).await;
    put.expect(200);
    // Uploads of its own, which it may begin and perhaps not go on with.
    let all = statement("Allow", &json!({ "AWS": user.arn() }), &["ecr:*"]);
    w.set(repo, &all).await;
    let begin = async || {
        let begun = user.call(&w.s, "POST", &format!("/v2/{repo}/blobs/uploads/"));
        let begun = begun.send().await.expect(202);
        begun.header("location").to_owned()
    };
    let (upload, filled) = (begin().await, begin().await);
    let call = user.call(&w.s, "PATCH", &filled).body("bytes");
    call.send().await.expect(202);
    w.set(repo, &effect.policy(user, row)).await;
    let id = |location: &str| location.rsplit('/').next().unwrap().to_owned();
    let text = |text: &str| json!(text).to_string();
    let blanks = [
        ("{id}", id(&upload)),
        ("{filled}", id(&filled)),
        ("{upload}", upload),
        ("{repo}", repo.to_owned()),
        ("{digest}", image.digest.to_string()),
        ("{layer}", Digest::sha256(&image.layers[0]).to_string()),
        ("{orphan}", orphan.to_string()),
        ("{bytes}", Digest::sha256(b"bytes").to_string()),
        ("{manifest}", text(&image.manifest)),
        ("{policy}", text(&all.to_string())),
        ("{lifecycle}", text(LIFECYCLE)),
        ("{arn}", arn_of(repo)),
    ];
    (
        image,
        blanks.map(|(blank, with)| (blank.to_owned(), with)).into(),
    )
}

fn arn_of(repo: &str) -> String {
    format!("arn:aws:ecr:us-east-1:{OWNER}:repository/{repo}")
}

async fn act(w: &World, row: &Row, effect: Effect, repo: &str) {
    let (image, blanks) = prepare(w, row, effect, repo).await;
    let fill = |text: &str| {
        let fill = |text: String, (blank, with): &(String, String)| text.replace(blank, with);
        blanks.iter().fold(text.to_owned(), fill)
    };
    let before = w.s.state().await;
    let case = format!("{} {} as {effect:?}", row.method, row.at);
    let reply = send(w, row, effect.user(w), repo, &image, fill).await;
    let Some(text) = effect.text(w, row, &arn_of(repo)) else {
        assert_eq!(reply.status, row.status, "{case}: {reply:?}");
        assert_ne!(reply.json()["__type"], "AccessDeniedException", "{case}");
        return;
    };
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
        // It cannot be about another account's registry.
        let own_only = row.at == "BatchGetRepositoryScanningConfiguration";
        for effect in Effect::ALL {
            if own_only && effect.user(&w).account != OWNER {
                continue;
            }
            let repo = format!("r{number}/{}", format!("{effect:?}").to_lowercase());
            act(&w, row, effect, &repo).await;
            let body = json!({ "repositoryName": repo, "force": true });
            w.root.ecr(&w.s, "DeleteRepository", &body).await;
        }
    }
}

#[tokio::test]
async fn a22_every_operation_on_a_registry_is_allowed_or_denied_as_its_policy_says() {
    let w = world(|_| {}).await;
    for row in REGISTRY_ROWS {
        for effect in [
            Effect::Denied,
            Effect::Limited,
            Effect::Own,
            Effect::LimitedAllowed,
        ] {
            let user = effect.user(&w);
            let mut policy = effect.policy(user, row);
            policy["Statement"][0]["Resource"] = json!("*");
            let text = json!(policy.to_string());
            let put = json!({ "policyText": text });
            let put = w.root.ecr(&w.s, "PutRegistryPolicy", &put).await;
            put.expect(200);
            let before = w.s.state().await;
            let body = format!("{{{}}}", row.body.replace("{policy}", &text.to_string()));
            let body = serde_json::from_str(&body).unwrap();
            let reply = user.ecr(&w.s, row.at, &body).await;
            let case = format!("{} as {effect:?}: {reply:?}", row.at);
            let Some(text) = effect.text(&w, row, "*") else {
                // Who comes second may find it done.
                let done = effect == Effect::LimitedAllowed && reply.status == 400;
                assert!(done || reply.status == row.status, "{case}");
                assert_ne!(reply.json()["__type"], "AccessDeniedException", "{case}");
                continue;
            };
            let expected = json!({ "__type": "AccessDeniedException", "message": text });
            assert_eq!(
                (reply.status.as_u16(), reply.json()),
                (400, expected),
                "{case}"
            );
            assert_eq!(w.s.state().await, before, "{case}");
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
    assert_eq!(operations.len(), 62);
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
