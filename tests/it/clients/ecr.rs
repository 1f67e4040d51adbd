//! ECR's operations as boto3 calls them: one test here for each file of `tests/clients/ecr/`.
use std::os::unix::fs::PermissionsExt as _;

use wharf_testkit::{TestServer, tool};

use super::has_python_module;

/// Runs a file's tests against a server.
async fn run(file: &str, s: &TestServer, env: &[(&str, &str)]) {
    if !has_python_module("boto3") || !has_python_module("pytest") {
        return;
    }
    let Some(python) = tool("python3") else {
        return;
    };
    let folder = format!("{}/clients/ecr", env!("CARGO_MANIFEST_DIR"));
    let mut client = python
        .env("AWS_ENDPOINT_URL", &s.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    for (name, value) in env {
        client = client.env(name, value);
    }
    let path = format!("{folder}/{file}");
    let printed = tokio::task::spawn_blocking(move || {
        client.run(&["-m", "pytest", "-q", "-p", "no:cacheprovider", &path])
    });
    println!("{}", printed.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories() {
    let s = TestServer::new().await;
    run("test_repositories.py", &s, &[]).await;
    s.assert_tidy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates() {
    let s = TestServer::new().await;
    run("test_templates.py", &s, &[]).await;
    s.assert_tidy().await;
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
