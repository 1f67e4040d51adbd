//! Deployments: replica sets for each template they had, and the way from one to the next.
mod plan;
#[cfg(test)]
mod plan_tests;
mod progress;
mod revisions;
mod rollout;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use plan::{NewSet, Plan, Update, plan};
use serde_json::Value;

use super::owners::{Claim, Owner, claim, fitting, orphans, owner_term, selects, settle};
use super::{Frame, Index, Key, Outcome, Seen, pod_control as pods, save_status};
use crate::Status;
use crate::cluster::{Actor, Cluster, Deletion, EventType, Part};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{DeploymentView, PodView, ReplicaSetView};

const DEPLOYMENTS: &str = "deployments.apps";
const REPLICA_SETS: &str = "replicasets.apps";

struct Work {
    cluster: Cluster,
    by: Actor,
    sets: Index,
    pods: Index,
}

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let (sets, pods) = (cluster.shelf(REPLICA_SETS)?, cluster.shelf("pods")?);
    let mut frame = Frame::of("deployment-controller", &cluster);
    frame.on(cluster.shelf(DEPLOYMENTS)?, |seen| seen.keys());
    let all = cluster.clone();
    frame.on(Arc::clone(&sets), move |seen| concerned(&all, seen));
    let all = cluster.clone();
    frame.on(Arc::clone(&pods), move |seen| {
        // The last pod of an old set is what a Recreate waits for.
        let gone = seen.latest().filter(|_| {
            seen.new
                .is_none_or(|pod| pods::is_finished(&pod.view::<PodView>()))
        });
        gone.and_then(|pod| of_pod(&all, pod)).into_iter().collect()
    });
    let work = Work {
        sets: Index::new(cluster.store(), sets, set_terms),
        pods: Index::new(cluster.store(), pods, pods::pod_terms),
        by: Actor::controller("deployment-controller"),
        cluster,
    };
    frame
        .run_on(work, |work, key| async move { work.sync(key).await })
        .await;
    Ok(())
}

fn set_terms(set: &Object) -> Vec<String> {
    let view = set.view::<ReplicaSetView>();
    owner_term(&set.namespace, view.metadata.controller())
}

fn of_set(set: &Object) -> Option<Key> {
    let view = set.view::<ReplicaSetView>();
    let owner = view
        .metadata
        .controller()
        .filter(|owner| owner.kind == "Deployment")?;
    Some(Key::new(&set.namespace, &owner.name))
}

fn of_pod(cluster: &Cluster, pod: &Object) -> Option<Key> {
    let view = pod.view::<PodView>();
    let owner = view
        .metadata
        .controller()
        .filter(|owner| owner.kind == "ReplicaSet")?;
    of_set(&*cluster.get(REPLICA_SETS, &pod.namespace, &owner.name)?)
}

