//! Pods that wait to be counted by a job that is gone, or has ended, or is not theirs any more: their
//! finalizer is removed.
use std::sync::Arc;

use super::super::{Frame, Index, Key, Outcome, WORKERS, pod_control};
use super::act::release;
use super::pods::is_tracked;
use super::{API_VERSION, JOBS, KIND, NAME};
use crate::Status;
use crate::cluster::{Actor, Cluster};
use crate::views::{JobView, PodView};

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let pods = cluster.shelf("pods")?;
    let mut frame = Frame::of("job-orphans", &cluster);
    frame.on(Arc::clone(&pods), |seen| {
        let pod = seen.new.filter(|pod| is_tracked(&pod.view::<PodView>()));
        pod.map(|pod| Key::of(pod)).into_iter().collect()
    });
    let index = Index::new(cluster.store(), pods, pod_control::pod_terms);
    frame.on(cluster.shelf(JOBS)?, move |seen| {
        let Some(job) = seen.latest() else {
            return Vec::new();
        };
        let ended = seen
            .new
            .is_none_or(|job| job.view::<JobView>().finished().is_some());
        let pods = if ended {
            index.of(&job.uid)
        } else {
            Vec::new()
        };
        pods.iter().map(|pod| Key::of(pod)).collect()
    });
    let by = Actor::controller(NAME);
    frame
        .run(WORKERS, move |key| {
            let (cluster, by) = (cluster.clone(), by.clone());
            async move { free(&cluster, &by, &key).await }
        })
        .await;
    Ok(())
}

async fn free(cluster: &Cluster, by: &Actor, key: &Key) -> Outcome {
    let Some(pod) = cluster.get("pods", &key.namespace, &key.name) else {
        return Ok(None);
    };
    let pod = pod.view::<PodView>();
    if is_tracked(&pod) && is_orphan(cluster, &pod) {
        release(cluster, by, &pod).await?;
    }
    Ok(None)
}

/// Whether no job will ever count a pod.
fn is_orphan(cluster: &Cluster, pod: &PodView) -> bool {
    let Some(owner) = pod.metadata.controller() else {
        return true;
    };
    if owner.kind != KIND || owner.api_version != API_VERSION {
        return false;
    }
    let job = cluster.get(JOBS, &pod.metadata.namespace, &owner.name);
    let Some(job) = job.filter(|job| job.uid == owner.uid) else {
        return true;
    };
    let job = job.view::<JobView>();
    !job.is_managed_elsewhere() && job.finished().is_some()
}
