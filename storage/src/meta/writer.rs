//! The one thread that changes the database.
//!
//! Whatever waits is done in one transaction, a savepoint for each job, and answered after the
//! commit: one fsync serves many callers.
//!
//! # Guarantees
//! * A durable job is answered once it is on the disk; a relaxed one survives the death of the
//!   process but not of the machine.
//! * A job that fails or panics changes nothing, and its neighbours still commit.
//! * After a failed fsync nothing is written any more: what the kernel kept of it is unknown.
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode, config::DbConfig};
use tokio::sync::{mpsc, oneshot};

use super::{Read, Write};
use crate::Error;

/// The most jobs that share a transaction.
const BATCH: usize = 256;

/// A change and the caller that waits for it. It may have to run again, alone.
pub(super) trait Job: Send {
    fn durable(&self) -> bool;
    /// Works on the latest state; whether its effects should be kept.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Whether the last run ended with an error of its own.
    fn has_failed(&self) -> bool;
    /// Tells the caller the outcome of the last run.
    fn answer(self: Box<Self>);
    /// Tells the caller that nothing was changed.
    fn fail(self: Box<Self>, error: Error);
}

pub(super) struct Typed<F, T, E> {
    pub(super) durable: bool,
    pub(super) change: F,
    pub(super) outcome: Option<Result<T, E>>,
    pub(super) reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Typed<F, T, E>
where
    T: Send,
    E: From<Error> + Send,
    F: Fn(&Write<'_>) -> Result<T, E> + Send,
{
    fn durable(&self) -> bool {
        self.durable
    }

    fn run(&mut self, conn: &Connection) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.change)(&Write(Read(conn)))));
        let outcome = outcome.unwrap_or_else(|_panic| Err(Error::Unavailable.into()));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn has_failed(&self) -> bool {
        matches!(self.outcome, Some(Err(_)))
    }

    fn answer(self: Box<Self>) {
        // The caller may have gone away; the change stands either way.
        drop(
            self.reply.send(
                self.outcome
                    .unwrap_or_else(|| Err(Error::Unavailable.into())),
            ),
        );
    }

    fn fail(self: Box<Self>, error: Error) {
        drop(self.reply.send(Err(error.into())));
    }
}

type Batch = Vec<Box<dyn Job>>;

/// What the writer is told.
pub(super) enum Order {
    Do(Box<dyn Job>),
    /// Finish; whoever asks later is refused.
    Stop,
}

pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) orders: mpsc::Receiver<Order>,
    /// Every commit is as good as a relaxed one (`--durability=relaxed`).
    pub(super) relaxed: bool,
    pub(super) healthy: Arc<AtomicBool>,
    pub(super) syncs: Option<bool>,
}

impl Writer {
    /// Works until it is told to stop, then leaves the write-ahead log empty.
    pub(super) fn run(mut self) {
        let mut stopping = false;
        while !stopping && let Some(Order::Do(first)) = self.orders.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH && !stopping {
                match self.orders.try_recv() {
                    Ok(Order::Do(job)) => batch.push(job),
                    Ok(Order::Stop) => stopping = true,
                    Err(_none_waits) => break,
                }
            }
            if self.healthy.load(Ordering::Acquire) {
                self.commit(batch);
            } else {
                fail_all(batch, || Error::Unavailable);
            }
        }
        if !self.healthy.load(Ordering::Acquire) {
            // A checkpoint would copy what may not be what was written; recovery checks it.
            let kept = self
                .conn
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if let Err(error) = kept {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the write-ahead log could not be kept for recovery");
            }
            return;
        }
        if let Err(error) = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                error,
                "the write-ahead log could not be emptied at shutdown"
            );
        }
    }

    fn commit(&mut self, batch: Batch) {
        let durable = !self.relaxed && batch.iter().any(|job| job.durable());
        match self.attempt(batch, durable) {
            Ok(answered) => answered.into_iter().for_each(Job::answer),
            // The transaction is gone with all its savepoints: each job gets one of its own.
            Err(batch) => {
                for job in batch {
                    if !self.healthy.load(Ordering::Acquire) {
                        job.fail(Error::Unavailable);
                        continue;
                    }
                    match self.attempt(vec![job], durable) {
                        Ok(answered) => answered.into_iter().for_each(Job::answer),
                        Err(alone) => alone.into_iter().for_each(refuse),
                    }
                }
            }
        }
    }

    /// Runs and commits a batch. Gives it back if SQLite rolled the whole transaction back.
    fn attempt(&mut self, mut batch: Batch, durable: bool) -> Result<Batch, Batch> {
        if let Err(e) = self
            .set_sync(durable)
            .and_then(|()| self.conn.execute_batch("BEGIN IMMEDIATE"))
        {
            self.broken(&e);
            fail_all(batch, || Error::Unavailable);
            return Ok(Vec::new());
        }
        for job in &mut batch {
            if self.savepoint(job.as_mut()).is_err() || self.conn.is_autocommit() {
                if !self.conn.is_autocommit() {
                    drop(self.conn.execute_batch("ROLLBACK"));
                }
                return Err(batch);
            }
        }
        if let Err(e) = self.conn.execute_batch("COMMIT") {
            if !self.conn.is_autocommit() {
                drop(self.conn.execute_batch("ROLLBACK"));
            }
            let full = e.sqlite_error_code() == Some(ErrorCode::DiskFull);
            if !full {
                self.broken(&e);
            }
            fail_all(batch, || {
                if full {
                    Error::Full
                } else {
                    Error::Unavailable
                }
            });
            return Ok(Vec::new());
        }
        Ok(batch)
    }

    fn savepoint(&self, job: &mut dyn Job) -> Result<(), rusqlite::Error> {
        self.conn.execute_batch("SAVEPOINT job")?;
        if job.run(&self.conn) {
            self.conn.execute_batch("RELEASE job")
        } else if self.conn.is_autocommit() {
            Ok(())
        } else {
            self.conn.execute_batch("ROLLBACK TO job; RELEASE job")
        }
    }

    fn set_sync(&mut self, durable: bool) -> Result<(), rusqlite::Error> {
        if self.syncs != Some(durable) {
            let mode = if durable { "FULL" } else { "NORMAL" };
            self.conn.pragma_update(None, "synchronous", mode)?;
            self.syncs = Some(durable);
        }
        Ok(())
    }

    fn broken(&self, error: &rusqlite::Error) {
        let busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        let error: &dyn std::error::Error = error;
        if busy {
            tracing::error!(error, "another process holds the database");
            return;
        }
        self.healthy.store(false, Ordering::Release);
        tracing::error!(
            error,
            "the metadata store failed; writes are refused until a restart"
        );
    }
}

/// Answers a job that rolled everything back with its own error, if it has one.
fn refuse(job: Box<dyn Job>) {
    if job.has_failed() {
        job.answer();
    } else {
        job.fail(Error::Full);
    }
}

fn fail_all(batch: Batch, error: impl Fn() -> Error) {
    for job in batch {
        job.fail(error());
    }
}
