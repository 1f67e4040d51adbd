//! Cron jobs: a job at each time of a schedule.
//!
//! What was done is in the status and in the names of jobs, which tell the times that they are for:
//! whoever stops halfway finds the job of a time and does not make another one.
mod plan;
#[cfg(test)]
mod tests;
mod times;

use std::sync::Arc;

use plan::{Plan, Start, Told, job_name, plan};
use serde_json::{Value, json};
use times::Times;

use super::owners::{Owner, owner_term};
use super::pod_control::is_namespace_ending;
use super::{Frame, Index, Key, Outcome, Queue, Seen, save_status};
use crate::cluster::time::rfc3339;
use crate::cluster::{Actor, Cluster, Deletion, Propagation};
use crate::store::Object;
use crate::views::{ActiveJob, CronJobStatus, CronJobView, JobView};
use crate::{Status, fields};

const CRON_JOBS: &str = "cronjobs.batch";
const JOBS: &str = "jobs.batch";
const API_VERSION: &str = "batch/v1";
const KIND: &str = "CronJob";
const NAME: &str = "cronjob-controller";
/// The time that a job is for.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

struct Work {
    cluster: Cluster,
    by: Actor,
    jobs: Index,
}

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let jobs = cluster.shelf(JOBS)?;
    let mut frame = Frame::of(NAME, &cluster);
    let (queue, clock) = (frame.queue(), cluster.clone());
    frame.on(cluster.shelf(CRON_JOBS)?, move |seen| {
        changed(&clock, &queue, seen)
    });
    frame.on(Arc::clone(&jobs), |seen| {
        let owners = seen.states().filter_map(|job| {
            let view = job.view::<JobView>();
            let owner = view.metadata.controller()?;
            (owner.kind == KIND).then(|| Key::new(&job.namespace, &owner.name))
        });
        owners.collect()
    });
    let work = Work {
        jobs: Index::new(cluster.store(), jobs, |job| {
            let view = job.view::<JobView>();
            owner_term(&job.namespace, view.metadata.controller())
        }),
        by: Actor::controller(NAME),
        cluster,
    };
    frame
        .run_on(work, |work, key| async move { work.sync(key).await })
        .await;
    Ok(())
}

/// A cron job is looked at when it changes. A new schedule counts from now on: what it would have
/// started before is not made up for.
fn changed(cluster: &Cluster, queue: &Queue, seen: &Seen<'_>) -> Vec<Key> {
    let Some(cron) = seen.latest() else {
        return Vec::new();
    };
    let key = Key::of(cron);
    if let (Some(old), Some(new)) = (seen.old, seen.new) {
        let (old, new) = (old.view::<CronJobView>(), new.view::<CronJobView>());
        let same = old.spec.schedule == new.spec.schedule
            && old.spec.time_zone == new.spec.time_zone
            && old.metadata.uid == new.metadata.uid;
        let times = Times::of(&new).ok().filter(|_| !same);
        if let Some(pause) = times.and_then(|times| times.pause(cluster.now())) {
            queue.after(key, pause);
            return Vec::new();
        }
    }
    vec![key]
}

impl Work {
    async fn sync(&self, key: Key) -> Outcome {
        let found = self.cluster.get(CRON_JOBS, &key.namespace, &key.name);
        let Some(object) = found else {
            return Ok(None);
        };
        let cron = object.view::<CronJobView>();
        let owner = Owner::of(CRON_JOBS, API_VERSION, KIND, &object);
        let jobs = self.jobs.of(&owner.uid);
        let jobs: Vec<Arc<JobView>> = jobs.iter().map(|job| job.view()).collect();
        let exists = |job: &ActiveJob| self.find(job).is_some();
        let plan = plan(&cron, &jobs, exists, self.cluster.now());
        let Plan {
            mut status,
            told,
            old,
            start,
            again,
        } = plan;
        for told in &told {
            self.tell(&owner, told).await;
        }
        for job in old {
            let meta = &job.metadata;
            if self.delete(&owner, &meta.name, &meta.uid).await {
                status.active.retain(|own| own.uid != meta.uid);
            }
        }
        let started = match &start {
            Some(start) => self.start(&owner, &cron, start, &mut status).await,
            None => Ok(()),
        };
        if status != cron.status {
            save_status(&self.cluster, &self.by, CRON_JOBS, &object, &status).await?;
        }
        started.map(|()| again)
    }

