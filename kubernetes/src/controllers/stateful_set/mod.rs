//! Stateful sets: pods with names, one after the other, and claims that stay with the names.
mod act;
mod identity;
mod plan;
mod retention;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use plan::{Revisions, plan};

use super::history::{self, History};
use super::owners::{Owner, selects};
use super::{Frame, Index, Key, Outcome, Seen, pod_control as pods, save_status};
use crate::Status;
use crate::cluster::{Actor, Cluster};
use crate::store::Object;
use crate::validation::Selector;
use crate::views::{ClaimView, PodView, StatefulSetView};

const STATEFUL_SETS: &str = "statefulsets.apps";
const CLAIMS: &str = "persistentvolumeclaims";

struct Work {
    cluster: Cluster,
    by: Actor,
    pods: Index,
    history: History,
}

/// Works until it is dropped.
pub(crate) async fn run(cluster: Cluster) -> Result<(), Status> {
    let pods = cluster.shelf("pods")?;
    let mut frame = Frame::of("statefulset-controller", &cluster);
    frame.on(cluster.shelf(STATEFUL_SETS)?, |seen| seen.keys());
    let all = cluster.clone();
    frame.on(Arc::clone(&pods), move |seen| concerned(&all, seen));
    frame.on(cluster.shelf(CLAIMS)?, |seen| {
        // A pod may wait until the claim of an earlier one is gone.
        let gone = seen.old.filter(|_| seen.new.is_none());
        gone.and_then(|claim| of_claim(claim)).into_iter().collect()
    });
    let by = Actor::controller("statefulset-controller");
    let work = Work {
        pods: Index::new(cluster.store(), pods, pods::pod_terms),
        history: History::new(&cluster, &by, "controller.kubernetes.io/hash")?,
        by,
        cluster,
    };
    frame
        .run_on(work, |work, key| async move { work.sync(key).await })
        .await;
    Ok(())
}

fn of_claim(claim: &Object) -> Option<Key> {
    let view = claim.view::<ClaimView>();
    let owner = view.metadata.controller()?;
    let set = match owner.kind.as_str() {
        "StatefulSet" => owner.name.as_str(),
        "Pod" => identity::parse(&owner.name)?.0,
        _ => return None,
    };
    Some(Key::new(&claim.namespace, set))
}

/// The sets to which a change of a pod may matter.
fn concerned(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Key> {
    pods::concerned(seen, ("apps/v1", "StatefulSet"), |pod| {
        // Only a set of the name in the pod's can adopt it.
        let parent = identity::parse(&pod.name).map(|(parent, _)| parent);
        let set = parent.and_then(|name| cluster.get(STATEFUL_SETS, &pod.namespace, name));
        let fits = |set: &Arc<Object>| {
            let view = set.view::<StatefulSetView>();
            let selector = Selector::parse(&view.spec.selector);
            selector.is_some_and(|selector| selects(selector, pod))
        };
        set.filter(fits)
            .map(|set| Key::of(&set))
            .into_iter()
            .collect()
    })
}

impl Work {
    async fn sync(&self, key: Key) -> Outcome {
        let found = self.cluster.get(STATEFUL_SETS, &key.namespace, &key.name);
        // Of one that goes nothing is needed any more, least of all a revision.
        let Some(object) = found.filter(|object| !object.deleting) else {
            return Ok(None);
        };
        let set = object.view::<StatefulSetView>();
        let owner = Owner::of(STATEFUL_SETS, "apps/v1", "StatefulSet", &object);
        let Some(selector) = Selector::parse(&set.spec.selector) else {
            return Ok(None);
        };
        let revisions = self.history.of(&owner, selector).await?;
        let pods = self.claimed(&owner, selector).await?;
        let (meta, spec) = (&set.metadata, &set.spec);
        let collisions = set.status.collision_count;
        let latest = self
            .history
            .latest(&owner, meta, &spec.template, collisions, &revisions);
        let latest = latest.await?;
        let current = revisions
            .iter()
            .find(|r| r.metadata.name == set.status.current_revision);
        let current = current.unwrap_or(&latest.revision);
        let names = Revisions {
            current: &current.metadata.name,
            update: &latest.revision.metadata.name,
            collisions: latest.collisions,
        };
        let plan = plan(&set, names, &pods, self.cluster.now());
        let acted = self
            .act(&owner, &set, &plan.steps, current, &latest.revision, &pods)
            .await;
        if plan.status != set.status {
            save_status(
                &self.cluster,
                &self.by,
                STATEFUL_SETS,
                &object,
                &plan.status,
            )
            .await?;
        }
        acted?;
        let mut live: HashSet<&str> = pods.iter().map(|pod| identity::revision(pod)).collect();
        live.extend([names.current, names.update]);
        let is_live =
            |r: &crate::views::ControllerRevisionView| live.contains(r.metadata.name.as_str());
        let limit = spec.revision_history_limit;
        self.history
            .trim(&owner, &revisions, is_live, limit)
            .await?;
        Ok(plan.again)
    }

    async fn claimed(
        &self,
        owner: &Owner,
        selector: Selector<'_>,
    ) -> Result<Vec<Arc<PodView>>, Status> {
        let candidates = pods::candidates(&self.pods, owner);
        let matches = |pod: &Object| {
            let member = identity::parse(&pod.name).is_some_and(|(set, _)| set == owner.name);
            member && selects(selector, pod)
        };
        pods::claimed(&self.cluster, &self.by, owner, candidates, matches).await
    }
}
