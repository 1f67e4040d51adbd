//! EKS's operations as boto3 calls them: one test here for each file of `tests/clients/eks/`.
use wharf_testkit::TestServer;

use super::ecr::run;

/// Runs a file's tests against a server with the defaults.
async fn drive(file: &str) {
    let s = TestServer::new().await;
    run(&format!("../eks/{file}"), &s, &[]).await;
    s.assert_tidy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters() {
    drive("test_clusters.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addons() {
    drive("test_addons.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access() {
    drive("test_access.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identities() {
    drive("test_identities.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn insights() {
    drive("test_insights.py").await;
}
