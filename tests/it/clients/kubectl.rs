//! kubectl, unmodified, with the kubeconfig that the AWS CLI writes.
use wharf_testkit::{Process, tool};

/// Runs a script of `tests/clients/kubectl/` against a server in a process of its own, for which time
/// passes: tokens are signed with the time of the machine.
async fn drive(script: &str, cluster: &str) {
    let needs = ["kubectl", "aws", "jq"];
    if needs.iter().any(|name| tool(name).is_none()) {
        return;
    }
    let Some(bash) = tool("bash") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), &[]).await;
    let client = bash
        .env("AWS_ENDPOINT_URL", &s.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let path = format!("{}/clients/kubectl/{script}", env!("CARGO_MANIFEST_DIR"));
    let cluster = cluster.to_owned();
    let printed = tokio::task::spawn_blocking(move || client.run(&[&path, &cluster]));
    println!("{}", printed.await.unwrap());
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_comes_has_nodes_and_goes() {
    drive("first_steps.sh", "dev").await;
}

/// Runs a file's tests, if the clients that it drives are there.
async fn drive_tests(file: &str) {
    if ["kubectl", "aws"].iter().all(|name| tool(name).is_some()) {
        super::ecr::drive_in_time(&format!("../kubectl/{file}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_course_is_followed_from_the_first_node_to_the_clean_up() {
    drive_tests("test_scenario.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_as_people_type_them() {
    drive_tests("test_commands.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_does_by_itself() {
    drive_tests("test_controllers.py").await;
}
