//! Which times of a schedule a cron job has missed.
use std::time::Duration;

use jiff::tz::TimeZone;
use wharf_types::Timestamp;

use crate::cluster::time::parse_rfc3339;
use crate::cron::{Schedule, find_zone};
use crate::views::CronJobView;

/// A pass comes a little after its time, so that it never is too early.
const LATE: Duration = Duration::from_millis(100);
/// So many missed times are worth a warning.
const MANY: i64 = 100;

/// A schedule that never comes, such as 30 February.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time difference between two schedules is less than 1 second")]
pub(super) struct Never;

/// The latest time that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub at: Timestamp,
    /// About so many came before it.
    pub many: bool,
}

/// The times of a cron job.
#[derive(Clone, Debug)]
pub(super) struct Times {
    pub zone: TimeZone,
    schedule: Schedule,
    /// The last one that was used, or when the cron job was made.
    since: Timestamp,
    deadline: Option<Duration>,
}

/// Why a cron job has no times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    Zone(String),
    Schedule(String),
}

impl Times {
    pub(super) fn of(cron: &CronJobView) -> Result<Self, Bad> {
        let zone = match &cron.spec.time_zone {
            None => TimeZone::UTC,
            Some(name) => find_zone(name).ok_or_else(|| Bad::Zone(name.clone()))?,
        };
        let schedule = cron.spec.schedule.parse::<Schedule>();
        let schedule = schedule.map_err(|why| Bad::Schedule(why.to_string()))?;
        let used = cron.status.last_schedule_time.as_deref();
        let used = used.and_then(parse_rfc3339).or(cron.metadata.created());
        let deadline = cron.spec.starting_deadline_seconds;
        Ok(Self {
            zone,
            schedule,
            since: used.unwrap_or(Timestamp::from_ms(0)),
            deadline: deadline.and_then(|secs| u64::try_from(secs).ok().map(Duration::from_secs)),
        })
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next_after(after, &self.zone)
    }

    /// The latest time that came and was not used. What is before the deadline is not looked at.
    pub(super) fn missed(&self, now: Timestamp) -> Result<Option<Missed>, Never> {
        let horizon = self.deadline.map(|deadline| earlier(now, deadline));
        self.missed_since(self.since.max(horizon.unwrap_or(self.since)), now)
    }

    fn missed_since(&self, since: Timestamp, now: Timestamp) -> Result<Option<Missed>, Never> {
        let first = self.next(since).ok_or(Never)?;
        if now < first {
            return Ok(None);
        }
        let Some(second) = self.next(first).filter(|second| *second <= now) else {
            return Ok(Some(Missed {
                at: first,
                many: false,
            }));
        };
        let pause = (second.as_secs() - first.as_secs()).max(1);
        let about = (now.as_secs() - first.as_secs()) / pause + 1;
        let at = self.schedule.last_until(since, now, &self.zone);
        Ok(Some(Missed {
            at: at.unwrap_or(second),
            many: about > MANY,
        }))
    }

    /// How long it is to the next time.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Duration> {
        let from = match self.missed_since(self.since, now) {
            Ok(Some(missed)) => missed.at,
            Ok(None) => self.since,
            Err(Never) => now,
        };
        Some((self.next(from)? + LATE).since(now))
    }

    /// Whether a time is so long ago that it does not count.
    pub(super) fn is_too_late(&self, at: Timestamp, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| at + deadline < now)
    }
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(now.as_ms().saturating_sub(ms))
}