/// The deployments to which a change of a replica set may matter.
fn concerned(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Key> {
    let mut keys: Vec<Key> = seen.states().filter_map(|set| of_set(set)).collect();
    let Some(set) = seen.new.filter(|set| of_set(set).is_none()) else {
        return keys;
    };
    let unchanged = seen
        .old
        .is_some_and(|old| old.labels == set.labels && of_set(old).is_none());
    if !unchanged && set.view::<ReplicaSetView>().metadata.controller().is_none() {
        keys.extend(fitting(
            cluster,
            DEPLOYMENTS,
            set,
            |deployment: &DeploymentView| Selector::parse(&deployment.spec.selector),
        ));
    }
    keys
}

impl Work {
    async fn sync(&self, key: Key) -> Outcome {
        let found = self.cluster.get(DEPLOYMENTS, &key.namespace, &key.name);
        let Some(object) = found else {
            return Ok(None);
        };
        let deployment = object.view::<DeploymentView>();
        let owner = Owner::of(DEPLOYMENTS, "apps/v1", "Deployment", &object);
        let Some(selector) = Selector::parse(&deployment.spec.selector) else {
            return Ok(None);
        };
        let sets = self.claimed(&owner, selector).await?;
        let populated = self.populated(&sets);
        let plan = plan(&deployment, &sets, &populated, self.cluster.now());
        let again = plan.again;
        self.act(&owner, &object, &deployment, plan).await?;
        Ok(again)
    }

    async fn claimed(
        &self,
        owner: &Owner,
        selector: Selector<'_>,
    ) -> Result<Vec<ReplicaSetView>, Status> {
        let mut candidates = self.sets.of(&owner.uid);
        candidates.extend(self.sets.of(&orphans(&owner.namespace)));
        let mut owned = Vec::new();
        for set in candidates {
            let view = set.view::<ReplicaSetView>();
            let claim = claim(owner, &view.metadata, selects(selector, &set));
            if claim == Claim::Keep {
                owned.push((*view).clone());
                continue;
            }
            let settled = settle(&self.cluster, &self.by, owner, REPLICA_SETS, set, claim);
            let settled = settled.await?;
            owned.extend(settled.map(|set| (*set.view::<ReplicaSetView>()).clone()));
        }
        Ok(owned)
    }

    /// The uids of sets that have pods which have not finished.
    fn populated(&self, sets: &[ReplicaSetView]) -> BTreeSet<String> {
        let uids = sets.iter().map(|set| &set.metadata.uid);
        let some = uids.filter(|uid| {
            let pods = self.pods.of(uid);
            pods.iter()
                .any(|pod| !pods::is_finished(&pod.view::<PodView>()))
        });
        some.cloned().collect()
    }

    async fn act(
        &self,
        owner: &Owner,
        object: &Object,
        deployment: &DeploymentView,
        mut plan: Plan,
    ) -> Result<(), Status> {
        let done = self.carry_out(owner, deployment, &mut plan).await;
        // Whatever failed, what was seen is told, and that a replica set was made.
        if plan.status != deployment.status {
            save_status(&self.cluster, &self.by, DEPLOYMENTS, object, &plan.status).await?;
        }
        done
    }

    async fn carry_out(
        &self,
        owner: &Owner,
        deployment: &DeploymentView,
        plan: &mut Plan,
    ) -> Result<(), Status> {
        if let Some(new) = plan.create.take() {
            self.create(owner, deployment, new, plan).await?;
        }
        for update in &plan.updates {
            self.update(owner, update).await?;
        }
        for name in &plan.delete {
            let (namespace, how) = (&owner.namespace, Deletion::default());
            let deleted = self
                .cluster
                .delete(REPLICA_SETS, namespace, name, &how, &self.by);
            match deleted.await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        match &plan.revision {
            Some(revision) => self.set_revision(owner, revision).await,
            None => Ok(()),
        }
    }

    /// Creates the replica set of the template. If its name is taken by another one, the next try
    /// has another hash.
    async fn create(
        &self,
        owner: &Owner,
        deployment: &DeploymentView,
        new: NewSet,
        plan: &mut Plan,
    ) -> Result<(), Status> {
        let about = owner.reference();
        let NewSet {
            name,
            value,
            replicas,
        } = new;
        match self.cluster.create(REPLICA_SETS, value, &self.by).await {
            Ok(_set) => {
                if replicas > 0 {
                    let message = format!("Scaled up replica set {name} from 0 to {replicas}");
                    let normal = EventType::Normal;
                    self.cluster
                        .event(&self.by, &about, normal, "ScalingReplicaSet", &message)
                        .await;
                }
                Ok(())
            }
            Err(status) if pods::is_namespace_ending(&status) => {
                plan.status = deployment.status.clone();
                Err(status)
            }
            Err(status) if status.reason == "AlreadyExists" => {
                plan.status = deployment.status.clone();
                if !self.is_ours(owner, deployment, &name) {
                    let collisions = deployment.status.collision_count.unwrap_or(0);
                    plan.status.collision_count = Some(collisions + 1);
                }
                Err(status)
            }
            Err(status) => {
                let message = format!("Failed to create new replica set \"{name}\": {status}");
                plan.status = deployment.status.clone();
                progress::not_created(deployment, &message, &mut plan.status, self.cluster.now());
                let warning = EventType::Warning;
                self.cluster
                    .event(&self.by, &about, warning, "ReplicaSetCreateError", &message)
                    .await;
                Err(status)
            }
        }
    }

    fn is_ours(&self, owner: &Owner, deployment: &DeploymentView, name: &str) -> bool {
        let there = self.cluster.get(REPLICA_SETS, &owner.namespace, name);
        there.is_some_and(|set| {
            let view = set.view::<ReplicaSetView>();
            view.metadata
                .controller()
                .is_some_and(|other| other.uid == owner.uid)
                && template::equal_templates(&view.spec.template, &deployment.spec.template)
        })
    }

    /// Writes a replica set as planned, if it is still what the plan was made of.
    async fn update(&self, owner: &Owner, update: &Update) -> Result<(), Status> {
        let Update { before, after } = update;
        let change = |value: &mut Value| {
            value["metadata"]["resourceVersion"] = before.metadata.resource_version.as_str().into();
            for (key, text) in &after.metadata.annotations {
                value["metadata"]["annotations"][key] = text.as_str().into();
            }
            value["spec"]["replicas"] = after.spec.replicas.into();
            value["spec"]["minReadySeconds"] = after.spec.min_ready_seconds.into();
            Ok(())
        };
        let name = &after.metadata.name;
        let changed = self.cluster.modify(
            REPLICA_SETS,
            &owner.namespace,
            name,
            Part::Main,
            &self.by,
            change,
        );
        changed.await?;
        let (from, to) = (before.spec.replicas, after.spec.replicas);
        if from != to {
            let direction = if from < to { "up" } else { "down" };
            let message = format!("Scaled {direction} replica set {name} from {from} to {to}");
            let about = owner.reference();
            let normal = EventType::Normal;
            self.cluster
                .event(&self.by, &about, normal, "ScalingReplicaSet", &message)
                .await;
        }
        Ok(())
    }

    async fn set_revision(&self, owner: &Owner, revision: &str) -> Result<(), Status> {
        let change = |value: &mut Value| {
            if value["metadata"]["uid"] == owner.uid.as_str() {
                value["metadata"]["annotations"][revisions::REVISION] = revision.into();
            }
            Ok(())
        };
        let (namespace, name) = (&owner.namespace, &owner.name);
        let changed =
            self.cluster
                .modify(DEPLOYMENTS, namespace, name, Part::Main, &self.by, change);
        match changed.await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(()),
        }
    }
}
