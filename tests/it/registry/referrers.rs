//! What refers to a manifest, by page and by type.
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use wharf_testkit::{Image, Reply, TestServer};
use wharf_types::{Digest, media};

use super::{ABSENT, lists::next, put};

/// A document that refers to a subject.
fn artifact(subject: &str, kind: &str, name: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "artifactType": kind,
        "config": { "mediaType": media::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2 },
        "layers": [],
        "subject": { "mediaType": media::OCI_MANIFEST, "digest": subject, "size": 1 },
        "annotations": { "name": name },
    })
    .to_string()
}

async fn push(s: &TestServer, document: &str) -> String {
    let digest = Digest::sha256(document.as_bytes());
    put(s, digest.as_str(), media::OCI_MANIFEST, document)
        .await
        .expect(201);
    digest.to_string()
}

async fn referrers(s: &TestServer, query: &str) -> Reply {
    let path = format!("/v2/app/referrers/{ABSENT}{query}");
    let reply = s.call("GET", &path).send().await.expect(200);
    assert_eq!(reply.header("content-type"), media::OCI_INDEX);
    let index = reply.json();
    assert_eq!(index["schemaVersion"], 2);
    assert_eq!(index["mediaType"], media::OCI_INDEX);
    assert!(index["manifests"].is_array(), "{index}");
    reply
}

