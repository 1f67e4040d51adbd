//! The objects of one cluster, in a database file of its own.
//!
//! # Guarantees
//! * [`Objects::commit`] is one transaction, and on the disk when it returns (if `durable`).
//! * A revision that was once handed out is never handed out again, also after a crash: numbers are
//!   reserved in blocks before they are used, since not every change is stored.
use std::{fs, io, path::Path};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::Error;

/// How many revisions are reserved at a time.
const BLOCK: u64 = 10_000;

/// The version of the tables, in `user_version`.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE object ( -- one row an object of the cluster
    resource  TEXT NOT NULL, -- plural and group
    namespace TEXT NOT NULL, -- empty for the cluster's own
    name      TEXT NOT NULL,
    body      BLOB NOT NULL, -- JSON
    PRIMARY KEY (resource, namespace, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT; -- keys, counters
";

/// The database of a cluster. Used by one thread.
#[derive(Debug)]
pub struct Objects {
    conn: Connection,
    /// Revisions below this may be used.
    reserved: u64,
    broken: bool,
}

/// An object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRow {
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub body: Vec<u8>,
}

/// A change of one object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectChange<'a> {
    pub resource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    /// What it is now; none if it is gone.
    pub body: Option<&'a [u8]>,
}

impl Objects {
    /// Opens a file, or makes a new one. Blocks.
    pub fn open(path: &Path, durable: bool) -> Result<Self, Error> {
        let conn = Connection::open(path)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        // In KiB, since it is negative: everything is read once, when it starts.
        conn.pragma_update(None, "cache_size", -256)?;
        conn.pragma_update(None, "synchronous", if durable { "FULL" } else { "OFF" })?;
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                let made = format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
                conn.execute_batch(&made)?;
            }
            VERSION => {}
            newer => {
                return Err(Error::Refused(format!(
                    "{} was written by a newer program (version {newer})",
                    path.display()
                )));
            }
        }
        let mut objects = Self {
            conn,
            reserved: 0,
            broken: false,
        };
        objects.reserved = objects.number("reserved")?;
        Ok(objects)
    }

    /// Removes a database with all that belongs to it. Blocks.
    pub fn remove(path: &Path) -> Result<(), Error> {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            match fs::remove_file(&file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                _gone => {}
            }
        }
        Ok(())
    }

    /// Every object, in the order of their keys.
    pub fn load(&self, mut each: impl FnMut(ObjectRow)) -> Result<(), Error> {
        let sql = "SELECT resource, namespace, name, body FROM object ORDER BY 1, 2, 3";
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(ObjectRow {
                resource: row.get(0)?,
                namespace: row.get(1)?,
                name: row.get(2)?,
                body: row.get(3)?,
            });
        }
        Ok(())
    }

    /// The first revision that was surely never used.
    pub const fn next_revision(&self) -> u64 {
        if self.reserved == 0 { 1 } else { self.reserved }
    }

    /// Stores changes whose revisions are below `next`. After an error nothing was changed; after a
    /// failed write of the log nothing is written any more.
    pub fn commit(&mut self, changes: &[ObjectChange<'_>], next: u64) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Unavailable);
        }
        if changes.is_empty() && next <= self.reserved {
            return Ok(());
        }
        let reserved = if next > self.reserved {
            next + BLOCK
        } else {
            self.reserved
        };
        let done = self.transact(changes, reserved);
        match done {
            Ok(()) => {
                self.reserved = reserved;
                Ok(())
            }
            Err(e) => {
                if !matches!(e, Error::Full) {
                    self.broken = true;
                }
                Err(e)
            }
        }
    }

    fn transact(&mut self, changes: &[ObjectChange<'_>], reserved: u64) -> Result<(), Error> {
        let grow = reserved != self.reserved;
        let tx = self.conn.transaction()?;
        {
            let put = "INSERT INTO object (resource, namespace, name, body) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT DO UPDATE SET body = excluded.body";
            let mut put = tx.prepare_cached(put)?;
            let delete = "DELETE FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3";
            let mut delete = tx.prepare_cached(delete)?;
            for change in changes {
                let ObjectChange {
                    resource,
                    namespace,
                    name,
                    body,
                } = *change;
                match body {
                    Some(body) => put.execute(params![resource, namespace, name, body])?,
                    None => delete.execute(params![resource, namespace, name])?,
                };
            }
            if grow {
                let sql = "INSERT INTO setting (name, value) VALUES ('reserved', ?1)
                    ON CONFLICT DO UPDATE SET value = excluded.value";
                let text = reserved.to_string();
                tx.prepare_cached(sql)?.execute([text.as_bytes()])?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    fn number(&self, name: &str) -> Result<u64, Error> {
        let Some(value) = self.setting(name)? else {
            return Ok(0);
        };
        let text = String::from_utf8(value).map_err(|e| Error::Value(Box::new(e)))?;
        text.parse().map_err(|e| Error::Value(Box::new(e)))
    }

    /// Something that belongs to the cluster and is no object, such as a key.
    pub fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT value FROM setting WHERE name = ?1";
        let found = self.conn.query_row(sql, [name], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// Stores such a thing.
    pub fn set(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        let sql = "INSERT INTO setting (name, value) VALUES (?1, ?2)
            ON CONFLICT DO UPDATE SET value = excluded.value";
        self.conn.execute(sql, params![name, value])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(objects: &Objects) -> Vec<(String, Vec<u8>)> {
        let mut rows = Vec::new();
        objects.load(|row| rows.push((row.name, row.body))).unwrap();
        rows
    }

    #[test]
    fn what_was_committed_is_there_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.db");
        let change = |name, body| ObjectChange {
            resource: "pods",
            namespace: "default",
            name,
            body,
        };
        {
            let mut objects = Objects::open(&path, true).unwrap();
            let both = [change("a", Some(b"1".as_slice())), change("b", Some(b"2"))];
            objects.commit(&both, 3).unwrap();
            objects.commit(&[change("a", None)], 4).unwrap();
            objects.set("key", b"secret").unwrap();
        }
        let objects = Objects::open(&path, true).unwrap();
        assert_eq!(rows(&objects), [("b".to_owned(), b"2".to_vec())]);
        assert_eq!(objects.setting("key").unwrap().unwrap(), b"secret");
        assert_eq!(objects.setting("other").unwrap(), None);
    }

    #[test]
    fn revisions_never_come_back_even_if_nothing_of_them_was_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.db");
        let mut objects = Objects::open(&path, false).unwrap();
        assert_eq!(objects.next_revision(), 1);
        objects.commit(&[], 500).unwrap();
        drop(objects);
        assert!(Objects::open(&path, false).unwrap().next_revision() >= 500);
    }

    #[test]
    fn a_file_of_a_newer_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.db");
        let objects = Objects::open(&path, false).unwrap();
        objects.conn.pragma_update(None, "user_version", 9).unwrap();
        drop(objects);
        assert!(matches!(
            Objects::open(&path, false),
            Err(Error::Refused(_))
        ));
    }
}
