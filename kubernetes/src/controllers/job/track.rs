//! The counting of pods that ended.
//!
//! # Guarantees
//! * A pod is counted exactly once, wherever the program stops: it stays, by its finalizer, until its
//!   uid is in the status; and the counter moves in the same write that takes the uid away, once the
//!   finalizer is gone.
//! * A job has its last condition only when all its pods are counted and none is left to end.
use std::collections::HashSet;
use std::sync::Arc;

use wharf_types::Timestamp;

use super::judge::{End, Judged, Look, count};
use super::pods::{index, is_failed, is_succeeded, is_tracked, valid_index};
use super::policy::{Verdict, verdict};
use super::step::Step;
use crate::cluster::time::rfc3339;
use crate::views::{JobCondition, JobStatus, PodView, UncountedPods};

/// How many uids a status holds at most, which keeps it small, and how many pods one pass counts.
const UNCOUNTED: usize = 500;

/// How much of a step was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub created: i64,
    pub deleted: i64,
    /// How many of the deleted ones were ready.
    pub ready: i64,
}

/// A counting halfway.
#[derive(Clone, Debug)]
pub(super) struct Tracking {
    /// What is written first.
    pub status: JobStatus,
    /// The reason of an event, and what it says.
    pub told: Option<(&'static str, &'static str)>,
    /// The pods that lose their finalizers then.
    pub release: Vec<Arc<PodView>>,
    /// The pods that have one now.
    tracked: HashSet<String>,
    end: Option<End>,
    /// Not all pods could be looked at.
    full: bool,
}

/// What is to be written before finalizers are removed.
pub(super) fn track(look: &Look<'_>, mut judged: Judged, step: &Step, done: Done) -> Tracking {
    let mut tracking = Tracking {
        status: look.job.status.clone(),
        told: None,
        release: Vec::new(),
        tracked: HashSet::new(),
        end: None,
        full: false,
    };
    let status = &mut tracking.status;
    if status.start_time.is_none() && !look.job.spec.suspend {
        status.start_time = Some(rfc3339(look.now));
    }
    let active = count(judged.active.len());
    if matches!(step, Step::End(_)) && done.deleted < active {
        // What could not be deleted is not over.
        judged.end = None;
    }
    status.active = active + done.created - done.deleted;
    status.ready = Some((judged.ready - done.ready).max(0));
    status.terminating = Some(judged.terminating + done.deleted);
    if !matches!(step, Step::End(_)) {
        judged.end = completed(look, &judged, status.active);
        if judged.end.is_none() && !look.job.metadata.is_deleting() {
            tracking.told = suspend_or_resume(look, status);
        }
    }
    let tracked = look.pods.iter().filter(|pod| is_tracked(pod));
    let tracked = tracked.map(|pod| pod.metadata.uid.clone());
    tracking.tracked = tracked.collect();
    clean(&mut tracking.status, &tracking.tracked);
    tracking.enter(look, &judged);
    if let Some(end) = &judged.end {
        let kind = if end.failed {
            "FailureTarget"
        } else {
            "SuccessCriteriaMet"
        };
        if tracking.status.condition(kind).is_none() {
            let condition = condition(kind, "True", &end.reason, &end.message, look.now);
            tracking.status.conditions.push(condition);
        }
    }
    tracking.end = judged.end;
    tracking
}

fn completed(look: &Look<'_>, judged: &Judged, active: i64) -> Option<End> {
    let enough = match look.job.spec.completions {
        None => judged.succeeded > 0,
        Some(all) => judged.succeeded >= all,
    };
    let message = "Reached expected number of succeeded pods";
    (enough && active == 0).then(|| End::succeeded("CompletionsReached", message))
}

fn suspend_or_resume(
    look: &Look<'_>,
    status: &mut JobStatus,
) -> Option<(&'static str, &'static str)> {
    let (state, reason, told) = if look.job.spec.suspend {
        ("True", "JobSuspended", ("Suspended", "Job suspended"))
    } else {
        ("False", "JobResumed", ("Resumed", "Job resumed"))
    };
    let new = condition("Suspended", state, reason, told.1, look.now);
    if !ensure(&mut status.conditions, new) {
        return None;
    }
    if state == "False" {
        // The time that it was suspended does not count.
        status.start_time = Some(rfc3339(look.now));
    }
    Some(told)
}

