//! What comes into a registry from elsewhere: replicas of other accounts and images of upstreams.
use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::{Value, json};
use wharf::config::Config;
use wharf_testkit::{Image, Reply, TestServer, eventually};
use wharf_types::Digest;

use super::{
    policies::{OWNER, PARTNER, User, World, statement, world},
    signatures::{self, refused},
};

const DAY: Duration = Duration::from_hours(24);
const SECRET: &str =
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:ecr-pullthroughcache/up-AbCdEf";

/// A registry's policy of these effects on the actions of a principal.
async fn registry_policy(w: &World, statements: &[(&str, &str, &[&str])]) {
    let statement = |(effect, arn, actions): &(&str, &str, &[&str])| {
        let mut policy = statement(effect, &json!({ "AWS": arn }), actions);
        policy["Statement"][0]["Resource"] = json!("*");
        policy["Statement"][0].take()
    };
    let statements: Vec<Value> = statements.iter().map(statement).collect();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let body = json!({ "policyText": policy.to_string() });
    let put = w.root.ecr(&w.s, "PutRegistryPolicy", &body).await;
    put.expect(200);
}

async fn scope(w: &World, value: &str) {
    let body = json!({ "name": "REGISTRY_POLICY_SCOPE", "value": value });
    let put = w.root.ecr(&w.s, "PutAccountSetting", &body).await;
    put.expect(200);
}

/// Pushes to a user's own registry.
async fn push(w: &mut World, user: &User, image: &Image, repo: &str, reference: &str) {
    w.s.use_password(user.password.clone());
    image.push(&w.s, repo, reference).await;
}

async fn replicate_to_owner(w: &World) {
    let rules = json!([{ "destinations": [{ "region": "us-east-1", "registryId": OWNER }] }]);
    let body = json!({ "replicationConfiguration": { "rules": rules } });
    let put = w.partner.ecr(&w.s, "PutReplicationConfiguration", &body);
    put.await.expect(200);
}

/// The status of the one replica of the partner's image, and why it failed.
async fn settled(w: &World, repo: &str, digest: &Digest) -> (String, String) {
    let body = json!({ "repositoryName": repo, "imageId": { "imageDigest": digest } });
    eventually("the replication has an outcome", async || {
        let told = w.partner.ecr(&w.s, "DescribeImageReplicationStatus", &body);
        let told = told.await.expect(200).json();
        let replica = &told["replicationStatuses"][0];
        let text = |name: &str| replica[name].as_str().unwrap_or_default().to_owned();
        let found = (text("status"), text("failureCode"));
        (found.0 != "IN_PROGRESS").then_some(found)
    })
    .await
}

#[tokio::test]
async fn a_replica_of_another_account_comes_only_if_the_registrys_policy_says_so() {
    const REPLICATE: &[&str] = &["ecr:ReplicateImage"];
    const BOTH: &[&str] = &["ecr:ReplicateImage", "ecr:CreateRepository"];
    const ROOT: &str = "arn:aws:iam::111122223333:root";
    let mut w = world(|_| {}).await;
    let partner = w.partner.clone();
    let body = json!({ "repositoryName": "app" });
    let made = partner.ecr(&w.s, "CreateRepository", &body).await;
    made.expect(200);
    replicate_to_owner(&w).await;
    let (denied, complete) = (("FAILED", "AccessDenied"), ("COMPLETE", ""));
    let child = Image::new("child");
    for (number, (statements, expected)) in [
        (&[][..], denied),
        (&[("Allow", "999999999999", BOTH)], denied),
        (&[("Allow", ROOT, REPLICATE)], denied),
        (&[("Allow", ROOT, &BOTH[1..])], denied),
        (
            &[("Allow", ROOT, BOTH), ("Deny", PARTNER, REPLICATE)],
            denied,
        ),
        (&[("Allow", PARTNER, BOTH)], complete),
        // The repository is there now.
        (&[("Allow", ROOT, REPLICATE)], complete),
        (&[("Allow", ROOT, &BOTH[1..])], denied),
    ]
    .into_iter()
    .enumerate()
    {
        if !statements.is_empty() {
            registry_policy(&w, statements).await;
        }
        // Replication is in either scope.
        scope(&w, ["V2", "V1"][number % 2]).await;
        push(&mut w, &partner, &child, "app", child.digest.as_str()).await;
        let members = json!({ "annotations": { "number": number.to_string() } });
        let plain = Image::with("plain", members);
        let index = Image::index(&[&child, &plain]);
        for (image, tag) in [(&plain, "plain"), (&index, "index")] {
            push(&mut w, &partner, image, "app", tag).await;
            let (status, code) = settled(&w, "app", &image.digest).await;
            let found = (status.as_str(), code.as_str());
            assert_eq!(found, expected, "{tag} by {statements:?}");
            let path = format!("/v2/app/manifests/{}", image.digest);
            let got = w.root.call(&w.s, "GET", &path).send().await;
            let arrived = got.status == 200;
            assert_eq!(arrived, expected == complete, "{tag} by {statements:?}");
        }
    }
}

