use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::tests::Server;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_deletion_is_only_of_what_its_preconditions_name() {
    let s = Server::new().await;
    s.post(MAPS, json!({ "metadata": { "name": "a" } })).await;
    let path = format!("{MAPS}/a");
    let delete = async |conditions: Value| {
        let body = json!({ "preconditions": conditions });
        let answer = s.send(Method::DELETE, &path, "application/json", &body);
        answer.await.0
    };
    for other in [
        json!({ "uid": "other" }),
        json!({ "resourceVersion": "1" }),
        json!({ "resourceVersion": "no number" }),
    ] {
        assert_eq!(delete(other).await, StatusCode::CONFLICT);
    }
    let (_, now) = s.get(&path).await;
    let meta = &now["metadata"];
    let this = json!({ "uid": meta["uid"], "resourceVersion": meta["resourceVersion"] });
    assert_eq!(delete(this).await, StatusCode::OK);
}

#[tokio::test]
async fn the_last_state_of_a_deleted_storage_class_is_sent() {
    let s = Server::new().await;
    let path = "/apis/storage.k8s.io/v1/storageclasses";
    let class = json!({ "metadata": { "name": "a" }, "provisioner": "example.com/disk" });
    s.post(path, class).await;
    let one = format!("{path}/a");
    let gone = s.send(Method::DELETE, &one, "application/json", &Value::Null);
    assert_eq!(gone.await.1["kind"], "StorageClass");
}