fn condition(
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> JobCondition {
    JobCondition {
        r#type: kind.to_owned(),
        status: status.to_owned(),
        last_probe_time: Some(rfc3339(now)),
        last_transition_time: Some(rfc3339(now)),
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}

/// Whether the conditions are now others. What never was is not told to be false.
fn ensure(conditions: &mut Vec<JobCondition>, new: JobCondition) -> bool {
    let mut known = conditions.iter_mut();
    match known.find(|known| known.r#type == new.r#type) {
        Some(known) => {
            let same = known.status == new.status
                && known.reason == new.reason
                && known.message == new.message;
            if !same {
                *known = new;
            }
            !same
        }
        None if new.status == "False" => false,
        None => {
            conditions.push(new);
            true
        }
    }
}

/// Counts the pods that have lost their finalizers.
fn clean(status: &mut JobStatus, tracked: &HashSet<String>) {
    let uncounted = status.uncounted_terminated_pods.get_or_insert_default();
    let drain = |uids: &mut Vec<String>| {
        let before = uids.len();
        uids.retain(|uid| tracked.contains(uid));
        count(before - uids.len())
    };
    status.succeeded += drain(&mut uncounted.succeeded);
    status.failed += drain(&mut uncounted.failed);
}

impl Tracking {
    /// Enters the pods that ended into the status.
    fn enter(&mut self, look: &Look<'_>, judged: &Judged) {
        let mut pods: Vec<&Arc<PodView>> = look.pods.iter().collect();
        if look.job.is_indexed() {
            pods.sort_by_key(|pod| index(pod));
        }
        let uncounted = self.status.uncounted_terminated_pods.take();
        let mut uncounted = uncounted.unwrap_or_default();
        let known = uncounted.clone();
        let known = Known::of(&known);
        let mut indexes = 0;
        for pod in pods {
            if !is_tracked(pod) || !may_go(look, judged, pod) {
                continue;
            }
            self.release.push(Arc::clone(pod));
            match enter(look, judged, pod, &known) {
                Entry::Index => indexes += 1,
                Entry::Succeeded => uncounted.succeeded.push(pod.metadata.uid.clone()),
                Entry::Failed => uncounted.failed.push(pod.metadata.uid.clone()),
                Entry::Nothing => {}
            }
            if indexes + uncounted.succeeded.len() + uncounted.failed.len() >= UNCOUNTED {
                self.full = true;
                break;
            }
        }
        let status = &mut self.status;
        status.uncounted_terminated_pods = Some(uncounted);
        if look.job.is_indexed() {
            status.succeeded = judged.completed.total();
            status.completed_indexes = judged.completed.to_string();
            let failed = judged.failed_indexes.as_ref();
            status.failed_indexes = failed.map(ToString::to_string);
        }
    }

    /// What is to be written after these pods have lost their finalizers, and how the job ended if it
    /// has now.
    pub(super) fn settle(
        mut self,
        released: &HashSet<String>,
        now: Timestamp,
    ) -> (JobStatus, Option<End>) {
        self.tracked.retain(|uid| !released.contains(uid));
        clean(&mut self.status, &self.tracked);
        let mut release = self.release.iter();
        let held = release.any(|pod| self.tracked.contains(&pod.metadata.uid));
        let mut status = self.status;
        let uncounted = status.uncounted_terminated_pods.as_ref();
        let counted = uncounted.is_none_or(|pods| *pods == UncountedPods::default());
        let terminating = status.terminating.unwrap_or(0) > 0;
        let waits = held || !counted || self.full || terminating;
        let Some(end) = self.end.filter(|_| !waits) else {
            return (status, None);
        };
        let kind = if end.failed { "Failed" } else { "Complete" };
        let last = condition(kind, "True", &end.reason, &end.message, now);
        ensure(&mut status.conditions, last);
        if !end.failed {
            status.completion_time = Some(rfc3339(now));
        }
        (status, Some(end))
    }
}

/// The uids in a status.
struct Known<'a> {
    succeeded: HashSet<&'a str>,
    failed: HashSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(pods: &'a UncountedPods) -> Self {
        Self {
            succeeded: pods.succeeded.iter().map(String::as_str).collect(),
            failed: pods.failed.iter().map(String::as_str).collect(),
        }
    }
}

/// Whether nothing more is to be learned from a pod.
fn may_go(look: &Look<'_>, judged: &Judged, pod: &PodView) -> bool {
    if look.job.metadata.is_deleting() || judged.end.is_some() || is_succeeded(pod) {
        return true;
    }
    let delayed = || {
        let last = index(pod).and_then(|index| judged.delayed.get(&index));
        last.is_some_and(|last| last.metadata.uid == pod.metadata.uid)
    };
    is_failed(look.job, pod) && !delayed()
}

/// Where a pod is entered.
enum Entry {
    Nothing,
    /// Into the completed indexes, which count by themselves.
    Index,
    Succeeded,
    Failed,
}

fn enter(look: &Look<'_>, judged: &Judged, pod: &PodView, known: &Known<'_>) -> Entry {
    let (job, uid) = (look.job, pod.metadata.uid.as_str());
    let indexed = job.is_indexed();
    let index = valid_index(job, pod);
    if known.failed.contains(uid) {
        return Entry::Nothing;
    }
    if is_succeeded(pod) {
        return match index {
            _ if !indexed && known.succeeded.contains(uid) => Entry::Nothing,
            _ if !indexed => Entry::Succeeded,
            Some(index) if !judged.counted.has(index) => Entry::Index,
            _ => Entry::Nothing,
        };
    }
    // Of a job that has failed, every pod has.
    let fails = is_failed(job, pod) || judged.end.as_ref().is_some_and(|end| end.failed);
    let counts = || verdict(job.spec.pod_failure_policy.as_ref(), pod) != Verdict::Ignore;
    if fails && (!indexed || index.is_some()) && counts() {
        Entry::Failed
    } else {
        Entry::Nothing
    }
}
