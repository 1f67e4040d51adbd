use serde_json::json;

use super::*;
use crate::cluster::testing::TestCluster;

async fn gone(test: &TestCluster, resource: &str, namespace: &str, name: &str) {
    let shelf = test.cluster.shelf(resource).unwrap();
    let mut news = shelf.subscribe();
    while shelf.get(namespace, name).is_some() {
        news.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_namespace_goes_when_all_in_it_is_gone() {
    let test = TestCluster::new().await;
    let (cluster, by) = (&test.cluster, &test.by);
    let running = tokio::spawn(run(cluster.clone()));
    let namespace = json!({ "metadata": { "name": "web" } });
    cluster.create("namespaces", namespace, by).await.unwrap();
    for (name, finalizers) in [("a", json!([])), ("held", json!(["a.b/c"]))] {
        let object =
            json!({ "metadata": { "name": name, "namespace": "web", "finalizers": finalizers } });
        cluster.create("configmaps", object, by).await.unwrap();
    }
    let how = Deletion::default();
    cluster
        .delete("namespaces", "", "web", &how, by)
        .await
        .unwrap();
    gone(&test, "configmaps", "web", "a").await;
    let shelf = cluster.shelf("namespaces").unwrap();
    let mut news = shelf.subscribe();
    loop {
        news.mark_unchanged();
        let value = shelf.get("", "web").unwrap().value();
        let conditions = fields::list(&value["status"], "conditions");
        if conditions
            .iter()
            .any(|c| c["type"] == "NamespaceFinalizersRemaining" && c["status"] == "True")
        {
            assert_eq!(value["status"]["phase"], "Terminating");
            break;
        }
        news.changed().await.unwrap();
    }
    let freed = cluster.modify("configmaps", "web", "held", Part::Main, by, |object| {
        object["metadata"]["finalizers"] = json!([]);
        Ok(())
    });
    freed.await.unwrap();
    gone(&test, "namespaces", "", "web").await;
    running.abort();
}
