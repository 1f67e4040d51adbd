//! What a deployment needs: a function of it, its replica sets and the time.
use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use wharf_types::Timestamp;

use super::progress;
use super::revisions::{self, Limits};
use super::rollout::{self, Sets};
use super::template::equal_templates;
use crate::views::{DeploymentStatus, DeploymentView, ReplicaSetView};

/// What is to be done, in this order.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// A replica set to be created.
    pub create: Option<NewSet>,
    pub updates: Vec<Update>,
    /// Names of replica sets that nobody will go back to.
    pub delete: Vec<String>,
    /// The deployment's own revision annotation, if it is another one.
    pub revision: Option<String>,
    pub status: DeploymentStatus,
    /// When to look again although nothing changed.
    pub again: Option<Duration>,
}

/// A replica set that is not there yet.
#[derive(Clone, Debug)]
pub(super) struct NewSet {
    pub name: String,
    pub value: Value,
    pub replicas: i64,
}

/// A replica set as it is and as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub before: ReplicaSetView,
    pub after: ReplicaSetView,
}

/// Plans. `sets` are the replica sets of the deployment; `populated` are the uids of those that have
/// pods which have not finished, pods that are being deleted included.
pub(super) fn plan(
    deployment: &DeploymentView,
    sets: &[ReplicaSetView],
    populated: &BTreeSet<String>,
    now: Timestamp,
) -> Plan {
    let mut sorted = sets.to_vec();
    sorted.sort_by(|a, b| age(a).cmp(&age(b)));
    let current = sorted
        .iter()
        .position(|set| equal_templates(&set.spec.template, &deployment.spec.template));
    let new = current.map(|at| sorted.remove(at));
    let mut work = Work {
        deployment,
        limits: Limits::of(&deployment.spec),
        sets: Sets { new, old: sorted },
        created: None,
        plan: Plan {
            status: deployment.status.clone(),
            ..Plan::default()
        },
        now,
    };
    work.run(populated);
    work.finish(sets)
}

/// The order of replica sets: older first.
pub(super) fn age(set: &ReplicaSetView) -> (Option<Timestamp>, &str) {
    (set.metadata.created(), set.metadata.name.as_str())
}

/// A plan in the making.
pub(super) struct Work<'a> {
    pub deployment: &'a DeploymentView,
    pub limits: Limits,
    pub sets: Sets,
    pub created: Option<NewSet>,
    pub plan: Plan,
    pub now: Timestamp,
}

