//! What a stateful set needs: a function of it, its revisions and its pods.
use std::sync::Arc;
use std::time::Duration;

use wharf_types::Timestamp;

use super::identity;
use crate::controllers::amount::rounded_down;
use crate::controllers::pod_control as pods;
use crate::views::{PodView, StatefulSetStatus, StatefulSetView};

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The pod of an ordinal, of the current or of the update revision.
    Create {
        ordinal: i64,
        updated: bool,
    },
    /// The claims of a pod that waits.
    Claims(Arc<PodView>),
    /// Labels and volumes that somebody took away.
    Repair(Arc<PodView>),
    Delete(Arc<PodView>),
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    pub status: StatefulSetStatus,
    /// When to look again although nothing changed.
    pub again: Option<Duration>,
}

/// The names of the revisions between which a set is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revisions<'a> {
    pub current: &'a str,
    pub update: &'a str,
    pub collisions: i64,
}

/// Plans. `pods` are those of the set that are named like it.
pub(super) fn plan(
    set: &StatefulSetView,
    revisions: Revisions<'_>,
    pods: &[Arc<PodView>],
    now: Timestamp,
) -> Plan {
    let mut work = Work::new(set, revisions, pods, now);
    work.count(pods);
    if !set.metadata.is_deleting() && work.establish() {
        work.update();
    }
    complete(set, &mut work.plan.status);
    work.plan
}

/// A pod of the set, or the place of one.
#[derive(Clone, Debug)]
enum Replica {
    There(Arc<PodView>),
    /// The revision that it will have.
    Missing(String),
}

struct Work<'a> {
    set: &'a StatefulSetView,
    revisions: Revisions<'a>,
    /// By ordinal.
    replicas: Vec<(i64, Replica)>,
    /// Those beyond the number of replicas, the highest ordinal first.
    condemned: Vec<Arc<PodView>>,
    /// The unavailable pod that comes first; a scale-down need not wait for it.
    first_unavailable: Option<String>,
    ordered: bool,
    now: Timestamp,
    plan: Plan,
}

impl<'a> Work<'a> {
    fn new(
        set: &'a StatefulSetView,
        revisions: Revisions<'a>,
        pods: &[Arc<PodView>],
        now: Timestamp,
    ) -> Self {
        let start = set.spec.ordinals.start;
        let range = start..start.saturating_add(set.spec.replicas.max(0));
        let mut work = Self {
            set,
            revisions,
            replicas: Vec::new(),
            condemned: Vec::new(),
            first_unavailable: None,
            ordered: set.spec.pod_management_policy != "Parallel",
            now,
            plan: Plan {
                steps: Vec::new(),
                status: StatefulSetStatus {
                    observed_generation: set.metadata.generation,
                    current_revision: revisions.current.to_owned(),
                    update_revision: revisions.update.to_owned(),
                    collision_count: Some(revisions.collisions),
                    ..StatefulSetStatus::default()
                },
                again: pods::next_available(
                    pods.iter().map(|pod| &**pod),
                    set.spec.min_ready_seconds,
                    now,
                ),
            },
        };
        let mut there = std::collections::BTreeMap::new();
        for pod in pods {
            match identity::ordinal(&pod.metadata.name) {
                Some(ordinal) if range.contains(&ordinal) => {
                    there.insert(ordinal, Arc::clone(pod));
                }
                Some(_) => work.condemned.push(Arc::clone(pod)),
                None => {}
            }
        }
        work.replicas = range
            .map(|ordinal| {
                let pod = there.remove(&ordinal).map(Replica::There);
                let missing = || Replica::Missing(work.revision_of(ordinal).to_owned());
                (ordinal, pod.unwrap_or_else(missing))
            })
            .collect();
        let by_ordinal = |pod: &Arc<PodView>| identity::ordinal(&pod.metadata.name);
        work.condemned
            .sort_by_key(|pod| std::cmp::Reverse(by_ordinal(pod)));
        work.first_unavailable = work.find_unavailable();
        work
    }

