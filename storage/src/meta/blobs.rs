//! Blobs, and which repositories may show them.
use rusqlite::{OptionalExtension as _, Row};
use wharf_types::{Digest, Registry, Timestamp, UploadId};

use super::{Read, Write, columns};
use crate::Error;

/// What may be done with a blob's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobState {
    /// They may be served and named.
    Live,
    /// The collector deletes them; to everyone else they do not exist.
    Condemned,
    /// They are not what was pushed; a push of the same digest heals them.
    Damaged,
}

impl BlobState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Condemned => "condemned",
            Self::Damaged => "damaged",
        }
    }
}

/// Bytes that may be served.
#[derive(Clone, Debug)]
pub struct BlobRow {
    pub key: UploadId,
    pub digest: Digest,
    pub size: u64,
    /// Until when the repository keeps it without a manifest.
    pub lease: Timestamp,
    /// The bytes, if they are small.
    pub bytes: Option<Vec<u8>>,
}

// `state <> 'live'` is what SQLite needs to see to use the index of those: it looks through all blobs
// otherwise.
const REPLACED: [&str; 2] = [
    "UPDATE blob SET state = 'condemned' WHERE digest = ?1 AND state = 'live'",
    "UPDATE blob SET state = 'condemned' WHERE digest = ?1 AND state <> 'live' AND state = 'damaged'",
];
const HAS_DAMAGED: &str = "SELECT 1 FROM repository_blob l JOIN blob b
    ON b.digest = l.digest AND b.state <> 'live' AND b.state = 'damaged'
    WHERE l.repository = ?1 AND l.digest = ?2";
const CONDEMNED: &str = "SELECT key, bytes IS NULL AS stored FROM blob
    WHERE state <> 'live' AND state = 'condemned' LIMIT ?1";

fn blob(row: &Row<'_>) -> Result<BlobRow, rusqlite::Error> {
    Ok(BlobRow {
        key: columns::parsed(row, "key")?,
        digest: columns::parsed(row, "digest")?,
        size: columns::bytes(row, "size")?,
        lease: columns::time(row, "lease_ms")?,
        bytes: row.get("bytes")?,
    })
}

