//! An engine that takes its time to stop pods and tells what it does.
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::Notify;
use wharf_runtime::engine::{AttachSpec, Process, Usage};
use wharf_runtime::{Content, Error, Later, Notice, PodSpec, PodStatus, Stream, VolumeSource};

use super::*;

#[derive(Debug)]
struct Slow {
    pods: Simulated,
    notices: Mutex<Vec<Notice>>,
    told: Notify,
    /// The graces that were asked for, by pod.
    graces: Mutex<BTreeMap<String, Vec<Duration>>>,
    removed: Mutex<Vec<String>>,
    /// What it was asked to run.
    specs: Mutex<Vec<PodSpec>>,
}

impl PodRuntime for Slow {
    fn run(&self, spec: PodSpec, last: Option<PodStatus>) -> Later<'_, PodStatus> {
        self.specs.lock().unwrap().push(spec.clone());
        self.told.notify_one();
        self.pods.run(spec, last)
    }

    fn status(&self, id: &str) -> Option<PodStatus> {
        self.pods.status(id)
    }

    /// Ends only without grace.
    fn stop(&self, id: &str, grace: Duration) -> Later<'_, Option<PodStatus>> {
        let mut graces = self.graces.lock().unwrap();
        graces.entry(id.to_owned()).or_default().push(grace);
        if grace.is_zero() {
            self.pods.stop(id, grace)
        } else {
            Box::pin(std::future::pending())
        }
    }

    fn remove(&self, id: &str) -> Later<'_, ()> {
        self.removed.lock().unwrap().push(id.to_owned());
        self.told.notify_one();
        self.pods.remove(id)
    }

    fn changed(&self) -> Later<'_, Vec<String>> {
        Box::pin(async {
            self.told.notified().await;
            Ok(Vec::new())
        })
    }

    fn notices(&self) -> Option<Vec<Notice>> {
        Some(std::mem::take(&mut *self.notices.lock().unwrap()))
    }

    fn strangers(&self) -> Vec<String> {
        vec!["stranger".to_owned()]
    }

    fn logs<'a>(
        &'a self,
        _id: &'a str,
        _container: &'a str,
        _previous: bool,
        _query: LogQuery,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn exec<'a>(&'a self, _id: &'a str, _c: &'a str, _spec: ExecSpec) -> Later<'a, Process> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn attach<'a>(&'a self, _id: &'a str, _c: &'a str, _spec: AttachSpec) -> Later<'a, Process> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn port<'a>(&'a self, _id: &'a str, _port: u16) -> Later<'a, Box<dyn Stream>> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }

    fn usage<'a>(&'a self, _id: &'a str) -> Later<'a, Vec<(String, Usage)>> {
        Box::pin(async { Err(Error::NoSuchPod) })
    }
}

async fn slow() -> (Story, Arc<Slow>) {
    let mut s = Story::new().await;
    s.tasks.shutdown().await;
    let engine = Arc::new(Slow {
        pods: Simulated::new(s.test.clock.clone(), Pace::default()),
        notices: Mutex::default(),
        told: Notify::new(),
        graces: Mutex::default(),
        removed: Mutex::default(),
        specs: Mutex::default(),
    });
    let addresses = MemoryAddresses::new(Ipv4Addr::new(192, 168, 0, 10), 10_000);
    let runtime: Arc<dyn PodRuntime> = Arc::<Slow>::clone(&engine);
    let (kubelet, tasks) = Kubelet::start(s.test.cluster.clone(), runtime, Arc::new(addresses));
    (
        Story {
            kubelet,
            tasks,
            ..s
        },
        engine,
    )
}

async fn delete(s: &Story, name: &str, grace_secs: i64) {
    let how = Deletion {
        grace_secs: Some(grace_secs),
        ..Deletion::default()
    };
    let by = &s.test.by;
    let cluster = &s.test.cluster;
    let deleted = cluster.delete("pods", "default", name, &how, by);
    deleted.await.unwrap();
}

#[tokio::test]
async fn many_pods_with_a_long_grace_hold_up_no_other() {
    let (s, _engine) = slow().await;
    let names: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
    for name in &names {
        s.create(pod(name)).await;
        s.until(name, is_running).await;
        delete(&s, name, 3600).await;
    }
    s.create(pod("new")).await;
    s.until("new", is_running).await;
    assert!(is_running(&s.until("p0", |_| true).await), "it has an hour");
}

#[tokio::test]
async fn a_shorter_grace_is_passed_on_while_a_pod_ends() {
    let (s, engine) = slow().await;
    s.create(pod("a")).await;
    let a = s.until("a", is_running).await;
    let uid = a["metadata"]["uid"].as_str().unwrap();
    delete(&s, "a", 3600).await;
    s.events("a", &["Killing"]).await;
    delete(&s, "a", 60).await;
    delete(&s, "a", 0).await;
    s.until_gone("a").await;
    while !engine.removed.lock().unwrap().iter().any(|id| id == uid) {
        tokio::task::yield_now().await;
    }
    let graces = engine.graces.lock().unwrap()[uid].clone();
    assert_eq!(graces[0], Duration::from_hours(1));
    assert!(graces.is_sorted_by(|a, b| a >= b), "{graces:?}");
    assert!(graces.last().unwrap().is_zero());
}

