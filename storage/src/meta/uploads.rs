//! Unfinished uploads.
use rusqlite::{OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use wharf_types::{Algorithm, Timestamp, UploadId};

use super::{Document, Read, Write, columns};
use crate::Error;

/// An upload between two requests.
#[derive(Clone, Debug)]
pub struct UploadRow {
    pub id: UploadId,
    pub repository: i64,
    /// Who began it; nobody else may go on with it.
    pub principal: String,
    /// The boot of the machine in which its bytes were written.
    pub boot: String,
    pub created: Timestamp,
    pub touched: Timestamp,
    pub algorithm: Algorithm,
    /// How many bytes were received.
    pub size: u64,
    pub midstate: Vec<u8>,
    /// The bytes themselves, while they are few.
    pub head: Option<Vec<u8>>,
    pub multipart: Option<String>,
    pub parts: Vec<String>,
}

/// What is known of an upload that comes in parts of the JSON API, which have rules of their own.
/// It belongs to the repository, is named by the upload's id, and goes with the upload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadParts {
    pub count: u32,
    /// Whether a part that others follow is smaller than a part may be.
    pub small_inside: bool,
    /// Where a part ended that is so small that nothing may follow it.
    pub small_end: Option<u64>,
}

impl Document for UploadParts {
    const KIND: &'static str = "upload-parts";
}

const COLUMNS: &str = "id, repository, principal, boot, created_ms, touched_ms, algorithm, size, midstate, head, multipart, parts";

fn upload(row: &Row<'_>) -> Result<UploadRow, rusqlite::Error> {
    Ok(UploadRow {
        id: columns::parsed(row, "id")?,
        repository: row.get("repository")?,
        principal: row.get("principal")?,
        boot: row.get("boot")?,
        created: columns::time(row, "created_ms")?,
        touched: columns::time(row, "touched_ms")?,
        algorithm: columns::parsed(row, "algorithm")?,
        size: columns::bytes(row, "size")?,
        midstate: row.get("midstate")?,
        head: row.get("head")?,
        multipart: row.get("multipart")?,
        parts: columns::json(row, "parts")?,
    })
}

impl Read<'_> {
    /// An upload of this repository and principal. Anyone else's is not there.
    pub fn upload(
        &self,
        repository: i64,
        principal: &str,
        id: &UploadId,
    ) -> Result<Option<UploadRow>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM upload WHERE id = ?1 AND repository = ?2 AND principal = ?3"
        ))?;
        Ok(stmt
            .query_row((id.as_str(), repository, principal), upload)
            .optional()?)
    }

    /// How many uploads are under way.
    pub fn count_uploads(&self) -> Result<usize, Error> {
        Ok(self
            .0
            .prepare_cached("SELECT count(*) FROM upload")?
            .query_row([], |row| row.get(0))?)
    }

    /// Uploads that nobody touched since, the oldest first.
    pub fn stale_uploads(&self, before: Timestamp, limit: usize) -> Result<Vec<UploadRow>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM upload WHERE touched_ms < ?1 ORDER BY touched_ms LIMIT ?2"
        ))?;
        Ok(stmt
            .query_map((before.as_ms(), limit), upload)?
            .collect::<Result<_, _>>()?)
    }

    /// Uploads that were written before the machine went down.
    pub fn uploads_of_other_boots(&self, boot: &str) -> Result<Vec<UploadRow>, Error> {
        let mut stmt = self
            .0
            .prepare_cached(&format!("SELECT {COLUMNS} FROM upload WHERE boot <> ?1"))?;
        Ok(stmt.query_map([boot], upload)?.collect::<Result<_, _>>()?)
    }

    /// Whether an upload is under way.
    pub fn upload_exists(&self, id: &UploadId) -> Result<bool, Error> {
        Ok(self
            .0
            .prepare_cached("SELECT 1 FROM upload WHERE id = ?1")?
            .exists([id.as_str()])?)
    }

    pub(super) fn uploads_of(&self, repository: i64) -> Result<Vec<UploadRow>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM upload WHERE repository = ?1"
        ))?;
        Ok(stmt
            .query_map([repository], upload)?
            .collect::<Result<_, _>>()?)
    }
}

impl Write<'_> {
    /// Adds an upload, or saves how far it has come.
    pub fn put_upload(&self, u: &UploadRow) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO upload (id, repository, principal, boot, created_ms, touched_ms, algorithm, size, midstate, head, multipart, parts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET touched_ms = excluded.touched_ms, size = excluded.size,
             midstate = excluded.midstate, head = excluded.head, multipart = excluded.multipart, parts = excluded.parts",
        )?;
        stmt.execute((
            u.id.as_str(),
            u.repository,
            &u.principal,
            &u.boot,
            u.created.as_ms(),
            u.touched.as_ms(),
            u.algorithm.name(),
            columns::int(u.size),
            &u.midstate,
            &u.head,
            &u.multipart,
            serde_json::to_string(&u.parts)?,
        ))?;
        Ok(())
    }

    /// Notes the multipart upload of a session before any part of it is sent.
    pub fn set_multipart(&self, id: &UploadId, multipart: &str) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("UPDATE upload SET multipart = ?2 WHERE id = ?1")?;
        stmt.execute([id.as_str(), multipart])?;
        Ok(())
    }

    /// Ends an upload; whether it was there.
    pub fn delete_upload(&self, id: &UploadId) -> Result<bool, Error> {
        self.0
            .0
            .prepare_cached(
                "DELETE FROM document WHERE kind = ?2 AND name = ?1
                 AND owner = (SELECT 'repository/' || repository FROM upload WHERE id = ?1)",
            )?
            .execute((id.as_str(), UploadParts::KIND))?;
        Ok(self
            .0
            .0
            .prepare_cached("DELETE FROM upload WHERE id = ?1")?
            .execute([id.as_str()])?
            > 0)
    }
}
