//! Stopping pods: the loop waits for none of them, because a grace may be an hour.
use std::time::Duration;

use futures::FutureExt as _;
use wharf_runtime::{ContainerStatus, Error, PodStatus};
use wharf_types::Timestamp;

use super::Placed;
use super::end::how;
use crate::Status;
use crate::kubelet::Kubelet;
use crate::kubelet::events::about_container;
use crate::kubelet::queue::Key;
use crate::kubelet::state::Ending;
use crate::kubelet::status::adopted;

/// A pod that is to be stopped beside the loop.
#[derive(Debug)]
pub(in super::super) struct Stop {
    key: Key,
    uid: String,
    is_virtual: bool,
    grace: Duration,
}

/// A pod that was stopped, or why it could not be.
pub(in super::super) type Ended = (Key, Option<Error>);

/// How far the stopping of a pod is.
pub(super) enum Stopping {
    Done(Vec<ContainerStatus>),
    Begins(Stop),
    /// Somebody waits for it already.
    Waits,
}

impl Kubelet {
    /// Begins to stop a pod, shortens its grace, or takes note that it has ended.
    pub(super) async fn stopping(
        &self,
        placed: &Placed,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Stopping, Status> {
        let engine = self.engine(placed.is_virtual);
        // After a restart of the server nobody has asked for it yet, and it has its grace all the same.
        let is_stranger = engine.status(&placed.uid).is_none();
        if is_stranger && engine.strangers().contains(&placed.uid) {
            self.bring(placed, adopted(&placed.pod)).await?;
        }
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        let before = self.before(placed);
        match known.ending {
            Ending::Ended(ended) => {
                return Ok(Stopping::Done(how(ended, adopted(&placed.pod), now)));
            }
            Ending::Asked(asked) if asked <= grace => return Ok(Stopping::Waits),
            Ending::Asked(_) => {}
            Ending::NotAsked => self.tell_killing(placed, before.as_ref()),
        }
        // Nothing is lost if it takes longer: the same may be asked twice.
        if let Some(ended) = engine.stop(&placed.uid, grace).now_or_never() {
            let ended = ended.map_err(Status::internal)?;
            return Ok(Stopping::Done(how(ended, before, now)));
        }
        self.0.state.change(&placed.key, |known| {
            known.uid.clone_from(&placed.uid);
            known.node.clone_from(&placed.node);
            known.is_virtual = placed.is_virtual;
            known.ending = Ending::Asked(grace);
        });
        Ok(Stopping::Begins(Stop {
            key: placed.key.clone(),
            uid: placed.uid.clone(),
            is_virtual: placed.is_virtual,
            grace,
        }))
    }

    /// Stops a pod, and remembers how it ended.
    pub(in super::super) async fn stop(self, stop: Stop) -> Ended {
        let engine = self.engine(stop.is_virtual);
        let ended = engine.stop(&stop.uid, stop.grace).await;
        let (ending, failure) = match ended {
            Ok(ended) => (Ending::Ended(ended), None),
            Err(error) => (Ending::NotAsked, Some(error)),
        };
        let state = &self.0.state;
        state.change_known(&stop.key, &stop.uid, |known| known.ending = ending);
        (stop.key, failure)
    }

    /// How a pod was before it is stopped.
    pub(super) fn before(&self, placed: &Placed) -> Option<PodStatus> {
        let engine = self.engine(placed.is_virtual);
        let status = engine.status(&placed.uid);
        status.or_else(|| adopted(&placed.pod))
    }

    /// Says of each container that runs that it is being stopped.
    pub(super) fn tell_killing(&self, placed: &Placed, before: Option<&PodStatus>) {
        let all = before.iter().flat_map(|status| &status.containers);
        for container in all.filter(|one| one.is_running()) {
            let about = about_container(&placed.pod, &container.name);
            let message = format!("Stopping container {}", container.name);
            self.0.events.normal(&about, "Killing", message);
        }
    }
}
