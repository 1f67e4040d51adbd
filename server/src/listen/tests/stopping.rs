//! Q22: what happens to connections when the server is told to stop.
use tokio::sync::Notify;

use super::*;

/// A request that says when it runs, and ends when it is told to.
fn gated() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (running, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (Arc::clone(&running), Arc::clone(&finish));
    let wait = move || {
        let (running, finish) = gates.clone();
        async move {
            running.notify_one();
            finish.notified().await;
            "finished"
        }
    };
    (hello().route("/wait", get(wait)), running, finish)
}

const WAIT: &str = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn q22_running_requests_finish_and_idle_connections_close() {
    let (router, running, finish) = gated();
    // An address of its own: nobody else may take the port when it is free again.
    let server = Server::start_on("127.0.0.22:0", router, patient(), None);
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    one(&mut idle, GET).await;
    let mut busy = server.connect().await;
    busy.write_all(WAIT.as_bytes()).await.unwrap();
    running.notified().await;

    server.stop.send(true).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    let refused = async {
        while let Ok(mut late) = TcpStream::connect(server.address).await {
            rest(&mut late).await;
        }
    };
    refused.await;
    finish.notify_one();
    let response = rest(&mut busy).await;
    assert!(response.ends_with("finished"), "{response}");
    assert!(response.contains("connection: close"), "{response}");
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_outlives_the_grace_period_is_aborted() {
    let (router, running, _finish) = gated();
    let server = Server::start(
        router,
        Limits {
            drain: SHORT,
            ..patient()
        },
        None,
    );
    let mut busy = server.connect().await;
    busy.write_all(WAIT.as_bytes()).await.unwrap();
    running.notified().await;
    server.stop().await;
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn dropping_the_future_ends_everything() {
    let (router, running, _finish) = gated();
    let server = Server::start(router, patient(), None);
    let mut busy = server.connect().await;
    busy.write_all(WAIT.as_bytes()).await.unwrap();
    running.notified().await;
    server.served.abort();
    assert_eq!(rest(&mut busy).await, "");
}
