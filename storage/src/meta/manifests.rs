//! Manifests, what they name, and the lists made of them.
use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row};
use wharf_types::{Digest, Manifest, ManifestRef, Role, Timestamp};

use super::{Document as _, Read, Sparse, Write, columns, deletion::HIDDEN};
use crate::Error;

/// A stored manifest as `/v2/` serves it.
#[derive(Clone, Debug)]
pub struct ManifestRow {
    pub digest: Digest,
    pub media_type: String,
    pub size: u64,
    pub pulled: Option<Timestamp>,
    pub status: ImageStatus,
    pub bytes: Vec<u8>,
}

/// Whether an image can be pulled, spelled as ECR spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageStatus {
    Active,
    /// In the archive storage class: listed, but not served.
    Archived,
    /// On its way back from there.
    Activating,
}

impl ImageStatus {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Activating => "ACTIVATING",
        }
    }
}

impl std::str::FromStr for ImageStatus {
    type Err = std::fmt::Error;

    fn from_str(s: &str) -> Result<Self, std::fmt::Error> {
        [Self::Active, Self::Archived, Self::Activating]
            .into_iter()
            .find(|status| status.as_str() == s)
            .ok_or(std::fmt::Error)
    }
}

/// A stored manifest as ECR describes it.
#[derive(Clone, Debug)]
pub struct ImageRow {
    pub id: i64,
    pub digest: Digest,
    pub media_type: String,
    pub artifact_type: Option<String>,
    pub config_media_type: Option<String>,
    pub subject: Option<Digest>,
    pub size: u64,
    pub image_size: u64,
    pub pushed: Timestamp,
    pub pulled: Option<Timestamp>,
    pub status: ImageStatus,
    pub archived: Option<Timestamp>,
    pub activated: Option<Timestamp>,
}

/// A manifest as the list of its subject's referrers shows it.
#[derive(Clone, Debug)]
pub struct ReferrerRow {
    pub digest: Digest,
    pub media_type: String,
    pub artifact_type: Option<String>,
    pub size: u64,
    pub annotations: BTreeMap<String, String>,
    pub status: ImageStatus,
}

/// A manifest to store.
#[derive(Clone, Debug)]
pub struct NewManifest<'a, B> {
    pub repository: i64,
    pub digest: &'a Digest,
    pub manifest: &'a Manifest<B>,
    pub now: Timestamp,
}

const IMAGE: &str = "id, digest, media_type, artifact_type, config_media_type, subject, size, image_size, pushed_ms, pulled_ms, status, archived_ms, activated_ms";

fn image(row: &Row<'_>) -> Result<ImageRow, rusqlite::Error> {
    let time = |name| {
        row.get::<_, Option<i64>>(name)
            .map(|ms| ms.map(Timestamp::from_ms))
    };
    Ok(ImageRow {
        id: row.get("id")?,
        digest: columns::parsed(row, "digest")?,
        media_type: row.get("media_type")?,
        artifact_type: row.get("artifact_type")?,
        config_media_type: row.get("config_media_type")?,
        subject: columns::parsed_opt(row, "subject")?,
        size: columns::bytes(row, "size")?,
        image_size: columns::bytes(row, "image_size")?,
        pushed: columns::time(row, "pushed_ms")?,
        pulled: time("pulled_ms")?,
        status: columns::parsed(row, "status")?,
        archived: time("archived_ms")?,
        activated: time("activated_ms")?,
    })
}