#[tokio::test]
async fn what_the_engine_tells_becomes_events_of_the_container() {
    let (s, engine) = slow().await;
    s.create(pod("a")).await;
    let a = s.until("a", is_running).await;
    let uid = a["metadata"]["uid"].as_str().unwrap();
    let message = "Back-off restarting failed container c".to_owned();
    let told = vec![
        Notice::normal(uid, "c", "Pulling", "Pulling image \"nginx:1\"".to_owned()),
        Notice::warning(uid, "c", "BackOff", message.clone()),
        Notice::warning("nobody", "c", "BackOff", message),
    ];
    engine.notices.lock().unwrap().extend(told);
    engine.told.notify_one();
    let texts = s.events("a", &["Pulling", "BackOff"]).await;
    assert_eq!(
        texts.len(),
        2,
        "the kubelet tells nothing of its own: {texts:?}"
    );
    let events = s.test.cluster.shelf("events").unwrap().objects(None);
    let events: Vec<Value> = events.iter().map(|event| event.value()).collect();
    let found = events.iter().find(|event| event["reason"] == "BackOff");
    let found = found.unwrap();
    assert_eq!(found["type"], "Warning");
    assert_eq!(found["involvedObject"]["fieldPath"], "spec.containers{c}");
    assert_eq!(found["involvedObject"]["uid"], uid);
}

#[tokio::test]
async fn what_the_engine_has_of_pods_that_are_gone_is_removed() {
    let (_s, engine) = slow().await;
    loop {
        if engine
            .removed
            .lock()
            .unwrap()
            .contains(&"stranger".to_owned())
        {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until the engine has a pod's spec with these words in it.
async fn given(engine: &Slow, words: &[&str]) {
    let has = |spec: &PodSpec| {
        let shown: Vec<String> = spec
            .volumes
            .iter()
            .flat_map(|volume| match &volume.source {
                VolumeSource::Files(files) => {
                    files.iter().map(|file| text(&file.content)).collect()
                }
                _ => Vec::new(),
            })
            .chain(
                spec.containers[0]
                    .env
                    .iter()
                    .map(|(_, value)| value.clone()),
            )
            .collect();
        words
            .iter()
            .all(|word| shown.iter().any(|one| one.contains(word)))
    };
    let wait = async {
        while !engine.specs.lock().unwrap().iter().any(has) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, wait).await;
    assert!(waited.is_ok(), "{words:?} in none of {:#?}", engine.specs);
}

fn text(content: &Content) -> String {
    match content {
        Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Content::Token { .. } => String::new(),
    }
}

#[tokio::test]
async fn what_a_pod_names_reaches_it_when_it_changes_and_its_loss_ends_nothing() {
    let (s, engine) = slow().await;
    let (cluster, by) = (&s.test.cluster, &s.test.by);
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "x", "namespace": "default" }, "data": { "key": "first" },
    });
    cluster.create("configmaps", map, by).await.unwrap();
    let mut a = pod("a");
    a["metadata"]["labels"] = json!({ "is": "young" });
    let reference = json!({ "configMapKeyRef": { "name": "x", "key": "key" } });
    a["spec"]["containers"][0]["env"] = json!([{ "name": "KEY", "valueFrom": reference }]);
    let labels = json!({ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } });
    a["spec"]["volumes"] = json!([
        { "name": "map", "configMap": { "name": "x" } },
        { "name": "own", "downwardAPI": { "items": [labels] } },
    ]);
    s.create(a).await;
    s.until("a", is_running).await;
    given(&engine, &["first", "young"]).await;
    let change = |map: &mut Value| {
        map["data"]["key"] = "second".into();
        Ok(())
    };
    let changed = cluster.modify("configmaps", "default", "x", Part::Main, by, change);
    changed.await.unwrap();
    given(&engine, &["second", "young"]).await;
    let label = |pod: &mut Value| {
        pod["metadata"]["labels"]["is"] = "grown".into();
        Ok(())
    };
    let labelled = cluster.modify("pods", "default", "a", Part::Main, by, label);
    labelled.await.unwrap();
    given(&engine, &["second", "grown"]).await;
    let how = Deletion::default();
    let deleted = cluster.delete("configmaps", "default", "x", &how, by);
    deleted.await.unwrap();
    let told = s.events("a", &["FailedMount"]).await;
    assert!(told[0].contains("configmap \"x\" not found"), "{told:?}");
    assert!(is_running(&s.until("a", |_| true).await));
    assert!(
        engine.graces.lock().unwrap().is_empty(),
        "nobody was stopped"
    );
}
