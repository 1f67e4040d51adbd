//! Metadata in SQLite: one writer thread, many readers.
//!
//! SQL is only here, one file a noun. [`Read`] has the queries; [`Write`] derefs to it and adds the
//! changes, and only [`Meta::write`] makes one.
use std::{
    fmt,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use tokio::sync::{Semaphore, mpsc, oneshot};

use wharf_types::Digest;

use crate::Error;

mod blobs;
mod columns;
mod deletion;
mod documents;
mod manifests;
mod migrate;
mod referrers;
mod repositories;
mod resources;
mod settings;
mod strays;
mod tags;
mod uploads;
mod writer;

pub use blobs::{BlobRow, BlobState};
pub use deletion::Deleted;
pub use documents::{Document, Owner, Sparse, Stored};
pub use manifests::{ImageRow, ImageStatus, ManifestRow, NewManifest, ReferrerRow};
pub use referrers::ReferrerFilter;
pub use repositories::{Mutability, Repository};
pub(crate) use strays::Stray;
pub use uploads::{UploadParts, UploadRow};

/// Queries on a consistent snapshot.
#[derive(Debug)]
pub struct Read<'c>(&'c Connection);

/// Queries and changes, alone and on the latest state.
#[derive(Debug)]
pub struct Write<'c>(Read<'c>);

impl<'c> Deref for Write<'c> {
    type Target = Read<'c>;

    fn deref(&self) -> &Read<'c> {
        &self.0
    }
}

/// How many jobs may wait for the writer; further callers wait for a place.
const QUEUE: usize = 1024;

/// How many queries run at once.
const READERS: usize = 16;

/// SQLite before this release can corrupt a database when it resets its log.
const OLDEST_SQLITE: i32 = 3_051_003;

/// A handle on the metadata store.
#[derive(Clone)]
pub struct Meta {
    writer: mpsc::Sender<writer::Order>,
    readers: Arc<Readers>,
    healthy: Arc<AtomicBool>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("path", &self.readers.path)
            .finish_non_exhaustive()
    }
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Meta {
    /// Opens the database, or makes a new one, and brings it to the newest schema. Refuses one that
    /// is damaged.
    pub fn open(path: &Path, relaxed: bool) -> Result<Self, Error> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(Error::Refused(format!(
                "SQLite {} is too old",
                rusqlite::version()
            )));
        }
        let mut conn = Connection::open(path)?;
        prepare(&conn, path)?;
        migrate::migrate(&mut conn)?;
        let (writer, orders) = mpsc::channel(QUEUE);
        let healthy = Arc::new(AtomicBool::new(true));
        let work = writer::Writer {
            conn,
            orders,
            relaxed,
            healthy: Arc::clone(&healthy),
            syncs: None,
        };
        let thread = std::thread::Builder::new()
            .name("wharf-writer".into())
            .spawn(move || work.run())?;
        let readers = Readers {
            path: path.to_owned(),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(READERS)),
        };
        Ok(Self {
            writer,
            readers: Arc::new(readers),
            healthy,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Whether changes can be made. After a failed fsync they cannot until a restart.
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    /// Runs `change` alone against the latest state; returns once its effects are on the disk. It
    /// may run twice, the first time without effect.
    pub async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&Write<'_>) -> Result<T, E> + Send + 'static,
    {
        self.submit(change, true).await
    }

    /// Like [`Self::write`] for what may be lost with the machine, though not with the process:
    /// sessions, leases, pull times.
    pub async fn write_relaxed<T, E, F>(&self, change: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&Write<'_>) -> Result<T, E> + Send + 'static,
    {
        self.submit(change, false).await
    }

    async fn submit<T, E, F>(&self, change: F, durable: bool) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&Write<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let job = writer::Typed {
            durable,
            change,
            outcome: None,
            reply,
        };
        let sent = self.writer.send(writer::Order::Do(Box::new(job))).await;
        sent.map_err(|_closed| Error::Unavailable)?;
        outcome.await.map_err(|_closed| Error::Unavailable)?
    }

    /// Runs `query` on a consistent snapshot.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&Read<'_>) -> Result<T, E> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let permit = Arc::clone(&readers.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| Error::Unavailable)?;
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.query(query)
        });
        task.await.map_err(|_panicked| Error::Unavailable)?
    }

    /// Waits until all that was submitted is done and the database is closed in good order.
    pub async fn close(&self) {
        drop(self.writer.send(writer::Order::Stop).await);
        let thread = Arc::clone(&self.thread);
        let joined = tokio::task::spawn_blocking(move || join(&thread)).await;
        if joined.is_err() {
            tracing::error!("the metadata writer could not be waited for");
        }
    }

    /// Copies a consistent state of the whole database to a new file.
    pub async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        self.read(move |tx| tx.copy_to(&to)).await
    }
}

