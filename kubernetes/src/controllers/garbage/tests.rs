use serde_json::json;

use super::*;
use crate::cluster::testing::TestCluster;

fn config(name: &str, owners: &[&Object]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "name": owner.name, "uid": owner.uid,
                "blockOwnerDeletion": true,
            })
        })
        .collect();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "default", "ownerReferences": owners },
    })
}

async fn make(test: &TestCluster, name: &str, owners: &[&Object]) -> Arc<Object> {
    let made = test
        .cluster
        .create("configmaps", config(name, owners), &test.by);
    made.await.unwrap()
}

async fn delete(test: &TestCluster, name: &str, propagation: Propagation) {
    let how = Deletion {
        propagation: Some(propagation),
        ..Deletion::default()
    };
    test.cluster
        .delete("configmaps", "default", name, &how, &test.by)
        .await
        .unwrap();
}

/// Waits until there are exactly these.
async fn left(test: &TestCluster, wanted: &[&str]) {
    let shelf = test.cluster.shelf("configmaps").unwrap();
    let mut news = shelf.subscribe();
    loop {
        news.mark_unchanged();
        let names: Vec<String> = shelf.objects(None).iter().map(|o| o.name.clone()).collect();
        if names == wanted {
            return;
        }
        news.changed().await.unwrap();
    }
}

#[tokio::test]
async fn dependents_go_after_before_or_without_their_owner() {
    let test = TestCluster::new().await;
    let running = tokio::spawn(run(test.cluster.clone()));
    let a = make(&test, "a", &[]).await;
    let b = make(&test, "b", &[&a]).await;
    make(&test, "c", &[&b]).await;
    delete(&test, "a", Propagation::Background).await;
    left(&test, &[]).await;

    let a = make(&test, "a", &[]).await;
    let b = make(&test, "b", &[&a]).await;
    make(&test, "c", &[&b]).await;
    delete(&test, "a", Propagation::Foreground).await;
    left(&test, &[]).await;

    let a = make(&test, "a", &[]).await;
    let other = make(&test, "other", &[]).await;
    make(&test, "b", &[&a, &other]).await;
    delete(&test, "a", Propagation::Foreground).await;
    left(&test, &["b", "other"]).await;
    delete(&test, "other", Propagation::Orphan).await;
    left(&test, &["b"]).await;
    let kept = test.cluster.get("configmaps", "default", "b").unwrap();
    assert!(kept.owners.is_empty());
    running.abort();
}

#[tokio::test]
async fn an_owner_of_another_uid_is_none_and_one_of_an_unknown_kind_is_believed() {
    let test = TestCluster::new().await;
    let a = make(&test, "a", &[]).await;
    let mut wrong = config("wrong", &[&a]);
    wrong["metadata"]["ownerReferences"][0]["uid"] = "other".into();
    let mut unknown = config("unknown", &[&a]);
    unknown["metadata"]["ownerReferences"][0]["kind"] = "Odd".into();
    for value in [wrong, unknown] {
        test.cluster
            .create("configmaps", value, &test.by)
            .await
            .unwrap();
    }
    let running = tokio::spawn(run(test.cluster.clone()));
    left(&test, &["a", "unknown"]).await;
    running.abort();
}