fn listed(reply: &Reply) -> Vec<Value> {
    reply.json()["manifests"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn r19_of_an_unknown_digest_there_are_none() {
    let s = TestServer::new().await;
    s.push("app", "v1").await;
    let before = s.state().await;
    assert!(listed(&referrers(&s, "").await).is_empty());
    let filtered = referrers(&s, "?artifactType=a/b").await;
    assert!(listed(&filtered).is_empty());
    assert_eq!(s.state().await, before);
}

#[tokio::test]
async fn r19_a_filter_is_applied_and_said_even_twice() {
    let s = TestServer::new().await;
    s.push_blob("app", b"{}").await;
    for (kind, name) in [("a/sbom", "1"), ("a/signature", "2"), ("a/sbom", "3")] {
        push(&s, &artifact(ABSENT, kind, name)).await;
    }
    let all = referrers(&s, "").await;
    assert_eq!(listed(&all).len(), 3);
    assert!(all.headers.get("oci-filters-applied").is_none(), "{all:?}");
    for (query, kind, count) in [
        ("?artifactType=a/sbom", "a/sbom", 2),
        ("?artifactType=a%2Fsignature", "a/signature", 1),
        ("?artifactType=a/none", "a/none", 0),
        ("?artifactType=a/sbom&artifactType=a/sbom", "a/sbom", 2),
    ] {
        let filtered = referrers(&s, query).await;
        assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
        assert_eq!(listed(&filtered).len(), count, "{query}");
        assert!(
            listed(&filtered).iter().all(|m| m["artifactType"] == kind),
            "{query}"
        );
    }
}

// "artifactType … If the artifactType is empty or missing in the image manifest, the value of
// artifactType MUST be set to the config descriptor mediaType value"; annotations are all copied.
#[tokio::test]
async fn referrers_show_type_size_and_annotations() {
    let s = TestServer::new().await;
    let subject = json!({ "mediaType": media::OCI_MANIFEST, "digest": ABSENT, "size": 3 });
    let annotations = json!({ "org.example.a": "1", "b": "", "ü": "\"quoted\"\n" });
    let image = Image::with(
        "r19",
        json!({ "subject": subject, "annotations": annotations }),
    );
    image.push(&s, "app", "referrer").await;
    let index = json!({
        "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [],
        "subject": subject, "artifactType": "application/vnd.example.index",
    })
    .to_string();
    put(&s, "index", media::OCI_INDEX, &index).await.expect(201);
    let mut expected = vec![
        json!({
            "mediaType": media::OCI_MANIFEST, "digest": image.digest,
            "size": image.manifest.len(), "artifactType": media::OCI_CONFIG,
            "annotations": annotations,
        }),
        json!({
            "mediaType": media::OCI_INDEX, "digest": Digest::sha256(index.as_bytes()),
            "size": index.len(), "artifactType": "application/vnd.example.index",
        }),
    ];
    expected.sort_by_key(|m| m["digest"].to_string());
    let mut got = listed(&referrers(&s, "").await);
    got.sort_by_key(|m| m["digest"].to_string());
    assert_eq!(got, expected);
    let by_config = format!("?artifactType={}", media::OCI_CONFIG.replace('+', "%2B"));
    assert_eq!(listed(&referrers(&s, &by_config).await).len(), 1);
}

/// Pushes referrers with several clients at once.
async fn push_many(s: &Arc<TestServer>, count: usize) -> Vec<String> {
    const CLIENTS: usize = 16;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let s = Arc::clone(s);
        clients.spawn(async move {
            let mut digests = Vec::new();
            for i in (client..count).step_by(CLIENTS) {
                let kind = if i % 3 == 0 { "a/sbom" } else { "a/signature" };
                digests.push(push(&s, &artifact(ABSENT, kind, &i.to_string())).await);
            }
            digests
        });
    }
    let mut digests = clients.join_all().await.concat();
    digests.sort();
    digests
}

async fn walk(s: &TestServer, query: &str) -> Vec<String> {
    let mut page = referrers(s, query).await;
    let mut digests = Vec::new();
    loop {
        assert!(page.body.len() <= 4 * 1024 * 1024, "clients read no more");
        let entries = listed(&page);
        digests.extend(
            entries
                .iter()
                .map(|m| m["digest"].as_str().unwrap_or_default().to_owned()),
        );
        let Some(next) = next(&page) else { break };
        let filtered = page.headers.contains_key("oci-filters-applied");
        page = s.call("GET", &next).send().await.expect(200);
        assert_eq!(page.header("content-type"), media::OCI_INDEX);
        assert_eq!(page.headers.contains_key("oci-filters-applied"), filtered);
        assert!(digests.len() < 100_000, "pages without end");
    }
    digests.sort();
    digests
}

#[tokio::test]
async fn r19_x17_fifteen_hundred_referrers_pushed_at_once_are_all_listed() {
    let s = Arc::new(TestServer::new().await);
    s.push_blob("app", b"{}").await;
    let pushed = push_many(&s, 1500).await;
    assert!(
        next(&referrers(&s, "").await).is_some(),
        "one page holds all"
    );
    assert_eq!(walk(&s, "").await, pushed);
    assert_eq!(walk(&s, "?n=400").await, pushed);
    assert_eq!(walk(&s, "?artifactType=a/sbom&n=150").await.len(), 500);
    assert_eq!(walk(&s, "?artifactType=a/signature").await.len(), 1000);
}

#[tokio::test]
async fn a_deleted_referrer_is_no_longer_listed() {
    let s = TestServer::new().await;
    s.push_blob("app", b"{}").await;
    let one = push(&s, &artifact(ABSENT, "a/b", "1")).await;
    let two = push(&s, &artifact(ABSENT, "a/b", "2")).await;
    s.call("DELETE", &format!("/v2/app/manifests/{one}"))
        .send()
        .await
        .expect(202);
    let left = listed(&referrers(&s, "").await);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["digest"], two);
}

// The answer is cut into pages by size too: clients read 4 MiB of an index at most.
#[tokio::test]
async fn pages_of_large_annotations_stay_under_4_mib() {
    let s = TestServer::new().await;
    s.push_blob("app", b"{}").await;
    let mut pushed = Vec::new();
    for i in 0..12 {
        let name = format!("{i}{}", "x".repeat(500_000));
        pushed.push(push(&s, &artifact(ABSENT, "a/b", &name)).await);
    }
    pushed.sort();
    assert_eq!(walk(&s, "").await, pushed);
}
