//! The end of pods, and the writing of statuses.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use wharf_runtime::{ContainerState, ContainerStatus, PodStatus, Terminated};
use wharf_types::Timestamp;

use super::stop::Stopping;
use super::{Next, Placed};
use crate::cluster::{Deletion, Part};
use crate::kubelet::Kubelet;
use crate::kubelet::events::{about, actor};
use crate::kubelet::status::{Seen, status, waiting};
use crate::{Status, fields};

const DEADLINE: (&str, &str) = (
    "DeadlineExceeded",
    "Pod was active on the node longer than the specified deadline",
);

impl Kubelet {
    pub(super) async fn exceed(
        &self,
        placed: &Placed,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Status> {
        let containers = self.stopped(placed, Duration::ZERO, now).await?;
        let (reason, message) = DEADLINE;
        self.0
            .events
            .normal(&about(&placed.pod), reason, message.to_owned());
        let seen = Seen {
            ended: true,
            failure: Some(DEADLINE),
            ..self.seen(placed, &containers, now)
        };
        self.write(placed, &seen).await?;
        Ok(None)
    }

    /// A pod that is to be deleted: stop it, say how it ended, and let it go.
    pub(super) async fn end(&self, placed: &Placed, now: Timestamp) -> Result<Next, Status> {
        let grace = fields::integer(&placed.pod["metadata"], "deletionGracePeriodSeconds");
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        let containers = match self.stopping(placed, grace, now).await? {
            Stopping::Done(containers) => containers,
            Stopping::Begins(stop) => return Ok(Next::Stop(stop)),
            Stopping::Waits => {
                if let Some(ran) = self.engine(placed.is_virtual).status(&placed.uid) {
                    self.write_running(placed, &ran, now).await?;
                }
                return Ok(Next::At(None));
            }
        };
        let seen = Seen {
            ended: true,
            ..self.seen(placed, &containers, now)
        };
        self.write(placed, &seen).await?;
        let engine = self.engine(placed.is_virtual);
        engine.remove(&placed.uid).await.map_err(Status::internal)?;
        self.0.addresses.release(&placed.node, &placed.uid);
        let how = Deletion {
            grace_secs: Some(0),
            uid: Some(placed.uid.clone()),
            ..Deletion::default()
        };
        let (namespace, name) = (&placed.key.0, &placed.key.1);
        let by = actor(&placed.node);
        match self
            .0
            .cluster
            .delete("pods", namespace, name, &how, &by)
            .await
        {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(Next::At(None)),
        }
    }

    /// Stops a pod and tells how its containers ended.
    pub(super) async fn stopped(
        &self,
        placed: &Placed,
        grace: Duration,
        now: Timestamp,
    ) -> Result<Vec<ContainerStatus>, Status> {
        let before = self.before(placed);
        self.tell_killing(placed, before.as_ref());
        let engine = self.engine(placed.is_virtual);
        let ended = engine
            .stop(&placed.uid, grace)
            .await
            .map_err(Status::internal)?;
        Ok(how(ended, before, now))
    }

    pub(super) fn seen<'a>(
        &self,
        placed: &Placed,
        containers: &'a [ContainerStatus],
        now: Timestamp,
    ) -> Seen<'a> {
        Seen {
            containers,
            sandbox: false,
            ip: None,
            host_ip: placed.host_ip,
            ended: false,
            failure: None,
            generations: has_generations(&self.0.cluster.settings().version),
            now,
        }
    }

    pub(super) async fn write_running(
        &self,
        placed: &Placed,
        ran: &PodStatus,
        now: Timestamp,
    ) -> Result<(), Status> {
        let known = self.0.state.get(&placed.key).unwrap_or_default();
        let mut containers = ran.containers.clone();
        for (name, reason, message) in &known.refused {
            containers.push(waiting(name, reason, message));
        }
        let seen = Seen {
            sandbox: true,
            ip: ran.ip,
            ..self.seen(placed, &containers, now)
        };
        self.write(placed, &seen).await
    }

    pub(super) async fn write_waiting(
        &self,
        placed: &Placed,
        containers: &[ContainerStatus],
        now: Timestamp,
    ) -> Result<(), Status> {
        self.write(placed, &self.seen(placed, containers, now))
            .await
    }

    pub(super) async fn write(&self, placed: &Placed, seen: &Seen<'_>) -> Result<(), Status> {
        let (namespace, name) = (&placed.key.0, &placed.key.1);
        let by = actor(&placed.node);
        let before = AtomicU64::new(0);
        let change = |pod: &mut Value| {
            if fields::text(&pod["metadata"], "uid") != placed.uid {
                return Err(Status::not_found("pods", "", name));
            }
            let revision = fields::text(&pod["metadata"], "resourceVersion").parse();
            before.store(revision.unwrap_or(0), Ordering::Relaxed);
            let status = status(pod, seen);
            fields::set(pod, "status", status);
            Ok(())
        };
        let cluster = &self.0.cluster;
        let written = cluster
            .modify("pods", namespace, name, Part::Status, &by, change)
            .await?;
        self.0.state.change(&placed.key, |known| {
            known.uid.clone_from(&placed.uid);
            known.node.clone_from(&placed.node);
            known.is_virtual = placed.is_virtual;
            // What stays as it is has the revision of somebody else's change.
            if written.revision != before.load(Ordering::Relaxed) {
                known.written = written.revision;
            }
        });
        Ok(())
    }
}

/// How the containers of a pod that was stopped have ended.
pub(super) fn how(
    ended: Option<PodStatus>,
    before: Option<PodStatus>,
    now: Timestamp,
) -> Vec<ContainerStatus> {
    match (ended, before) {
        (Some(ended), _) => ended.containers,
        (None, Some(before)) => {
            let all = before.containers.into_iter();
            all.map(|one| lost(one, now)).collect()
        }
        (None, None) => Vec::new(),
    }
}

/// What is said of a container of which the engine knows nothing.
fn lost(mut container: ContainerStatus, now: Timestamp) -> ContainerStatus {
    if let ContainerState::Running { since } = container.state {
        container.state = ContainerState::Terminated(Terminated {
            exit_code: 137,
            reason: "ContainerStatusUnknown".to_owned(),
            message: "The container could not be located when the pod was terminated".to_owned(),
            started: since,
            finished: now,
        });
        container.ready = false;
        container.started = false;
    }
    container
}

/// Statuses tell the generation that they are about since 1.34.
fn has_generations(version: &str) -> bool {
    let minor = version
        .split_once('.')
        .and_then(|(_, minor)| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 34)
}