#[tokio::test]
async fn the_scope_of_a_registrys_policy_is_v2_until_it_is_v1() {
    let w = world(|_| {}).await;
    w.create("app").await;
    let asked = json!({ "name": "REGISTRY_POLICY_SCOPE" });
    let setting = w.root.ecr(&w.s, "GetAccountSetting", &asked).await;
    assert_eq!(setting.expect(200).json()["value"], "V2");
    let dev = w.dev.arn();
    registry_policy(
        &w,
        &[
            ("Deny", &dev, &["ecr:ListImages", "ecr:CreateRepository"]),
            ("Allow", PARTNER, &["ecr:*"]),
        ],
    )
    .await;
    let ask = async |user: &User, operation: &str, repo: &str| {
        let body = json!({ "repositoryName": repo, "registryId": OWNER });
        user.ecr(&w.s, operation, &body).await
    };
    for (round, (value, is_wide)) in [("", true), ("V1", false), ("V2", true)].iter().enumerate() {
        if !value.is_empty() {
            scope(&w, value).await;
        }
        let (denied, foreign) = ("in a resource-based policy", "no resource-based policy");
        let listed = ask(&w.dev, "ListImages", "app").await;
        let tags = w.dev.call(&w.s, "GET", "/v2/app/tags/list").send().await;
        let theirs = ask(&w.partner, "ListImages", "app").await;
        let their_tags = w.partner.call(&w.s, "GET", "/v2/app/tags/list");
        let their_tags = their_tags.send().await;
        if *is_wide {
            refused(&listed, "AccessDeniedException", denied);
            tags.fails(403, "DENIED");
            theirs.expect(200);
            their_tags.expect(200);
        } else {
            listed.expect(200);
            tags.expect(200);
            refused(&theirs, "AccessDeniedException", foreign);
            their_tags.fails(403, "DENIED");
        }
        // This is in either scope.
        let made = ask(&w.dev, "CreateRepository", "new").await;
        refused(&made, "AccessDeniedException", denied);
        let made = ask(&w.partner, "CreateRepository", &format!("new{round}")).await;
        made.expect(200);
    }
}

/// A strict server with the rule `up` for an upstream with the repository `app`.
async fn pair() -> (TestServer, World) {
    let upstream = TestServer::new().await;
    let w = world(|config: &mut Config| {
        let password = upstream.password();
        let secrets =
            format!("[\"ecr-pullthroughcache/up\"]\nusername='AWS'\naccessToken='{password}'\n");
        config.upstream_allow = vec![upstream.url().parse().unwrap()];
        let path = config.data_dir.parent().unwrap().join("secrets.toml");
        std::fs::write(&path, secrets).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        config.secrets = Some(path);
    })
    .await;
    let body = json!({ "ecrRepositoryPrefix": "up", "upstreamRegistryUrl": upstream.url(),
        "credentialArn": SECRET });
    let made = w.root.ecr(&w.s, "CreatePullThroughCacheRule", &body).await;
    made.expect(200);
    (upstream, w)
}

async fn pull(w: &World, user: &User, path: &str) -> Reply {
    user.call(&w.s, "GET", &format!("/v2/{path}")).send().await
}

async fn batch(w: &World, user: &User, repo: &str, tag: &str) -> Reply {
    let body = json!({ "registryId": OWNER, "repositoryName": repo,
        "imageIds": [{ "imageTag": tag }] });
    user.ecr(&w.s, "BatchGetImage", &body).await
}