impl Read<'_> {
    /// The digest that a reference stands for, whether or not it is there.
    pub fn resolve(
        &self,
        repository: i64,
        reference: &ManifestRef,
    ) -> Result<Option<Digest>, Error> {
        match reference {
            ManifestRef::Digest(digest) => Ok(Some(digest.clone())),
            ManifestRef::Tag(tag) => self.tag(repository, tag),
        }
    }

    /// A manifest with its bytes.
    pub fn manifest(&self, repository: i64, digest: &Digest) -> Result<Option<ManifestRow>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT digest, media_type, size, pulled_ms, status, bytes FROM manifest WHERE repository = ?1 AND digest = ?2",
        )?;
        let found = stmt.query_row((repository, digest.as_str()), |row| {
            let pulled: Option<i64> = row.get("pulled_ms")?;
            Ok(ManifestRow {
                digest: columns::parsed(row, "digest")?,
                media_type: row.get("media_type")?,
                size: columns::bytes(row, "size")?,
                pulled: pulled.map(Timestamp::from_ms),
                status: columns::parsed(row, "status")?,
                bytes: row.get("bytes")?,
            })
        });
        Ok(found.optional()?)
    }

    /// The size of a manifest's own bytes.
    pub fn manifest_size(&self, repository: i64, digest: &Digest) -> Result<Option<u64>, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT size FROM manifest WHERE repository = ?1 AND digest = ?2")?;
        Ok(stmt
            .query_row((repository, digest.as_str()), |row| {
                columns::bytes(row, "size")
            })
            .optional()?)
    }

    /// What ECR tells of one image.
    pub fn image(&self, repository: i64, digest: &Digest) -> Result<Option<ImageRow>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {IMAGE} FROM manifest WHERE repository = ?1 AND digest = ?2"
        ))?;
        Ok(stmt
            .query_row((repository, digest.as_str()), image)
            .optional()?)
    }

    /// A repository's images in the order of their first push, those after an id only.
    pub fn images(
        &self,
        repository: i64,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ImageRow>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {IMAGE} FROM manifest WHERE repository = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
        ))?;
        Ok(stmt
            .query_map((repository, after, limit), image)?
            .collect::<Result<_, _>>()?)
    }

    /// The images of a repository that others name, each with one that does.
    pub fn references_of_images(&self, repository: i64) -> Result<Vec<(Digest, Digest)>, Error> {
        // From the images on: of a repository's references nearly all are of layers.
        let mut stmt = self.0.prepare_cached(
            "SELECT m.digest, r.manifest FROM manifest m CROSS JOIN reference r
             ON r.repository = m.repository AND r.digest = m.digest WHERE m.repository = ?1",
        )?;
        let rows = stmt.query_map([repository], |row| {
            Ok((
                columns::parsed(row, "digest")?,
                columns::parsed(row, "manifest")?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether there is any image in a repository.
    pub fn has_images(&self, repository: i64) -> Result<bool, Error> {
        Ok(self
            .0
            .prepare_cached("SELECT 1 FROM manifest WHERE repository = ?1")?
            .exists([repository])?)
    }

    /// The manifests that name a digest, as child, layer or config.
    pub fn referenced_by(
        &self,
        repository: i64,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<Digest>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT manifest FROM reference WHERE repository = ?1 AND digest = ?2 LIMIT ?3",
        )?;
        let rows = stmt.query_map((repository, digest.as_str(), limit), |row| {
            columns::parsed(row, "manifest")
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The most bytes that one of an index's children has in layers and config.
    pub fn largest_child(&self, repository: i64, digest: &Digest) -> Result<Option<u64>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT max(m.image_size) AS size FROM reference r
             JOIN manifest m ON m.repository = r.repository AND m.digest = r.digest
             WHERE r.repository = ?1 AND r.manifest = ?2",
        )?;
        Ok(stmt.query_row((repository, digest.as_str()), |row| {
            let size: Option<u64> = row.get("size")?;
            Ok(size)
        })?)
    }

    /// The size of a manifest that can be pulled.
    pub fn active_manifest_size(
        &self,
        repository: i64,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT size FROM manifest WHERE repository = ?1 AND digest = ?2 AND status = 'ACTIVE'",
        )?;
        Ok(stmt
            .query_row((repository, digest.as_str()), |row| {
                columns::bytes(row, "size")
            })
            .optional()?)
    }

    /// The indexes that name a manifest and can be pulled.
    pub fn active_parents(
        &self,
        repository: i64,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<Digest>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT m.digest FROM reference r
             JOIN manifest m ON m.repository = r.repository AND m.digest = r.manifest AND m.status <> 'ARCHIVED'
             WHERE r.repository = ?1 AND r.digest = ?2 LIMIT ?3",
        )?;
        let rows = stmt.query_map((repository, digest.as_str(), limit), |row| {
            columns::parsed(row, "digest")
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The archived children of an index.
    pub fn archived_children(
        &self,
        repository: i64,
        digest: &Digest,
    ) -> Result<Vec<Digest>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT m.digest FROM reference r
             JOIN manifest m ON m.repository = r.repository AND m.digest = r.digest AND m.status <> 'ACTIVE'
             WHERE r.repository = ?1 AND r.manifest = ?2",
        )?;
        let rows = stmt.query_map((repository, digest.as_str()), |row| {
            columns::parsed(row, "digest")
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Manifests whose stored bytes can be compared with their digest, after an id.
    pub fn all_manifests(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Digest, Vec<u8>)>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT id, digest, bytes FROM manifest WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = stmt.query_map((after, limit), |row| {
            Ok((
                row.get("id")?,
                columns::parsed(row, "digest")?,
                row.get("bytes")?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Configs and layers that a manifest names and its repository does not have, though it should:
    /// repository name, manifest, missing digest.
    pub fn dangling(&self, limit: usize) -> Result<Vec<(String, String, String)>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT p.name, r.manifest, r.digest FROM reference r JOIN repository p ON p.id = r.repository
             WHERE NOT EXISTS (SELECT 1 FROM repository_blob l JOIN blob b ON b.digest = l.digest AND b.state = 'live'
                               WHERE l.repository = r.repository AND l.digest = r.digest)
             AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.repository = r.repository AND m.digest = r.digest)
             AND NOT EXISTS (SELECT 1 FROM document d WHERE d.owner = 'repository/' || r.repository AND d.kind = ?2)
             AND r.role <> 'optional' AND p.account <> ?3 LIMIT ?1",
        )?;
        let rows = stmt.query_map((limit, Sparse::KIND, HIDDEN), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

const fn role(role: Role, required: bool) -> &'static str {
    match role {
        _ if !required => "optional",
        Role::Config => "config",
        Role::Layer => "layer",
        Role::Child => "child",
    }
}

impl Write<'_> {
    /// Stores a manifest and what it names; whether it is new.
    pub fn put_manifest<B: AsRef<[u8]>>(&self, new: &NewManifest<'_, B>) -> Result<bool, Error> {
        let conn = self.0.0;
        let NewManifest {
            repository,
            digest,
            manifest,
            now,
        } = *new;
        let size = manifest.bytes.as_ref().len();
        let mut insert = conn.prepare_cached(
            "INSERT INTO manifest (repository, digest, media_type, artifact_type, config_media_type, subject, annotations, size, image_size, pushed_ms, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (repository, digest) DO NOTHING",
        )?;
        let inserted = insert.execute((
            repository,
            digest.as_str(),
            &manifest.media_type,
            &manifest.artifact_type,
            &manifest.config_media_type,
            manifest.subject.as_ref().map(Digest::as_str),
            serde_json::to_string(&manifest.annotations)?,
            size,
            columns::int(manifest.image_size),
            now.as_ms(),
            manifest.bytes.as_ref(),
        ))?;
        if inserted == 0 {
            // A push brings an image back from the archive.
            let mut activate = conn.prepare_cached(
                "UPDATE manifest SET status = 'ACTIVE', activated_ms = ?3
                 WHERE repository = ?1 AND digest = ?2 AND status <> 'ACTIVE'",
            )?;
            let activated = activate.execute((repository, digest.as_str(), now.as_ms()))?;
            // A document that does not say what it is, is what the last push says.
            let mut retype = conn.prepare_cached(
                "UPDATE manifest SET media_type = ?3 WHERE repository = ?1 AND digest = ?2 AND media_type <> ?3",
            )?;
            let retyped = retype.execute((repository, digest.as_str(), &manifest.media_type))?;
            return Ok(activated > 0 || retyped > 0);
        }
        let mut refer = conn.prepare_cached(
            "INSERT INTO reference (repository, digest, manifest, role) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?;
        for r in &manifest.references {
            refer.execute((
                repository,
                r.digest.as_str(),
                digest.as_str(),
                role(r.role, r.required),
            ))?;
        }
        Ok(true)
    }

    /// Removes a manifest with its tags and references; whether it was there.
    pub fn delete_manifest(&self, repository: i64, digest: &Digest) -> Result<bool, Error> {
        let conn = self.0.0;
        let key = (repository, digest.as_str());
        conn.prepare_cached("DELETE FROM tag WHERE repository = ?1 AND digest = ?2")?
            .execute(key)?;
        // Left alone, SQLite looks through all references of the repository.
        conn.prepare_cached(
            "DELETE FROM reference INDEXED BY reference_by_manifest WHERE repository = ?1 AND manifest = ?2",
        )?
        .execute(key)?;
        self.forget_image(repository, digest)?;
        Ok(conn
            .prepare_cached("DELETE FROM manifest WHERE repository = ?1 AND digest = ?2")?
            .execute(key)?
            > 0)
    }

    /// Moves an image into the archive or back, and notes when.
    pub fn set_image_status(
        &self,
        repository: i64,
        digest: &Digest,
        status: ImageStatus,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "UPDATE manifest SET status = ?3,
             archived_ms = CASE ?3 WHEN 'ARCHIVED' THEN ?4 ELSE archived_ms END,
             activated_ms = CASE ?3 WHEN 'ACTIVE' THEN ?4 ELSE activated_ms END
             WHERE repository = ?1 AND digest = ?2",
        )?;
        stmt.execute((repository, digest.as_str(), status.as_str(), now.as_ms()))?;
        Ok(())
    }

    /// Notes that an image was pulled.
    pub fn pulled(&self, repository: i64, digest: &Digest, now: Timestamp) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "UPDATE manifest SET pulled_ms = ?3 WHERE repository = ?1 AND digest = ?2",
        )?;
        stmt.execute((repository, digest.as_str(), now.as_ms()))?;
        Ok(())
    }
}
