//! Controllers: each makes the cluster look the way the objects of one kind say.
//!
//! A controller is level-triggered. A change of a shelf names keys of objects that may now need work
//! ([`Frame::on`]); a worker takes a key, looks at everything there is *now*, plans, and acts. What
//! woke it does not matter, and doing it twice does no harm.
//!
//! # Guarantees
//! * A key is worked on by one worker at a time; a key that comes up meanwhile is worked on again.
//! * A failed key comes back after a pause that doubles; a panic is a failure like any other.
//! * Nothing is lost if the program stops halfway: everything is looked at again at the start.

mod account;
mod account_tokens;
mod aggregate_roles;
mod amount;
mod api_service;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
mod endpoints;
mod endpoints_mirror;
mod event_expiry;
mod everything;
mod garbage;
mod hash;
mod history;
mod horizontal_pod_autoscaler;
mod index;
mod job;
mod namespace;
pub(crate) mod node_life;
mod owners;
mod pod_control;
mod pod_garbage;
mod queue;
mod replica_set;
mod resource_quota;
mod stateful_set;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod ttl_after_finished;
pub(crate) mod volumes;
mod watch;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use everything::follow_everything;
use futures::FutureExt as _;
use futures::future::BoxFuture;
pub(crate) use index::Index;
pub(crate) use queue::{Key, Queue};
use serde::Serialize;
use tokio::task::{JoinHandle, JoinSet};
pub(crate) use watch::{Seen, follow};
use wharf_types::Timestamp;

use crate::Status;
use crate::cluster::{Actor, Cluster, Part};
use crate::store::{Object, Shelf, Store};

/// How long a controller that ended rests before it is started anew.
const REST: Duration = Duration::from_secs(1);

/// Works until it is dropped; an error, or an end, is out of the ordinary.
type Run = fn(Cluster) -> BoxFuture<'static, Result<(), Status>>;

/// All controllers, by the names under which they are logged.
const CONTROLLERS: &[(&str, Run)] = &[
    ("cronjob", |c| cron_job::run(c).boxed()),
    ("clusterrole-aggregation", |c| {
        aggregate_roles::run(c).boxed()
    }),
    ("customresourcedefinition", |c| {
        crate::crd::run(c).map(Ok).boxed()
    }),
    ("daemonset", |c| daemon_set::run(c).boxed()),
    ("deployment", |c| deployment::run(c).boxed()),
    ("disruption", |c| disruption::run(c).boxed()),
    ("event-expiry", |c| event_expiry::run(c).boxed()),
    ("default-scheduler", |c| crate::scheduler::run(c).boxed()),
    ("endpoints", |c| endpoints::run(c).boxed()),
    ("endpointslicemirroring", |c| {
        endpoints_mirror::run(c).boxed()
    }),
    ("garbage-collector", |c| garbage::run(c).boxed()),
    ("job", |c| job::run(c).boxed()),
    ("job-orphans", |c| job::run_orphans(c).boxed()),
    ("horizontalpodautoscaler", |c| {
        horizontal_pod_autoscaler::run(c).boxed()
    }),
    ("kubernetes-service", |c| api_service::run(c).boxed()),
    ("namespace", |c| namespace::run(c).boxed()),
    ("node-life", |c| node_life::run(c).boxed()),
    ("serviceaccount", |c| account::run(c).boxed()),
    ("pod-garbage-collector", |c| pod_garbage::run(c).boxed()),
    ("resourcequota", |c| resource_quota::run(c).boxed()),
    ("serviceaccount-token", |c| account_tokens::run(c).boxed()),
    ("statefulset", |c| stateful_set::run(c).boxed()),
    ("ephemeral-volume", |c| volumes::run_ephemeral(c).boxed()),
    ("persistentvolume-binder", |c| {
        volumes::run_binder(c).boxed()
    }),
    ("persistentvolumeclaim-protection", |c| {
        volumes::run_claim_protection(c).boxed()
    }),
    ("persistentvolume-protection", |c| {
        volumes::run_volume_protection(c).boxed()
    }),
    ("csi-nodes", |c| volumes::run_nodes(c).boxed()),
    ("ebs-csi-driver", |c| volumes::run_ebs(c).boxed()),
    ("replicaset", |c| replica_set::run(c).boxed()),
    ("replicationcontroller", |c| {
        replica_set::run_replication_controllers(c).boxed()
    }),
    ("ttl-after-finished", |c| ttl_after_finished::run(c).boxed()),
];

/// Starts all controllers. They end when their handles are aborted.
pub fn start(cluster: &Cluster) -> Vec<JoinHandle<()>> {
    let all = CONTROLLERS.iter();
    let started = all.map(|&(name, run)| tokio::spawn(keep_running(name, run, cluster.clone())));
    started.collect()
}

