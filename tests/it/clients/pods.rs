//! Pods of real processes, as users have them: from docker push on, with kubectl.
use wharf_testkit::{Process, tool};

use super::{has_engine, pytest};

/// Runs a file's tests, which start servers themselves, kill them, and look at what is left.
async fn drive(file: &str, more: &[&str]) {
    let needs = ["kubectl", "aws", "docker", "busybox"];
    if needs.iter().chain(more).any(|name| tool(name).is_none()) || !has_engine() || !is_root() {
        return;
    }
    let binary = Process::binary();
    pytest(
        &format!("kubectl/{file}"),
        &[("WHARF_BINARY", binary.to_str().unwrap())],
    )
    .await;
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        assert!(!wharf_testkit::clients_required(), "containers need root");
        println!("skipped: containers need root");
    }
    is_root
}

#[tokio::test(flavor = "multi_thread")]
async fn from_docker_push_to_an_answering_container() {
    drive("test_pods.py", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_finds_its_pods_and_leaves_nothing_in_the_end() {
    drive("test_kills.py", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_a_chart_and_an_application_on_fargate() {
    drive("test_mysql.py", &["helm", "mariadbd", "mariadb"]).await;
}
