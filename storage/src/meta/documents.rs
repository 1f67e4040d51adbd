//! Documents: what is configured for a registry, a repository or an image, or known of it.
//!
//! The type of a document is its kind, so a new kind needs no table and no migration.
use rusqlite::{OptionalExtension as _, Row, Rows};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wharf_types::{Digest, Registry, Timestamp};

use super::{Read, Write, columns};
use crate::Error;

/// Something that is stored as one JSON document. Members may be added with a default; none may
/// change its meaning.
pub trait Document: Serialize + DeserializeOwned {
    /// What documents of this type are called in the database. Never changes.
    const KIND: &'static str;

    /// Whether a worker has something to do for it.
    fn is_open(&self) -> bool {
        false
    }
}

/// Marks a repository whose manifests may name what is not there yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sparse {}

impl Document for Sparse {
    const KIND: &'static str = "sparse";
}

/// What a document is about. Documents go with their owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    Registry(Registry),
    /// A repository by its id.
    Repository(i64),
    /// A manifest of a repository.
    Image(i64, Digest),
}

impl Owner {
    fn key(&self) -> String {
        match self {
            Self::Registry(Registry { account, region }) => format!("registry/{account}/{region}"),
            Self::Repository(id) => format!("repository/{id}"),
            Self::Image(id, digest) => format!("image/{id}/{digest}"),
        }
    }

    fn parse(key: &str) -> Option<Self> {
        let (kind, rest) = key.split_once('/')?;
        let pair = rest.split_once('/');
        Some(match kind {
            "registry" => {
                let (account, region) = pair?;
                Self::Registry(Registry {
                    account: account.parse().ok()?,
                    region: region.parse().ok()?,
                })
            }
            "repository" => Self::Repository(rest.parse().ok()?),
            "image" => {
                let (id, digest) = pair?;
                Self::Image(id.parse().ok()?, digest.parse().ok()?)
            }
            _ => return None,
        })
    }
}

impl std::str::FromStr for Owner {
    type Err = std::fmt::Error;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        Self::parse(key).ok_or(std::fmt::Error)
    }
}

/// A document as it was found.
#[derive(Clone, Debug)]
pub struct Stored<D> {
    pub owner: Owner,
    /// Empty where an owner has one of the kind.
    pub name: String,
    pub body: D,
    pub created: Timestamp,
    pub updated: Timestamp,
}

const COLUMNS: &str = "owner, name, body, created_ms, updated_ms";

fn stored<D: Document>(row: &Row<'_>) -> Result<Stored<D>, rusqlite::Error> {
    Ok(Stored {
        owner: columns::parsed(row, "owner")?,
        name: row.get("name")?,
        body: columns::json(row, "body")?,
        created: columns::time(row, "created_ms")?,
        updated: columns::time(row, "updated_ms")?,
    })
}

