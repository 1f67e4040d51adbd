//! Events: recorded once, and counted up when the same happens again.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::time::rfc3339;
use super::{Actor, Cluster, EventType, Part, Reference};

/// How many events are remembered to be counted up; then all are forgotten.
const REMEMBERED: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    about: Reference,
    kind: EventType,
    reason: String,
    message: String,
    component: String,
    host: String,
}

/// Which events were recorded, by what they say.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<HashMap<Key, String>>);

impl Recorder {
    fn name(&self, key: &Key) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned()
    }

    fn remember(&self, key: Key, name: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, name);
    }
}

impl Cluster {
    /// Records that something happened to an object. Failures are logged: nothing depends on events.
    pub async fn event(
        &self,
        by: &Actor,
        about: &Reference,
        kind: EventType,
        reason: &str,
        message: &str,
    ) {
        let key = Key {
            about: about.clone(),
            kind,
            reason: reason.to_owned(),
            message: message.to_owned(),
            component: by.component.clone(),
            host: by.host.clone(),
        };
        let namespace = match about.namespace.as_str() {
            "" => "default",
            namespace => namespace,
        };
        if let Some(name) = self.0.recorder.name(&key) {
            let now = rfc3339(self.now());
            let counted = self.modify("events", namespace, &name, Part::Main, by, |event| {
                event["count"] = (event["count"].as_u64().unwrap_or(1) + 1).into();
                event["lastTimestamp"] = now.as_str().into();
                Ok(())
            });
            if counted.await.is_ok() {
                return;
            }
        }
        self.record(by, key, namespace).await;
    }

    async fn record(&self, by: &Actor, key: Key, namespace: &str) {
        let now = rfc3339(self.now());
        let name = format!("{}.{}", key.about.name, super::names::event_suffix());
        let mut source = json!({ "component": key.component });
        if !key.host.is_empty() {
            source["host"] = key.host.as_str().into();
        }
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "name": name, "namespace": namespace },
            "involvedObject": key.about.to_json(),
            "reason": key.reason,
            "message": key.message,
            "type": key.kind.as_str(),
            "source": source,
            "reportingComponent": key.component,
            "reportingInstance": key.host,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        });
        match self.create("events", event, by).await {
            Ok(_event) => self.0.recorder.remember(key, name),
            // Events about what goes with its namespace are not worth a word.
            Err(status) if status.is_not_found() || status.reason == "Forbidden" => {}
            Err(status) => tracing::warn!(%status, "an event could not be recorded"),
        }
    }
}
