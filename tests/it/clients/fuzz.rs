//! Whatever is sent, the server answers: ten seconds of `tests/clients/fuzz_ecr.py`.
use wharf_testkit::{Process, tool};

use super::has_python_module;

async fn fuzz(service: &'static str, more: &'static [&str]) {
    // It shares what the tests of ECR's operations have, which run by pytest.
    if !has_python_module("boto3") || !has_python_module("pytest") {
        return;
    }
    let Some(python) = tool("python3") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let s = serve(scratch.path()).await;
    let client = python
        .env("AWS_ENDPOINT_URL", &s.url())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let script = format!("{}/clients/fuzz_ecr.py", env!("CARGO_MANIFEST_DIR"));
    let printed = tokio::task::spawn_blocking(move || {
        let asked = [&script, "--seconds", "10", "--service", service];
        client.run(&[&asked, more].concat())
    });
    println!("{}", printed.await.unwrap());
    // Nor did it fail where nobody waits for an answer.
    let log = s.log();
    let wrong = |line: &&str| line.contains("ERROR") || line.contains("panicked");
    assert_eq!(log.lines().find(wrong), None, "{log}");
    s.stop().await;
}

/// A server that pulls through from nowhere, and scans with one advisory.
async fn serve(scratch: &std::path::Path) -> Process {
    let advisories = scratch.join("advisories");
    std::fs::create_dir(&advisories).unwrap();
    let advisory = serde_json::json!({
        "id": "CVE-2024-1", "modified": "2024-01-02T03:04:05Z", "details": "About glibc.",
        "affected": [{
            "package": { "ecosystem": "Debian:12", "name": "glibc" },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "5" }] }],
        }],
    });
    std::fs::write(advisories.join("CVE-2024-1.json"), advisory.to_string()).unwrap();
    let database = advisories.to_str().unwrap();
    let upstream = ["--upstream-allow", "http://127.0.0.1:1"];
    let args = [&upstream[..], &["--vulnerability-db", database]].concat();
    Process::serve(&scratch.join("data"), &args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ecr_is_asked_it_answers_with_its_shapes_and_errors() {
    // No operation is without a call; more would ask for a fast machine.
    fuzz("ecr", &["--demand", "0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ecr_public_is_asked_it_answers_with_its_shapes_and_errors() {
    fuzz("ecr-public", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_kubernetes_api_is_asked_it_answers_with_a_status() {
    if !has_python_module("boto3") {
        return;
    }
    let Some(python) = tool("python3") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), &[]).await;
    let client = python
        .env("AWS_ENDPOINT_URL", &s.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let script = format!("{}/clients/fuzz_kubernetes.py", env!("CARGO_MANIFEST_DIR"));
    let pid = s.pid().to_string();
    let printed = tokio::task::spawn_blocking(move || {
        client.run(&[&script, "--steps", "150", "--seed", "7", "--pid", &pid])
    });
    println!("{}", printed.await.unwrap());
    let log = s.log();
    let wrong = |line: &&str| line.contains("ERROR") || line.contains("panicked");
    assert_eq!(log.lines().find(wrong), None, "{log}");
    s.stop().await;
}
