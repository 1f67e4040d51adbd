//! The group batch: one file a kind, one row below.
use super::Kind;

mod cron_job;
mod job;
#[cfg(test)]
mod tests;

pub(super) const ROWS: &[Kind] = &[cron_job::CRON_JOB, job::JOB];
