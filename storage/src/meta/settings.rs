//! Facts about the data directory.
use rusqlite::OptionalExtension as _;

use super::{Read, Write};
use crate::Error;

impl Read<'_> {
    /// A fact by its name.
    pub fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
        Ok(stmt.query_row([name], |row| row.get(0)).optional()?)
    }
}

impl Write<'_> {
    /// Sets a fact.
    pub fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO setting (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?;
        stmt.execute([name, value])?;
        Ok(())
    }

    /// Removes a fact.
    pub fn unset(&self, name: &str) -> Result<(), Error> {
        self.0
            .0
            .prepare_cached("DELETE FROM setting WHERE name = ?1")?
            .execute([name])?;
        Ok(())
    }

    /// Forgets everything that users stored; facts about the directory stay. The bytes are
    /// condemned.
    pub fn clear(&self) -> Result<(), Error> {
        Ok(self.0.0.execute_batch(
            "DELETE FROM tag; DELETE FROM reference; DELETE FROM manifest; DELETE FROM repository_blob;
             DELETE FROM upload; DELETE FROM resource_tag; DELETE FROM document; DELETE FROM repository;
             UPDATE blob SET state = 'condemned' WHERE state <> 'condemned';",
        )?)
    }
}