    /// The revision that a new pod gets: those below the partition stay with the current one.
    fn revision_of(&self, ordinal: i64) -> &'a str {
        let strategy = &self.set.spec.update_strategy;
        let first = self.set.spec.ordinals.start + strategy.rolling_update.partition;
        if strategy.r#type == "RollingUpdate" && ordinal < first {
            self.revisions.current
        } else {
            self.revisions.update
        }
    }

    fn find_unavailable(&self) -> Option<String> {
        let places = self
            .replicas
            .iter()
            .find(|(_, replica)| self.is_unavailable(replica));
        match places {
            // A place that is empty is no condemned pod.
            Some((_, Replica::Missing(_))) => Some(String::new()),
            Some((_, Replica::There(pod))) => Some(pod.metadata.name.clone()),
            None => {
                let mut condemned = self.condemned.iter().rev();
                let first =
                    condemned.find(|pod| !self.is_available(pod) || pod.metadata.is_deleting());
                first.map(|pod| pod.metadata.name.clone())
            }
        }
    }

    fn is_available(&self, pod: &PodView) -> bool {
        pods::is_available(pod, self.set.spec.min_ready_seconds, self.now)
    }

    fn is_unavailable(&self, replica: &Replica) -> bool {
        match replica {
            Replica::Missing(_) => true,
            Replica::There(pod) => !self.is_available(pod) || pod.metadata.is_deleting(),
        }
    }

    fn count(&mut self, pods: &[Arc<PodView>]) {
        for pod in pods {
            if pod.status.phase.is_empty() {
                continue;
            }
            let available = self.is_available(pod);
            let status = &mut self.plan.status;
            status.replicas += 1;
            if is_running_and_ready(pod) {
                status.ready_replicas += 1;
                status.available_replicas += i64::from(available);
            }
            if !pod.metadata.is_deleting() {
                let revision = identity::revision(pod);
                status.current_replicas += i64::from(revision == self.revisions.current);
                status.updated_replicas += i64::from(revision == self.revisions.update);
            }
        }
    }

    /// Sees to it that there are the pods that there should be. Says whether an update may go on.
    fn establish(&mut self) -> bool {
        for (ordinal, replica) in self.replicas.clone() {
            let waits = match &replica {
                Replica::Missing(revision) => {
                    let updated = *revision == self.revisions.update;
                    self.plan.steps.push(Step::Create { ordinal, updated });
                    true
                }
                Replica::There(pod) => self.keep(pod),
            };
            if waits && self.ordered {
                return false;
            }
        }
        for pod in self.condemned.clone() {
            let terminating = pod.metadata.is_deleting();
            let healthy = is_running_and_ready(&pod) && self.is_available(&pod);
            let first = self.first_unavailable.as_ref() == Some(&pod.metadata.name);
            if terminating {
                if self.ordered {
                    return false;
                }
                continue;
            }
            if self.ordered && !healthy && !first {
                return false;
            }
            self.plan.steps.push(Step::Delete(pod));
            if self.ordered {
                return false;
            }
        }
        true
    }

    /// Says whether an ordered set has to wait for the pod.
    fn keep(&mut self, pod: &Arc<PodView>) -> bool {
        if pods::is_finished(pod) {
            if !pod.metadata.is_deleting() {
                self.plan.steps.push(Step::Delete(Arc::clone(pod)));
            }
            return true;
        }
        if pod.status.phase == "Pending" {
            self.plan.steps.push(Step::Claims(Arc::clone(pod)));
        }
        let settled =
            !pod.metadata.is_deleting() && is_running_and_ready(pod) && self.is_available(pod);
        if self.ordered && !settled {
            return true;
        }
        if !identity::matches(self.set, pod) {
            self.plan.steps.push(Step::Repair(Arc::clone(pod)));
        }
        false
    }

    /// Replaces pods that are not of the update revision, the highest ordinal first.
    fn update(&mut self) {
        let strategy = &self.set.spec.update_strategy;
        if strategy.r#type == "OnDelete" {
            return;
        }
        let rolling = &strategy.rolling_update;
        let partition = usize::try_from(rolling.partition).unwrap_or(0);
        let places = self.replicas.iter().skip(partition).rev();
        let places: Vec<Replica> = places.map(|(_, replica)| replica.clone()).collect();
        if rolling.max_unavailable.is_null() {
            for replica in places {
                if let Some(pod) = self.outdated(&replica) {
                    self.replace(pod);
                    return;
                }
                if self.is_unavailable(&replica) {
                    return;
                }
            }
            return;
        }
        let allowed = rounded_down(&rolling.max_unavailable, self.set.spec.replicas).max(1);
        let all = self.replicas.iter();
        let unavailable = all
            .filter(|(_, replica)| self.is_unavailable(replica))
            .count();
        let left = usize::try_from(allowed)
            .unwrap_or(0)
            .saturating_sub(unavailable);
        let outdated: Vec<_> = places
            .iter()
            .filter_map(|replica| self.outdated(replica))
            .collect();
        for pod in outdated.into_iter().take(left) {
            self.replace(pod);
        }
    }

    fn outdated(&self, replica: &Replica) -> Option<Arc<PodView>> {
        match replica {
            Replica::There(pod)
                if identity::revision(pod) != self.revisions.update
                    && !pod.metadata.is_deleting() =>
            {
                Some(Arc::clone(pod))
            }
            _ => None,
        }
    }

    fn replace(&mut self, pod: Arc<PodView>) {
        self.plan.status.current_replicas -= 1;
        self.plan.steps.push(Step::Delete(pod));
    }
}

fn is_running_and_ready(pod: &PodView) -> bool {
    pod.status.phase == "Running" && pods::is_ready(pod)
}

/// A finished update makes the update revision the current one.
fn complete(set: &StatefulSetView, status: &mut StatefulSetStatus) {
    let wanted = set.spec.replicas;
    status.current_replicas = status.current_replicas.max(0);
    if set.spec.update_strategy.r#type == "RollingUpdate"
        && status.updated_replicas == wanted
        && status.ready_replicas == wanted
        && status.replicas == wanted
    {
        status.current_replicas = status.updated_replicas;
        status.current_revision.clone_from(&status.update_revision);
    }
}
