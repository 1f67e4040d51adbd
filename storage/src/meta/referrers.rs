//! Manifests that have a subject.
use wharf_types::Digest;

use super::{ImageStatus, Read, ReferrerRow, columns};
use crate::Error;

/// Which referrers are meant.
#[derive(Clone, Debug, Default)]
pub struct ReferrerFilter {
    /// Of one of these types, or of any if there is none.
    pub artifact_types: Vec<String>,
    /// With this status, or with any.
    pub status: Option<ImageStatus>,
}

impl Read<'_> {
    /// The manifests whose subject is a digest, by digest, those after `after` only. The list ends
    /// early once it has more than `limit_bytes` of text.
    pub fn referrers(
        &self,
        repository: i64,
        subject: &Digest,
        filter: &ReferrerFilter,
        after: &str,
        limit: usize,
        limit_bytes: usize,
    ) -> Result<Vec<ReferrerRow>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT digest, media_type, coalesce(artifact_type, config_media_type) AS kind, size, annotations, status
             FROM manifest WHERE repository = ?1 AND subject = ?2 AND digest > ?3
             AND (?4 = '[]' OR coalesce(artifact_type, config_media_type) IN (SELECT value FROM json_each(?4)))
             AND (?5 IS NULL OR status = ?5) ORDER BY digest LIMIT ?6",
        )?;
        let mut rows = stmt.query((
            repository,
            subject.as_str(),
            after,
            serde_json::to_string(&filter.artifact_types)?,
            filter.status.map(ImageStatus::as_str),
            limit,
        ))?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while bytes <= limit_bytes
            && let Some(row) = rows.next()?
        {
            bytes += row
                .get_ref("annotations")?
                .as_str()
                .map_err(rusqlite::Error::from)?
                .len();
            found.push(ReferrerRow {
                digest: columns::parsed(row, "digest")?,
                media_type: row.get("media_type")?,
                artifact_type: row.get("kind")?,
                size: columns::bytes(row, "size")?,
                annotations: columns::json(row, "annotations")?,
                status: columns::parsed(row, "status")?,
            });
        }
        Ok(found)
    }
}