const READ: [&str; 3] = [
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:ListImageReferrers",
];
const IMPORT: &str = "ecr:BatchImportUpstreamImage";
const CREATE: &str = "ecr:CreateRepository";

/// Demands that a pull by either door is refused for an action, and changes nothing.
async fn is_refused(w: &World, user: &User, repo: &str, tag: &str, action: &str) {
    let before = w.s.state().await;
    let arn = user.arn();
    let text = format!(
        "User: {arn} is not authorized to perform: {action} on resource: arn:aws:ecr:us-east-1:{OWNER}:repository/{repo} "
    );
    let path = format!("{repo}/manifests/{tag}");
    let got = pull(w, user, &path).await.fails(403, "DENIED").message();
    assert!(got.starts_with(&text), "{got}");
    let head = user.call(&w.s, "HEAD", &format!("/v2/{path}"));
    head.send().await.expect(403);
    let refusal = batch(w, user, repo, tag).await;
    refused(&refusal, "AccessDeniedException", &text);
    assert_eq!(w.s.state().await, before);
}

#[tokio::test]
async fn a22_a_pull_that_would_import_takes_leave_to_import_by_either_door() {
    let (upstream, w) = pair().await;
    for repo in ["app", "second", "third"] {
        if repo != "app" {
            upstream.create(repo).await;
        }
        upstream.push(repo, "v1").await;
        upstream.push(repo, "v2").await;
    }
    for (user, arn) in [(&w.limited, w.limited.arn()), (&w.partner, PARTNER.into())] {
        let allow = async |more: &[&str]| {
            let actions = [&READ[..], more].concat();
            registry_policy(&w, &[("Allow", &arn, &actions)]).await;
        };
        let cached = if user.account == OWNER {
            "up/app"
        } else {
            "up/second"
        };
        allow(&[]).await;
        is_refused(&w, user, cached, "v1", IMPORT).await;
        allow(&[CREATE]).await;
        is_refused(&w, user, cached, "v1", IMPORT).await;
        allow(&[IMPORT]).await;
        is_refused(&w, user, cached, "v1", CREATE).await;
        allow(&[IMPORT, CREATE]).await;
        if user.account == OWNER {
            pull(&w, user, "up/app/manifests/v1").await.expect(200);
        } else {
            let got = batch(&w, user, cached, "v1").await.expect(200);
            assert_eq!(got.json()["images"].as_array().unwrap().len(), 1);
        }
        // What is there needs no leave but to pull it; what is not there does.
        allow(&[]).await;
        pull(&w, user, &format!("{cached}/manifests/v1"))
            .await
            .expect(200);
        batch(&w, user, cached, "v1").await.expect(200);
        is_refused(&w, user, cached, "v2", IMPORT).await;
        allow(&[IMPORT]).await;
        batch(&w, user, cached, "v2").await.expect(200);
    }
    // Administrators need nobody's leave, and are told no by a policy that denies.
    let dev = w.dev.arn();
    for value in ["V2", "V1"] {
        scope(&w, value).await;
        registry_policy(&w, &[("Deny", &dev, &[IMPORT])]).await;
        is_refused(&w, &w.dev, "up/third", "v1", IMPORT).await;
    }
    registry_policy(&w, &[("Allow", "999999999999", &["ecr:*"])]).await;
    pull(&w, &w.dev, "up/third/manifests/v1").await.expect(200);
    batch(&w, &w.dev, "up/third", "v2").await.expect(200);
}

