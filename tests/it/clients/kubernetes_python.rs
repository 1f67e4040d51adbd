//! The official Python client, with the kubeconfig that the AWS CLI writes: one test here for each file
//! of `tests/clients/kubernetes_python/`.
use wharf_testkit::tool;

use super::has_python_module;

/// Runs a file's tests against a server for which time passes: tokens are signed with the time of the
/// machine.
async fn drive(file: &str) {
    if tool("aws").is_some() && has_python_module("kubernetes") {
        super::ecr::drive_in_time(&format!("../kubernetes_python/{file}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects() {
    drive("test_objects.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists() {
    drive("test_lists.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watches() {
    drive("test_watch.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applies() {
    drive("test_apply.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access() {
    drive("test_access.py").await;
}
