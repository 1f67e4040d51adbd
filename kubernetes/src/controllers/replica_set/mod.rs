//! Replica sets and replication controllers: as many pods of a template as are asked for.
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::future::join_all;
use plan::Step;
use serde_json::Value;

use super::owners::{Owner, fitting, owner_term, selects};
use super::{Frame, Index, Key, Outcome, Seen, pod_control as pods};
use crate::Status;
use crate::cluster::{Actor, Cluster};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{PodView, ReplicaSetView};

/// How many pods are created at first; twice as many each time that all went well.
const SLOW_START: usize = 1;

/// What differs between the two kinds.
#[derive(Clone, Copy, Debug)]
struct Family {
    name: &'static str,
    resource: &'static str,
    api_version: &'static str,
    kind: &'static str,
    selector: fn(&Value) -> Option<Selector<'_>>,
}

const REPLICA_SETS: Family = Family {
    name: "replicaset-controller",
    resource: "replicasets.apps",
    api_version: "apps/v1",
    kind: "ReplicaSet",
    selector: |selector| Selector::parse(selector),
};

const REPLICATION_CONTROLLERS: Family = Family {
    name: "replication-controller",
    resource: "replicationcontrollers",
    api_version: "v1",
    kind: "ReplicationController",
    selector: |labels| Some(Selector::of_labels(labels)),
};

/// Works for replica sets until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    run_family(cluster, REPLICA_SETS).await
}

/// Works for replication controllers until it is dropped.
pub(crate) async fn run_replication_controllers(cluster: Cluster) -> Result<(), Status> {
    run_family(cluster, REPLICATION_CONTROLLERS).await
}

struct Work {
    cluster: Cluster,
    family: Family,
    by: Actor,
    pods: Index,
    /// Replica sets by their owner.
    siblings: Index,
}

async fn run_family(cluster: Cluster, family: Family) -> Result<(), Status> {
    let (pods, sets) = (cluster.shelf("pods")?, cluster.shelf(family.resource)?);
    let mut frame = Frame::of(family.name, &cluster);
    frame.on(Arc::clone(&sets), |seen| seen.keys());
    let all = cluster.clone();
    frame.on(Arc::clone(&pods), move |seen| concerned(&all, family, seen));
    let work = Work {
        pods: Index::new(cluster.store(), pods, pods::pod_terms),
        siblings: Index::new(cluster.store(), sets, |set| {
            let view = set.view::<ReplicaSetView>();
            owner_term(&set.namespace, view.metadata.controller())
        }),
        by: Actor::controller(family.name),
        cluster,
        family,
    };
    frame
        .run_on(work, |work, key| async move { work.sync(key).await })
        .await;
    Ok(())
}

/// The sets to which a change of a pod may matter.
fn concerned(cluster: &Cluster, family: Family, seen: &Seen<'_>) -> Vec<Key> {
    pods::concerned(seen, (family.api_version, family.kind), |pod| {
        fitting(cluster, family.resource, pod, |set: &ReplicaSetView| {
            (family.selector)(&set.spec.selector)
        })
    })
}

impl Work {
    async fn sync(&self, key: Key) -> Outcome {
        let found = self
            .cluster
            .get(self.family.resource, &key.namespace, &key.name);
        let Some(object) = found else {
            return Ok(None);
        };
        let set = object.view::<ReplicaSetView>();
        let Some(selector) = (self.family.selector)(&set.spec.selector) else {
            return Ok(None);
        };
        let family = self.family;
        let owner = Owner::of(family.resource, family.api_version, family.kind, &object);
        let mut active = self.claimed(&owner, selector).await?;
        let now = self.cluster.now();
        let related = self.related(&set);
        let step = plan::step(&set, &active, &related, now);
        let failure = self.act(&owner, &set, &step).await.err();
        if !matches!(step, Step::Nothing) {
            // What was just made or deleted is seen at once.
            active = self.active(&owner);
        }
        let message = failure.as_ref().map(|failure| failure.message.as_str());
        let (status, again) = plan::status(&set, &active, message, now);
        if status != set.status {
            self.save(&object, &status).await?;
        }
        failure.map_or(Ok(again), Err)
    }

    fn active(&self, owner: &Owner) -> Vec<Arc<PodView>> {
        let owned = self.pods.of(&owner.uid);
        let views = owned.iter().map(|pod| pod.view::<PodView>());
        views.filter(|pod| pods::is_active(pod)).collect()
    }

    async fn claimed(
        &self,
        owner: &Owner,
        selector: Selector<'_>,
    ) -> Result<Vec<Arc<PodView>>, Status> {
        let mut candidates = pods::candidates(&self.pods, owner);
        candidates.retain(|pod| pods::is_active(&pod.view::<PodView>()));
        let matches = |pod: &Object| selects(selector, pod);
        pods::claimed(&self.cluster, &self.by, owner, candidates, matches).await
    }

    /// The pods of all sets that have the same owner.
    fn related(&self, set: &ReplicaSetView) -> Vec<Arc<PodView>> {
        let siblings: Vec<Arc<Object>> = match set.metadata.controller() {
            Some(owner) => self.siblings.of(&owner.uid),
            None => Vec::new(),
        };
        let uids = siblings.iter().map(|sibling| sibling.uid.as_str());
        let mut uids: Vec<&str> = uids.collect();
        if uids.is_empty() {
            uids.push(&set.metadata.uid);
        }
        let pods = uids.into_iter().flat_map(|uid| self.pods.of(uid));
        pods.map(|pod| pod.view::<PodView>()).collect()
    }

    async fn act(&self, owner: &Owner, set: &ReplicaSetView, step: &Step) -> Result<(), Status> {
        match step {
            Step::Nothing => Ok(()),
            Step::Create(count) => self.create(owner, set, *count).await,
            Step::Delete(pods) => {
                let deleted = pods
                    .iter()
                    .map(|pod| pods::delete(&self.cluster, &self.by, owner, pod));
                join_all(deleted).await.into_iter().collect()
            }
        }
    }

    /// Creates pods, few at first: if they cannot be created, not all are tried.
    async fn create(
        &self,
        owner: &Owner,
        set: &ReplicaSetView,
        count: usize,
    ) -> Result<(), Status> {
        let pod = pods::of_template(&set.spec.template, owner);
        let (mut left, mut batch) = (count, SLOW_START);
        while left > 0 {
            let size = batch.min(left);
            let created =
                (0..size).map(|_| pods::create(&self.cluster, &self.by, owner, pod.clone()));
            for created in join_all(created).await {
                match created {
                    Ok(_pod) => {}
                    Err(status) if pods::is_namespace_ending(&status) => return Ok(()),
                    Err(status) => return Err(status),
                }
            }
            left -= size;
            batch = size * 2;
        }
        Ok(())
    }

    async fn save(
        &self,
        object: &Object,
        status: &crate::views::ReplicaSetStatus,
    ) -> Result<(), Status> {
        super::save_status(
            &self.cluster,
            &self.by,
            self.family.resource,
            object,
            status,
        )
        .await
    }
}
