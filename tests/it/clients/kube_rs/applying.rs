//! Changing objects together with others: server-side apply, and each type of patch.
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::{Kube, data, map, refused};

fn wanted(data: &Value) -> Patch<Value> {
    Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "shared" }, "data": data,
    }))
}

/// The keys of the data that a manager owns by its applies.
fn owned(map: &ConfigMap, manager: &str) -> Vec<String> {
    let of = |entry: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(manager) && entry.operation.as_deref() == Some("Apply")
    };
    let entry = map.managed_fields().iter().find(of);
    let fields = entry.and_then(|entry| entry.fields_v1.as_ref());
    let keys = fields.and_then(|fields| fields.0["f:data"].as_object());
    keys.into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("f:"))
        .map(str::to_owned)
        .collect()
}

async fn appliers_share_an_object(maps: &Api<ConfigMap>) {
    let first = PatchParams::apply("first");
    let second = PatchParams::apply("second");
    let apply =
        async |how: &PatchParams, wish: Value| maps.patch("shared", how, &wanted(&wish)).await;
    let made = apply(&first, json!({ "a": "1", "b": "1" })).await.unwrap();
    let same = apply(&first, json!({ "a": "1", "b": "1" })).await.unwrap();
    assert_eq!(made.resource_version(), same.resource_version());

    let status = refused(
        apply(&second, json!({ "a": "2", "c": "2" })).await,
        409,
        "Conflict",
    );
    assert_eq!(
        status.message,
        "Apply failed with 1 conflict: conflict with \"first\": .data.a"
    );
    let causes = status.details.unwrap().causes;
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].reason, "FieldManagerConflict");
    assert_eq!(causes[0].field, ".data.a");
    assert_eq!(causes[0].message, "conflict with \"first\"");

    let dry = second.clone().force().dry_run();
    let would = apply(&dry, json!({ "a": "2", "c": "2" })).await.unwrap();
    assert_eq!(data(&would), json!({ "a": "2", "b": "1", "c": "2" }));
    let now = maps.get("shared").await.unwrap();
    assert_eq!(data(&now), json!({ "a": "1", "b": "1" }));

    let force = second.clone().force();
    let forced = apply(&force, json!({ "a": "2", "c": "2" })).await.unwrap();
    assert_eq!(data(&forced), json!({ "a": "2", "b": "1", "c": "2" }));
    assert_eq!(owned(&forced, "first"), ["b"]);
    assert_eq!(owned(&forced, "second"), ["a", "c"]);

    // Who gives a field up takes it along, unless somebody else has it too.
    let shared = apply(&first, json!({ "b": "1", "c": "2" })).await.unwrap();
    assert_eq!(owned(&shared, "first"), ["b", "c"]);
    let left = apply(&second, json!({ "a": "2" })).await.unwrap();
    assert_eq!(data(&left), json!({ "a": "2", "b": "1", "c": "2" }));
    let left = apply(&first, json!({})).await.unwrap();
    assert_eq!(data(&left), json!({ "a": "2" }));

    let strict = first.clone().validation_strict();
    let misspelled = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "shared" }, "dta": {},
    }));
    // Kubernetes has no better code for this.
    let status = refused(maps.patch("shared", &strict, &misspelled).await, 500, "");
    assert!(
        status
            .message
            .ends_with(".dta: field not declared in schema")
    );
}

async fn each_type_of_patch(maps: &Api<ConfigMap>) {
    let how = PatchParams::default();
    let new = map("patched", &json!({ "a": "1", "b": "1" }));
    let made = maps.create(&PostParams::default(), &new).await.unwrap();
    let merge = Patch::Merge(json!({ "data": { "a": null, "c": "3" } }));
    let merged = maps.patch("patched", &how, &merge).await.unwrap();
    assert_eq!(data(&merged), json!({ "b": "1", "c": "3" }));
    let operations = json!([
        { "op": "test", "path": "/data/c", "value": "3" },
        { "op": "move", "from": "/data/c", "path": "/data/d" },
    ]);
    let operations = Patch::Json::<()>(serde_json::from_value(operations).unwrap());
    let moved = maps.patch("patched", &how, &operations).await.unwrap();
    assert_eq!(data(&moved), json!({ "b": "1", "d": "3" }));
    refused(
        maps.patch("patched", &how, &operations).await,
        422,
        "Invalid",
    );
    // A patch may demand the state that it was made for.
    let revision = made.resource_version().unwrap();
    let late = json!({ "metadata": { "resourceVersion": revision }, "data": { "late": "1" } });
    let late = maps.patch("patched", &how, &Patch::Merge(late)).await;
    refused(late, 409, "Conflict");
    let none = maps.patch("none", &how, &merge).await;
    refused(none, 404, "NotFound");
}

/// Lists are merged by their keys, by both ways of merging that know the kind.
async fn containers_are_merged_by_name(client: &Client) {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let template = |containers: Value| json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": containers } });
    let apply = Patch::Apply(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "web" } },
            "template": template(json!([{ "name": "web", "image": "nginx" }])),
        },
    }));
    let first = PatchParams::apply("first");
    deployments.patch("web", &first, &apply).await.unwrap();
    let images = |deployment: &Deployment| -> Vec<(String, String)> {
        let pod = deployment.spec.template.spec.as_ref();
        let containers = pod.unwrap().containers.iter();
        let pairs = containers.map(|c| (c.name.clone(), c.image.clone().unwrap_or_default()));
        pairs.collect()
    };
    let pair = |name: &str, image: &str| (name.to_owned(), image.to_owned());
    let side = json!([{ "name": "side", "image": "busybox" }]);
    let strategic = Patch::Strategic(json!({ "spec": { "template": template(side) } }));
    let plain = PatchParams::default();
    let both = deployments.patch("web", &plain, &strategic).await.unwrap();
    assert_eq!(
        images(&both),
        [pair("side", "busybox"), pair("web", "nginx")]
    );
    let newer = Patch::Strategic(json!({ "spec": { "template": { "spec": {
        "containers": [{ "name": "web", "image": "nginx:2" }, { "name": "side", "$patch": "delete" }],
    } } } }));
    let one = deployments.patch("web", &plain, &newer).await.unwrap();
    assert_eq!(images(&one), [pair("web", "nginx:2")]);
    let status = refused(
        deployments.patch("web", &first, &apply).await,
        409,
        "Conflict",
    );
    let cause = &status.details.unwrap().causes[0];
    assert_eq!(
        cause.field,
        ".spec.template.spec.containers[name=\"web\"].image"
    );
    let scaled = deployments.get_scale("web").await.unwrap();
    // Of nothing, nothing is said.
    assert_eq!(scaled.spec.unwrap().replicas, None);
    let two = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
    let scaled = deployments.patch_scale("web", &plain, &two).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(2));
    let restarted = deployments.restart("web").await.unwrap();
    let template = restarted.spec.template.metadata.unwrap();
    let when = template.annotations.unwrap();
    assert!(when.contains_key("kube.kubernetes.io/restartedAt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn applies_and_patches() {
    let Some(kube) = Kube::new().await else {
        return;
    };
    appliers_share_an_object(&kube.maps()).await;
    each_type_of_patch(&kube.maps()).await;
    containers_are_merged_by_name(&kube.client()).await;
    kube.cluster.stop().await;
}
