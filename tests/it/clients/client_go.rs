//! client-go: informers, and typed clients that send protobuf. The program is `tests/clients/client_go/`.
use wharf_testkit::tool;

use super::cluster::Cluster;

/// Runs one of the program's tests.
async fn drive(test: &str) {
    let Some(client) = tool("client-go-tests") else {
        return;
    };
    let Some(cluster) = Cluster::new().await else {
        return;
    };
    let client = cluster.equip(client);
    let test = format!("-test.run=^{test}$");
    let run = move || client.run(&[&test, "-test.v", "-test.timeout=2m"]);
    let printed = tokio::task::spawn_blocking(run).await.unwrap();
    println!("{printed}");
    assert!(printed.contains("--- PASS"), "{printed}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn informers_that_list() {
    drive("TestInformersThatList").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn informers_that_stream_their_list() {
    drive("TestInformersThatStreamTheirList").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_clients_speak_protobuf() {
    drive("TestTypedClientsSpeakProtobuf").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_are_elected() {
    drive("TestLeadersAreElected").await;
}