impl Work<'_> {
    fn run(&mut self, populated: &BTreeSet<String>) {
        if self.deployment.metadata.is_deleting() {
            self.sync_revision();
            return self.summarize();
        }
        progress::pause(self.deployment, &mut self.plan.status, self.now);
        self.sync_revision();
        if self.deployment.spec.paused || self.is_scaled() {
            rollout::scale(&mut self.sets, self.deployment, &self.limits);
            if self.deployment.spec.paused {
                self.clean_up();
            }
            return self.summarize();
        }
        match self.deployment.spec.strategy.r#type.as_str() {
            "Recreate" => self.recreate(populated),
            _ => self.roll(),
        }
        self.summarize();
        let status = &mut self.plan.status;
        progress::estimate(self.deployment, &self.sets, status, self.now);
        self.plan.again = progress::deadline(self.deployment, status, self.now);
    }

    fn roll(&mut self) {
        self.need_new();
        let Some(new) = &mut self.sets.new else {
            return;
        };
        let total = rollout::total(self.sets.old.iter()) + new.spec.replicas;
        if self.created.is_none() && rollout::grow(new, total, self.deployment, &self.limits) {
            return;
        }
        if rollout::shrink_old(&mut self.sets, self.deployment, &self.limits) {
            return;
        }
        if progress::is_complete(self.deployment, &self.deployment.status) {
            self.clean_up();
        }
    }

    fn recreate(&mut self, populated: &BTreeSet<String>) {
        let mut shrunk = false;
        for old in &mut self.sets.old {
            if old.spec.replicas != 0 {
                rollout::resize(old, 0, &self.limits);
                shrunk = true;
            }
        }
        let new = self.sets.new.as_ref().map(|set| set.metadata.uid.as_str());
        let others_run = populated.iter().any(|uid| Some(uid.as_str()) != new);
        let counted = self.sets.old.iter().any(|set| set.status.replicas > 0);
        if shrunk || others_run || counted {
            return;
        }
        self.need_new();
        if let Some(new) = &mut self.sets.new
            && new.spec.replicas != self.deployment.spec.replicas
        {
            rollout::resize(new, self.deployment.spec.replicas, &self.limits);
        }
        if progress::is_complete(self.deployment, &self.deployment.status) {
            self.clean_up();
        }
    }

    /// Gives the new replica set the latest revision, and the deployment the same.
    fn sync_revision(&mut self) {
        let Some(new) = &mut self.sets.new else {
            return;
        };
        let next = revisions::next(&self.sets.old);
        revisions::annotate(new, self.deployment, next);
        new.spec.min_ready_seconds = self.deployment.spec.min_ready_seconds;
        self.plan.revision = revisions::of(new).map(|revision| revision.to_string());
        progress::found(
            self.deployment,
            &new.metadata.name,
            &mut self.plan.status,
            self.now,
        );
    }

    /// Makes a replica set for the template if there is none.
    fn need_new(&mut self) {
        if self.sets.new.is_some() {
            return;
        }
        let next = revisions::next(&self.sets.old);
        let total = rollout::total(self.sets.old.iter());
        let replicas = rollout::first_size(self.deployment, total, &self.limits);
        let (view, new) = super::template::new_set(self.deployment, replicas, next, &self.limits);
        self.plan.revision = Some(next.to_string());
        progress::created(self.deployment, &new.name, &mut self.plan.status, self.now);
        self.sets.new = Some(view);
        self.created = Some(new);
    }

    /// Whether somebody changed the number of replicas since the sets were last resized.
    fn is_scaled(&self) -> bool {
        let active = self.sets.all().filter(|set| set.spec.replicas > 0);
        let mut desired = active.filter_map(revisions::desired);
        desired.any(|desired| desired != self.deployment.spec.replicas)
    }

    /// Forgets the oldest revisions above the limit that have no pods.
    fn clean_up(&mut self) {
        let Some(limit) = self.deployment.spec.revision_history_limit else {
            return;
        };
        if limit == i64::from(i32::MAX) {
            return;
        }
        let old = self
            .sets
            .old
            .iter()
            .filter(|set| !set.metadata.is_deleting());
        let mut old: Vec<&ReplicaSetView> = old.collect();
        let limit = usize::try_from(limit).unwrap_or(0);
        let surplus = old.len().saturating_sub(limit);
        old.sort_by_key(|set| (revisions::of(set).unwrap_or(0), age(set)));
        let unused = old.into_iter().take(surplus).filter(|set| {
            set.status.replicas == 0
                && set.spec.replicas == 0
                && set.metadata.generation <= set.status.observed_generation
        });
        self.plan.delete = unused.map(|set| set.metadata.name.clone()).collect();
    }

    /// The counters and the condition of availability.
    fn summarize(&mut self) {
        progress::summarize(
            self.deployment,
            &self.sets,
            &self.limits,
            &mut self.plan.status,
            self.now,
        );
    }

    /// What is different from what there was.
    fn finish(mut self, before: &[ReplicaSetView]) -> Plan {
        self.plan.create = self.created;
        let after = self.sets.new.iter().chain(&self.sets.old);
        for after in after {
            let before = before
                .iter()
                .find(|set| set.metadata.uid == after.metadata.uid);
            if let Some(before) = before.filter(|before| *before != after) {
                self.plan.updates.push(Update {
                    before: before.clone(),
                    after: after.clone(),
                });
            }
        }
        let known = self
            .deployment
            .metadata
            .annotations
            .get(revisions::REVISION);
        if self.plan.revision.as_ref() == known {
            self.plan.revision = None;
        }
        self.plan
    }
}
