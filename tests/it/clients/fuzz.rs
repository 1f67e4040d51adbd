//! Whatever is sent, the server answers: ten seconds of `tests/clients/fuzz_ecr.py`.
use wharf_testkit::{TestServer, tool};

use super::has_python_module;

async fn fuzz(service: &'static str) {
    // It shares what the tests of ECR's operations have, which run by pytest.
    if !has_python_module("boto3") || !has_python_module("pytest") {
        return;
    }
    let Some(python) = tool("python3") else {
        return;
    };
    let s = TestServer::new().await;
    let client = python
        .env("AWS_ENDPOINT_URL", &s.url())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let script = format!("{}/clients/fuzz_ecr.py", env!("CARGO_MANIFEST_DIR"));
    let printed = tokio::task::spawn_blocking(move || {
        client.run(&[&script, "--seconds", "10", "--service", service])
    });
    println!("{}", printed.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ecr_is_asked_it_answers_with_its_shapes_and_errors() {
    fuzz("ecr").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ecr_public_is_asked_it_answers_with_its_shapes_and_errors() {
    fuzz("ecr-public").await;
}