/// The first documents that can be read. One that cannot, because it is damaged or of another release,
/// must not keep a worker from the others: `wharf check` names it.
fn readable<D: Document>(mut rows: Rows<'_>, limit: usize) -> Result<Vec<Stored<D>>, Error> {
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        match stored(row) {
            Ok(document) => found.push(document),
            Err(rusqlite::Error::FromSqlConversionFailure(_, _, error)) => {
                let owner: String = row.get("owner")?;
                let name: String = row.get("name")?;
                let error: &dyn std::error::Error = &*error;
                tracing::warn!(
                    error,
                    kind = D::KIND,
                    owner,
                    name,
                    "a document cannot be read"
                );
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(found)
}

impl Read<'_> {
    /// The document of an owner and name.
    pub fn document<D: Document>(
        &self,
        owner: &Owner,
        name: &str,
    ) -> Result<Option<Stored<D>>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM document WHERE owner = ?1 AND kind = ?2 AND name = ?3"
        ))?;
        let found = stmt.query_row((owner.key(), D::KIND, name), stored);
        Ok(found.optional()?)
    }

    /// An owner's documents of a kind by name, those after `after` only.
    pub fn documents<D: Document>(
        &self,
        owner: &Owner,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Stored<D>>, Error> {
        // The name of one that has none is empty, and nothing is less than it.
        let follows = if after.is_empty() { ">=" } else { ">" };
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM document WHERE owner = ?1 AND kind = ?2 AND name {follows} ?3 ORDER BY name LIMIT ?4"
        ))?;
        let rows = stmt.query_map((owner.key(), D::KIND, after, limit), stored)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many documents of a kind an owner has.
    pub fn count_documents<D: Document>(&self, owner: &Owner) -> Result<usize, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT count(*) FROM document WHERE owner = ?1 AND kind = ?2")?;
        Ok(stmt.query_row((owner.key(), D::KIND), |row| row.get(0))?)
    }

    /// All documents of a kind that can be read, whoever owns them, in the order of their owners'
    /// keys: those after an owner only.
    pub fn all_documents<D: Document>(
        &self,
        after: Option<&Owner>,
        limit: usize,
    ) -> Result<Vec<Stored<D>>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM document WHERE kind = ?1 AND owner > ?2 ORDER BY owner, name"
        ))?;
        let after = after.map(Owner::key).unwrap_or_default();
        readable(stmt.query((D::KIND, after))?, limit)
    }

    /// What workers have to do: open documents of a kind that can be read, those that wait longest
    /// first.
    pub fn open_documents<D: Document>(&self, limit: usize) -> Result<Vec<Stored<D>>, Error> {
        self.due_documents(Timestamp::from_ms(i64::MAX), limit)
    }

    /// Open documents of a kind that can be read and were updated up to a time, those that wait
    /// longest first.
    pub fn due_documents<D: Document>(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<D>>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM document WHERE kind = ?1 AND open = 1 AND updated_ms <= ?2 ORDER BY updated_ms"
        ))?;
        readable(stmt.query((D::KIND, until.as_ms()))?, limit)
    }

    /// The names of open documents of a kind that were updated up to a time, each once.
    pub fn open_names<D: Document>(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let mut stmt = self.0.prepare_cached(
            "SELECT DISTINCT name FROM document WHERE kind = ?1 AND open = 1 AND updated_ms <= ?2 LIMIT ?3",
        )?;
        let rows = stmt.query_map((D::KIND, until.as_ms(), limit), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Open documents of a kind and name that can be read and were updated up to a time, those that
    /// wait longest first.
    pub fn open_documents_named<D: Document>(
        &self,
        name: &str,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Stored<D>>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM document WHERE kind = ?1 AND open = 1 AND name = ?2 AND updated_ms <= ?3
             ORDER BY updated_ms"
        ))?;
        readable(stmt.query((D::KIND, name, until.as_ms()))?, limit)
    }
}

