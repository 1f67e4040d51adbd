//! The watcher against a model: whatever happens to its connection, it tells each change once and in order.
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{
    DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wharf_testkit::eventually;

use super::door::Door;
use super::{Kube, map};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client that tries again at once.
struct AtOnce;

impl Iterator for AtOnce {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(5))
    }
}

impl Backoff for AtOnce {
    fn reset(&mut self) {}
}

/// What one change is to a watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Init,
    There(String),
    Ready,
    Applied(String, String),
    Deleted(String),
}

impl Told {
    fn of(event: &Event<ConfigMap>) -> Self {
        let revision = |map: &ConfigMap| map.resource_version().unwrap();
        match event {
            Event::Init => Self::Init,
            Event::InitApply(map) => Self::There(map.name_any()),
            Event::InitDone => Self::Ready,
            Event::Apply(map) => Self::Applied(map.name_any(), revision(map)),
            Event::Delete(map) => Self::Deleted(map.name_any()),
        }
    }
}

/// A reflector that watches through a door.
struct Watched {
    door: Door,
    store: Store<ConfigMap>,
    told: UnboundedReceiver<Result<Told, watcher::Error>>,
    errors: Vec<watcher::Error>,
}

impl Watched {
    async fn start(kube: &Kube, how: watcher::Config) -> Self {
        let url = &kube.config.cluster_url;
        let server = format!("{}:{}", url.host().unwrap(), url.port_u16().unwrap());
        let server = tokio::net::lookup_host(server).await.unwrap();
        let door = Door::to(server.into_iter().find(|a| a.is_ipv4()).unwrap()).await;
        let mut config = kube.config.clone();
        config.tls_server_name = Some(url.host().unwrap().to_owned());
        config.cluster_url = format!("https://{}", door.address).parse().unwrap();
        let maps: Api<ConfigMap> = Api::default_namespaced(Client::try_from(config).unwrap());
        let (store, writer) = reflector::store();
        let (send, told) = unbounded_channel();
        let events = watch(maps, how.labels("mine=yes")).backoff(AtOnce);
        tokio::spawn(async move {
            let mut events = std::pin::pin!(events.reflect(writer));
            while let Some(event) = events.next().await {
                if send.send(event.map(|event| Told::of(&event))).is_err() {
                    break;
                }
            }
        });
        Self {
            door,
            store,
            told,
            errors: Vec::new(),
        }
    }

    /// Everything that is told up to something.
    async fn until(&mut self, last: impl Fn(&Told) -> bool) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let next = tokio::time::timeout(PATIENCE, self.told.recv()).await;
            match next.unwrap_or_else(|_| unreachable!("{all:?} {:?}", self.errors)) {
                Some(Ok(told)) => all.push(told),
                Some(Err(error)) => {
                    self.errors.push(error);
                    continue;
                }
                None => unreachable!("the watcher ended"),
            }
            if all.last().is_some_and(&last) {
                return all;
            }
        }
    }

    /// Compares the store with what a list says.
    async fn assert_equals(&self, maps: &Api<ConfigMap>) {
        let listed = maps
            .list(&ListParams::default().labels("mine=yes"))
            .await
            .unwrap();
        for map in &listed.items {
            let known = self.store.get(&ObjectRef::from_obj(map));
            assert_eq!(known.as_deref(), Some(map));
        }
        assert_eq!(self.store.len(), listed.items.len());
    }
}

/// Random changes, all of them known.
struct Writer {
    maps: Api<ConfigMap>,
    random: u64,
    there: Vec<String>,
    /// What a watcher must be told, in order.
    log: Vec<Told>,
}

impl Writer {
    fn new(maps: Api<ConfigMap>) -> Self {
        Self {
            maps,
            random: 0x2545_f491_4f6c_dd1d,
            there: Vec::new(),
            log: Vec::new(),
        }
    }

    fn pick(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap() % below
    }

    fn applied(&mut self, map: &ConfigMap) {
        let told = Told::Applied(map.name_any(), map.resource_version().unwrap());
        self.log.push(told);
    }

    async fn create(&mut self, name: &str) {
        let new = map(name, &json!({ "n": "0" }));
        let made = self.maps.create(&PostParams::default(), &new).await;
        self.applied(&made.unwrap());
        self.there.push(name.to_owned());
    }

    async fn step(&mut self, number: usize) {
        let roll = self.pick(10);
        if roll < 3 || self.there.is_empty() {
            return self.create(&format!("m{number}")).await;
        }
        let at = self.pick(self.there.len());
        if roll < 8 {
            let patch = Patch::Merge(json!({ "data": { "n": format!("step {number}") } }));
            let (name, how) = (&self.there[at], PatchParams::default());
            let changed = self.maps.patch(name, &how, &patch).await.unwrap();
            self.applied(&changed);
        } else {
            let name = self.there.swap_remove(at);
            let gone = self.maps.delete(&name, &DeleteParams::default()).await;
            gone.unwrap();
            self.log.push(Told::Deleted(name));
        }
    }
}

