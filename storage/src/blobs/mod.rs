//! Bytes: uploads under way, blobs at rest.
use std::{
    collections::HashSet,
    fs::File,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::Semaphore;
use wharf_types::{ByteRange, UploadId};

use crate::{BlobRow, Error, S3Settings};

mod backend;
mod hash;
mod key;
mod multipart;
mod read;
mod staging;
mod upload;
mod verify;

pub(crate) use backend::Stored;
use backend::{Backend, Kind};
pub(crate) use hash::digest_of;
pub use read::{Reader, Segment};
pub use upload::{AppendError, Committed, FinishError, Upload};

/// Blobs up to this size lie in the database: pushing one costs a row in a shared commit.
pub const INLINE_MAX: usize = 64 * 1024;

/// How many parts are on their way to S3 at once, over all uploads.
const PARTS_IN_FLIGHT: usize = 8;

/// A handle on the store of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    backend: Backend,
    staging: Arc<Path>,
    /// Whether an answer waits for the disk.
    durable: bool,
    busy: Arc<Mutex<HashSet<UploadId>>>,
    pool: read::Pool,
    parts: Arc<Semaphore>,
}

impl Blobs {
    pub(crate) fn open(
        data_dir: &Path,
        s3: Option<&S3Settings>,
        durable: bool,
    ) -> Result<Self, Error> {
        let backend = match s3 {
            Some(settings) => Backend::s3(settings)?,
            None => Backend::local(&data_dir.join("blobs"))?,
        };
        Ok(Self {
            backend,
            staging: data_dir.join("staging").into(),
            durable,
            busy: Arc::default(),
            pool: read::Pool::default(),
            parts: Arc::new(Semaphore::new(PARTS_IN_FLIGHT)),
        })
    }

    pub(crate) async fn marker(&self) -> Result<Option<String>, Error> {
        self.backend.marker().await
    }

    pub(crate) async fn set_marker(&self, id: &str) -> Result<(), Error> {
        self.backend.set_marker(id).await
    }

    pub(crate) async fn delete(&self, key: &UploadId) -> Result<(), Error> {
        self.backend.delete(key).await
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<Stored, Error>> {
        self.backend.list()
    }

    /// Opens a blob, having made sure that what is there has the right size.
    pub(crate) async fn reader(
        &self,
        row: &BlobRow,
        segments: Vec<Segment>,
        verify: bool,
        on_damage: impl FnOnce() + Send + 'static,
    ) -> Result<Reader, Error> {
        let source = match (&row.bytes, &self.backend.kind) {
            (Some(bytes), _) if bytes.len() as u64 == row.size => {
                read::Source::Inline(Bytes::from(bytes.clone()))
            }
            (Some(_), _) => return Err(Error::Damaged),
            (None, Kind::Local(root)) => {
                let path = backend::file(root, &row.key);
                let size = row.size;
                let opened = tokio::task::spawn_blocking(move || open_sized(&path, size)).await;
                let file = opened.map_err(|_panicked| Error::Unavailable)??;
                read::Source::File(Arc::new(file), self.pool.clone())
            }
            (None, Kind::S3(_)) => {
                read::Source::Object(Arc::clone(&self.backend.objects), row.key.clone())
            }
        };
        let reader = Reader::new(source, row.size, segments, Box::new(on_damage));
        let reader = if verify {
            reader.verifying(&row.digest)
        } else {
            reader
        };
        reader.opened().await
    }

    /// Makes sure that a blob's bytes are there in the right number.
    pub(crate) async fn probe(&self, row: &BlobRow) -> Result<(), Error> {
        if row.bytes.is_none() && row.size > 0 && matches!(self.backend.kind, Kind::S3(_)) {
            use object_store::ObjectStoreExt as _;
            return match self.backend.objects.head(&key::object(&row.key)).await {
                Ok(meta) if meta.size == row.size => Ok(()),
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Err(Error::Damaged),
                Err(e) => Err(e.into()),
            };
        }
        self.reader(row, Vec::new(), false, || {}).await.map(drop)
    }

    /// A URL of the store itself by which anyone can read a blob for a while. `None` if there is none.
    pub(crate) async fn presign(
        &self,
        row: &BlobRow,
        valid: Duration,
    ) -> Result<Option<String>, Error> {
        let (None, Some(signer)) = (&row.bytes, &self.backend.signer) else {
            return Ok(None);
        };
        let path = key::object(&row.key);
        let url = signer
            .signed_url(object_store::signer::Method::GET, &path, valid)
            .await?;
        Ok(Some(url.into()))
    }

    /// The whole of a blob as segments.
    pub(crate) fn whole(row: &BlobRow) -> Vec<Segment> {
        match row.size {
            0 => Vec::new(),
            size => vec![Segment::Range(ByteRange {
                first: 0,
                last: size - 1,
            })],
        }
    }

    /// Makes an upload's session this caller's alone, until it is dropped. `None` if another request
    /// is at it.
    pub(crate) fn lock(&self, id: &UploadId) -> Option<Busy> {
        let mut busy = self.busy.lock().ok()?;
        busy.insert(id.clone()).then(|| Busy {
            id: id.clone(),
            all: Arc::clone(&self.busy),
        })
    }

    /// Whether a request is working on an upload.
    pub(crate) fn is_busy(&self, id: &UploadId) -> bool {
        self.busy.lock().map_or(true, |busy| busy.contains(id))
    }

    /// Removes what an upload left behind.
    pub(crate) async fn discard(
        &self,
        id: &UploadId,
        multipart: Option<&str>,
    ) -> Result<(), Error> {
        if let (Kind::S3(store), Some(multipart)) = (&self.backend.kind, multipart) {
            let aborted = store
                .abort_multipart(&key::object(id), &multipart.to_owned())
                .await;
            if let Err(error) = aborted {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, upload = %id, "a multipart upload could not be aborted");
            }
        }
        self.forget_tails(id, None)?;
        let path = self.staged(id);
        let removed = tokio::task::spawn_blocking(move || remove(&path)).await;
        Ok(removed.map_err(|_panicked| Error::Unavailable)??)
    }
}

/// Removes a file; it is no error if it is gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn open_sized(path: &Path, size: u64) -> Result<File, Error> {
    let file = match backend::open_options().read(true).open(path) {
        Ok(file) => file,
        // Gone, or replaced by a link (ELOOP): either way not what was pushed.
        Err(e) if e.kind() == io::ErrorKind::NotFound || is_link(&e) => return Err(Error::Damaged),
        Err(e) => return Err(e.into()),
    };
    if file.metadata()?.len() == size {
        Ok(file)
    } else {
        Err(Error::Damaged)
    }
}

fn is_link(e: &io::Error) -> bool {
    e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// The right to work on an upload.
#[derive(Debug)]
pub(crate) struct Busy {
    id: UploadId,
    all: Arc<Mutex<HashSet<UploadId>>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Ok(mut all) = self.all.lock() {
            all.remove(&self.id);
        }
    }
}