impl Write<'_> {
    /// Stores a document, new or instead of the one there is.
    pub fn put_document<D: Document>(
        &self,
        owner: &Owner,
        name: &str,
        body: &D,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO document (owner, kind, name, body, open, created_ms, updated_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
             ON CONFLICT (owner, kind, name) DO UPDATE
             SET body = excluded.body, open = excluded.open, updated_ms = excluded.updated_ms",
        )?;
        stmt.execute((
            owner.key(),
            D::KIND,
            name,
            serde_json::to_string(body)?,
            body.is_open(),
            now.as_ms(),
        ))?;
        Ok(())
    }

    /// Removes a document; whether it was there.
    pub fn delete_document<D: Document>(&self, owner: &Owner, name: &str) -> Result<bool, Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM document WHERE owner = ?1 AND kind = ?2 AND name = ?3")?;
        Ok(stmt.execute((owner.key(), D::KIND, name))? > 0)
    }

    /// Removes all documents of a kind that an owner has.
    pub fn delete_documents<D: Document>(&self, owner: &Owner) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM document WHERE owner = ?1 AND kind = ?2")?;
        stmt.execute((owner.key(), D::KIND))?;
        Ok(())
    }

    /// Removes what is known of an image that goes.
    pub(super) fn forget_image(&self, repository: i64, digest: &Digest) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM document WHERE owner = ?1")?;
        stmt.execute([Owner::Image(repository, digest.clone()).key()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Meta;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
        open: bool,
    }

    impl Document for Note {
        const KIND: &'static str = "note";

        fn is_open(&self) -> bool {
            self.open
        }
    }

    fn note(text: &str, open: bool) -> Note {
        Note {
            text: text.into(),
            open,
        }
    }

    #[tokio::test]
    async fn documents_are_found_by_owner_and_go_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
        let now = Timestamp::from_secs(1);
        let image = Owner::Image(7, Digest::sha256(b""));
        let registry = Owner::Registry(Registry {
            account: "000000000000".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        });
        for owner in [&image, &registry, &Owner::Repository(70)] {
            assert_eq!(owner.key().parse::<Owner>().unwrap(), *owner);
        }
        meta.write(move |tx| {
            tx.put_document(&image, "", &note("image", true), now)?;
            tx.put_document(&registry, "b", &note("b", false), now)?;
            tx.put_document(&registry, "a", &note("a", false), now)?;
            for id in [7, 70] {
                tx.put_document(&Owner::Repository(id), "", &note("old", false), now)?;
                tx.put_document(&Owner::Repository(id), "", &note("new", false), now)?;
            }
            let open = tx.open_documents::<Note>(10)?;
            assert_eq!(open.len(), 1);
            assert_eq!(open[0].owner, image);
            assert_eq!(tx.open_names::<Note>(now, 10)?, [""]);
            assert_eq!(tx.open_documents_named::<Note>("", now, 10)?.len(), 1);
            let before = Timestamp::from_secs(0);
            assert!(tx.open_names::<Note>(before, 10)?.is_empty());
            assert!(tx.open_documents_named::<Note>("b", now, 10)?.is_empty());
            let named = tx.documents::<Note>(&registry, "", 10)?;
            let names: Vec<_> = named.iter().map(|d| d.name.as_str()).collect();
            assert_eq!(names, ["a", "b"]);
            assert_eq!(tx.documents::<Note>(&registry, "a", 10)?.len(), 1);
            assert_eq!(tx.all_documents::<Note>(None, 10)?.len(), 5);
            tx.delete_repository(7)?;
            assert!(tx.document::<Note>(&image, "")?.is_none());
            assert!(tx.document::<Note>(&Owner::Repository(7), "")?.is_none());
            let left = tx.document::<Note>(&Owner::Repository(70), "")?.unwrap();
            assert_eq!(left.body, note("new", false));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    // A release later or earlier may have written it, or a disk has changed it.
    #[tokio::test]
    async fn a_document_that_cannot_be_read_does_not_hide_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let meta = Meta::open(&dir.path().join("m.db"), false).unwrap();
        meta.write(|tx| {
            for (id, ms) in [(1, 1), (2, 2), (3, 3)] {
                let now = Timestamp::from_ms(ms);
                tx.put_document(&Owner::Repository(id), "a", &note("", true), now)?;
            }
            tx.0.0.execute(
                "UPDATE document SET body = '{}' WHERE owner = 'repository/1'",
                [],
            )?;
            tx.0.0.execute(
                "UPDATE document SET body = 'x' WHERE owner = 'repository/2'",
                [],
            )?;
            let owners = |found: Vec<Stored<Note>>| -> Vec<Owner> {
                found.into_iter().map(|stored| stored.owner).collect()
            };
            let (left, now) = ([Owner::Repository(3)], Timestamp::from_ms(3));
            assert_eq!(owners(tx.open_documents(1)?), left);
            assert_eq!(owners(tx.due_documents(now, 1)?), left);
            assert!(
                tx.due_documents::<Note>(Timestamp::from_ms(2), 1)?
                    .is_empty()
            );
            assert_eq!(owners(tx.open_documents_named("a", now, 1)?), left);
            assert_eq!(owners(tx.all_documents(None, 1)?), left);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }
}
