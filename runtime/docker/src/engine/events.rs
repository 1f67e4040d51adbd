//! What ended, as Docker tells it.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::Error;
use crate::answers::{Event, Listed};
use crate::client::Client;
use crate::names::{Kind, Labels, Names, label};

/// After what a connection that broke is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The longest line of an event.
const LINE_BYTES: u64 = 1 << 20;

/// Ids of containers and pods that somebody has to look at.
#[derive(Debug, Default)]
pub(super) struct Told {
    ids: Mutex<BTreeSet<String>>,
    more: Notify,
}

impl Told {
    // Nothing panics while it holds the lock.
    fn ids(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sandbox is told by its pod.
    fn tell(&self, id: String, labels: &Labels) {
        let sandbox = labels.get(label::KIND).map(String::as_str) == Some(Kind::Sandbox.name());
        let pod = labels.get(label::POD).filter(|_| sandbox);
        self.ids().insert(pod.cloned().unwrap_or(id));
        self.more.notify_one();
    }

    pub(super) async fn wait(&self) -> Vec<String> {
        loop {
            let ids = std::mem::take(&mut *self.ids());
            if !ids.is_empty() {
                return ids.into_iter().collect();
            }
            self.more.notified().await;
        }
    }
}

/// Listens from now on.
pub(super) fn listen(client: Client, names: Names, told: &Arc<Told>) -> AbortHandle {
    let told = Arc::clone(told);
    let task = tokio::spawn(async move {
        loop {
            if let Err(error) = follow(&client, &names, &told).await {
                tracing::debug!(error = error.chain(), "Docker does not tell what happens");
            }
            tokio::time::sleep(AGAIN).await;
        }
    });
    task.abort_handle()
}

/// Listens until the connection breaks.
async fn follow(client: &Client, names: &Names, told: &Told) -> Result<(), Error> {
    let filters = json!({ "type": ["container"], "event": ["die"], "label": names.ours() });
    let call = client.get("/events").query("filters", &filters.to_string());
    let mut events = BufReader::new(call.stream().await?);
    // What ended before somebody listened.
    let all = client.get("/containers/json").query("all", "1");
    for one in all.labelled(&names.ours()).json::<Vec<Listed>>().await? {
        told.tell(one.id, &one.labels);
    }
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut events).take(LINE_BYTES);
        let read = limited.read_until(b'\n', &mut line).await;
        if read.map_err(Error::Io)? == 0 {
            return Ok(());
        }
        let event: Event = serde_json::from_slice(&line).map_err(Error::Answer)?;
        told.tell(event.actor.id, &event.actor.attributes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sandbox_is_told_by_its_pod_and_a_container_by_its_id() {
        let (told, names) = (
            Told::default(),
            Names::new(&crate::names::Owner::for_test("i"), "c"),
        );
        told.tell("1".to_owned(), &names.of_pod(Kind::Sandbox, "pod"));
        told.tell("2".to_owned(), &names.of_pod(Kind::Container, "pod"));
        told.tell("2".to_owned(), &names.of_pod(Kind::Container, "pod"));
        assert_eq!(told.wait().await, ["2", "pod"]);
    }
}
