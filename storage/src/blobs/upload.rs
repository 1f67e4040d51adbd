//! An upload session while a request works on it.
//!
//! # Guarantees
//! * Bytes are hashed and written as they come; memory holds two batches of 1 MiB, whatever the
//!   blob's size. The next read from the socket waits until a batch is written.
//! * A request that breaks off keeps what it sent: the session goes on from there.
//! * [`Upload::finish`] answers once file, directory and row are on the disk, in this order, and
//!   goes on to the end even if nobody waits for it any more.
use std::{
    fs::File,
    io::{self, Write as _},
    sync::Arc,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::task::JoinHandle;
use wharf_types::{Algorithm, Digest, Hasher, Timestamp, UploadId};

use super::{
    Blobs, Busy, INLINE_MAX, Kind, backend,
    hash::{hash, hash_and_write},
    multipart::Parts,
};
use crate::{Error, Meta, Owner, UploadParts, UploadRow};

/// How much is hashed and written at once, on a thread of its own.
const BATCH: usize = 1024 * 1024;

/// In how many pieces that may come: a client that sends single bytes fills memory with the rest.
const BATCH_CHUNKS: usize = 1024;

/// An upload that this request alone works on.
#[derive(Debug)]
pub struct Upload {
    pub(super) row: UploadRow,
    /// What is to be saved of its parts when it is suspended.
    parts: Option<UploadParts>,
    pub(super) hasher: Hasher,
    pub(super) sink: Sink,
    pub(super) blobs: Blobs,
    meta: Meta,
    /// Also held by a batch that is being written after its request has gone.
    busy: Arc<Busy>,
}

#[derive(Debug)]
pub(super) enum Sink {
    /// Few bytes, which may end up in the database.
    Head(Vec<u8>),
    /// A staging file; taken while a batch is being written to it.
    File(Option<File>),
    S3(Box<Parts>),
}

/// Why bytes were not taken.
#[derive(Debug)]
pub enum AppendError<E> {
    /// The client's side failed; what came before is kept.
    Body(E),
    /// More bytes came than were announced or are allowed.
    TooLong,
    Store(Error),
}

impl<E> From<Error> for AppendError<E> {
    fn from(e: Error) -> Self {
        Self::Store(e)
    }
}

/// Why an upload did not become a blob.
#[derive(Debug)]
pub enum FinishError {
    /// The bytes hash to something else. The session has ended.
    Mismatch(Digest),
    /// The session or its repository was deleted meanwhile.
    Gone,
    Store(Error),
}

impl From<Error> for FinishError {
    fn from(e: Error) -> Self {
        Self::Store(e)
    }
}

/// A blob that is on the disk.
#[derive(Clone, Debug)]
pub struct Committed {
    pub digest: Digest,
    pub size: u64,
}

/// One batch on its way through hash and file.
type Writing = JoinHandle<(Hasher, Option<File>, io::Result<()>)>;

impl Upload {
    /// Takes up a session where its row, read after it was locked, says it stopped.
    pub(crate) async fn resume(
        blobs: &Blobs,
        meta: &Meta,
        busy: Busy,
        row: UploadRow,
    ) -> Result<Self, Error> {
        let Some(hasher) = Hasher::resume(row.algorithm, &row.midstate) else {
            return Err(Error::Damaged);
        };
        let sink = match (&row.head, &blobs.backend.kind) {
            (Some(head), _) => Sink::Head(head.clone()),
            (None, Kind::Local(_)) => Sink::File(Some(blobs.open_staged(&row.id, row.size).await?)),
            (None, Kind::S3(_)) => {
                let mut parts = blobs.parts_of(&row.id)?;
                let tail = blobs.read_tail(&row.id, row.size).await?;
                parts.resume(row.multipart.clone(), row.parts.clone(), tail);
                if parts.size() != row.size {
                    return Err(Error::Damaged);
                }
                Sink::S3(Box::new(parts))
            }
        };
        Ok(Self {
            row,
            parts: None,
            hasher,
            sink,
            blobs: blobs.clone(),
            meta: meta.clone(),
            busy: Arc::new(busy),
        })
    }

    /// How many bytes have come so far.
    pub const fn size(&self) -> u64 {
        self.row.size
    }

    pub const fn id(&self) -> &UploadId {
        &self.row.id
    }

    /// The algorithm that the bytes are hashed with as they come.
    pub const fn algorithm(&self) -> Algorithm {
        self.row.algorithm
    }

    /// Notes what is to be remembered of the upload's parts, together with its bytes.
    pub fn note_parts(&mut self, parts: UploadParts) {
        self.parts = Some(parts);
    }

    /// Takes bytes until the body ends, at most `limit` of them.
    pub async fn append<S, E>(&mut self, body: S, limit: u64) -> Result<(), AppendError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
    {
        let mut body = std::pin::pin!(body);
        let mut batch = Vec::new();
        let mut waiting = 0;
        let mut taken: u64 = 0;
        let mut writing: Option<Writing> = None;
        let ended = loop {
            match body.next().await {
                None => break Ok(()),
                Some(Err(e)) => break Err(AppendError::Body(e)),
                Some(Ok(chunk)) => {
                    taken += chunk.len() as u64;
                    if taken > limit {
                        break Err(AppendError::TooLong);
                    }
                    waiting += chunk.len();
                    batch.push(chunk);
                }
            }
            if waiting >= BATCH || batch.len() >= BATCH_CHUNKS {
                self.settle(&mut writing).await?;
                self.write(std::mem::take(&mut batch), waiting, &mut writing)
                    .await?;
                waiting = 0;
            }
        };
        self.settle(&mut writing).await?;
        if waiting > 0 {
            self.write(batch, waiting, &mut writing).await?;
            self.settle(&mut writing).await?;
        }
        ended
    }

    /// Hashes and stores a batch; for a file on another thread, which `writing` then stands for.
    async fn write(
        &mut self,
        batch: Vec<Bytes>,
        len: usize,
        writing: &mut Option<Writing>,
    ) -> Result<(), Error> {
        if let Sink::Head(head) = &mut self.sink {
            if head.len() + len <= INLINE_MAX {
                for chunk in &batch {
                    self.hasher.update(chunk);
                    head.extend_from_slice(chunk);
                }
                self.row.size += len as u64;
                return Ok(());
            }
            self.spill().await?;
        }
        self.row.size += len as u64;
        let hasher = self.hasher.clone();
        match &mut self.sink {
            Sink::File(file) => {
                let file = file.take().ok_or(Error::Unavailable)?;
                let busy = Arc::clone(&self.busy);
                *writing = Some(tokio::task::spawn_blocking(move || {
                    let _busy = busy;
                    hash_and_write(hasher, file, &batch)
                }));
            }
            Sink::S3(parts) => {
                parts.push(batch.clone());
                let hashing = tokio::task::spawn_blocking(move || hash(hasher, &batch));
                if parts.must_begin() {
                    let multipart = parts.begin().await?;
                    self.row.multipart = Some(multipart.clone());
                    // The rest of the row stays as it was when the last request ended.
                    let id = self.row.id.clone();
                    let noted = self
                        .meta
                        .write_relaxed(move |tx| tx.set_multipart(&id, &multipart));
                    noted.await?;
                }
                parts.send().await?;
                self.hasher = hashing.await.map_err(|_panicked| Error::Unavailable)?;
            }
            Sink::Head(_) => return Err(Error::Unavailable),
        }
        Ok(())
    }

    async fn settle(&mut self, writing: &mut Option<Writing>) -> Result<(), Error> {
        let Some(task) = writing.take() else {
            return Ok(());
        };
        let (hasher, file, written) = task.await.map_err(|_panicked| Error::Unavailable)?;
        self.hasher = hasher;
        self.sink = Sink::File(file);
        Ok(written?)
    }

    /// Moves the first bytes out of memory: there will be too many.
    async fn spill(&mut self) -> Result<(), Error> {
        let Sink::Head(head) = &mut self.sink else {
            return Ok(());
        };
        let head = std::mem::take(head);
        self.sink = match &self.blobs.backend.kind {
            Kind::Local(_) => {
                let mut file = self.blobs.open_staged(&self.row.id, 0).await?;
                file.write_all(&head)?;
                Sink::File(Some(file))
            }
            Kind::S3(_) => {
                let mut parts = self.blobs.parts_of(&self.row.id)?;
                parts.resume(self.row.multipart.clone(), Vec::new(), head);
                Sink::S3(Box::new(parts))
            }
        };
        Ok(())
    }

    /// Ends this request and keeps the session, so that a later one goes on from here. `None` if the
    /// session was ended meanwhile.
    pub async fn suspend(mut self, now: Timestamp) -> Result<Option<u64>, Error> {
        self.row.touched = now;
        self.row.midstate = self.hasher.midstate();
        self.row.head = None;
        match &mut self.sink {
            Sink::Head(head) => self.row.head = Some(std::mem::take(head)),
            Sink::File(_) => {}
            Sink::S3(parts) => {
                parts.settle().await?;
                let tail = self.blobs.tail(&self.row.id, self.row.size);
                parts.save_tail(tail).await?;
                self.row.parts = parts.sent.values().cloned().collect();
            }
        }
        if !save(&self.meta, &self.row, self.parts.take()).await? {
            let multipart = self.row.multipart.as_deref();
            self.blobs.discard(&self.row.id, multipart).await?;
            return Ok(None);
        }
        self.blobs.forget_tails(&self.row.id, Some(self.row.size))?;
        Ok(Some(self.row.size))
    }

    /// Ends the session and removes its bytes.
    pub async fn cancel(mut self) -> Result<(), Error> {
        if let Sink::S3(parts) = &mut self.sink {
            parts.abandon().await;
        }
        let Self {
            row, blobs, meta, ..
        } = &self;
        let id = row.id.clone();
        meta.write_relaxed(move |tx| tx.delete_upload(&id)).await?;
        blobs.discard(&row.id, row.multipart.as_deref()).await
    }

    /// Makes the bytes a blob of the session's repository, which keeps it until the lease is over.
    pub async fn finish(
        self,
        digest: Digest,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Committed, FinishError> {
        self.finish_as(digest, Vec::new(), now, lease).await
    }

    /// Like [`Self::finish`] for bytes that must have other digests as well.
    pub async fn finish_as(
        self,
        digest: Digest,
        others: Vec<Digest>,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Committed, FinishError> {
        let task = tokio::spawn(self.commit(digest, others, now, lease));
        task.await
            .map_err(|_panicked| FinishError::Store(Error::Unavailable))?
    }

    async fn commit(
        mut self,
        digest: Digest,
        others: Vec<Digest>,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Committed, FinishError> {
        let id = self.row.id.clone();
        let committed = Committed {
            digest: digest.clone(),
            size: self.row.size,
        };
        if let Some(actual) = self.mismatch(&digest, &others).await? {
            // An object that had to be completed to be read.
            self.blobs.delete(&id).await?;
            self.cancel().await?;
            return Err(FinishError::Mismatch(actual));
        }
        let (blobs, meta, size, repository) = (
            self.blobs.clone(),
            self.meta.clone(),
            self.row.size,
            self.row.repository,
        );
        let bytes = match self.publish().await {
            Ok(bytes) => bytes,
            Err(e) => {
                drop(blobs.delete(&id).await);
                let key = id.clone();
                let exists = meta.read(move |tx| tx.upload_exists(&key)).await?;
                self.cancel().await?;
                // Its repository was deleted, and its file with it.
                return Err(if exists { e.into() } else { FinishError::Gone });
            }
        };
        let stored = bytes.is_none();
        // Begun for bytes that were taken back; what is complete has none any more.
        let unused = self.row.multipart.take();
        let key = id.clone();
        let published = meta
            .write(move |tx| {
                if !tx.delete_upload(&key)? {
                    return Ok(false);
                }
                match tx.blob(repository, &digest)? {
                    // Small bytes in the database cannot have been damaged.
                    Some(there) if there.bytes.is_some() => {}
                    _ => tx.put_blob(&key, &digest, size, bytes.as_deref(), now)?,
                }
                tx.link_blob(repository, &digest, lease)?;
                Ok::<_, Error>(true)
            })
            .await;
        match published {
            Ok(true) => {
                // What is left of it is nobody's; the start removes what this cannot.
                drop(blobs.discard(&id, unused.as_deref()).await);
                Ok(committed)
            }
            Ok(false) => {
                drop(blobs.delete(&id).await);
                drop(blobs.forget_tails(&id, None));
                Err(FinishError::Gone)
            }
            Err(Error::Full) => {
                drop(blobs.delete(&id).await);
                // The session cannot go on; if there is no room to say so, the next request finds out.
                drop(meta.write_relaxed(move |tx| tx.delete_upload(&id)).await);
                Err(Error::Full.into())
            }
            // Whether it was committed is unknown: the bytes stay, the sweep looks at the row.
            Err(e) => {
                tracing::warn!(upload = %id, stored, "a blob was written but not noted");
                Err(e.into())
            }
        }
    }

    /// Brings the bytes to their final place, durably. Returns them if they belong into the row.
    pub(super) async fn publish(&mut self) -> Result<Option<Vec<u8>>, Error> {
        // A second call finds nothing left to do.
        match std::mem::replace(&mut self.sink, Sink::File(None)) {
            Sink::Head(head) => Ok(Some(head)),
            Sink::S3(parts) => {
                parts.complete().await?;
                self.row.multipart = None;
                Ok(None)
            }
            Sink::File(None) => Ok(None),
            Sink::File(Some(file)) => {
                let Kind::Local(root) = &self.blobs.backend.kind else {
                    return Err(Error::Unavailable);
                };
                let (from, to) = (
                    self.blobs.staged(&self.row.id),
                    backend::file(root, &self.row.id),
                );
                let durable = self.blobs.durable;
                let moved = tokio::task::spawn_blocking(move || {
                    if durable {
                        file.sync_all()?;
                    }
                    std::fs::rename(&from, &to)?;
                    match to.parent() {
                        Some(dir) if durable => backend::sync_dir(dir),
                        _ => Ok(()),
                    }
                });
                moved.await.map_err(|_panicked| Error::Unavailable)??;
                Ok(None)
            }
        }
    }
}

/// Saves how far an upload has come; whether it still exists.
async fn save(meta: &Meta, row: &UploadRow, parts: Option<UploadParts>) -> Result<bool, Error> {
    let row = row.clone();
    meta.write_relaxed(move |tx| {
        let exists = tx.upload_exists(&row.id)?;
        if exists {
            tx.put_upload(&row)?;
        }
        if let (true, Some(parts)) = (exists, &parts) {
            let owner = Owner::Repository(row.repository);
            tx.put_document(&owner, row.id.as_str(), parts, row.touched)?;
        }
        Ok(exists)
    })
    .await
}