#[expect(clippy::infinite_loop, reason = "it ends when its handle is aborted")]
async fn keep_running(name: &'static str, run: Run, cluster: Cluster) {
    loop {
        let ended = AssertUnwindSafe(run(cluster.clone())).catch_unwind().await;
        let error = match ended {
            Ok(Ok(())) => "it ended".to_owned(),
            Ok(Err(status)) => status.to_string(),
            Err(_panic) => "it panicked".to_owned(),
        };
        tracing::error!(controller = name, error, "a controller is started anew");
        tokio::time::sleep(REST).await;
    }
}

/// Writes a status, if it is different.
pub(crate) async fn save_status<S: Serialize + Sync>(
    cluster: &Cluster,
    by: &Actor,
    resource: &str,
    object: &Object,
    status: &S,
) -> Result<(), Status> {
    let status = serde_json::to_value(status).map_err(Status::internal)?;
    let (namespace, name) = (&object.namespace, &object.name);
    let change = |value: &mut serde_json::Value| {
        // A new object of the same name is another one.
        if value["metadata"]["uid"] == object.uid.as_str() {
            value["status"] = status.clone();
        }
        Ok(())
    };
    let saved = cluster.modify(resource, namespace, name, Part::Status, by, change);
    match saved.await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

/// How many keys of one controller are worked on at a time.
pub(crate) const WORKERS: usize = 4;

/// How a key was dealt with: it may ask to be looked at again after a time of the cluster's clock.
pub(crate) type Outcome = Result<Option<Duration>, Status>;

/// A controller: a queue of keys, what fills it, and those who empty it.
#[derive(Debug)]
pub(crate) struct Frame {
    name: &'static str,
    store: Store,
    queue: Queue,
    tasks: JoinSet<()>,
}

impl Frame {
    /// `now` is the cluster's clock, by which [`Queue::after`] waits.
    pub(crate) fn new(
        name: &'static str,
        store: &Store,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            store: store.clone(),
            queue: Queue::new(now),
            tasks: JoinSet::new(),
        }
    }

    /// With the store and the clock of a cluster.
    pub(crate) fn of(name: &'static str, cluster: &Cluster) -> Self {
        let clock = cluster.clone();
        Self::new(name, cluster.store(), move || clock.now())
    }

    /// For keys that come from elsewhere than a shelf.
    pub(crate) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Asks for the keys that each object of a shelf concerns, in its old and in its new state: at
    /// the start for what is there, then at every change.
    pub(crate) fn on(
        &mut self,
        shelf: Arc<Shelf>,
        keys: impl Fn(&Seen<'_>) -> Vec<Key> + Send + Sync + 'static,
    ) {
        let (store, queue) = (self.store.clone(), self.queue());
        self.tasks.spawn(async move {
            follow(&store, &shelf, |seen| {
                for key in keys(seen) {
                    queue.add(key);
                }
            })
            .await;
        });
    }

    /// Works with what all keys have in common, as [`Frame::run`] does.
    pub(crate) async fn run_on<S, F, W>(self, shared: S, work: F)
    where
        S: Send + Sync + 'static,
        F: Fn(Arc<S>, Key) -> W + Send + Sync + 'static,
        W: Future<Output = Outcome> + Send,
    {
        let shared = Arc::new(shared);
        self.run(WORKERS, move |key| work(Arc::clone(&shared), key))
            .await;
    }

    /// Works until it is dropped. An error, or a panic, brings the key back later.
    pub(crate) async fn run<F, W>(mut self, workers: usize, work: F)
    where
        F: Fn(Key) -> W + Send + Sync + 'static,
        W: Future<Output = Outcome> + Send,
    {
        let work = Arc::new(work);
        for _ in 0..workers {
            let (name, queue, work) = (self.name, self.queue.clone(), Arc::clone(&work));
            self.tasks.spawn(async move {
                loop {
                    let taken = queue.take().await;
                    let key = taken.key().clone();
                    let done = AssertUnwindSafe(async { work(key).await }).catch_unwind();
                    match done.await {
                        Ok(Ok(None)) => taken.done(),
                        Ok(Ok(Some(after))) => taken.again(after),
                        Ok(Err(status)) => {
                            tracing::debug!(controller = name, key = %taken.key(), error = %status, "a key failed and is tried again");
                            taken.failed();
                        }
                        Err(_panic) => {
                            tracing::error!(controller = name, key = %taken.key(), "a controller panicked");
                            taken.failed();
                        }
                    }
                }
            });
        }
        // They only end by a panic: whoever runs this starts it anew.
        let ended = self.tasks.join_next().await;
        tracing::error!(
            controller = self.name,
            ?ended,
            "a part of a controller ended"
        );
    }
}
