//! Jobs: pods until enough of them have succeeded.
//!
//! A pass looks at the job and its pods ([`judge`]), says what is to be done about them ([`step`]),
//! does it, and counts the pods that ended ([`track`]). All that is decided is pure; `act` and
//! `orphans` touch the cluster.
mod act;
mod backoff;
mod indexes;
mod judge;
mod orphans;
mod pods;
mod policy;
mod step;
#[cfg(test)]
mod tests;
mod track;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use act::Acted;
use backoff::Backoff;
use judge::{End, Look, judge};
pub(crate) use orphans::run as run_orphans;
use step::{Step, step};
use track::{Tracking, track};

use super::owners::{Owner, fitting, selects};
use super::{Frame, Index, Key, Outcome, Seen, pod_control};
use crate::Status;
use crate::cluster::{Actor, Cluster, EventType};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{JobStatus, JobView};

const JOBS: &str = "jobs.batch";
const API_VERSION: &str = "batch/v1";
const KIND: &str = "Job";
const NAME: &str = "job-controller";

struct Work {
    cluster: Cluster,
    by: Actor,
    pods: Index,
    failures: Backoff,
}

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let pods = cluster.shelf("pods")?;
    let mut frame = Frame::of(NAME, &cluster);
    frame.on(cluster.shelf(JOBS)?, |seen| seen.keys());
    let all = cluster.clone();
    frame.on(Arc::clone(&pods), move |seen| concerned(&all, seen));
    let work = Work {
        pods: Index::new(cluster.store(), pods, pod_control::pod_terms),
        by: Actor::controller(NAME),
        failures: Backoff::default(),
        cluster,
    };
    frame
        .run_on(work, |work, key| async move { work.sync(key).await })
        .await;
    Ok(())
}

/// The jobs to which a change of a pod may matter.
fn concerned(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Key> {
    pod_control::concerned(seen, (API_VERSION, KIND), |pod| {
        fitting(cluster, JOBS, pod, |job: &JobView| {
            Selector::parse(&job.spec.selector)
        })
    })
}

impl Work {
    async fn sync(&self, key: Key) -> Outcome {
        let found = self.cluster.get(JOBS, &key.namespace, &key.name);
        let Some(object) = found else {
            self.failures.forget(&key);
            return Ok(None);
        };
        let job = object.view::<JobView>();
        if job.is_managed_elsewhere() || job.finished().is_some() {
            self.failures.forget(&key);
            return Ok(None);
        }
        let Some(selector) = Selector::parse(&job.spec.selector) else {
            return Ok(None);
        };
        let owner = Owner {
            finalizer: Some(pods::TRACKING),
            ..Owner::of(JOBS, API_VERSION, KIND, &object)
        };
        let candidates = pod_control::candidates(&self.pods, &owner);
        let matches = |pod: &Object| selects(selector, pod);
        let pods =
            pod_control::claimed(&self.cluster, &self.by, &owner, candidates, matches).await?;
        let look = Look {
            job: &job,
            pods: &pods,
            failures: self.failures.of(&key, &object.uid),
            now: self.cluster.now(),
        };
        let judged = judge(&look);
        let step = step(&look, &judged);
        let (failures, again) = (judged.failures, again(judged.again, &step));
        let Acted { done, failure } = self.act(&owner, &look, &judged, &step).await;
        let tracking = track(&look, judged, &step, done);
        let changed = tracking.status != job.status;
        let object = self.save(object, &job.status, &tracking.status).await?;
        if changed {
            self.failures.keep(&key, &owner.uid, failures);
        }
        if let Some((reason, message)) = tracking.told {
            self.tell(&owner, EventType::Normal, reason, message).await;
        }
        self.count(&owner, &job, object, tracking).await?;
        failure.map_or(Ok(again), Err)
    }

    /// Removes finalizers, and writes down that the pods are counted.
    async fn count(
        &self,
        owner: &Owner,
        job: &JobView,
        object: Arc<Object>,
        tracking: Tracking,
    ) -> Result<(), Status> {
        let before = tracking.status.clone();
        let mut released = HashSet::new();
        let mut failure = None;
        for (pod, outcome) in self.release(&tracking.release).await {
            match outcome {
                Ok(()) => drop(released.insert(pod)),
                Err(status) => failure = Some(status),
            }
        }
        let (status, end) = tracking.settle(&released, self.cluster.now());
        self.save(object, &before, &status).await?;
        if let Some(end) = end {
            self.tell_end(owner, job, &status, &end).await;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Writes a status if it is another one, in the place of the one that was looked at.
    async fn save(
        &self,
        object: Arc<Object>,
        old: &JobStatus,
        new: &JobStatus,
    ) -> Result<Arc<Object>, Status> {
        if old == new {
            return Ok(object);
        }
        act::save(&self.cluster, &self.by, &object, new).await
    }

    async fn tell(&self, owner: &Owner, kind: EventType, reason: &str, message: &str) {
        let about = owner.reference();
        self.cluster
            .event(&self.by, &about, kind, reason, message)
            .await;
    }

    async fn tell_end(&self, owner: &Owner, job: &JobView, status: &JobStatus, end: &End) {
        if end.failed {
            let (kind, reason) = (EventType::Warning, &end.reason);
            return self.tell(owner, kind, reason, &end.message).await;
        }
        let wanted = job.spec.completions;
        if wanted.is_some_and(|wanted| status.succeeded > wanted) {
            let message = "Too many succeeded pods running after completion count reached";
            let (kind, reason) = (EventType::Warning, "TooManySucceededPods");
            self.tell(owner, kind, reason, message).await;
        }
        self.tell(owner, EventType::Normal, "Completed", "Job completed")
            .await;
    }
}

/// When the job is to be looked at again without a change.
fn again(judged: Option<Duration>, step: &Step) -> Option<Duration> {
    let pause = match step {
        Step::Wait(pause) => Some(*pause),
        _ => None,
    };
    judged.into_iter().chain(pause).min()
}
