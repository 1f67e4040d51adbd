//! Objects of many kinds, as they are made, found, listed and removed.
use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    DeleteParams, DynamicObject, EvictParams, ListParams, LogParams, Patch, PatchParams,
    PostParams, VersionMatch,
};
use kube::discovery::{Discovery, Scope, verbs};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::{Kube, data, map, refused};

async fn from_creation_to_end(maps: &Api<ConfigMap>) {
    let post = PostParams::default();
    let made = maps
        .create(&post, &map("one", &json!({ "a": "1" })))
        .await
        .unwrap();
    refused(maps.create(&post, &made).await, 400, "BadRequest");
    let again = maps.create(&post, &map("one", &json!({}))).await;
    refused(again, 409, "AlreadyExists");
    assert_eq!(maps.get("one").await.unwrap(), made);
    assert!(maps.get_opt("none").await.unwrap().is_none());

    let mut newer = made.clone();
    newer.annotations_mut().insert("k".into(), "v".into());
    let newer = maps.replace("one", &post, &newer).await.unwrap();
    refused(maps.replace("one", &post, &made).await, 409, "Conflict");
    let meta = maps.get_metadata("one").await.unwrap();
    assert_eq!(meta.metadata, newer.metadata);

    // An entry is read, changed and written.
    let entry = maps.entry("one").await.unwrap();
    let mut entry = entry.or_insert(ConfigMap::default).and_modify(|map| {
        map.data = Some([("b".to_owned(), "2".to_owned())].into());
    });
    entry.commit(&post).await.unwrap();
    let now = maps.get("one").await.unwrap();
    assert_eq!(data(&now), json!({ "b": "2" }));

    let uid = newer.uid().unwrap();
    let other = DeleteParams::default().preconditions(kube::api::Preconditions {
        uid: Some("other".to_owned()),
        ..Default::default()
    });
    refused(maps.delete("one", &other).await, 409, "Conflict");
    maps.delete("one", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(maps.clone(), "one", conditions::is_deleted(&uid));
    gone.await.unwrap();
    refused(maps.get("one").await, 404, "NotFound");
}

async fn pages_and_revisions(maps: &Api<ConfigMap>) {
    for number in 0..7 {
        let new = map(&format!("p{number}"), &json!({}));
        maps.create(&PostParams::default(), &new).await.unwrap();
    }
    let mine = ListParams::default().labels("mine=yes");
    let first = maps.list(&mine.clone().limit(3)).await.unwrap();
    maps.delete("p6", &DeleteParams::default()).await.unwrap();
    let mut names: Vec<String> = first.iter().map(ResourceExt::name_any).collect();
    let mut next = first.metadata.continue_.clone();
    while let Some(token) = next.filter(|token| !token.is_empty()) {
        let page = mine.clone().limit(3).continue_token(&token);
        let page = maps.list(&page).await.unwrap();
        assert_eq!(
            page.metadata.resource_version,
            first.metadata.resource_version
        );
        names.extend(page.iter().map(ResourceExt::name_any));
        next = page.metadata.continue_;
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    let revision = first.metadata.resource_version.unwrap();
    let then = mine.clone().at(&revision);
    let exact = then.clone().matching(VersionMatch::Exact);
    assert_eq!(maps.list(&exact).await.unwrap().items.len(), 7);
    let newer = then.matching(VersionMatch::NotOlderThan);
    assert_eq!(maps.list(&newer).await.unwrap().items.len(), 6);
    assert_eq!(
        maps.list_metadata(&mine.clone().match_any())
            .await
            .unwrap()
            .items
            .len(),
        6
    );
    maps.delete_collection(&DeleteParams::default(), &mine)
        .await
        .unwrap();
    assert_eq!(maps.list(&mine).await.unwrap().items.len(), 0);
}

async fn pods(client: &Client) {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "p" }, "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
    }))
    .unwrap();
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    await_condition(accounts, "default", conditions::is_created())
        .await
        .unwrap();
    let made = pods.create(&PostParams::default(), &pod).await.unwrap();
    // There is no node, and nothing that has printed anything.
    let printed = pods.logs("p", &LogParams::default()).await.unwrap();
    assert_eq!(printed, "");
    let debug = Patch::Strategic(json!({ "spec": { "ephemeralContainers": [
        { "name": "debug", "image": "busybox", "targetContainerName": "main" },
    ] } }));
    let debugged = pods
        .patch_ephemeral_containers("p", &PatchParams::default(), &debug)
        .await
        .unwrap();
    let ephemeral = debugged.spec.unwrap().ephemeral_containers.unwrap();
    assert_eq!(ephemeral[0].name, "debug");
    let status = pods.get_status("p").await.unwrap().status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    pods.evict("p", &EvictParams::default()).await.unwrap();
    let uid = made.uid().unwrap();
    await_condition(pods, "p", conditions::is_deleted(&uid))
        .await
        .unwrap();
}

