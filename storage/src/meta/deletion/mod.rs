//! Repositories that are deleted: gone at once for everyone, and taken apart after that.
//!
//! A repository may hold a hundred thousand images, and nobody else writes during a transaction. So
//! the first one hides the repository, and takes what fits; further ones take the rest.
//!
//! *Guarantees.* Nothing finds a hidden repository: its account is empty, which no caller's is, and
//! [`Read::repository_by_id`] passes it over. Its name is free. What those do who found it before
//! ends with it. After a stop halfway the collector goes on.
use rusqlite::OptionalExtension as _;

use super::{Read, UploadRow, Write};
use crate::Error;

/// How many rows one transaction takes.
const CHUNK: usize = 2000;

/// The account of hidden repositories.
pub(super) const HIDDEN: &str = "";

/// What is in a repository, each `DELETE` taking `?2` rows of repository `?1`. Links go last, so that
/// no manifest is there without its layers.
const PARTS: [&str; 6] = [
    "DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE repository = ?1 LIMIT ?2)",
    // '0' comes after '/'.
    "DELETE FROM document WHERE (owner, kind, name) IN (SELECT owner, kind, name FROM document
     WHERE owner = 'repository/' || ?1 OR (owner > 'image/' || ?1 || '/' AND owner < 'image/' || ?1 || '0') LIMIT ?2)",
    "DELETE FROM tag WHERE repository = ?1 AND name IN (SELECT name FROM tag WHERE repository = ?1 LIMIT ?2)",
    "DELETE FROM reference WHERE repository = ?1 AND (digest, manifest) IN
     (SELECT digest, manifest FROM reference WHERE repository = ?1 LIMIT ?2)",
    "DELETE FROM manifest WHERE id IN (SELECT id FROM manifest WHERE repository = ?1 LIMIT ?2)",
    "DELETE FROM repository_blob WHERE repository = ?1 AND digest IN
     (SELECT digest FROM repository_blob WHERE repository = ?1 LIMIT ?2)",
];

/// A repository that nobody finds any more.
#[derive(Debug)]
pub struct Deleted {
    /// Uploads that were under way: their bytes are the caller's to remove.
    pub uploads: Vec<UploadRow>,
    /// Whether something of it is left, for [`Write::delete_hidden`].
    pub is_partial: bool,
}

impl Read<'_> {
    fn hidden_repository(&self) -> Result<Option<i64>, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT id FROM repository WHERE account = ?1 LIMIT 1")?;
        Ok(stmt.query_row([HIDDEN], |row| row.get(0)).optional()?)
    }
}

impl Write<'_> {
    /// Removes a repository, and with it what fits into one transaction.
    pub fn delete_repository(&self, repository: i64) -> Result<Deleted, Error> {
        let uploads = self.uploads_of(repository)?;
        let hide = "UPDATE repository SET account = ?2, name = id WHERE id = ?1";
        let mut stmt = self.0.0.prepare_cached(hide)?;
        stmt.execute((repository, HIDDEN))?;
        let is_partial = !self.take_apart(repository)?;
        Ok(Deleted {
            uploads,
            is_partial,
        })
    }

    /// Removes some of what is left of a deleted repository. Says whether there was one.
    pub fn delete_hidden(&self) -> Result<bool, Error> {
        let hidden = self.hidden_repository()?;
        if let Some(repository) = hidden {
            self.take_apart(repository)?;
        }
        Ok(hidden.is_some())
    }

    /// Says whether it is all gone.
    fn take_apart(&self, repository: i64) -> Result<bool, Error> {
        let mut left = CHUNK;
        for part in PARTS {
            let mut stmt = self.0.0.prepare_cached(part)?;
            left -= stmt.execute((repository, left))?;
            if left == 0 {
                return Ok(false);
            }
        }
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM repository WHERE id = ?1")?;
        stmt.execute([repository])?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
