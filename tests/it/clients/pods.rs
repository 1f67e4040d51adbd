//! Pods of real processes, as users have them: from docker push on, with kubectl.
use wharf_testkit::{Process, tool};

use super::{has_engine, pytest};

/// Runs a file's tests with an engine; they start servers themselves, kill them, and look at what is left.
async fn drive(file: &str, engine: &str, more: &[&str]) {
    let needs = ["kubectl", "aws", "docker", "busybox"];
    if needs.iter().chain(more).any(|name| tool(name).is_none()) || !has_engine() || !is_root() {
        return;
    }
    let binary = Process::binary();
    let env = [
        ("WHARF_BINARY", binary.to_str().unwrap()),
        ("WHARF_ENGINE", engine),
    ];
    pytest(&format!("kubectl/{file}"), &env).await;
}

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        assert!(!wharf_testkit::clients_required(), "containers need root");
        println!("skipped: containers need root");
    }
    is_root
}

/// Each file with each engine.
macro_rules! with_both_engines {
    ($($test:ident: $file:literal, $more:expr;)*) => {$(
        mod $test {
            #[tokio::test(flavor = "multi_thread")]
            async fn builtin() {
                super::drive($file, "builtin", &$more).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn docker() {
                super::drive($file, "docker", &$more).await;
            }
        }
    )*};
}

with_both_engines! {
    from_docker_push_to_an_answering_container: "test_pods.py", [];
    a_killed_server_finds_its_pods_and_leaves_nothing_in_the_end: "test_kills.py", [];
    what_no_cluster_owns_is_pruned: "test_prune.py", [];
    a_database_from_a_chart_and_an_application_on_fargate: "test_mysql.py", ["helm", "mariadbd", "mariadb"];
}

#[tokio::test(flavor = "multi_thread")]
async fn no_socket_of_an_engine_is_opened_before_there_is_a_cluster() {
    drive("test_sockets.py", "docker", &["strace"]).await;
}
