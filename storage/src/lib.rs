//! Bytes and metadata, durably: the only crate that knows `object_store` and `SQLite`.
//!
//! # Guarantees
//! * What was acknowledged as durable is on the disk: file, directory and row, in this order.
//! * Existence in the store is never proof: only a row is, and rows decide what is served.
//! * The collector deletes bytes only when no row has named them for the grace period, decided on
//!   the thread that also accepts manifests.
//!
//! Stopped halfway, bytes without a row are left, which nobody sees and the sweep removes.

mod blobs;
mod check;
mod collect;
mod error;
mod meta;
mod objects;
mod open;
mod scrub;

use std::{path::Path, sync::Arc, time::Duration};

pub use blobs::{AppendError, Committed, FinishError, INLINE_MAX, Reader, Segment, Upload};
pub use check::Finding;
pub use collect::{Collected, Leases, Removal};
pub use error::Error;
pub use meta::{
    BlobRow, BlobState, Deleted, Document, ImageRow, ImageStatus, ManifestRow, Meta, Mutability,
    NewManifest, Owner, Read, ReferrerFilter, ReferrerRow, Repository, Sparse, Stored, UploadParts,
    UploadRow, Write,
};
pub use objects::{ObjectChange, ObjectRow, Objects};
pub use open::{DataDir, Options, S3Settings};
use wharf_types::{Algorithm, Clock, Hasher, Timestamp, UploadId};

use blobs::Blobs;

/// The most uploads that are under way at once, those between two requests included.
pub const MAX_UPLOADS: usize = 1000;

/// How long an upload that nobody touches is kept.
const UPLOAD_LIFE: Duration = Duration::from_hours(24);

/// How long an upload must have been idle to make room for a new one.
const UPLOAD_IDLE: Duration = Duration::from_hours(1);

/// Everything that is stored. A cheap handle.
#[derive(Clone, Debug)]
pub struct Store {
    meta: Meta,
    blobs: Blobs,
    clock: Clock,
    grace: Duration,
    verify_reads: bool,
    boot: Arc<str>,
    collector: Arc<collect::Collector>,
    /// Locked as long as any handle is.
    data_dir: DataDir,
}

/// What became of the attempt to go on with an upload.
#[derive(Debug)]
pub enum Resumed {
    Ready(Box<Upload>),
    /// Another request is at it.
    Busy,
    /// There is none of this id, or it is not the caller's.
    Missing,
}

impl Store {
    /// The metadata.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Where the objects of a cluster are, in a folder that exists.
    pub fn cluster_file(&self, id: &str) -> Result<std::path::PathBuf, Error> {
        let folder = self.data_dir.path().join("clusters");
        std::fs::create_dir_all(&folder)?;
        Ok(folder.join(format!("{id}.db")))
    }

    /// What tells the time, for what has a store of its own.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Until when a blob that is pushed or asked for now is kept without a manifest.
    pub fn lease(&self) -> Timestamp {
        self.now() + self.grace
    }

    /// Whether a lease is so near its end that it should be renewed.
    pub fn is_lease_old(&self, lease: Timestamp) -> bool {
        lease < self.now() + self.grace / 2
    }

    /// Begins an upload into a repository. `None` if there are too many.
    pub async fn begin_upload(
        &self,
        repository: i64,
        principal: &str,
        algorithm: Algorithm,
    ) -> Result<Option<Upload>, Error> {
        let id: UploadId = uuid::Uuid::new_v4().to_string().parse()?;
        let now = self.now();
        let row = UploadRow {
            id,
            repository,
            principal: principal.to_owned(),
            boot: self.boot.to_string(),
            created: now,
            touched: now,
            algorithm,
            size: 0,
            midstate: Hasher::new(algorithm).midstate(),
            head: Some(Vec::new()),
            multipart: None,
            parts: Vec::new(),
        };
        let (new, blobs) = (row.clone(), self.blobs.clone());
        let begun = self.meta.write_relaxed(move |tx| {
            let mut evicted = None;
            if tx.count_uploads()? >= MAX_UPLOADS {
                let stale = tx.stale_uploads(now - UPLOAD_IDLE, MAX_UPLOADS)?;
                let Some(idle) = stale.into_iter().find(|row| !blobs.is_busy(&row.id)) else {
                    return Ok(None);
                };
                tx.delete_upload(&idle.id)?;
                evicted = Some(idle);
            }
            tx.put_upload(&new)?;
            Ok::<_, Error>(Some(evicted))
        });
        match begun.await? {
            None => return Ok(None),
            Some(None) => {}
            Some(Some(idle)) => {
                self.blobs
                    .discard(&idle.id, idle.multipart.as_deref())
                    .await?;
            }
        }
        let busy = self.blobs.lock(&row.id).ok_or(Error::Unavailable)?;
        Upload::resume(&self.blobs, &self.meta, busy, row)
            .await
            .map(Some)
    }

    /// Goes on with an upload.
    pub async fn resume_upload(
        &self,
        repository: i64,
        principal: &str,
        id: &UploadId,
    ) -> Result<Resumed, Error> {
        // Locked before it is read: what another request has just saved must be seen.
        let Some(busy) = self.blobs.lock(id) else {
            return match self.upload_row(repository, principal, id).await? {
                Some(_) => Ok(Resumed::Busy),
                None => Ok(Resumed::Missing),
            };
        };
        let Some(row) = self.upload_row(repository, principal, id).await? else {
            return Ok(Resumed::Missing);
        };
        let multipart = row.multipart.clone();
        match Upload::resume(&self.blobs, &self.meta, busy, row).await {
            Ok(upload) => Ok(Resumed::Ready(Box::new(upload))),
            // A crash took its bytes away, or they became a blob that could not be noted.
            Err(Error::Damaged) => {
                let gone = id.clone();
                self.meta
                    .write_relaxed(move |tx| tx.delete_upload(&gone))
                    .await?;
                self.blobs.discard(id, multipart.as_deref()).await?;
                Ok(Resumed::Missing)
            }
            Err(e) => Err(e),
        }
    }