fn join(thread: &Mutex<Option<JoinHandle<()>>>) {
    let thread = thread.lock().ok().and_then(|mut t| t.take());
    if let Some(thread) = thread
        && thread.join().is_err()
    {
        tracing::error!("the metadata writer panicked");
    }
}

impl Readers {
    fn query<T, E: From<Error>>(
        &self,
        query: impl FnOnce(&Read<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let pooled = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut conn = match pooled {
            Some(conn) => conn,
            None => self.connect()?,
        };
        let found = {
            let tx = conn.transaction().map_err(Error::from)?;
            query(&Read(&tx))
        };
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(conn);
        }
        found
    }

    fn connect(&self) -> Result<Connection, Error> {
        let conn = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        settle(&conn)?;
        Ok(conn)
    }
}

impl Read<'_> {
    /// Every page and every index entry is where it belongs.
    pub fn integrity(&self) -> Result<Vec<String>, Error> {
        let mut stmt = self.0.prepare("PRAGMA integrity_check(100)")?;
        let lines = stmt.query_map([], |row| row.get::<_, String>(0))?;
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Every row of every table as text, for tests that compare states.
    pub fn dump(&self) -> Result<Vec<String>, Error> {
        let mut tables = self
            .0
            .prepare(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
            )?;
        let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
        let mut lines = Vec::new();
        for table in tables.collect::<Result<Vec<_>, _>>()? {
            let mut rows = self.0.prepare(&format!("SELECT * FROM \"{table}\""))?;
            let columns = rows.column_count();
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let values = (0..columns).map(|i| row.get_ref(i).map(shown));
                lines.push(format!(
                    "{table}: {}",
                    values
                        .collect::<Result<Vec<_>, rusqlite::Error>>()?
                        .join(", ")
                ));
            }
        }
        Ok(lines)
    }

    fn copy_to(&self, to: &Path) -> Result<(), Error> {
        // Reading holds the snapshot: without it each commit would begin the copy again.
        self.setting("store")?;
        self.0
            .backup("main", to, None::<fn(rusqlite::backup::Progress)>)?;
        let copy = Connection::open(to)?;
        copy.execute(
            "INSERT OR REPLACE INTO setting (name, value) VALUES ('from_backup', '1')",
            [],
        )?;
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        copy.close().map_err(|(_, e)| e)?;
        std::fs::File::open(to)?.sync_all()?;
        Ok(())
    }
}

/// A value in a dump.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => Digest::sha256(bytes).to_string(),
        other => format!("{other:?}"),
    }
}

/// What every connection has.
fn settle(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// What the writer has besides, and whether the file is one that it may write.
fn prepare(conn: &Connection, path: &Path) -> Result<(), Error> {
    let damaged = |e: rusqlite::Error| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            Error::Refused(format!(
                "{} is damaged ({e}): restore a backup, see `wharf backup --help`",
                path.display()
            ))
        }
        _ => Error::from(e),
    };
    settle(conn).map_err(damaged)?;
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(damaged)?;
    if mode != "wal" {
        return Err(Error::Refused(format!(
            "{} is on a file system that SQLite cannot share memory on: use a local disk",
            path.display()
        )));
    }
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if is_large_and_clean(conn, path) {
        return Ok(());
    }
    let verdict: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(damaged)?;
    if verdict != "ok" {
        return Err(Error::Refused(format!(
            "{} is damaged ({verdict}): restore a backup, see `wharf backup --help`",
            path.display()
        )));
    }
    Ok(())
}

/// A database that was closed in good order is looked through at start only while that is quick.
fn is_large_and_clean(conn: &Connection, path: &Path) -> bool {
    const LARGE: u64 = 64 * 1024 * 1024;
    let clean = conn.query_row(
        "SELECT value FROM setting WHERE name = 'clean'",
        [],
        |row| row.get::<_, String>(0),
    );
    clean.is_ok_and(|clean| clean == "1") && std::fs::metadata(path).is_ok_and(|m| m.len() > LARGE)
}

#[cfg(test)]
mod tests;
