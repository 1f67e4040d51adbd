//! ECR's operations as boto3 calls them: one test here for each file of `tests/clients/ecr/`.
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
async fn pushed_images() {
    let s = TestServer::new().await;
    run("test_pushed_images.py", &s, &[]).await;
    s.assert_tidy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization() {
    let s = TestServer::new().await;
    run("test_authorization.py", &s, &[]).await;
    s.assert_tidy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public() {
    let s = TestServer::new().await;
    run("../ecr_public/test_public.py", &s, &[]).await;
    s.assert_tidy().await;
}
