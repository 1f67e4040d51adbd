//! EC2's operations as boto3 calls them: one test here for each file of `tests/clients/ec2/`.
use super::ecr::drive_in_time;

#[tokio::test(flavor = "multi_thread")]
async fn instances() {
    drive_in_time("../ec2/test_instances.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn launch_templates() {
    drive_in_time("../ec2/test_launch_templates.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn network() {
    drive_in_time("../ec2/test_network.py").await;
}
