//! Small files of our own, on threads that may wait.
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// Does what waits for the disk where waiting harms nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Refused(error.to_string()))?
}

/// Reads a file. None: there is none, or it is none of ours.
pub(crate) async fn read<T: DeserializeOwned + Send + 'static>(
    path: PathBuf,
) -> Result<Option<T>, Error> {
    blocking(move || {
        let bytes = fs::read(path).ok();
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    })
    .await
}

pub(crate) async fn exists(path: PathBuf) -> Result<bool, Error> {
    blocking(move || path.try_exists().map_err(Error::Io)).await
}

/// The files of a directory, none if there is no directory.
pub(crate) async fn list(folder: PathBuf) -> Result<Vec<PathBuf>, Error> {
    blocking(move || match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::Io(error)),
    })
    .await
}

/// Removes a file; somebody else may have been faster.
pub(crate) async fn remove(path: PathBuf) -> Result<(), Error> {
    blocking(move || match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Io(error)),
        _ => Ok(()),
    })
    .await
}

/// Writes a file so that a reader sees all of it or the one before.
pub(crate) async fn write(path: PathBuf, value: &(impl Serialize + Sync)) -> Result<(), Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let bytes = serde_json::to_vec(value).map_err(Error::Answer)?;
    blocking(move || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::Io)?;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let fresh = path.with_extension(format!("{}-{count}", std::process::id()));
        fs::write(&fresh, bytes).map_err(Error::Io)?;
        fs::rename(&fresh, path).map_err(Error::Io)
    })
    .await
}
