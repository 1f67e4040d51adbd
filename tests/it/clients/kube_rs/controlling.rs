//! A controller of kube-rs: what it owns is there as long as its owner is, and is cleaned up after it.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{self, finalizer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;

use super::{Kube, map};

const FINALIZER: &str = "wharf.test/tended";

struct Context {
    client: Client,
    cleaned: Mutex<Vec<String>>,
}

type Failed = finalizer::Error<kube::Error>;

async fn reconcile(map: Arc<ConfigMap>, context: Arc<Context>) -> Result<Action, Failed> {
    let maps: Api<ConfigMap> = Api::default_namespaced(context.client.clone());
    finalizer(&maps, FINALIZER, map, async |event| match event {
        finalizer::Event::Apply(map) => tend(&map, &context.client).await,
        finalizer::Event::Cleanup(map) => {
            context.cleaned.lock().unwrap().push(map.name_any());
            Ok(Action::await_change())
        }
    })
    .await
}

/// A secret of the same name holds what the map says.
async fn tend(map: &ConfigMap, client: &Client) -> Result<Action, kube::Error> {
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let owner = map.controller_owner_ref(&());
    let wanted = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": map.name_any(), "ownerReferences": [owner] },
        "stringData": map.data,
    });
    let how = PatchParams::apply("tender").force();
    let name = map.name_any();
    secrets.patch(&name, &how, &Patch::Apply(wanted)).await?;
    Ok(Action::await_change())
}

fn again<K>(_object: Arc<K>, _error: &Failed, _context: Arc<Context>) -> Action {
    Action::requeue(Duration::from_millis(10))
}

/// Waits until a secret has a value.
async fn holds(secrets: &Api<Secret>, value: &str) -> Secret {
    let wanted = value.as_bytes().to_vec();
    let condition = move |secret: Option<&Secret>| {
        let data = secret.and_then(|secret| secret.data.as_ref());
        data.and_then(|data| data.get("k"))
            .is_some_and(|bytes| bytes.0 == wanted)
    };
    let held = await_condition(secrets.clone(), "one", condition);
    let held = tokio::time::timeout(Duration::from_mins(1), held).await;
    held.unwrap().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_tends_what_it_owns_and_cleans_up() {
    let Some(kube) = Kube::new().await else {
        return;
    };
    let (client, maps) = (kube.client(), kube.maps());
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let context = Arc::new(Context {
        client,
        cleaned: Mutex::default(),
    });
    let tended = watcher::Config::default().labels("mine=yes");
    let controller = Controller::new(maps.clone(), tended)
        .owns(secrets.clone(), watcher::Config::default())
        .run(reconcile, again, Arc::clone(&context));
    let running = tokio::spawn(controller.for_each(async |_result| ()));

    let made = maps
        .create(&PostParams::default(), &map("one", &json!({ "k": "1" })))
        .await
        .unwrap();
    let secret = holds(&secrets, "1").await;
    assert_eq!(secret.owner_references()[0].uid, made.uid().unwrap());
    let change = Patch::Merge(json!({ "data": { "k": "2" } }));
    let changed = maps.patch("one", &PatchParams::default(), &change).await;
    assert_eq!(changed.unwrap().finalizers(), [FINALIZER]);
    let secret = holds(&secrets, "2").await;
    // Who takes it away gets it back.
    let now = DeleteParams::default();
    secrets.delete("one", &now).await.unwrap();
    let back = holds(&secrets, "2").await;
    assert_ne!(back.uid(), secret.uid());

    maps.delete("one", &now).await.unwrap();
    let uid = made.uid().unwrap();
    let gone = await_condition(maps, "one", conditions::is_deleted(&uid));
    gone.await.unwrap();
    assert_eq!(*context.cleaned.lock().unwrap(), ["one"]);
    // The secret follows its owner.
    let uid = back.uid().unwrap();
    let gone = await_condition(secrets, "one", conditions::is_deleted(&uid));
    gone.await.unwrap();
    running.abort();
    kube.cluster.stop().await;
}
