//! Garbage collection: online, with no read-only mode.
//!
//! A link is dropped when its lease is over and no manifest of its repository needs it; a blob is
//! condemned when no repository links to it. Both are decided on the writer, where manifests are
//! accepted, so a manifest and the collector can never disagree. Only then are bytes deleted, and
//! the row after them: each step may run again after a crash.
use std::{sync::Mutex, time::Duration};

use futures::StreamExt as _;
use tokio::time::Instant;
use wharf_types::{Timestamp, UploadId};

use crate::{Error, Store, UPLOAD_LIFE, Write, blobs::Stored, meta::BlobState};

/// How much one transaction does.
const CHUNK: usize = 500;

/// The most removals that a report names.
const NAMED: usize = 10_000;

/// A clock that jumped this far ahead is not believed.
const JUMP: Duration = Duration::from_hours(1);

const FROM_BACKUP: &str =
    "the database was restored from a backup: run `wharf check --repair` first";

/// Whether bytes that were lately pushed or asked for are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leases {
    Respect,
    /// As if every lease were over.
    Ignore,
}

/// Something that was removed, or would be.
#[derive(Clone, Debug)]
pub struct Removal {
    /// `link`, `blob`, `upload` or `orphan`.
    pub kind: &'static str,
    /// A digest, or a key for what has none.
    pub what: String,
    pub why: &'static str,
    pub bytes: u64,
}

/// What a collection did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The first of them by name.
    pub removals: Vec<Removal>,
    pub links: u64,
    pub blobs: u64,
    pub uploads: u64,
    pub orphans: u64,
    pub bytes: u64,
    /// Why nothing was done, if so.
    pub postponed: Option<&'static str>,
}

impl Collected {
    fn add(&mut self, removal: Removal) {
        let counter = match removal.kind {
            "link" => &mut self.links,
            "blob" => &mut self.blobs,
            "upload" => &mut self.uploads,
            _ => &mut self.orphans,
        };
        *counter += 1;
        self.bytes += removal.bytes;
        if self.removals.len() < NAMED {
            self.removals.push(removal);
        }
    }
}

/// One collection at a time, and what the clock said at the last one.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    running: tokio::sync::Mutex<()>,
    last: Mutex<Option<(Instant, Timestamp)>>,
}

enum Dry {
    Done(Collected),
    Failed(Error),
}

impl From<Error> for Dry {
    fn from(e: Error) -> Self {
        Self::Failed(e)
    }
}

impl Store {
    /// Removes what nobody needs.
    pub async fn collect(&self, leases: Leases) -> Result<Collected, Error> {
        let _one = self.collector.running.lock().await;
        let mut report = Collected::default();
        if let Some(reason) = self.postpone(leases).await? {
            report.postponed = Some(reason);
            return Ok(report);
        }
        self.delete_hidden().await?;
        let now = self.over(leases);
        loop {
            let chunk = self.meta.write(move |tx| condemn(tx, now)).await?;
            let more = !chunk.removals.is_empty();
            chunk.removals.into_iter().for_each(|r| report.add(r));
            if !more {
                break;
            }
        }
        self.delete_condemned().await?;
        self.end_stale_uploads(&mut report).await?;
        self.sweep(&mut report, false).await?;
        Ok(report)
    }

    /// Finds out what [`Self::collect`] would do, by doing it and taking it back.
    pub async fn would_collect(&self, leases: Leases) -> Result<Collected, Error> {
        let now = self.over(leases);
        let tried = self.meta.write(move |tx| {
            let mut report = Collected::default();
            loop {
                let chunk = condemn(tx, now)?;
                if chunk.removals.is_empty() {
                    return Err::<(), _>(Dry::Done(report));
                }
                chunk.removals.into_iter().for_each(|r| report.add(r));
            }
        });
        let mut report = match tried.await {
            Ok(()) => Collected::default(),
            Err(Dry::Done(report)) => report,
            Err(Dry::Failed(e)) => return Err(e),
        };
        report.postponed = self.restored().await?;
        let before = self.now() - UPLOAD_LIFE;
        for row in self
            .meta
            .read(move |tx| tx.stale_uploads(before, NAMED))
            .await?
        {
            report.add(stale(row.id.to_string(), row.size));
        }
        self.sweep(&mut report, true).await?;
        Ok(report)
    }

    fn over(&self, leases: Leases) -> Timestamp {
        match leases {
            Leases::Respect => self.now(),
            Leases::Ignore => Timestamp::from_ms(i64::MAX),
        }
    }