impl Read<'_> {
    /// A blob that the repository has a link to.
    pub fn blob(&self, repository: i64, digest: &Digest) -> Result<Option<BlobRow>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT b.key, b.digest, b.size, l.lease_ms, b.bytes FROM repository_blob l
             JOIN blob b ON b.digest = l.digest AND b.state = 'live'
             WHERE l.repository = ?1 AND l.digest = ?2",
        )?;
        Ok(stmt
            .query_row((repository, digest.as_str()), blob)
            .optional()?)
    }

    /// The live bytes of a digest, whoever may see them.
    pub fn live_blob(&self, digest: &Digest) -> Result<Option<BlobRow>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT key, digest, size, 0 AS lease_ms, bytes FROM blob WHERE digest = ?1 AND state = 'live'",
        )?;
        Ok(stmt.query_row([digest.as_str()], blob).optional()?)
    }

    /// The size of a blob that the repository has a link to.
    pub fn blob_size(&self, repository: i64, digest: &Digest) -> Result<Option<u64>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT b.size FROM repository_blob l JOIN blob b ON b.digest = l.digest AND b.state = 'live'
             WHERE l.repository = ?1 AND l.digest = ?2",
        )?;
        Ok(stmt
            .query_row((repository, digest.as_str()), |row| {
                columns::bytes(row, "size")
            })
            .optional()?)
    }

    /// Whether the repository has a link to a blob that is damaged.
    pub fn has_damaged_blob(&self, repository: i64, digest: &Digest) -> Result<bool, Error> {
        let mut stmt = self.0.prepare_cached(HAS_DAMAGED)?;
        Ok(stmt.exists((repository, digest.as_str()))?)
    }

    /// The repositories of a registry that have a link to a live blob.
    pub fn holders(
        &self,
        registry: &Registry,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<i64>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT r.id FROM repository_blob l JOIN repository r ON r.id = l.repository
             JOIN blob b ON b.digest = l.digest AND b.state = 'live'
             WHERE l.digest = ?1 AND r.account = ?2 AND r.region = ?3 LIMIT ?4",
        )?;
        let key = (
            digest.as_str(),
            registry.account.as_str(),
            registry.region.as_str(),
            limit,
        );
        Ok(stmt
            .query_map(key, |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    /// Live blobs in the store that nobody looked at since, the longest ago first.
    pub fn unverified(&self, before: Timestamp, limit: usize) -> Result<Vec<BlobRow>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT key, digest, size, 0 AS lease_ms, bytes FROM blob
             WHERE state = 'live' AND bytes IS NULL AND verified_ms < ?1 ORDER BY verified_ms LIMIT ?2",
        )?;
        Ok(stmt
            .query_map((before.as_ms(), limit), blob)?
            .collect::<Result<_, _>>()?)
    }

    /// Every blob row after a key, with its state: for checks of the whole store.
    pub fn all_blobs(&self, after: &str, limit: usize) -> Result<Vec<(BlobRow, BlobState)>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT key, digest, size, 0 AS lease_ms, bytes, state FROM blob WHERE key > ?1 ORDER BY key LIMIT ?2",
        )?;
        let rows = stmt.query_map((after, limit), |row| {
            let state = match row.get_ref("state")?.as_str()? {
                "live" => BlobState::Live,
                "condemned" => BlobState::Condemned,
                _ => BlobState::Damaged,
            };
            Ok((blob(row)?, state))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a key belongs to a row, whatever its state.
    pub fn key_exists(&self, key: &UploadId) -> Result<bool, Error> {
        Ok(self
            .0
            .prepare_cached("SELECT 1 FROM blob WHERE key = ?1")?
            .exists([key.as_str()])?)
    }

    /// Whether a key's bytes may be served.
    pub fn is_live(&self, key: &UploadId) -> Result<bool, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT 1 FROM blob WHERE key = ?1 AND state = 'live'")?;
        Ok(stmt.exists([key.as_str()])?)
    }

    /// Links that no manifest of their repository needs and whose lease is over.
    pub fn unneeded_links(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(i64, Digest)>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT l.repository, l.digest FROM repository_blob l WHERE l.lease_ms < ?1 AND NOT EXISTS
             (SELECT 1 FROM reference r WHERE r.repository = l.repository AND r.digest = l.digest) LIMIT ?2",
        )?;
        let rows = stmt.query_map((now.as_ms(), limit), |row| {
            Ok((row.get(0)?, columns::parsed(row, "digest")?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Blobs that no repository links to, with their sizes, and damaged ones that were replaced.
    pub fn unlinked_blobs(&self, limit: usize) -> Result<Vec<(UploadId, Digest, u64)>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT key, digest, size FROM blob b WHERE state <> 'condemned' AND
             (NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = b.digest)
              OR (state = 'damaged' AND EXISTS (SELECT 1 FROM blob n WHERE n.digest = b.digest AND n.state = 'live')))
             LIMIT ?1",
        )?;
        let rows = stmt.query_map([limit], |row| {
            Ok((
                columns::parsed(row, "key")?,
                columns::parsed(row, "digest")?,
                columns::bytes(row, "size")?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keys whose bytes are to be deleted; whether there are bytes in the store.
    pub fn condemned(&self, limit: usize) -> Result<Vec<(UploadId, bool)>, Error> {
        let mut stmt = self.0.prepare_cached(CONDEMNED)?;
        let rows = stmt.query_map([limit], |row| {
            Ok((columns::parsed(row, "key")?, row.get("stored")?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many blobs are live, and their bytes.
    pub fn blob_totals(&self) -> Result<(u64, u64), Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT count(*) AS n, coalesce(sum(size), 0) AS size FROM blob WHERE state = 'live'",
        )?;
        Ok(stmt.query_row([], |row| {
            Ok((columns::bytes(row, "n")?, columns::bytes(row, "size")?))
        })?)
    }
}

impl Write<'_> {
    /// Publishes bytes under their digest. Older bytes of the same digest are condemned: whatever
    /// was wrong with them is healed.
    pub fn put_blob(
        &self,
        key: &UploadId,
        digest: &Digest,
        size: u64,
        bytes: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let conn = self.0.0;
        for condemn in REPLACED {
            conn.prepare_cached(condemn)?.execute([digest.as_str()])?;
        }
        conn.prepare_cached(
            "INSERT INTO blob (key, digest, size, state, verified_ms, bytes) VALUES (?1, ?2, ?3, 'live', ?4, ?5)",
        )?
        .execute((key.as_str(), digest.as_str(), columns::int(size), now.as_ms(), bytes))?;
        Ok(())
    }

    /// Lets a repository show a blob, at least until the lease is over.
    pub fn link_blob(
        &self,
        repository: i64,
        digest: &Digest,
        lease: Timestamp,
    ) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO repository_blob (repository, digest, lease_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (repository, digest) DO UPDATE SET lease_ms = max(lease_ms, excluded.lease_ms)",
        )?;
        stmt.execute((repository, digest.as_str(), lease.as_ms()))?;
        Ok(())
    }

    /// Takes a blob away from a repository; whether it had it.
    pub fn unlink_blob(&self, repository: i64, digest: &Digest) -> Result<bool, Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM repository_blob WHERE repository = ?1 AND digest = ?2")?;
        Ok(stmt.execute((repository, digest.as_str()))? > 0)
    }

    /// Moves a blob to another state.
    pub fn set_blob_state(&self, key: &UploadId, state: BlobState) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("UPDATE blob SET state = ?2 WHERE key = ?1 AND state <> 'condemned'")?;
        stmt.execute((key.as_str(), state.as_str()))?;
        Ok(())
    }

    /// Serves a damaged blob again that was found whole, unless other bytes took its place.
    pub fn revive_blob(&self, key: &UploadId) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "UPDATE blob SET state = 'live' WHERE key = ?1 AND state = 'damaged' AND NOT EXISTS
             (SELECT 1 FROM blob n WHERE n.digest = blob.digest AND n.state = 'live')",
        )?;
        stmt.execute([key.as_str()])?;
        Ok(())
    }

    /// Notes that a blob's bytes were found whole.
    pub fn blob_verified(&self, key: &UploadId, now: Timestamp) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("UPDATE blob SET verified_ms = ?2 WHERE key = ?1")?;
        stmt.execute((key.as_str(), now.as_ms()))?;
        Ok(())
    }

    /// Forgets a condemned blob whose bytes are gone.
    pub fn forget_blob(&self, key: &UploadId) -> Result<(), Error> {
        self.0
            .0
            .prepare_cached("DELETE FROM blob WHERE key = ?1 AND state = 'condemned'")?
            .execute([key.as_str()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Meta;

    #[tokio::test]
    async fn a_push_does_not_look_through_all_blobs() {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
        let plans = meta.read(|tx| {
            let mut plans = Vec::new();
            for sql in REPLACED.into_iter().chain([HAS_DAMAGED, CONDEMNED]) {
                let mut stmt = tx.0.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let parameters = vec![None::<i64>; stmt.parameter_count()];
                let mut rows = stmt.query(rusqlite::params_from_iter(parameters))?;
                while let Some(row) = rows.next()? {
                    plans.push(row.get::<_, String>("detail")?);
                }
            }
            Ok::<_, Error>(plans)
        });
        for plan in plans.await.unwrap() {
            assert!(plan.starts_with("SEARCH"), "{plan}");
        }
    }

    #[tokio::test]
    async fn a_push_takes_the_place_of_live_and_of_damaged_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
        let (digest, now) = (Digest::sha256(b"x"), Timestamp::from_secs(1));
        meta.write(move |tx| {
            let keys: [UploadId; 3] = [1, 2, 3].map(|n| {
                let id = format!("00000000-0000-4000-8000-00000000000{n}");
                id.parse().unwrap()
            });
            for (i, key) in keys.iter().enumerate() {
                tx.put_blob(key, &digest, 1, Some(b"x"), now)?;
                assert_eq!(tx.condemned(10)?.len(), i);
                tx.set_blob_state(key, BlobState::Damaged)?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }
}
