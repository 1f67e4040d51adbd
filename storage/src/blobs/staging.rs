//! The files of uploads under way.
use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

use wharf_types::UploadId;

use super::{Blobs, Kind, backend, key, multipart::Parts, remove};
use crate::Error;

impl Blobs {
    pub(super) fn staged(&self, id: &UploadId) -> PathBuf {
        self.staging.join(id.as_str())
    }

    /// Where a session on S3 keeps what is not yet a part. The name says after how many bytes: a
    /// tail and the row that it belongs to are written one after the other, and a crash in between
    /// must not pair a tail with another row.
    pub(super) fn tail(&self, id: &UploadId, size: u64) -> PathBuf {
        self.staging.join(format!("{id}.{size}"))
    }

    /// Removes the tails of a session on S3 but the one of this size.
    pub(super) fn forget_tails(&self, id: &UploadId, keep: Option<u64>) -> Result<(), Error> {
        if matches!(self.backend.kind, Kind::Local(_)) {
            return Ok(());
        }
        let keep = keep.map(|size| self.tail(id, size));
        for (path, owner) in self.staged_files()? {
            if owner.as_ref() == Some(id) && Some(&path) != keep.as_ref() {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// The uploads that have a file of their own, with the file's name if it is nobody's.
    pub(crate) fn staged_files(&self) -> Result<Vec<(PathBuf, Option<UploadId>)>, Error> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.staging)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.split('.').next());
            let id = id.and_then(|id| id.parse().ok());
            found.push((entry.path(), id));
        }
        Ok(found)
    }

    /// Opens an upload's file and leaves in it what was acknowledged.
    pub(super) async fn open_staged(&self, id: &UploadId, size: u64) -> Result<File, Error> {
        let path = self.staged(id);
        let opened = tokio::task::spawn_blocking(move || {
            // Bytes that were acknowledged are in a file that is there.
            let mut file = backend::open_options()
                .read(true)
                .write(true)
                .create(size == 0)
                .truncate(false)
                .open(path)
                .map_err(lost)?;
            if file.metadata()?.len() < size {
                return Err(Error::Damaged);
            }
            file.set_len(size)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        });
        opened.await.map_err(|_panicked| Error::Unavailable)?
    }

    pub(super) fn parts_of(&self, id: &UploadId) -> Result<Parts, Error> {
        let Kind::S3(store) = &self.backend.kind else {
            return Err(Error::Unavailable);
        };
        let (objects, store) = (Arc::clone(&self.backend.objects), Arc::clone(store));
        Ok(Parts::new(
            key::object(id),
            objects,
            store,
            Arc::clone(&self.parts),
        ))
    }

    /// Reads the bytes that a session on S3 has beyond its parts.
    pub(super) async fn read_tail(&self, id: &UploadId, size: u64) -> Result<Vec<u8>, Error> {
        let path = self.tail(id, size);
        let read = tokio::task::spawn_blocking(move || std::fs::read(path).map_err(lost));
        read.await.map_err(|_panicked| Error::Unavailable)?
    }
}

/// A staging file that is not there has lost what was acknowledged.
fn lost(e: io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::NotFound => Error::Damaged,
        _ => e.into(),
    }
}