    async fn restored(&self) -> Result<Option<&'static str>, Error> {
        let restored = self.meta.read(|tx| tx.setting("from_backup")).await?;
        Ok(restored.map(|_| FROM_BACKUP))
    }

    /// Whether this is no time to delete anything.
    async fn postpone(&self, leases: Leases) -> Result<Option<&'static str>, Error> {
        if let Some(reason) = self.restored().await? {
            return Ok(Some(reason));
        }
        let (tick, now) = (Instant::now(), self.now());
        let last = self
            .collector
            .last
            .lock()
            .ok()
            .and_then(|mut last| last.replace((tick, now)));
        if let (Leases::Respect, Some((tick_then, then))) = (leases, last)
            && now.since(then) > (tick - tick_then) + JUMP
            && matches!(self.clock, wharf_types::Clock::System)
        {
            return Ok(Some(
                "the clock jumped ahead: leases are given another round",
            ));
        }
        Ok(None)
    }

    async fn delete_condemned(&self) -> Result<(), Error> {
        loop {
            let keys = self.meta.read(|tx| tx.condemned(CHUNK)).await?;
            if keys.is_empty() {
                return Ok(());
            }
            for (key, stored) in &keys {
                if *stored {
                    self.blobs.delete(key).await?;
                }
            }
            self.meta
                .write_relaxed(move |tx| keys.iter().try_for_each(|(key, _)| tx.forget_blob(key)))
                .await?;
        }
    }

    async fn end_stale_uploads(&self, report: &mut Collected) -> Result<(), Error> {
        let before = self.now() - UPLOAD_LIFE;
        for row in self
            .meta
            .read(move |tx| tx.stale_uploads(before, CHUNK))
            .await?
        {
            let Some(_busy) = self.blobs.lock(&row.id) else {
                continue;
            };
            let id = row.id.clone();
            if self
                .meta
                .write_relaxed(move |tx| tx.delete_upload(&id))
                .await?
            {
                self.blobs
                    .discard(&row.id, row.multipart.as_deref())
                    .await?;
                report.add(stale(row.id.to_string(), row.size));
            }
        }
        Ok(())
    }

    /// Removes bytes that have no row: what a crash left, or a deletion that power loss undid.
    async fn sweep(&self, report: &mut Collected, dry: bool) -> Result<(), Error> {
        let young = self.now() - self.grace;
        let mut listed = self.blobs.list().chunks(CHUNK);
        while let Some(chunk) = listed.next().await {
            let old: Vec<Stored> = chunk
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .filter(|stored| stored.modified < young && stored.key.is_some())
                .collect();
            for (key, size) in self.unknown(old).await? {
                if !dry {
                    self.blobs.delete(&key).await?;
                }
                report.add(Removal {
                    kind: "orphan",
                    what: key.to_string(),
                    why: "no row names these bytes",
                    bytes: size,
                });
            }
        }
        Ok(())
    }

    async fn unknown(&self, stored: Vec<Stored>) -> Result<Vec<(UploadId, u64)>, Error> {
        if stored.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.meta.read(move |tx| {
            let mut unknown = Vec::new();
            for Stored { key, size, .. } in stored {
                if let Some(key) = key
                    && !tx.key_exists(&key)?
                    && !tx.upload_exists(&key)?
                {
                    unknown.push((key, size));
                }
            }
            Ok::<_, Error>(unknown)
        });
        found.await
    }
}

fn stale(what: String, bytes: u64) -> Removal {
    Removal {
        kind: "upload",
        what,
        why: "nobody went on with it for a day",
        bytes,
    }
}

/// Drops some links and condemns some blobs; an empty result means that there is nothing left to do.
fn condemn(tx: &Write<'_>, now: Timestamp) -> Result<Collected, Error> {
    let mut report = Collected::default();
    for (repository, digest) in tx.unneeded_links(now, CHUNK)? {
        tx.unlink_blob(repository, &digest)?;
        let why = "no manifest of its repository names it";
        report.add(Removal {
            kind: "link",
            what: digest.to_string(),
            why,
            bytes: 0,
        });
    }
    for (key, digest, bytes) in tx.unlinked_blobs(CHUNK)? {
        tx.set_blob_state(&key, BlobState::Condemned)?;
        report.add(Removal {
            kind: "blob",
            what: digest.to_string(),
            why: "no repository holds it",
            bytes,
        });
    }
    Ok(report)
}
