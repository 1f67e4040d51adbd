//! EKS's operations as boto3 calls them: one test here for each file of `tests/clients/eks/`.
use wharf_testkit::{Process, TestServer, tool};

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

#[tokio::test(flavor = "multi_thread")]
async fn policies() {
    // boto3 signs with the time of the machine, so the server has its own process and clock.
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("credentials");
    let keys = "[root]\naws_access_key_id = test\naws_secret_access_key = test\n\
                [limited]\naws_access_key_id = AKIDLIMITED\naws_secret_access_key = limited\n\
                policy = limited.json\n";
    std::fs::write(&file, keys).unwrap();
    let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "eks:*", "Resource": [
            "arn:aws:eks:*:*:cluster/team-*", "arn:aws:eks:*:*:nodegroup/team-*" ] },
        { "Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*",
          "Condition": { "StringEquals": { "aws:ResourceTag/shown": "yes" } } },
        { "Effect": "Deny", "Action": "eks:DeleteNodegroup", "Resource": "arn:aws:eks:*:*:nodegroup/*/kept/*" },
    ]});
    std::fs::write(scratch.path().join("limited.json"), policy.to_string()).unwrap();
    let args = ["--auth", "strict", "--credentials", file.to_str().unwrap()];
    let s = Process::serve(&scratch.path().join("data"), &args).await;
    run("../eks/test_policies.py", &s, &[]).await;
    s.stop().await;
}
