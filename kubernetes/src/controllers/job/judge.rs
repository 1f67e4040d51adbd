//! How far a job is: a function of the job, its pods and the time.
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use wharf_types::Timestamp;

use super::super::pod_control::{is_active, is_ready};
use super::backoff::{Failures, finished_at};
use super::indexes::Indexes;
use super::pods::{
    all_failures, failures, index, is_failed, is_succeeded, is_terminating, is_tracked, valid_index,
};
use super::policy::{Verdict, is_enough, verdict};
use crate::cluster::time::parse_rfc3339;
use crate::views::{JobView, PodView};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub job: &'a JobView,
    /// All that are its own, whatever became of them.
    pub pods: &'a [Arc<PodView>],
    /// Known before these pods ended.
    pub failures: Failures,
    pub now: Timestamp,
}

/// A job that needs no more pods, because it succeeded or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub failed: bool,
    pub reason: String,
    pub message: String,
}

impl End {
    fn failed(reason: &str, message: &str) -> Self {
        Self {
            failed: true,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    pub(super) fn succeeded(reason: &str, message: &str) -> Self {
        Self {
            failed: false,
            ..Self::failed(reason, message)
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    pub active: Vec<Arc<PodView>>,
    pub ready: i64,
    pub terminating: i64,
    pub succeeded: i64,
    /// Indexes that are in the status already.
    pub counted: Indexes,
    pub completed: Indexes,
    /// Where indexes have limits of their own.
    pub failed_indexes: Option<Indexes>,
    /// Pods that stay until they are replaced, because they know how often their index failed.
    pub delayed: BTreeMap<i64, Arc<PodView>>,
    pub failures: Failures,
    pub end: Option<End>,
    /// When it has to be looked at because time passes.
    pub again: Option<Duration>,
}

pub(super) fn judge(look: &Look<'_>) -> Judged {
    let Look { job, pods, now, .. } = *look;
    let status = &job.status;
    let uncounted = status.uncounted_terminated_pods.clone();
    let uncounted = uncounted.unwrap_or_default();
    let succeeded = newly(look, &uncounted.succeeded, is_succeeded);
    let failed = newly(look, &uncounted.failed, |pod| is_failed(job, pod));
    let policy = job.spec.pod_failure_policy.as_ref();
    let counting = failed
        .iter()
        .filter(|pod| verdict(policy, pod) != Verdict::Ignore)
        .count();
    let sum = |counted: i64, new: usize, uncounted: &[String]| {
        counted
            .saturating_add(count(new))
            .saturating_add(count(uncounted.len()))
    };
    let active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
    let mut judged = Judged {
        ready: count(active.iter().filter(|pod| is_ready(pod)).count()),
        active,
        terminating: count(pods.iter().filter(|pod| is_terminating(pod)).count()),
        succeeded: sum(status.succeeded, succeeded.len(), &uncounted.succeeded),
        failures: look.failures.with(&succeeded, &failed),
        ..Judged::default()
    };
    let failed = sum(status.failed, counting, &uncounted.failed);
    judged.end = decided(job)
        .or_else(|| by_policy(look))
        .or_else(|| out_of_tries(look, failed));
    if judged.end.is_none()
        && let Some(left) = time_left(job, now)
    {
        if left.is_zero() {
            let message = "Job was active longer than specified deadline";
            judged.end = Some(End::failed("DeadlineExceeded", message));
        } else {
            judged.again = Some(left);
        }
    }
    if job.is_indexed() {
        judge_indexes(look, &mut judged);
    }
    judged
}

/// As it is in objects.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The pods that came to an end and are in no count yet.
fn newly<'a>(
    look: &Look<'a>,
    uncounted: &[String],
    ended: impl Fn(&PodView) -> bool,
) -> Vec<&'a PodView> {
    let uncounted: HashSet<&str> = uncounted.iter().map(String::as_str).collect();
    let job = look.job;
    let pods = look.pods.iter().map(|pod| &**pod);
    pods.filter(|pod| is_tracked(pod) && !uncounted.contains(pod.metadata.uid.as_str()))
        .filter(|pod| !job.is_indexed() || valid_index(job, pod).is_some())
        .filter(|pod| ended(pod))
        .collect()
}

/// What was decided before stays so.
fn decided(job: &JobView) -> Option<End> {
    let of = |kind: &str, failed: bool| {
        let condition = job.status.condition(kind)?;
        Some(End {
            failed,
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        })
    };
    of("SuccessCriteriaMet", false).or_else(|| of("FailureTarget", true))
}

/// A pod whose failure means that of the job.
fn by_policy(look: &Look<'_>) -> Option<End> {
    let policy = look.job.spec.pod_failure_policy.as_ref()?;
    let mut failed = look.pods.iter().filter(|pod| is_failed(look.job, pod));
    failed.find_map(|pod| match verdict(Some(policy), pod) {
        Verdict::FailJob(message) => Some(End::failed("PodFailurePolicy", &message)),
        _ => None,
    })
}

fn out_of_tries(look: &Look<'_>, failed: i64) -> Option<End> {
    let limit = look.job.spec.backoff_limit;
    let past = failed > limit || restarted_too_often(look, limit);
    let message = "Job has reached the specified backoff limit";
    past.then(|| End::failed("BackoffLimitExceeded", message))
}

/// Containers that are started again in their pods are failures, too.
fn restarted_too_often(look: &Look<'_>, limit: i64) -> bool {
    if look.job.spec.template["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let unfinished = look.pods.iter().filter(|pod| {
        let phase = pod.status.phase.as_str();
        phase == "Running" || phase == "Pending"
    });
    let restarts = unfinished.flat_map(|pod| {
        let all = pod.status.init_container_statuses.iter();
        let all = all.chain(&pod.status.container_statuses);
        all.map(|container| container.restart_count)
    });
    let restarts: i64 = restarts.sum();
    restarts >= limit.max(1)
}

/// How long a job may still run, if there is a limit.
fn time_left(job: &JobView, now: Timestamp) -> Option<Duration> {
    let limit = job.spec.active_deadline_seconds?;
    if job.spec.suspend {
        return None;
    }
    // It starts now if it did not yet.
    let start = job.status.start_time.as_deref().and_then(parse_rfc3339);
    let limit = Duration::from_secs(u64::try_from(limit).unwrap_or(0));
    Some(limit.saturating_sub(now.since(start.unwrap_or(now))))
}

fn judge_indexes(look: &Look<'_>, judged: &mut Judged) {
    let (job, spec) = (look.job, &look.job.spec);
    let completions = spec.completions.unwrap_or(0);
    let of = |wanted: &dyn Fn(&PodView) -> bool| -> BTreeSet<i64> {
        let pods = look
            .pods
            .iter()
            .filter(|pod| is_tracked(pod) && wanted(pod));
        pods.filter_map(|pod| valid_index(job, pod)).collect()
    };
    judged.counted = Indexes::parse(&job.status.completed_indexes, completions);
    judged.completed = judged.counted.with(of(&is_succeeded));
    judged.succeeded = judged.completed.total();
    if let Some(limit) = spec.backoff_limit_per_index {
        let known = job.status.failed_indexes.as_deref().unwrap_or_default();
        let known = Indexes::parse(known, completions);
        let failed = known.with(of(&|pod| is_index_failed(job, pod, limit)));
        if judged.end.is_none() {
            judged.end = too_many_failed(job, &failed, judged.succeeded);
        }
        judged.delayed = delayed(look, judged, &failed);
        judged.failed_indexes = Some(failed);
    }
    if judged.end.is_none() {
        let policy = spec.success_policy.as_ref();
        let met = is_enough(policy, completions, &judged.completed);
        judged.end = met.map(|message| End::succeeded("SuccessPolicy", &message));
    }
}

fn is_index_failed(job: &JobView, pod: &PodView, limit: i64) -> bool {
    is_failed(job, pod)
        && match verdict(job.spec.pod_failure_policy.as_ref(), pod) {
            Verdict::FailIndex => true,
            Verdict::Ignore => false,
            Verdict::Count | Verdict::FailJob(_) => failures(pod) >= limit,
        }
}

fn too_many_failed(job: &JobView, failed: &Indexes, succeeded: i64) -> Option<End> {
    let total = failed.total();
    if job.spec.max_failed_indexes.is_some_and(|most| total > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(End::failed("MaxFailedIndexesExceeded", message));
    }
    let all = total + succeeded >= job.spec.completions.unwrap_or(0);
    (total > 0 && all).then(|| End::failed("FailedIndexes", "Job has failed indexes"))
}

/// The last failed pod of each index that will have another one.
fn delayed(look: &Look<'_>, judged: &Judged, failed: &Indexes) -> BTreeMap<i64, Arc<PodView>> {
    let active: HashSet<i64> = judged.active.iter().filter_map(|pod| index(pod)).collect();
    let mut delayed: BTreeMap<i64, Arc<PodView>> = BTreeMap::new();
    for pod in look.pods.iter().filter(|pod| is_tracked(pod)) {
        let Some(index) = valid_index(look.job, pod).filter(|_| is_failed(look.job, pod)) else {
            continue;
        };
        if judged.completed.has(index) || failed.has(index) || active.contains(&index) {
            continue;
        }
        let is_later = delayed.get(&index).is_none_or(|other| {
            all_failures(other) <= all_failures(pod) && finished_at(pod) >= finished_at(other)
        });
        if is_later {
            delayed.insert(index, Arc::clone(pod));
        }
    }
    delayed
}
