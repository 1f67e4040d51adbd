//! Opening a data directory: what is there, whose it is, what a crash left.
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use wharf_types::Clock;

use crate::{Error, Meta, Store, blobs, blobs::Blobs, collect::Collector};

/// A data directory that is this process's alone for as long as the value or a store in it lives.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: Arc<Path>,
    _lock: Arc<Lock>,
}

impl DataDir {
    /// Makes the directory if need be, and locks it. Blocks.
    pub fn lock(path: &Path) -> Result<Self, Error> {
        make_dirs(path)?;
        let lock = lock(path)?;
        Ok(Self {
            path: path.into(),
            _lock: Arc::new(lock),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A locked file. Closing it alone would leave it locked for as long as a child that another thread
/// is just starting has not replaced itself: until then it shares the open file.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the data directory could not be unlocked");
        }
    }
}

/// Where and how things are stored.
#[derive(Clone, Debug)]
pub struct Options {
    pub data_dir: DataDir,
    /// Bytes go to this bucket instead of `blobs/`.
    pub s3: Option<S3Settings>,
    /// Whether an answer waits for the disk. `false` is for throw-away servers only.
    pub durable: bool,
    /// How long unreferenced bytes are kept.
    pub grace: Duration,
    /// Whether every read is hashed.
    pub verify_reads: bool,
    pub clock: Clock,
}

/// A bucket and how to reach it.
#[derive(Clone)]
pub struct S3Settings {
    pub bucket: String,
    /// May be empty.
    pub prefix: String,
    pub region: String,
    /// `None` for Amazon's own.
    pub endpoint: Option<String>,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub allow_http: bool,
}

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            bucket,
            prefix,
            region,
            endpoint,
            ..
        } = self;
        write!(
            f,
            "S3Settings({bucket}/{prefix} in {region} at {endpoint:?})"
        )
    }
}

impl Store {
    /// Opens a data directory, or makes a new one. Refuses one that another server uses, that is
    /// damaged, or whose bytes belong to another database.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options {
            data_dir,
            s3,
            durable,
            grace,
            verify_reads,
            clock,
        } = options;
        let database = data_dir.path().join("wharf.db");
        let known = std::fs::metadata(&database).is_ok_and(|m| m.len() > 0);
        let (dir, to) = (data_dir.clone(), s3.clone());
        let blobs = blocking(move || Blobs::open(dir.path(), to.as_ref(), durable)).await?;
        let marker = blobs.marker().await?;
        if let (false, Some(_)) = (known, &marker) {
            return Err(Error::Refused(format!(
                "the store has content but {} is missing or empty: restore a backup of it there",
                database.display()
            )));
        }
        let meta = blocking(move || Meta::open(&database, !durable)).await?;
        let store = Self {
            meta,
            blobs,
            clock,
            grace,
            verify_reads,
            boot: boot_id().into(),
            collector: Arc::new(Collector::default()),
            data_dir,
        };
        store.claim(marker).await?;
        store.tidy().await?;
        Ok(store)
    }

    /// Makes sure that store and database belong together.
    async fn claim(&self, marker: Option<String>) -> Result<(), Error> {
        let (id, blobs) = self
            .meta
            .read(|tx| Ok::<_, Error>((tx.setting("store")?, tx.blob_totals()?.0)))
            .await?;
        match (id, marker) {
            (Some(ours), Some(theirs)) if ours == theirs => {}
            (Some(_), Some(_)) => {
                return Err(Error::Refused(
                    "the store belongs to another database: check --data-dir and --store".into(),
                ));
            }
            (Some(_), None) if blobs > 0 => {
                return Err(Error::Refused(
                    "the database knows of content but the store is empty: is it the right one, and mounted?".into(),
                ));
            }
            (Some(ours), None) => self.blobs.set_marker(&ours).await?,
            (None, Some(_)) => {
                return Err(Error::Refused(
                    "the store has content but the database is new: restore a backup".into(),
                ));
            }
            (None, None) => {
                if let Some(other) = self.blobs.list().next().await {
                    let other = other?.name;
                    return Err(Error::Refused(format!(
                        "the store is new to wharf but not empty ({other}): choose another prefix"
                    )));
                }
                let id = uuid::Uuid::new_v4().to_string();
                let ours = id.clone();
                self.meta.write(move |tx| tx.set("store", &ours)).await?;
                self.blobs.set_marker(&id).await?;
            }
        }
        self.meta.write_relaxed(|tx| tx.set("clean", "0")).await
    }

    /// Ends the uploads that did not outlive the machine, and removes files that are nobody's.
    async fn tidy(&self) -> Result<(), Error> {
        let boot = Arc::clone(&self.boot);
        let lost = self
            .meta
            .read(move |tx| tx.uploads_of_other_boots(&boot))
            .await?;
        for row in lost {
            let id = row.id.clone();
            self.meta
                .write_relaxed(move |tx| tx.delete_upload(&id))
                .await?;
            self.blobs
                .discard(&row.id, row.multipart.as_deref())
                .await?;
        }
        for (path, id) in self.blobs.staged_files()? {
            let known = match id {
                Some(id) => self.meta.read(move |tx| tx.upload_exists(&id)).await?,
                None => false,
            };
            if !known {
                blocking(move || Ok(blobs::remove(&path)?)).await?;
            }
        }
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_panicked| Error::Unavailable)?
}

fn make_dirs(data_dir: &Path) -> Result<(), Error> {
    for dir in [
        data_dir.to_owned(),
        data_dir.join("staging"),
        data_dir.join("blobs"),
    ] {
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        if dir != data_dir && std::fs::symlink_metadata(&dir)?.file_type().is_symlink() {
            return Err(Error::Refused(format!(
                "{} is a symbolic link: move the data directory instead",
                dir.display()
            )));
        }
    }
    Ok(())
}

/// Two servers must never share a directory.
fn lock(data_dir: &Path) -> Result<Lock, Error> {
    let path = data_dir.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)?;
    if file.try_lock().is_err() {
        let mut pid = String::new();
        file.read_to_string(&mut pid)?;
        return Err(Error::Refused(format!(
            "{} is in use by another wharf (process {})",
            data_dir.display(),
            pid.trim()
        )));
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock(file))
}

/// What distinguishes this run of the machine. Where it cannot be told, no upload outlives the
/// process.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(
        |_| uuid::Uuid::new_v4().to_string(),
        |id| id.trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_is_being_started_does_not_keep_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mine = lock(dir.path()).unwrap();
        assert!(lock(dir.path()).is_err());
        // What a child has between fork and exec.
        let childs = mine.0.try_clone().unwrap();
        drop(mine);
        assert!(lock(dir.path()).is_ok());
        drop(childs);
    }
}
