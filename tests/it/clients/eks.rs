//! EKS's operations as boto3 calls them: one test here for each file of `tests/clients/eks/`.
use wharf_testkit::{TestServer, tool};

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
async fn nodegroups() {
    drive("test_nodegroups.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fargate() {
    drive("test_fargate.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn protocol() {
    drive("test_protocol.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cli() {
    if tool("aws").is_some() {
        drive("test_cli.py").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_last() {
    // The states must outlast the test's calls, on a clock that stands still.
    let delay = std::time::Duration::from_mins(1);
    let s = TestServer::with(|config| config.transition_delay = delay).await;
    run("../eks/test_states.py", &s, &[]).await;
    s.assert_tidy().await;
}
