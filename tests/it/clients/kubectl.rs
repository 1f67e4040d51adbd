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
async fn what_cannot_be_patched_is_validated_by_kubectl() {
    drive_tests("test_validation.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_cron_jobs() {
    drive_tests("test_jobs.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn persistent_volumes_are_bound_made_and_deleted() {
    drive_tests("test_volumes.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_this_computer_is_given_to_pods() {
    drive_tests("test_refusals.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_nobodies_get_nothing() {
    drive_tests("test_strangers.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    drive_tests("test_tokens.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_come_and_go_with_their_machines() {
    drive_tests("test_nodes.py").await;
}

/// Runs a file's tests against a server with more arguments.
async fn drive_with(file: &str, args: &[&str]) {
    if ["kubectl", "aws"].iter().any(|name| tool(name).is_none()) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let s = Process::serve(&scratch.path().join("data"), args).await;
    super::ecr::run(&format!("../kubectl/{file}"), &s, &[]).await;
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_reached_below_the_main_port() {
    drive_with("test_endpoints.py", &["--cluster-endpoint", "path"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_checked() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("credentials");
    let users = ["viewer", "bare", "member", "stranger"].map(|user| {
        let key = user.to_uppercase();
        format!("[{user}]\naws_access_key_id = AKID{key}\naws_secret_access_key = {user}\n")
    });
    let root = "[root]\naws_access_key_id = test\naws_secret_access_key = test\n";
    std::fs::write(&file, format!("{root}{}", users.concat())).unwrap();
    let args = ["--auth", "strict", "--credentials", file.to_str().unwrap()];
    drive_with("test_strict.py", &args).await;
}

/// The commands of a user with a home of their own.
struct User {
    home: tempfile::TempDir,
    url: String,
}

impl User {
    fn run(&self, program: &str, args: &[&str]) -> std::process::Output {
        let home = self.home.path();
        let kubeconfig = home.join("kubeconfig");
        let client = tool(program)
            .unwrap()
            .env("HOME", home.to_str().unwrap())
            .env("KUBECONFIG", kubeconfig.to_str().unwrap())
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        tokio::task::block_in_place(|| client.output(args))
    }

    fn text(&self, program: &str, args: &[&str]) -> String {
        let done = self.run(program, args);
        assert!(done.status.success(), "{program} {args:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn endpoint(&self) -> String {
        let query = ["--query", "cluster.endpoint", "--output", "text"];
        let all = [&["eks", "describe-cluster", "--name", "c"][..], &query].concat();
        self.text("aws", &all).trim().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_outlives_the_server_unless_somebody_takes_the_port() {
    if ["kubectl", "aws"].iter().any(|name| tool(name).is_none()) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let s = Process::serve(&data, &[]).await;
    let home = tempfile::tempdir().unwrap();
    let mut user = User { home, url: s.url() };
    let role = "arn:aws:iam::000000000000:role/r";
    let make = ["eks", "create-cluster", "--name", "c", "--role-arn", role];
    let subnets = ["--resources-vpc-config", "subnetIds=subnet-1"];
    user.text("aws", &[&make[..], &subnets].concat());
    user.text("aws", &["eks", "update-kubeconfig", "--name", "c"]);
    user.text("kubectl", &["create", "configmap", "kept"]);
    let endpoint = user.endpoint();
    s.stop().await;

    let s = Process::serve(&data, &[]).await;
    user.url = s.url();
    assert_eq!(user.endpoint(), endpoint);
    user.text("kubectl", &["get", "configmap", "kept"]);
    s.stop().await;

    // Somebody else listens there now: the cluster has another port, which describe-cluster tells.
    let taken = endpoint.strip_prefix("https://").unwrap();
    let taken = std::net::TcpListener::bind(taken).unwrap();
    let s = Process::serve(&data, &[]).await;
    user.url = s.url();
    assert_ne!(user.endpoint(), endpoint);
    let refused = user.run(
        "kubectl",
        &["get", "configmap", "kept", "--request-timeout=1s"],
    );
    assert!(!refused.status.success());
    user.text("aws", &["eks", "update-kubeconfig", "--name", "c"]);
    user.text("kubectl", &["get", "configmap", "kept"]);
    drop(taken);
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_does_by_itself() {
    drive_tests("test_controllers.py").await;
}