#[tokio::test]
async fn a22_who_may_not_import_gets_what_is_here_and_its_layers() {
    let (upstream, mut w) = pair().await;
    let first = upstream.push("app", "v1").await;
    pull(&w, &w.dev, "up/app/manifests/v1").await.expect(200);
    let subject = json!({ "mediaType": first.media_type, "digest": first.digest,
        "size": first.manifest.len() });
    let members = json!({ "subject": subject, "artifactType": "a/signature" });
    let signature = Image::with("signature", members);
    signature.push(&upstream, "app", "signature").await;
    let limited = w.limited.arn();
    registry_policy(&w, &[("Allow", &limited, &READ)]).await;
    let layer = format!("up/app/blobs/{}", Digest::sha256(&first.layers[0]));
    let got = pull(&w, &w.limited, &layer).await.expect(200);
    assert_eq!(got.body, first.layers[0]);
    let referrers = format!("up/app/referrers/{}", first.digest);
    for (user, count) in [(&w.limited, 0), (&w.dev, 1), (&w.limited, 1)] {
        let listed = pull(&w, user, &referrers).await.expect(200).json();
        let listed = listed["manifests"].as_array().unwrap().len();
        assert_eq!(listed, count, "{}", user.name);
    }
    let second = Image::new("second");
    second.push(&upstream, "app", "v1").await;
    w.s.advance(DAY);
    log_in(&mut w).await;
    for (user, image) in [
        (&w.limited, &first),
        (&w.dev, &second),
        (&w.limited, &second),
    ] {
        let got = pull(&w, user, "up/app/manifests/v1").await.expect(200);
        assert_eq!(got.body, image.manifest, "{}", user.name);
    }
}

/// Gets new passwords, after a day.
async fn log_in(w: &mut World) {
    let s = &w.s;
    for user in [&mut w.root, &mut w.dev, &mut w.limited, &mut w.partner] {
        let key = format!("AKID{}", user.name);
        user.password = signatures::password(s, &key, user.name).await;
    }
    w.s.use_password(w.root.password.clone());
}

#[tokio::test]
async fn a22_an_immutable_tag_is_not_moved_on_any_path() {
    let (upstream, mut w) = pair().await;
    let template = json!({ "prefix": "up", "appliedFor": ["PULL_THROUGH_CACHE"],
        "imageTagMutability": "IMMUTABLE" });
    let root = w.root.clone();
    let made = root.ecr(&w.s, "CreateRepositoryCreationTemplate", &template);
    made.await.expect(200);
    let (first, other) = (upstream.push("app", "v1").await, Image::new("other"));
    pull(&w, &root, "up/app/manifests/v1").await.expect(200);
    other.push_blobs(&w.s, "up/app").await;
    let before = w.s.state().await;
    let put = async |path: &str| {
        let call = root.call(&w.s, "PUT", &format!("/v2/up/app/manifests/{path}"));
        let call = call.header("content-type", &other.media_type);
        let call = call.body(other.manifest.clone());
        call.send().await.fails(400, "TAG_INVALID");
    };
    put("v1").await;
    put(&format!("{}?tag=v1", other.digest)).await;
    put(&format!("{}?tag=v2&tag=v1", other.digest)).await;
    let body = json!({ "repositoryName": "up/app", "imageTag": "v1",
        "imageManifest": other.manifest });
    let refusal = root.ecr(&w.s, "PutImage", &body).await;
    refused(&refusal, "ImageTagAlreadyExistsException", "v1");
    assert_eq!(w.s.state().await, before);
    let all = json!({ "repositoryName": "up/app" });
    let images = root.ecr(&w.s, "DescribeImages", &all).await.expect(200);
    // A replica, which the registry's policy lets in.
    registry_policy(&w, &[("Allow", PARTNER, &["ecr:ReplicateImage", CREATE])]).await;
    let partner = w.partner.clone();
    let made = partner.ecr(&w.s, "CreateRepository", &all).await;
    made.expect(200);
    replicate_to_owner(&w).await;
    push(&mut w, &partner, &other, "up/app", "v1").await;
    let outcome = settled(&w, "up/app", &other.digest).await;
    assert_eq!(outcome, ("FAILED".into(), "ImageTagAlreadyExists".into()));
    // The upstream has another image by now.
    other.push(&upstream, "app", "v1").await;
    w.s.advance(DAY);
    log_in(&mut w).await;
    let got = pull(&w, &w.root, "up/app/manifests/v1").await.expect(200);
    assert_eq!(got.body, first.manifest);
    let after = w.root.ecr(&w.s, "DescribeImages", &all).await.expect(200);
    let shown = |reply: Reply| {
        let mut shown = reply.json()["imageDetails"].take();
        shown[0]
            .as_object_mut()
            .unwrap()
            .remove("lastRecordedPullTime");
        shown
    };
    assert_eq!(shown(after), shown(images));
}
