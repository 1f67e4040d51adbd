//! Random changes and restarts against a plain model, and watchers that come and go.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::body::Body;
use futures::FutureExt as _;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::Server;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// What the objects should be: `data` by name. Who applied which keys is the model of ownership.
#[derive(Default)]
struct Model {
    maps: BTreeMap<String, Map<String, Value>>,
    applied: BTreeMap<(String, usize), Vec<String>>,
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize, usize),
    Merge(usize, usize, Option<u8>),
    Strategic(usize, usize, Option<u8>),
    Json(usize, usize, u8),
    Replace(usize, usize, u8),
    /// By one of two managers, who each have keys of their own: some of them, with a value.
    Apply(usize, usize, Vec<usize>, u8),
    Delete(usize),
    Restart,
    /// A watcher reads what there is, or hangs up, or begins anew from where it was.
    Read(usize),
    Hang(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (name, key) = (0..4_usize, 0..3_usize);
    prop_oneof![
        3 => (name.clone(), key.clone()).prop_map(|(n, k)| Step::Create(n, k)),
        2 => (name.clone(), key.clone(), any::<Option<u8>>()).prop_map(|(n, k, v)| Step::Merge(n, k, v)),
        2 => (name.clone(), key.clone(), any::<Option<u8>>()).prop_map(|(n, k, v)| Step::Strategic(n, k, v)),
        1 => (name.clone(), key.clone(), any::<u8>()).prop_map(|(n, k, v)| Step::Json(n, k, v)),
        1 => (name.clone(), key.clone(), any::<u8>()).prop_map(|(n, k, v)| Step::Replace(n, k, v)),
        3 => (name.clone(), 0..2_usize, prop::collection::btree_set(0..3_usize, 0..3), any::<u8>())
            .prop_map(|(n, m, keys, v)| Step::Apply(n, m, keys.into_iter().collect(), v)),
        2 => name.prop_map(Step::Delete),
        1 => Just(Step::Restart),
        4 => (0..3_usize).prop_map(Step::Read),
        2 => (0..3_usize).prop_map(Step::Hang),
    ]
}

/// A client that lists, watches, and goes on from the last revision it saw.
#[derive(Default)]
struct Watcher {
    seen: BTreeMap<String, Value>,
    revision: Option<u64>,
    events: Option<Body>,
}

fn revision(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str().unwrap();
    text.parse().unwrap()
}

