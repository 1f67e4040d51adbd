//! Tags of images.
use rusqlite::OptionalExtension as _;
use wharf_types::{Digest, Tag};

use super::{Read, Write, columns};
use crate::Error;

impl Read<'_> {
    /// What a tag names.
    pub fn tag(&self, repository: i64, name: &Tag) -> Result<Option<Digest>, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT digest FROM tag WHERE repository = ?1 AND name = ?2")?;
        Ok(stmt
            .query_row((repository, name.as_str()), |row| {
                columns::parsed(row, "digest")
            })
            .optional()?)
    }

    /// A repository's tags in lexical order, those after `after` only.
    pub fn tags(&self, repository: i64, after: &str, limit: usize) -> Result<Vec<Tag>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT name FROM tag WHERE repository = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
        )?;
        let rows = stmt.query_map((repository, after, limit), |row| {
            columns::parsed(row, "name")
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All tags of a repository with what they name, in lexical order.
    pub fn tagged(&self, repository: i64) -> Result<Vec<(Digest, Tag)>, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT digest, name FROM tag WHERE repository = ?1 ORDER BY name")?;
        let rows = stmt.query_map([repository], |row| {
            Ok((
                columns::parsed(row, "digest")?,
                columns::parsed(row, "name")?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The tags that name a digest.
    pub fn tags_of(&self, repository: i64, digest: &Digest) -> Result<Vec<Tag>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT name FROM tag WHERE repository = ?1 AND digest = ?2 ORDER BY name",
        )?;
        let rows = stmt.query_map((repository, digest.as_str()), |row| {
            columns::parsed(row, "name")
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many tags name a digest.
    pub fn count_tags_of(&self, repository: i64, digest: &Digest) -> Result<usize, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT count(*) FROM tag WHERE repository = ?1 AND digest = ?2")?;
        Ok(stmt.query_row((repository, digest.as_str()), |row| row.get(0))?)
    }
}

impl Write<'_> {
    /// Makes a tag name a digest.
    pub fn put_tag(&self, repository: i64, name: &Tag, digest: &Digest) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO tag (repository, name, digest) VALUES (?1, ?2, ?3)
             ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest",
        )?;
        stmt.execute((repository, name.as_str(), digest.as_str()))?;
        Ok(())
    }

    /// Removes a tag; whether it was there.
    pub fn delete_tag(&self, repository: i64, name: &Tag) -> Result<bool, Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM tag WHERE repository = ?1 AND name = ?2")?;
        Ok(stmt.execute((repository, name.as_str()))? > 0)
    }
}
