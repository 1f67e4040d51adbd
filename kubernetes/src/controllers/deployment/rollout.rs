//! Sizes of replica sets: rolling, in proportion, all at once.
use std::cmp::Reverse;

use super::plan::age;
use super::revisions::{self, Limits};
use crate::views::{DeploymentView, ReplicaSetView};

/// The replica sets of a deployment: that of the template, and the others, older ones first.
#[derive(Debug)]
pub(super) struct Sets {
    pub new: Option<ReplicaSetView>,
    pub old: Vec<ReplicaSetView>,
}

impl Sets {
    pub(super) fn all(&self) -> impl Iterator<Item = &ReplicaSetView> {
        self.old.iter().chain(&self.new)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut ReplicaSetView> {
        self.old.iter_mut().chain(&mut self.new)
    }
}

/// How many pods sets ask for.
pub(super) fn total<'a>(sets: impl Iterator<Item = &'a ReplicaSetView>) -> i64 {
    sets.map(|set| set.spec.replicas).sum()
}

fn available<'a>(sets: impl Iterator<Item = &'a ReplicaSetView>) -> i64 {
    sets.map(|set| set.status.available_replicas).sum()
}

/// Asks for another number of pods, and notes for how many the whole deployment was meant to be.
pub(super) fn resize(set: &mut ReplicaSetView, replicas: i64, limits: &Limits) {
    set.spec.replicas = replicas;
    revisions::note_sizes(set, limits);
}

/// With how many pods the set of a new template begins.
pub(super) fn first_size(deployment: &DeploymentView, total: i64, limits: &Limits) -> i64 {
    let wanted = deployment.spec.replicas;
    if !limits.rolling {
        return wanted;
    }
    (wanted + limits.surge - total).clamp(0, wanted)
}

/// Brings the new set nearer to its size. Says whether that changed anything.
pub(super) fn grow(
    new: &mut ReplicaSetView,
    total: i64,
    deployment: &DeploymentView,
    limits: &Limits,
) -> bool {
    let (has, wanted) = (new.spec.replicas, deployment.spec.replicas);
    let size = if has > wanted {
        wanted
    } else {
        has + (wanted + limits.surge - total).clamp(0, wanted - has)
    };
    if size == has {
        return false;
    }
    resize(new, size, limits);
    true
}

/// Takes pods from old sets as far as enough stay available: first those that are not. Says whether
/// that changed anything.
pub(super) fn shrink_old(sets: &mut Sets, deployment: &DeploymentView, limits: &Limits) -> bool {
    let Some(new) = &sets.new else {
        return false;
    };
    let min_available = deployment.spec.replicas - limits.unavailable;
    let unavailable = new.spec.replicas - new.status.available_replicas;
    let mut allowed = total(sets.all()) - min_available - unavailable;
    if allowed <= 0 || total(sets.old.iter()) == 0 {
        return false;
    }
    let mut shrunk = false;
    for old in &mut sets.old {
        let unhealthy = (old.spec.replicas - old.status.available_replicas).max(0);
        let less = unhealthy.min(allowed);
        if less > 0 {
            resize(old, old.spec.replicas - less, limits);
            allowed -= less;
            shrunk = true;
        }
    }
    // Sets of which nothing is asked for count no more, though their pods may still be there.
    let new = sets.new.iter();
    let there = new.chain(sets.old.iter().filter(|set| set.spec.replicas > 0));
    let mut surplus = available(there) - min_available;
    for old in &mut sets.old {
        let less = old.spec.replicas.min(surplus);
        if less > 0 {
            resize(old, old.spec.replicas - less, limits);
            surplus -= less;
            shrunk = true;
        }
    }
    shrunk
}

/// Spreads a changed number of replicas over all sets in proportion to their size, so that a rollout
/// does not go faster or slower because of it.
pub(super) fn scale(sets: &mut Sets, deployment: &DeploymentView, limits: &Limits) {
    let wanted = deployment.spec.replicas;
    let active = sets.all().filter(|set| set.spec.replicas > 0).count();
    if active <= 1 {
        let only = match active {
            1 => sets.all_mut().find(|set| set.spec.replicas > 0),
            _ => sets.new.as_mut().or_else(|| sets.old.last_mut()),
        };
        if let Some(only) = only
            && only.spec.replicas != wanted
        {
            resize(only, wanted, limits);
        }
        return;
    }
    if sets
        .new
        .as_ref()
        .is_some_and(|new| is_saturated(new, wanted))
    {
        let active = sets.old.iter_mut().filter(|set| set.spec.replicas > 0);
        active.for_each(|old| resize(old, 0, limits));
        return;
    }
    if limits.rolling {
        scale_in_proportion(sets, deployment, limits);
    }
}

fn is_saturated(new: &ReplicaSetView, wanted: i64) -> bool {
    new.spec.replicas == wanted
        && revisions::desired(new) == Some(wanted)
        && new.status.available_replicas == wanted
}

fn scale_in_proportion(sets: &mut Sets, deployment: &DeploymentView, limits: &Limits) {
    let wanted = deployment.spec.replicas;
    let allowed = if wanted > 0 { wanted + limits.surge } else { 0 };
    let to_add = allowed - total(sets.all());
    let mut active: Vec<&mut ReplicaSetView> =
        sets.all_mut().filter(|set| set.spec.replicas > 0).collect();
    if to_add > 0 {
        active.sort_by(|a, b| {
            let by_size = b.spec.replicas.cmp(&a.spec.replicas);
            by_size.then_with(|| Reverse(age(a)).cmp(&Reverse(age(b))))
        });
    } else {
        active.sort_by(|a, b| {
            let by_size = b.spec.replicas.cmp(&a.spec.replicas);
            by_size.then_with(|| age(a).cmp(&age(b)))
        });
    }
    let mut added = 0;
    let mut sizes = Vec::with_capacity(active.len());
    for set in &active {
        let share = share(set, deployment, limits);
        let left = to_add - added;
        let share = match to_add {
            0 => 0,
            1.. => share.min(left),
            _ => share.max(left),
        };
        added += share;
        sizes.push(set.spec.replicas + share);
    }
    if let Some(largest) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    for (set, size) in active.into_iter().zip(sizes) {
        resize(set, size, limits);
    }
}

/// What a set gets of a change, rounded to the nearest.
fn share(set: &ReplicaSetView, deployment: &DeploymentView, limits: &Limits) -> i64 {
    let (has, wanted) = (set.spec.replicas, deployment.spec.replicas);
    if wanted == 0 {
        return -has;
    }
    let before = revisions::max_replicas(set).filter(|max| *max != 0);
    let before = before.unwrap_or(deployment.status.replicas);
    if before == 0 {
        return 0;
    }
    // Half away from zero; all are positive.
    let now = wanted + limits.surge;
    let size = (2 * has * now + before).div_euclid(2 * before);
    size - has
}
