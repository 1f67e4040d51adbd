//! Documents that are left over or damaged: nobody but `wharf check` looks for them.
use super::{Read, Write};
use crate::Error;

/// A document that should not be there, or not like this.
#[derive(Clone, Debug)]
pub(crate) struct Stray {
    pub(crate) owner: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Whether it is JSON, and so what is wrong is its owner.
    pub(crate) is_readable: bool,
}

impl Read<'_> {
    /// Documents that are no JSON or whose owner is not there, as `(owner, kind, name)`.
    pub(crate) fn stray_documents(&self, limit: usize) -> Result<Vec<Stray>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT owner, kind, name, json_valid(body) AS valid FROM document WHERE NOT json_valid(body)
             OR (owner > 'repository/' AND owner < 'repository0' AND NOT EXISTS
                 (SELECT 1 FROM repository r WHERE r.id = CAST(substr(owner, 12) AS INTEGER)))
             OR (owner > 'image/' AND owner < 'image0' AND NOT EXISTS
                 (SELECT 1 FROM manifest m WHERE m.repository = CAST(substr(owner, 7) AS INTEGER)
                  AND m.digest = substr(owner, 7 + instr(substr(owner, 7), '/'))))
             LIMIT ?1",
        )?;
        let rows = stmt.query_map([limit], |row| {
            Ok(Stray {
                owner: row.get("owner")?,
                kind: row.get("kind")?,
                name: row.get("name")?,
                is_readable: row.get("valid")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Write<'_> {
    /// Removes a document that is nobody's.
    pub(crate) fn delete_stray(&self, stray: &Stray) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM document WHERE owner = ?1 AND kind = ?2 AND name = ?3")?;
        stmt.execute([&stray.owner, &stray.kind, &stray.name])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use wharf_types::{Digest, Registry, Timestamp};

    use super::*;
    use crate::{Document, Meta, Owner};

    #[derive(Serialize, Deserialize)]
    struct Note {}

    impl Document for Note {
        const KIND: &'static str = "note";
    }

    #[tokio::test]
    async fn stray_documents_are_those_without_an_owner_or_without_sense() {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
        meta.write(|tx| {
            let (now, digest) = (Timestamp::from_secs(1), Digest::sha256(b""));
            tx.0.0.execute_batch(&format!(
                "INSERT INTO repository VALUES (12, '', '', '', 0, '', '', 0, '');
                 INSERT INTO manifest (repository, digest, media_type, annotations, size, image_size, pushed_ms, bytes)
                 VALUES (12, '{digest}', '', '', 0, 0, 0, x'')",
            ))?;
            let registry = Owner::Registry(Registry {
                account: "000000000000".parse().unwrap(),
                region: "us-east-1".parse().unwrap(),
            });
            for owner in [
                registry,
                Owner::Repository(12),
                Owner::Image(12, digest.clone()),
            ] {
                tx.put_document(&owner, "", &Note {}, now)?;
            }
            assert!(tx.stray_documents(10)?.is_empty());
            let strays = [
                Owner::Repository(1),
                Owner::Image(1, digest),
                Owner::Image(12, Digest::sha256(b"other")),
            ];
            for owner in &strays {
                tx.put_document(owner, "", &Note {}, now)?;
            }
            let found = tx.stray_documents(10)?;
            assert_eq!(found.len(), strays.len());
            for stray in &found {
                assert!(stray.is_readable && strays.contains(&stray.owner.parse().unwrap()));
                tx.delete_stray(stray)?;
            }
            tx.0.0.execute("UPDATE document SET body = 'x' WHERE owner LIKE 'registry%'", [])?;
            let found = tx.stray_documents(10)?;
            assert!(matches!(&found[..], [one] if !one.is_readable));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }
}