    /// How far an upload has come.
    pub async fn upload_row(
        &self,
        repository: i64,
        principal: &str,
        id: &UploadId,
    ) -> Result<Option<UploadRow>, Error> {
        let (principal, id) = (principal.to_owned(), id.clone());
        self.meta
            .read(move |tx| tx.upload(repository, &principal, &id))
            .await
    }

    /// Finishes a deletion that one transaction began: removes the bytes of uploads, and the rest.
    pub async fn finish_deletion(&self, deleted: Deleted) -> Result<(), Error> {
        self.discard_uploads(deleted.uploads).await?;
        if deleted.is_partial {
            self.delete_hidden().await?;
        }
        Ok(())
    }

    /// Removes what is left of deleted repositories.
    async fn delete_hidden(&self) -> Result<(), Error> {
        while self.meta.write_relaxed(|tx| tx.delete_hidden()).await? {}
        Ok(())
    }

    /// Removes what uploads of a deleted repository left behind.
    async fn discard_uploads(&self, rows: Vec<UploadRow>) -> Result<(), Error> {
        for row in rows {
            self.blobs
                .discard(&row.id, row.multipart.as_deref())
                .await?;
        }
        Ok(())
    }

    /// Opens a blob for reading; the segments say which bytes in which order. An error before the
    /// first byte means that nothing can be served: damaged bytes are no longer live then.
    pub async fn read_blob(&self, row: &BlobRow, segments: Vec<Segment>) -> Result<Reader, Error> {
        match self.reader(row, segments.clone()).await {
            Err(Error::Damaged) => match self.after_damage(row).await? {
                Some(newer) => self.reader(&newer, segments).await,
                None => Err(Error::Damaged),
            },
            reader => reader,
        }
    }

    async fn reader(&self, row: &BlobRow, segments: Vec<Segment>) -> Result<Reader, Error> {
        let (store, key) = (self.clone(), row.key.clone());
        let on_damage = move || {
            tokio::spawn(async move { store.mark_damaged(&key).await });
        };
        self.blobs
            .reader(row, segments, self.verify_reads, on_damage)
            .await
    }

    /// A URL of the bucket by which anyone can read a blob for a while. `None` if the blob is not in
    /// a bucket: it is small, or the store is local.
    pub async fn presign_blob(
        &self,
        row: &BlobRow,
        valid: Duration,
    ) -> Result<Option<String>, Error> {
        self.blobs.presign(row, valid).await
    }

    /// Makes sure that a blob could be read. Damaged ones are no longer live after it.
    pub async fn probe_blob(&self, row: &BlobRow) -> Result<(), Error> {
        match self.blobs.probe(row).await {
            Err(Error::Damaged) => match self.after_damage(row).await? {
                Some(newer) => self.blobs.probe(&newer).await,
                None => Err(Error::Damaged),
            },
            probed => probed,
        }
    }

    /// What to read instead of bytes that are not right: those of a push that replaced them after
    /// the row was read. If there was none, the row is damaged.
    async fn after_damage(&self, row: &BlobRow) -> Result<Option<BlobRow>, Error> {
        let digest = row.digest.clone();
        let live = self.meta.read(move |tx| tx.live_blob(&digest)).await?;
        let newer = live.filter(|live| live.key != row.key);
        if newer.is_none() {
            if !self.is_mounted().await? {
                return Err(Error::Unavailable);
            }
            self.mark_damaged(&row.key).await;
        }
        Ok(newer)
    }

    async fn mark_damaged(&self, key: &UploadId) {
        metrics::counter!("wharf_blob_corrupt_total").increment(1);
        let id = key.clone();
        let marked = self
            .meta
            .write(move |tx| tx.set_blob_state(&id, BlobState::Damaged))
            .await;
        match marked {
            Ok(()) => {
                tracing::error!(%key, "a blob is damaged and no longer served; pushing it again heals it");
            }
            Err::<(), Error>(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, %key, "a damaged blob could not be marked");
            }
        }
    }

    /// Copies all metadata to a new file, consistently, while the server runs. A server that starts
    /// from it does not sweep before `wharf check`.
    pub async fn backup(&self, to: &Path) -> Result<(), Error> {
        if to.exists() {
            return Err(Error::Refused(format!(
                "{} exists: choose a new file",
                to.display()
            )));
        }
        self.meta.backup(to.to_owned()).await
    }

    /// Finishes what was submitted and closes in good order.
    pub async fn close(&self) {
        let closed: Result<(), Error> = self.meta.write(|tx| tx.set("clean", "1")).await;
        if closed.is_err() {
            tracing::warn!("the database could not be marked as closed in good order");
        }
        self.meta.close().await;
    }

    /// Forgets everything that users stored.
    pub async fn reset(&self) -> Result<(), Error> {
        let all = self.meta.write(|tx| {
            let all = tx.stale_uploads(Timestamp::from_ms(i64::MAX), MAX_UPLOADS)?;
            tx.clear()?;
            Ok::<_, Error>(all)
        });
        self.discard_uploads(all.await?).await?;
        self.collect(Leases::Ignore).await.map(drop)
    }
}
