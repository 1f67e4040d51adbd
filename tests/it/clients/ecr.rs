//! ECR's operations as boto3 calls them: one test here for each file of `tests/clients/ecr/`.
use std::os::unix::fs::PermissionsExt as _;

use wharf_testkit::{Process, TestServer, tool};

/// Runs a file's tests against a server.
pub(super) async fn run(file: &str, s: &TestServer, env: &[(&str, &str)]) {
    let url = s.url();
    let all = [&[("AWS_ENDPOINT_URL", &*url)], env].concat();
    super::pytest(&format!("ecr/{file}"), &all).await;
}

/// Runs a file's tests against a server with the defaults.
async fn drive(file: &str) {
    let s = TestServer::new().await;
    run(file, &s, &[]).await;
    s.assert_tidy().await;
}

/// Runs a file's tests against a server in a process of its own, for which time passes.
pub(super) async fn drive_in_time(file: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), &[]).await;
    run(file, &s, &[]).await;
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories() {
    drive("test_repositories.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushed_images() {
    drive("test_pushed_images.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization() {
    drive("test_authorization.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers() {
    drive("test_layers.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images() {
    drive("test_images.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lifecycle() {
    if tool("aws").is_some() {
        drive("test_lifecycle.py").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn templates() {
    drive("test_templates.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies() {
    // boto3 signs with the time of the machine, so the server has its own process and clock.
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("credentials");
    let key = |name: &str, id: &str, secret: &str, more: &str| {
        format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n{more}\n")
    };
    let keys = [
        key("root", "test", "test", ""),
        key("limited", "AKIDLIMITED", "limited", "policy = limited.json"),
        key(
            "partner",
            "AKIDPARTNER",
            "partner",
            "account = 111122223333",
        ),
    ];
    std::fs::write(&file, keys.concat()).unwrap();
    let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*" },
        { "Effect": "Allow", "Action": "ecr:*", "Resource": "arn:aws:ecr:*:*:repository/team/*" },
        { "Effect": "Deny", "Action": "ecr:Delete*", "Resource": "arn:aws:ecr:*:*:repository/team/*" },
    ]});
    std::fs::write(scratch.path().join("limited.json"), policy.to_string()).unwrap();
    let args = ["--auth", "strict", "--credentials", file.to_str().unwrap()];
    let s = Process::serve(&scratch.path().join("data"), &args).await;
    run("test_policies.py", &s, &[]).await;
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scanning() {
    if tool("aws").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let s = TestServer::with(|config| config.vulnerability_db = Some(path)).await;
    let path = folder.path().to_str().unwrap();
    run("test_scanning.py", &s, &[("WHARF_VULNERABILITY_DB", path)]).await;
    s.assert_tidy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replication() {
    drive("test_replication.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing() {
    drive("test_signing.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public() {
    drive("../ecr_public/test_public.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_layers() {
    drive("../ecr_public/test_public_layers.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_policies() {
    drive("../ecr_public/test_public_policies.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_through() {
    let upstream = TestServer::new().await;
    upstream.push("app", "v1").await;
    // Nobody listens on a port that was just free.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let secrets = serde_json::json!({
        "ecr-pullthroughcache/good": { "username": "AWS", "accessToken": upstream.password() },
        "ecr-pullthroughcache/wrong": { "username": "AWS", "accessToken": "wrong" },
        "ecr-pullthroughcache/broken": { "username": "AWS" },
    });
    let path = upstream.scratch().join("secrets.json");
    std::fs::write(&path, secrets.to_string()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let s = TestServer::with(|config| {
        config.upstream_allow = vec![upstream.url().parse().unwrap(), closed.parse().unwrap()];
        config.secrets = Some(path);
    })
    .await;
    let env = [
        ("WHARF_UPSTREAM", upstream.url()),
        ("WHARF_CLOSED", closed.clone()),
    ];
    let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
    run("test_pull_through.py", &s, &env).await;
    s.assert_tidy().await;
}
