//! Auto Scaling's operations as boto3 calls them: one test here for each file of
//! `tests/clients/autoscaling/`.
use super::ecr::drive_in_time;

#[tokio::test(flavor = "multi_thread")]
async fn groups() {
    drive_in_time("../autoscaling/test_groups.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members() {
    drive_in_time("../autoscaling/test_members.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags() {
    drive_in_time("../autoscaling/test_tags.py").await;
}
