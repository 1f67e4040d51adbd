//! What an engine tells of its pods becomes events; pods that nobody asked for are removed.
use wharf_runtime::Notice;

use super::Kubelet;
use super::events::{about, about_container};

impl Kubelet {
    /// Records what the engine has told since the last call.
    pub(super) fn hear(&self) {
        for notice in self.0.engine.notices().unwrap_or_default() {
            self.record(notice);
        }
    }

    fn record(&self, notice: Notice) {
        let Some((namespace, name)) = self.0.state.key_of(&notice.pod) else {
            return;
        };
        let pod = self.0.cluster.get("pods", &namespace, &name);
        let Some(pod) = pod.filter(|pod| pod.uid == notice.pod) else {
            return;
        };
        let value = pod.value();
        let about = if notice.container.is_empty() {
            about(&value)
        } else {
            about_container(&value, &notice.container)
        };
        if notice.is_warning {
            self.0.events.warning(&about, notice.reason, notice.message);
        } else {
            self.0.events.normal(&about, notice.reason, notice.message);
        }
    }

    /// Removes what the engine has of pods that are not there any more.
    pub(super) async fn remove_strangers(self) {
        let Some(pods) = self.0.cluster.store().find("pods") else {
            return;
        };
        for id in self.0.engine.strangers() {
            // Whatever came meanwhile was not there when the engine started.
            if pods.objects(None).iter().any(|pod| pod.uid == id) {
                continue;
            }
            if let Err(error) = self.0.engine.remove(&id).await {
                tracing::warn!(pod = id, %error, "a pod of before could not be removed");
            }
        }
    }
}