async fn nothing_is_lost_and_nothing_is_told_twice(how: watcher::Config) {
    let Some(kube) = Kube::new().await else {
        return;
    };
    let mut writer = Writer::new(kube.maps());
    for name in ["a", "b", "c"] {
        writer.create(name).await;
    }
    writer.log.clear();
    let mut watched = Watched::start(&kube, how).await;
    let begin = watched.until(|told| *told == Told::Ready).await;
    let there = ["a", "b", "c"].map(|name| Told::There(name.to_owned()));
    assert_eq!(begin[0], Told::Init);
    assert_eq!(begin[1..4], there);
    assert_eq!(begin.len(), 5);
    for round in 0..20 {
        for step in 0..8 {
            if step == 3 {
                watched.door.shut();
                // Now and then it is back before anything has happened.
                if round % 2 == 0 {
                    watched.door.open();
                }
            }
            writer.step(round * 8 + step).await;
        }
        watched.door.open();
    }
    writer.create("last").await;
    let last = writer.log.last().unwrap().clone();
    let told = watched.until(|told| *told == last).await;
    assert_eq!(told, writer.log);
    watched.assert_equals(&writer.maps).await;
    assert!(!watched.errors.is_empty(), "nothing was ever cut");
    let cut = |error: &watcher::Error| {
        use watcher::Error::{WatchFailed, WatchStartFailed};
        matches!(error, WatchFailed(_) | WatchStartFailed(_))
    };
    assert!(watched.errors.iter().all(cut), "{:?}", watched.errors);
    forgotten(kube, writer, watched).await;
}

/// After a restart the server has no history: the watcher is told so, and begins anew by itself.
async fn forgotten(kube: Kube, mut writer: Writer, mut watched: Watched) {
    writer.step(1000).await;
    watched.door.shut();
    writer.step(1001).await;
    let cluster = kube.cluster.restart().await;
    let there = eventually("the cluster is back", async || {
        let listed = writer.maps.list(&ListParams::default()).await.ok()?;
        Some(listed.items.len())
    });
    assert!(there.await >= writer.there.len());
    watched.door.open();
    let told = watched.until(|told| *told == Told::Ready).await;
    let again = told.iter().filter(|told| **told == Told::Init).count();
    assert_eq!(again, 1, "{told:?}");
    let told = told.iter().filter(|told| matches!(told, Told::There(_)));
    assert_eq!(told.count(), writer.there.len());
    let gone = watched.errors.iter().any(
        |error| matches!(error, watcher::Error::WatchError(status) if status.code == 410 && status.reason == "Expired"),
    );
    assert!(gone, "{:?}", watched.errors);
    writer.create("final").await;
    let last = writer.log.last().unwrap().clone();
    assert_eq!(
        watched.until(|told| *told == last).await,
        std::slice::from_ref(&last)
    );
    watched.assert_equals(&writer.maps).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watcher_that_lists_survives_cuts() {
    Box::pin(nothing_is_lost_and_nothing_is_told_twice(
        watcher::Config::default().page_size(2),
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watcher_that_streams_its_list_survives_cuts() {
    Box::pin(nothing_is_lost_and_nothing_is_told_twice(
        watcher::Config::default().streaming_lists(),
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_watch_goes_on_from_a_revision() {
    let Some(kube) = Kube::new().await else {
        return;
    };
    let mut writer = Writer::new(kube.maps());
    writer.create("a").await;
    let listed = writer.maps.list(&ListParams::default()).await.unwrap();
    let from = listed.metadata.resource_version.unwrap();
    for step in 0..20 {
        writer.step(step).await;
    }
    let how = WatchParams::default().labels("mine=yes").timeout(1);
    let events = writer.maps.watch(&how, &from).await.unwrap();
    let events: Vec<Told> = events
        .filter_map(async |event| match event.unwrap() {
            WatchEvent::Added(map) | WatchEvent::Modified(map) => {
                Some(Told::Applied(map.name_any(), map.resource_version()?))
            }
            WatchEvent::Deleted(map) => Some(Told::Deleted(map.name_any())),
            WatchEvent::Bookmark(_) => None,
            WatchEvent::Error(status) => unreachable!("{status:?}"),
        })
        .collect()
        .await;
    assert_eq!(events, writer.log[1..]);
    kube.cluster.stop().await;
}