async fn discovery_by_both_ways(client: &Client) {
    let old = Discovery::new(client.clone()).run().await.unwrap();
    let new = Discovery::new(client.clone())
        .run_aggregated()
        .await
        .unwrap();
    let kinds = |found: &Discovery| -> BTreeSet<(String, String, bool, Vec<String>)> {
        let groups = found.groups();
        let all = groups.flat_map(kube::discovery::ApiGroup::recommended_resources);
        let row = |(resource, can): (kube::core::ApiResource, kube::discovery::ApiCapabilities)| {
            let namespaced = can.scope == Scope::Namespaced;
            let mut operations = can.operations;
            operations.sort();
            (resource.api_version, resource.kind, namespaced, operations)
        };
        all.map(row).collect()
    };
    assert_eq!(kinds(&old), kinds(&new));
    let gvk = kube::core::GroupVersionKind::gvk("apps", "v1", "Deployment");
    let (resource, can) = new.resolve_gvk(&gvk).unwrap();
    assert_eq!(resource.plural, "deployments");
    assert!(can.supports_operation(verbs::WATCH));
    assert!(
        can.subresources
            .iter()
            .any(|(sub, _)| sub.plural.ends_with("scale"))
    );
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
}

fn definition() -> CustomResourceDefinition {
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": { "type": "object", "properties": {
                "teeth": { "type": "integer", "minimum": 3, "default": 8 } } },
            "status": { "type": "object", "properties": { "turning": { "type": "boolean" } } },
        },
    });
    serde_json::from_value(json!({
        "metadata": { "name": "gears.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": { "plural": "gears", "kind": "Gear" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema }, "subresources": { "status": {} },
            }],
        },
    }))
    .unwrap()
}

async fn custom_objects(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply("test").force();
    let crd = Patch::Apply(definition());
    let name = "gears.example.com";
    definitions.patch(name, &apply, &crd).await.unwrap();
    await_condition(definitions, name, conditions::is_crd_established())
        .await
        .unwrap();
    let gvk = kube::core::GroupVersionKind::gvk("example.com", "v1", "Gear");
    let found = kube::discovery::pinned_kind(client, &gvk).await;
    let (resource, can) = found.unwrap();
    assert_eq!(can.scope, Scope::Namespaced);
    let gears: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let new = DynamicObject::new("g", &resource).data(json!({ "spec": {} }));
    let made = gears.create(&PostParams::default(), &new).await.unwrap();
    assert_eq!(made.data["spec"], json!({ "teeth": 8 }));
    let patch = async |body: Value| {
        let plain = PatchParams::default();
        gears.patch("g", &plain, &Patch::Merge(body)).await
    };
    refused(
        patch(json!({ "spec": { "teeth": 2 } })).await,
        422,
        "Invalid",
    );
    // The status has a door of its own.
    let same = patch(json!({ "status": { "turning": true } })).await;
    assert_eq!(same.unwrap().data["status"], Value::Null);
    let status = Patch::Merge(json!({ "status": { "turning": true } }));
    let turning = gears
        .patch_status("g", &PatchParams::default(), &status)
        .await
        .unwrap();
    assert_eq!(turning.data["status"], json!({ "turning": true }));
    // Lists of a kind know nothing of strategic merges.
    let strategic = Patch::Strategic(json!({ "spec": {} }));
    let strategic = gears.patch("g", &PatchParams::default(), &strategic).await;
    refused(strategic, 415, "UnsupportedMediaType");
}

async fn others(client: &Client) {
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    let request = serde_json::from_value(json!({ "spec": { "audiences": [] } })).unwrap();
    let token = accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await
        .unwrap();
    let minted = token.status.unwrap().token;
    assert!(minted.is_some_and(|token| token.starts_with("ey")));
    let leases: Api<Lease> = Api::default_namespaced(client.clone());
    let lease: Lease = serde_json::from_value(json!({
        "metadata": { "name": "l" },
        "spec": { "holderIdentity": "a", "renewTime": "2026-01-02T03:04:05.123456Z" },
    }))
    .unwrap();
    let made = leases.create(&PostParams::default(), &lease).await.unwrap();
    assert_eq!(made.spec, lease.spec);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let new: Namespace = serde_json::from_value(json!({ "metadata": { "name": "team" } })).unwrap();
    let made = namespaces.create(&PostParams::default(), &new).await;
    let uid = made.unwrap().uid().unwrap();
    let inside: Api<ConfigMap> = Api::namespaced(client.clone(), "team");
    let kept = map("in", &json!({}));
    inside.create(&PostParams::default(), &kept).await.unwrap();
    let how = DeleteParams::foreground();
    namespaces.delete("team", &how).await.unwrap();
    await_condition(namespaces, "team", conditions::is_deleted(&uid))
        .await
        .unwrap();
    refused(inside.get("in").await, 404, "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_many_kinds() {
    let Some(kube) = Kube::new().await else {
        return;
    };
    let (maps, client) = (kube.maps(), kube.client());
    from_creation_to_end(&maps).await;
    pages_and_revisions(&maps).await;
    Box::pin(pods(&client)).await;
    discovery_by_both_ways(&client).await;
    custom_objects(&client).await;
    others(&client).await;
    kube.cluster.stop().await;
}
