//! What a job does to its pods.
use std::sync::Arc;

use futures::future::join_all;
use serde_json::Value;

use super::super::garbage::drop_finalizer;
use super::super::owners::Owner;
use super::super::pod_control;
use super::judge::{Judged, Look, count};
use super::pods::{self, TRACKING, is_tracked};
use super::step::Step;
use super::track::Done;
use super::{JOBS, Work};
use crate::Status;
use crate::cluster::{Actor, Cluster, Part};
use crate::store::Object;
use crate::views::{JobStatus, PodView};

/// How many pods are created at first; twice as many each time that all went well.
const SLOW_START: usize = 1;

/// What came of a step.
#[derive(Debug, Default)]
pub(super) struct Acted {
    pub done: Done,
    pub failure: Option<Status>,
}

impl Work {
    pub(super) async fn act(
        &self,
        owner: &Owner,
        look: &Look<'_>,
        judged: &Judged,
        step: &Step,
    ) -> Acted {
        match step {
            Step::Nothing | Step::Wait(_) => Acted::default(),
            Step::Create(indexes) => self.create(owner, look, judged, indexes).await,
            Step::End(pods) => self.delete(owner, pods).await,
            Step::Remove(pods) => {
                let freed = self.release(pods).await;
                let failure = freed.into_iter().find_map(|(_, freed)| freed.err());
                match failure {
                    // What would be counted must not be deleted.
                    Some(status) => Acted {
                        failure: Some(status),
                        ..Acted::default()
                    },
                    None => self.delete(owner, pods).await,
                }
            }
        }
    }

    /// Creates pods, few at first: if they cannot be created, not all are tried.
    async fn create(
        &self,
        owner: &Owner,
        look: &Look<'_>,
        judged: &Judged,
        indexes: &[Option<i64>],
    ) -> Acted {
        let mut acted = Acted::default();
        let (mut left, mut batch) = (indexes, SLOW_START);
        while !left.is_empty() && acted.failure.is_none() {
            let (now, later) = left.split_at(batch.min(left.len()));
            let created = now.iter().map(|index| {
                let replaced = index.and_then(|index| judged.delayed.get(&index));
                let pod = pods::new(look.job, owner, *index, replaced.map(|pod| &**pod));
                pod_control::create(&self.cluster, &self.by, owner, pod)
            });
            for created in join_all(created).await {
                match created {
                    Ok(_pod) => acted.done.created += 1,
                    Err(status) if pod_control::is_namespace_ending(&status) => return acted,
                    Err(status) => acted.failure = Some(status),
                }
            }
            (left, batch) = (later, now.len() * 2);
        }
        acted
    }

    async fn delete(&self, owner: &Owner, pods: &[Arc<PodView>]) -> Acted {
        let deleted = pods
            .iter()
            .map(|pod| pod_control::delete(&self.cluster, &self.by, owner, pod));
        let mut acted = Acted::default();
        for (pod, deleted) in pods.iter().zip(join_all(deleted).await) {
            match deleted {
                Ok(()) => {
                    acted.done.deleted += 1;
                    acted.done.ready += count(usize::from(pod_control::is_ready(pod)));
                }
                Err(status) => acted.failure = Some(status),
            }
        }
        acted
    }

    /// Removes the finalizers of pods; the uid of each, and how that went.
    pub(super) async fn release(&self, pods: &[Arc<PodView>]) -> Vec<(String, Result<(), Status>)> {
        let tracked = pods.iter().filter(|pod| is_tracked(pod));
        let released = tracked.map(|pod| async {
            let released = release(&self.cluster, &self.by, pod).await;
            (pod.metadata.uid.clone(), released)
        });
        join_all(released).await
    }
}

/// Removes the finalizer of a pod. One that is gone has none.
pub(super) async fn release(cluster: &Cluster, by: &Actor, pod: &PodView) -> Result<(), Status> {
    let meta = &pod.metadata;
    let change = |value: &mut Value| {
        if value["metadata"]["uid"] == meta.uid.as_str() {
            drop_finalizer(value, TRACKING);
        }
        Ok(())
    };
    let changed = cluster.modify("pods", &meta.namespace, &meta.name, Part::Main, by, change);
    match changed.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

/// Writes the status of a job, if nobody changed the job since.
pub(super) async fn save(
    cluster: &Cluster,
    by: &Actor,
    job: &Object,
    status: &JobStatus,
) -> Result<Arc<Object>, Status> {
    let status = serde_json::to_value(status).map_err(Status::internal)?;
    let change = |value: &mut Value| {
        value["metadata"]["resourceVersion"] = job.revision.to_string().into();
        value["status"] = status.clone();
        Ok(())
    };
    let (namespace, name) = (&job.namespace, &job.name);
    cluster
        .modify(JOBS, namespace, name, Part::Status, by, change)
        .await
}
