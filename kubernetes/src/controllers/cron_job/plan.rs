//! What a cron job needs: a function of it, its jobs and the time.
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use wharf_types::Timestamp;

use super::times::{Bad, Missed, Times};
use crate::cluster::EventType;
use crate::cluster::time::{parse_rfc3339, rfc3339};
use crate::views::{ActiveJob, CronJobStatus, CronJobView, JobView};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub kind: EventType,
    pub reason: &'static str,
    pub message: String,
}

impl Told {
    pub(super) fn normal(reason: &'static str, message: String) -> Self {
        let kind = EventType::Normal;
        Self {
            kind,
            reason,
            message,
        }
    }

    pub(super) fn warning(reason: &'static str, message: String) -> Self {
        let kind = EventType::Warning;
        Self {
            kind,
            ..Self::normal(reason, message)
        }
    }
}

/// A job to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The time of the schedule.
    pub at: Timestamp,
    /// The same in the time zone of the schedule.
    pub local: String,
    /// Jobs in whose place it comes.
    pub replaces: Vec<ActiveJob>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Before anything is started.
    pub status: CronJobStatus,
    pub told: Vec<Told>,
    /// Jobs that ended and are more than shall be kept.
    pub old: Vec<Arc<JobView>>,
    pub start: Option<Start>,
    pub again: Option<Duration>,
}

/// `jobs` are all that it controls; `exists` is asked about those that it does not control any more.
pub(super) fn plan(
    cron: &CronJobView,
    jobs: &[Arc<JobView>],
    exists: impl Fn(&ActiveJob) -> bool,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan {
        status: cron.status.clone(),
        old: old(cron, jobs),
        ..Plan::default()
    };
    for job in jobs {
        plan.look_at(job);
    }
    let own: HashSet<&str> = jobs.iter().map(|job| job.metadata.uid.as_str()).collect();
    let active = std::mem::take(&mut plan.status.active);
    let (there, missing): (Vec<_>, Vec<_>) = active
        .into_iter()
        .partition(|job| own.contains(job.uid.as_str()) || exists(job));
    plan.status.active = there;
    for job in missing {
        let message = format!("Active job went missing: {}", job.name);
        plan.told.push(Told::normal("MissingJob", message));
    }
    if !cron.metadata.is_deleting() {
        plan.schedule(cron, now);
    }
    plan
}

/// The oldest of those that succeeded, and of those that failed.
fn old(cron: &CronJobView, jobs: &[Arc<JobView>]) -> Vec<Arc<JobView>> {
    let beyond = |kind: &str, limit: Option<i64>| {
        let ended = jobs.iter().filter(|job| {
            let end = job.finished();
            !job.metadata.is_deleting() && end.is_some_and(|end| end.r#type == kind)
        });
        let mut ended: Vec<&Arc<JobView>> = ended.collect();
        // Those that never started are the youngest.
        ended.sort_by_key(|job| {
            let start = job.status.start_time.as_deref().and_then(parse_rfc3339);
            (Reverse(start.map(Reverse)), job.metadata.name.clone())
        });
        let keep = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
        let number = ended.len().saturating_sub(keep);
        ended.into_iter().take(number).cloned().collect::<Vec<_>>()
    };
    let mut old = beyond("Complete", cron.spec.successful_jobs_history_limit);
    old.extend(beyond("Failed", cron.spec.failed_jobs_history_limit));
    old
}

/// The name of the job of a time: the same time never has two.
pub(super) fn job_name(cron: &str, at: Timestamp) -> String {
    format!("{cron}-{}", at.as_secs().div_euclid(60))
}

impl Plan {
    fn look_at(&mut self, job: &JobView) {
        let (name, uid) = (&job.metadata.name, &job.metadata.uid);
        let active = &mut self.status.active;
        let known = active.iter().any(|own| own.uid == *uid);
        let Some(end) = job.finished() else {
            if !known {
                let message =
                    format!("Saw a job that the controller did not create or forgot: {name}");
                self.told.push(Told::warning("UnexpectedJob", message));
            }
            return;
        };
        if known {
            active.retain(|own| own.uid != *uid);
            let message = format!("Saw completed job: {name}, condition: {}", end.r#type);
            self.told.push(Told::normal("SawCompletedJob", message));
        }
        if end.r#type == "Complete" {
            let time = |text: &Option<String>| text.as_deref().and_then(parse_rfc3339);
            let (last, this) = (
                time(&self.status.last_successful_time),
                time(&job.status.completion_time),
            );
            if this > last {
                self.status
                    .last_successful_time
                    .clone_from(&job.status.completion_time);
            }
        }
    }

    /// Whether a job is to be started now.
    fn schedule(&mut self, cron: &CronJobView, now: Timestamp) {
        let times = match Times::of(cron) {
            Ok(times) => times,
            Err(Bad::Zone(zone)) => {
                let message = format!("invalid timeZone: {zone:?}: unknown time zone {zone}");
                return self.told.push(Told::warning("UnknownTimeZone", message));
            }
            Err(Bad::Schedule(_)) if cron.spec.suspend => return,
            Err(Bad::Schedule(why)) => {
                let message = format!("unparseable schedule: {:?} : {why}", cron.spec.schedule);
                return self
                    .told
                    .push(Told::warning("UnparseableSchedule", message));
            }
        };
        if cron.spec.suspend {
            return;
        }
        match times.missed(now) {
            Err(never) => {
                let message = format!("invalid schedule: {} : {never}", cron.spec.schedule);
                return self.told.push(Told::warning("InvalidSchedule", message));
            }
            Ok(None) => {}
            Ok(Some(missed)) => self.consider(cron, &times, missed, now),
        }
        self.again = times.pause(now);
    }

    fn consider(&mut self, cron: &CronJobView, times: &Times, missed: Missed, now: Timestamp) {
        let Missed { at, many } = missed;
        if many {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.told
                .push(Told::warning("TooManyMissedTimes", message.to_owned()));
        }
        if times.is_too_late(at, now) {
            let at = shown(at, &jiff::tz::TimeZone::UTC, "%a, %d %b %Y %H:%M:%S +0000");
            let message = format!("Missed scheduled time to start a job: {at}");
            return self.told.push(Told::warning("MissSchedule", message));
        }
        let name = job_name(&cron.metadata.name, at);
        let last = self.status.last_schedule_time.as_ref();
        let active = &self.status.active;
        if last == Some(&rfc3339(at)) || active.iter().any(|job| job.name == name) {
            return;
        }
        let mut replaces = Vec::new();
        match cron.spec.concurrency_policy.as_str() {
            "Forbid" if !active.is_empty() => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                return self
                    .told
                    .push(Told::normal("JobAlreadyActive", message.to_owned()));
            }
            "Replace" => replaces.clone_from(active),
            _ => {}
        }
        let offset = times.zone.to_offset(instant(at));
        let form = if offset.is_zero() {
            "%Y-%m-%dT%H:%M:%SZ"
        } else {
            "%Y-%m-%dT%H:%M:%S%:z"
        };
        let local = shown(at, &times.zone, form);
        self.start = Some(Start {
            at,
            local,
            replaces,
        });
    }
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default()
}

fn shown(at: Timestamp, zone: &jiff::tz::TimeZone, form: &str) -> String {
    let at = instant(at).to_zoned(zone.clone());
    at.strftime(form).to_string()
}