    fn find(&self, job: &ActiveJob) -> Option<Arc<Object>> {
        self.cluster.get(JOBS, &job.namespace, &job.name)
    }

    async fn tell(&self, owner: &Owner, told: &Told) {
        let about = owner.reference();
        self.cluster
            .event(&self.by, &about, told.kind, told.reason, &told.message)
            .await;
    }

    /// Deletes a job; its pods go after it.
    async fn delete(&self, owner: &Owner, name: &str, uid: &str) -> bool {
        let how = Deletion {
            propagation: Some(Propagation::Background),
            uid: Some(uid.to_owned()),
            ..Deletion::default()
        };
        let namespace = &owner.namespace;
        let deleted = self.cluster.delete(JOBS, namespace, name, &how, &self.by);
        let told = match deleted.await {
            Ok(()) => Told::normal("SuccessfulDelete", format!("Deleted job {name}")),
            Err(status) => Told::warning("FailedDelete", format!("Deleted job: {status}")),
        };
        self.tell(owner, &told).await;
        told.reason == "SuccessfulDelete"
    }

    /// Starts the job of a time, and writes that into the status.
    async fn start(
        &self,
        owner: &Owner,
        cron: &CronJobView,
        start: &Start,
        status: &mut CronJobStatus,
    ) -> Result<(), Status> {
        for job in &start.replaces {
            if !self.delete(owner, &job.name, &job.uid).await {
                let (namespace, name) = (&job.namespace, &job.name);
                let text = format!("could not replace job {namespace}/{name}");
                return Err(Status::unavailable(&text));
            }
            status.active.retain(|own| own.uid != job.uid);
        }
        let job = job_of(owner, cron, start);
        let made = match self.cluster.create(JOBS, job, &self.by).await {
            Ok(job) => {
                let message = format!("Created job {}", job.name);
                self.tell(owner, &Told::normal("SuccessfulCreate", message))
                    .await;
                job
            }
            // Made before, by us or by somebody else.
            Err(failure) if failure.is_already_exists() => {
                let name = job_name(&owner.name, start.at);
                let found = self.cluster.get(JOBS, &owner.namespace, &name);
                let own = found.filter(|job| {
                    let view = job.view::<JobView>();
                    let controller = view.metadata.controller();
                    controller.is_some_and(|controller| controller.uid == owner.uid)
                });
                let Some(job) = own else {
                    return Ok(());
                };
                job
            }
            Err(failure) if is_namespace_ending(&failure) => return Err(failure),
            Err(failure) => {
                let message = format!("Error creating job: {failure}");
                self.tell(owner, &Told::warning("FailedCreate", message))
                    .await;
                return Err(failure);
            }
        };
        status.active.push(ActiveJob {
            kind: "Job".to_owned(),
            namespace: made.namespace.clone(),
            name: made.name.clone(),
            uid: made.uid.clone(),
            api_version: API_VERSION.to_owned(),
            resource_version: made.revision.to_string(),
        });
        status.last_schedule_time = Some(rfc3339(start.at));
        Ok(())
    }
}

/// The job of a time.
fn job_of(owner: &Owner, cron: &CronJobView, start: &Start) -> Value {
    let template = &cron.spec.job_template;
    let mut metadata = json!({
        "name": job_name(&owner.name, start.at),
        "namespace": owner.namespace,
        "ownerReferences": [owner.to_json()],
    });
    for field in ["labels", "annotations"] {
        if fields::has(&template["metadata"], field) {
            metadata[field] = template["metadata"][field].clone();
        }
    }
    metadata["annotations"][SCHEDULED] = start.local.as_str().into();
    json!({
        "apiVersion": API_VERSION,
        "kind": "Job",
        "metadata": metadata,
        "spec": template["spec"],
    })
}
