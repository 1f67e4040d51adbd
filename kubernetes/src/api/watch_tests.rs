use axum::body::{Body, BodyDataStream};
use futures::StreamExt as _;
use http::{Method, Request, header};
use serde_json::{Value, json};

use super::tests::Server;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const INITIAL: &str = "watch=1&resourceVersionMatch=NotOlderThan&sendInitialEvents";

/// The events of a watch, one after the other.
struct Events(BodyDataStream);

impl Events {
    async fn of(s: &Server, query: &str) -> Self {
        let request = Request::builder()
            .uri(format!("{MAPS}?{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", s.token))
            .body(Body::empty());
        let response = s.api.serve(request.unwrap()).await;
        Self(response.into_body().into_data_stream())
    }

    async fn next(&mut self) -> Option<(String, Value)> {
        let event: Value = serde_json::from_slice(&self.0.next().await?.unwrap()).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        Some((kind, event["object"].clone()))
    }
}

async fn revision(s: &Server) -> String {
    let (_, list) = s.get(MAPS).await;
    let revision = &list["metadata"]["resourceVersion"];
    revision.as_str().unwrap().to_owned()
}

fn map(name: &str, label: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "n": label } }, "data": { "x": label } })
}

#[tokio::test]
async fn who_leaves_a_selection_is_shown_as_it_was_in_it() {
    let s = Server::new().await;
    s.post(MAPS, map("a", "in")).await;
    let from = revision(&s).await;
    let merge = "application/merge-patch+json";
    let path = format!("{MAPS}/a");
    let (_, out) = s.send(Method::PATCH, &path, merge, &map("a", "out")).await;
    let query = format!("watch=1&resourceVersion={from}&labelSelector=n%3Din");
    let (kind, gone) = Events::of(&s, &query).await.next().await.unwrap();
    assert_eq!(kind, "DELETED");
    assert_eq!(gone["data"]["x"], "in");
    assert_eq!(gone["metadata"]["labels"]["n"], "in");
    assert_eq!(
        gone["metadata"]["resourceVersion"],
        out["metadata"]["resourceVersion"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_bookmark_comes_before_the_end() {
    let s = Server::new().await;
    s.post(MAPS, map("a", "in")).await;
    let from = revision(&s).await;
    let query = format!("watch=1&resourceVersion={from}&timeoutSeconds=150&allowWatchBookmarks=1");
    let start = tokio::time::Instant::now();
    let mut events = Events::of(&s, &query).await;
    let mut times = Vec::new();
    while let Some((kind, _)) = events.next().await {
        assert_eq!(kind, "BOOKMARK");
        times.push(start.elapsed().as_secs());
    }
    assert_eq!(times, [60, 120, 148]);
    assert_eq!(start.elapsed().as_secs(), 150);
}

#[tokio::test(start_paused = true)]
async fn initial_events_come_if_they_are_wanted_and_are_marked_if_bookmarks_are() {
    let s = Server::new().await;
    s.post(MAPS, map("a", "in")).await;
    for (query, wanted) in [
        ("=true&allowWatchBookmarks=true", &["ADDED", "BOOKMARK"][..]),
        ("=true", &["ADDED"]),
        ("=false", &[]),
        ("=false&allowWatchBookmarks=true", &[]),
    ] {
        let query = format!("{INITIAL}{query}&timeoutSeconds=1&labelSelector=n");
        let mut events = Events::of(&s, &query).await;
        let mut seen = Vec::new();
        while let Some((kind, _)) = events.next().await {
            seen.push(kind);
        }
        assert_eq!(seen, wanted, "{query}");
    }
}
