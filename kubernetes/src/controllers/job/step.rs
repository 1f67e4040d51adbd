//! What is done about the pods of a job.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::pod_control::sort_for_deletion;
use super::backoff::{Failures, finished_at};
use super::judge::{Judged, Look, count};
use super::pods::{all_failures, index, is_terminating};
use crate::views::PodView;

/// How many pods are created or deleted in one step.
pub(super) const BURST: usize = 500;
/// A pause is not shorter.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) enum Step {
    Nothing,
    /// New pods, by their indexes if they have some.
    Create(Vec<Option<i64>>),
    /// Pods are created after a pause.
    Wait(Duration),
    /// The job comes to its end: its pods are deleted and counted.
    End(Vec<Arc<PodView>>),
    /// These pods are not wanted any more; they are not counted.
    Remove(Vec<Arc<PodView>>),
}

pub(super) fn step(look: &Look<'_>, judged: &Judged) -> Step {
    let (job, spec) = (look.job, &look.job.spec);
    if judged.end.is_some() {
        return Step::End(judged.active.clone());
    }
    if job.metadata.is_deleting() {
        return Step::Nothing;
    }
    let active = count(judged.active.len());
    if spec.suspend {
        return remove(judged.active.clone());
    }
    let wanted = match spec.completions {
        // Once one pod succeeded, the others are left to end.
        None if judged.succeeded > 0 => active,
        None => spec.parallelism,
        Some(all) => (all - judged.succeeded).min(spec.parallelism).max(0),
    };
    let mut surplus = surplus(look, judged, usize::try_from(active - wanted).unwrap_or(0));
    if !surplus.is_empty() {
        surplus.truncate(BURST);
        return Step::Remove(surplus);
    }
    let waits = if job.replaces_ended_only() {
        judged.terminating
    } else {
        0
    };
    let lacking = usize::try_from(wanted - waits - active).unwrap_or(0);
    create(look, judged, lacking)
}

fn remove(pods: Vec<Arc<PodView>>) -> Step {
    if pods.is_empty() {
        Step::Nothing
    } else {
        Step::Remove(pods)
    }
}

fn create(look: &Look<'_>, judged: &Judged, lacking: usize) -> Step {
    let (job, now) = (look.job, look.now);
    if lacking == 0 {
        return Step::Nothing;
    }
    let alone = job.spec.backoff_limit_per_index.is_some();
    let pause = judged.failures.left(now);
    if !alone && !pause.is_zero() {
        return Step::Wait(pause.max(LEAST_PAUSE));
    }
    let number = lacking.min(BURST);
    if !job.is_indexed() {
        return Step::Create(vec![None; number]);
    }
    let indexes = pending(look, judged, number);
    if !alone {
        return Step::Create(indexes.into_iter().map(Some).collect());
    }
    let pause = |index: &i64| {
        judged.delayed.get(index).map_or(Duration::ZERO, |pod| {
            let before = u32::try_from(all_failures(pod)).unwrap_or(u32::MAX);
            let failures = Failures {
                count: before.saturating_add(1),
                last: Some(finished_at(pod)),
            };
            failures.left(now)
        })
    };
    let (ready, later): (Vec<i64>, Vec<i64>) = indexes
        .into_iter()
        .partition(|index| pause(index).is_zero());
    if !ready.is_empty() {
        return Step::Create(ready.into_iter().map(Some).collect());
    }
    let pause = later.iter().map(pause).min();
    pause.map_or(Step::Nothing, |pause| Step::Wait(pause.max(LEAST_PAUSE)))
}

/// The first indexes that nobody works on and that have not ended.
fn pending(look: &Look<'_>, judged: &Judged, number: usize) -> Vec<i64> {
    let active = judged.active.iter().filter_map(|pod| index(pod));
    let mut taken = judged.completed.with(active);
    if look.job.replaces_ended_only() {
        let ending = look.pods.iter().filter(|pod| is_terminating(pod));
        taken = taken.with(ending.filter_map(|pod| index(pod)));
    }
    if let Some(failed) = &judged.failed_indexes {
        taken = taken.union(failed);
    }
    taken.missing(look.job.spec.completions.unwrap_or(0), number)
}

/// At least so many of the active pods, those that are furthest from running first; and pods whose
/// index is wrong or that of a better one.
fn surplus(look: &Look<'_>, judged: &Judged, number: usize) -> Vec<Arc<PodView>> {
    let mut left = judged.active.clone();
    if number > 0 || look.job.is_indexed() {
        sort_for_deletion(&mut left, &[], look.now);
    }
    let mut surplus = Vec::new();
    if look.job.is_indexed() {
        let mut by_index: BTreeMap<Option<i64>, Vec<Arc<PodView>>> = BTreeMap::new();
        for pod in left.drain(..) {
            by_index.entry(index(&pod)).or_default().push(pod);
        }
        let completions = look.job.spec.completions.unwrap_or(0);
        for (index, mut same) in by_index {
            // The last is the one that is furthest.
            if index.is_some_and(|index| index < completions) {
                left.extend(same.pop());
            }
            surplus.append(&mut same);
        }
        sort_for_deletion(&mut left, &[], look.now);
    }
    let more = number.saturating_sub(surplus.len()).min(left.len());
    surplus.extend(left.drain(..more));
    surplus
}
