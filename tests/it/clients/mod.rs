//! Real clients, unmodified: each drives the server with a script of `tests/clients/`.
use wharf_testkit::{TestServer, tool};

mod autoscaling;
mod client_go;
mod cluster;
mod ec2;
mod ecr;
mod eks;
mod fuzz;
mod kube_rs;
mod kubectl;
mod kubernetes_python;
mod model;
mod pods;

/// Runs a script against a server, in an environment that knows no other one.
async fn drive(interpreter: &str, script: &str, needs: &[&str]) {
    if needs.iter().any(|name| tool(name).is_none()) {
        return;
    }
    let s = TestServer::new().await;
    let path = format!("{}/clients/{script}", env!("CARGO_MANIFEST_DIR"));
    let Some(interpreter) = tool(interpreter) else {
        return;
    };
    let client = interpreter
        .env("AWS_ENDPOINT_URL", &s.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let printed = tokio::task::spawn_blocking(move || client.run(&[&path, "clients/test"]));
    println!("{}", printed.await.unwrap());
    s.assert_tidy().await;
}

/// Whether Python has a module; where clients are demanded it must.
fn has_python_module(module: &str) -> bool {
    python_has(module, &format!("import {module}"))
}

/// Whether Python has AWS's models with all the operations that we know.
fn has_aws_models() -> bool {
    let version = "tuple(map(int, botocore.__version__.split('.')[:2]))";
    let program = format!("import botocore; assert {version} >= (1, 44)");
    python_has("botocore 1.44 or newer", &program)
}

/// Whether a program runs, which shows that Python has something.
fn python_has(what: &str, program: &str) -> bool {
    let Some(python) = tool("python3") else {
        return false;
    };
    if python.output(&["-c", program]).status.success() {
        return true;
    }
    assert!(!wharf_testkit::clients_required(), "python has no {what}");
    println!("skipped: python has no {what}");
    false
}

/// Runs the tests of a file below `tests/clients/` with pytest, if what they need is there.
async fn pytest(file: &str, env: &[(&str, &str)]) {
    if !has_aws_models() || !has_python_module("boto3") || !has_python_module("pytest") {
        return;
    }
    let Some(python) = tool("python3") else {
        return;
    };
    let mut client = python
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
    let path = format!("{}/clients/{file}", env!("CARGO_MANIFEST_DIR"));
    let printed = tokio::task::spawn_blocking(move || {
        client.run(&["-m", "pytest", "-q", "-p", "no:cacheprovider", &path])
    });
    println!("{}", printed.await.unwrap());
}

/// Whether an engine answers; where clients are demanded one must.
fn has_engine() -> bool {
    let Some(docker) = tool("docker") else {
        return false;
    };
    if docker.output(&["info"]).status.success() {
        return true;
    }
    assert!(
        !wharf_testkit::clients_required(),
        "no docker engine answers"
    );
    println!("skipped: no docker engine answers");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_builds_pushes_pulls_by_tag_and_digest_and_runs() {
    if has_engine() {
        drive("bash", "docker.sh", &["docker", "aws", "busybox"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_pushes_to_ecr_public_and_pulls_from_it() {
    if has_engine() {
        drive("bash", "docker_public.sh", &["docker", "aws"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_a_multi_arch_index_there_and_back() {
    drive("bash", "skopeo.sh", &["skopeo", "aws", "python3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_pushes_through_both_doors_and_finds_the_same_images() {
    if has_python_module("boto3") {
        drive("python3", "boto3_roundtrip.py", &[]).await;
    }
}