impl Watcher {
    async fn connect(&mut self, s: &Server) {
        if self.revision.is_none() {
            let (_, list) = s.get(MAPS).await;
            self.revision = Some(revision(&list));
            self.seen.clear();
            for item in list["items"].as_array().unwrap() {
                let name = item["metadata"]["name"].as_str().unwrap();
                self.seen.insert(name.to_owned(), item.clone());
            }
        }
        let from = self.revision.unwrap();
        let request = Request::builder()
            .uri(format!("{MAPS}?watch=true&resourceVersion={from}"))
            .header("authorization", format!("Bearer {}", s.token));
        let response = s.api.serve(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        self.events = Some(response.into_body());
    }

    /// Takes everything that is there. A 410 makes it list again.
    async fn read(&mut self, s: &Server) {
        loop {
            if self.events.is_none() {
                self.connect(s).await;
            }
            let frame = self.events.as_mut().unwrap().frame().now_or_never();
            let Some(frame) = frame else { return };
            let data = frame.unwrap().unwrap().into_data().unwrap();
            let event: Value = serde_json::from_slice(&data).unwrap();
            if event["type"] == "ERROR" {
                assert_eq!(event["object"]["code"], 410);
                *self = Self::default();
                continue;
            }
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Value) {
        let object = &event["object"];
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        assert!(
            Some(revision(object)) > self.revision,
            "an event came twice: {event}"
        );
        self.revision = Some(revision(object));
        let before = match event["type"].as_str().unwrap() {
            "DELETED" => self.seen.remove(&name),
            "ADDED" => {
                let before = self.seen.insert(name.clone(), object.clone());
                assert!(before.is_none(), "{name} was there: a deletion was missed");
                return;
            }
            "MODIFIED" => self.seen.insert(name.clone(), object.clone()),
            other => panic!("{other}"),
        };
        assert!(
            before.is_some(),
            "{name} was not there: its creation was missed"
        );
    }
}

async fn run(steps: Vec<Step>) {
    let mut s = Server::new().await;
    let mut model = Model::default();
    let mut watchers: [Watcher; 3] = Default::default();
    for step in steps {
        match step {
            Step::Restart => {
                for watcher in &mut watchers {
                    watcher.events = None;
                }
                s = s.restart();
            }
            Step::Read(at) => watchers[at].read(&s).await,
            Step::Hang(at) => watchers[at].events = None,
            change => model.change(&s, change).await,
        }
        model.compare(&s).await;
    }
    for watcher in &mut watchers {
        watcher.read(&s).await;
        let data = |(name, object): (&String, &Value)| {
            (
                name.clone(),
                object["data"].as_object().cloned().unwrap_or_default(),
            )
        };
        let seen: BTreeMap<_, _> = watcher.seen.iter().map(data).collect();
        assert_eq!(seen, model.maps);
    }
}

impl Model {
    async fn compare(&self, s: &Server) {
        let (_, list) = s.get(MAPS).await;
        let items = list["items"].as_array().unwrap().iter();
        let stored: BTreeMap<_, _> = items
            .map(|item| {
                let name = item["metadata"]["name"].as_str().unwrap().to_owned();
                (name, item["data"].as_object().cloned().unwrap_or_default())
            })
            .collect();
        assert_eq!(stored, self.maps);
    }

    async fn change(&mut self, s: &Server, step: Step) {
        let name = |at: usize| format!("m{at}");
        match step {
            Step::Create(at, key) => {
                let body =
                    json!({ "metadata": { "name": name(at) }, "data": { free(key): "new" } });
                let (status, _) = s.send(Method::POST, MAPS, "", &body).await;
                let data = body["data"].as_object().cloned().unwrap();
                let expected = match self.maps.entry(name(at)) {
                    Entry::Occupied(_) => StatusCode::CONFLICT,
                    Entry::Vacant(free) => {
                        free.insert(data);
                        StatusCode::CREATED
                    }
                };
                assert_eq!(status, expected);
            }
            Step::Merge(at, key, value) => self.set(s, MERGE, &name(at), &free(key), value).await,
            Step::Strategic(at, key, value) => {
                self.set(s, STRATEGIC, &name(at), &free(key), value).await;
            }
            Step::Json(at, key, value) => {
                let operations = json!([
                    { "op": "test", "path": "/metadata/name", "value": name(at) },
                    { "op": "add", "path": "/data", "value": { free(key): value.to_string() } },
                ]);
                let status = patch(s, &name(at), JSON, "other", &operations).await;
                self.replaced(&name(at), status, &free(key), value);
            }
            Step::Replace(at, key, value) => {
                let data = json!({ free(key): value.to_string() });
                let body = json!({ "metadata": { "name": name(at) }, "data": data });
                let path = format!("{MAPS}/{}", name(at));
                let (status, _) = s.send(Method::PUT, &path, "", &body).await;
                self.replaced(&name(at), status, &free(key), value);
            }
            Step::Apply(at, manager, keys, value) => {
                self.apply(s, &name(at), manager, &keys, value).await;
            }
            Step::Delete(at) => {
                let path = format!("{MAPS}/{}", name(at));
                let (status, _) = s.send(Method::DELETE, &path, "", &Value::Null).await;
                let there = self.maps.remove(&name(at)).is_some();
                let expected = if there {
                    StatusCode::OK
                } else {
                    StatusCode::NOT_FOUND
                };
                assert_eq!(status, expected);
                self.applied.retain(|(own, _), _| *own != name(at));
            }
            Step::Restart | Step::Read(_) | Step::Hang(_) => {}
        }
    }

    async fn set(&mut self, s: &Server, kind: &str, name: &str, key: &str, value: Option<u8>) {
        let text = value.map(|value| value.to_string());
        let body = json!({ "data": { key: text } });
        let status = patch(s, name, kind, "other", &body).await;
        let Some(data) = self.maps.get_mut(name) else {
            assert_eq!(status, StatusCode::NOT_FOUND);
            return;
        };
        assert_eq!(status, StatusCode::OK);
        match text {
            Some(text) => data.insert(key.to_owned(), text.into()),
            None => data.remove(key),
        };
    }

    /// All data gave way to one key: nobody applies anything any more.
    fn replaced(&mut self, name: &str, status: StatusCode, key: &str, value: u8) {
        let Some(data) = self.maps.get_mut(name) else {
            assert_eq!(status, StatusCode::NOT_FOUND);
            return;
        };
        assert_eq!(status, StatusCode::OK);
        data.clear();
        data.insert(key.to_owned(), value.to_string().into());
        self.applied.retain(|(own, _), _| own != name);
    }

    async fn apply(&mut self, s: &Server, name: &str, manager: usize, keys: &[usize], value: u8) {
        let keys: Vec<String> = keys.iter().map(|key| format!("a{manager}-{key}")).collect();
        let data: Map<String, Value> = keys
            .iter()
            .map(|key| (key.clone(), value.to_string().into()))
            .collect();
        let mut body =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } });
        if !data.is_empty() {
            body["data"] = data.clone().into();
        }
        let mine = format!("manager{manager}");
        let mut status = patch(s, name, APPLY, &mine, &body).await;
        let is_empty = self.maps.get(name).is_some_and(Map::is_empty);
        if status == StatusCode::CONFLICT && is_empty {
            // Whoever first wrote data owns `.data` itself, even when none of it is left.
            status = patch(s, name, APPLY, &format!("{mine}&force=true"), &body).await;
        }
        let created = !self.maps.contains_key(name);
        let expected = if created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        assert_eq!(status, expected);
        let stored = self.maps.entry(name.to_owned()).or_default();
        let mine = (name.to_owned(), manager);
        // What it applied before and no longer does is gone.
        for key in self.applied.insert(mine, keys).unwrap_or_default() {
            stored.remove(&key);
        }
        stored.extend(data);
    }
}

/// Keys that no manager applies.
fn free(key: usize) -> String {
    format!("f{key}")
}

async fn patch(s: &Server, name: &str, kind: &str, manager: &str, body: &Value) -> StatusCode {
    let path = format!("{MAPS}/{name}?fieldManager={manager}");
    s.send(Method::PATCH, &path, kind, body).await.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn objects_are_as_the_model_says_and_watchers_miss_and_repeat_nothing(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
