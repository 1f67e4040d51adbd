//! Repositories.
use rusqlite::{OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use wharf_types::{Registry, RepoName, Timestamp};

use super::{Read, Write, columns, deletion::HIDDEN};
use crate::Error;

/// Whether tags may move, spelled as ECR spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mutability {
    Mutable,
    Immutable,
    MutableWithExclusion,
    ImmutableWithExclusion,
}

impl Mutability {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::MutableWithExclusion => "MUTABLE_WITH_EXCLUSION",
            Self::ImmutableWithExclusion => "IMMUTABLE_WITH_EXCLUSION",
        }
    }
}

impl std::str::FromStr for Mutability {
    type Err = std::fmt::Error;

    fn from_str(s: &str) -> Result<Self, std::fmt::Error> {
        [
            Self::Mutable,
            Self::Immutable,
            Self::MutableWithExclusion,
            Self::ImmutableWithExclusion,
        ]
        .into_iter()
        .find(|m| m.as_str() == s)
        .ok_or(std::fmt::Error)
    }
}

/// A private repository.
#[derive(Clone, Debug)]
pub struct Repository {
    pub id: i64,
    pub registry: Registry,
    pub name: RepoName,
    pub created: Timestamp,
    pub mutability: Mutability,
    /// Wildcard filters of tags for which the opposite of the mutability holds.
    pub exclusions: Vec<String>,
    pub scan_on_push: bool,
    /// ECR's `encryptionConfiguration`, as given.
    pub encryption: serde_json::Value,
}

const COLUMNS: &str =
    "id, account, region, name, created_ms, mutability, exclusions, scan_on_push, encryption";

fn repository(row: &Row<'_>) -> Result<Repository, rusqlite::Error> {
    Ok(Repository {
        id: row.get("id")?,
        registry: Registry {
            account: columns::parsed(row, "account")?,
            region: columns::parsed(row, "region")?,
        },
        name: columns::parsed(row, "name")?,
        created: columns::time(row, "created_ms")?,
        mutability: columns::parsed(row, "mutability")?,
        exclusions: columns::json(row, "exclusions")?,
        scan_on_push: row.get("scan_on_push")?,
        encryption: columns::json(row, "encryption")?,
    })
}

impl Read<'_> {
    /// A repository by its name.
    pub fn repository(
        &self,
        registry: &Registry,
        name: &RepoName,
    ) -> Result<Option<Repository>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM repository WHERE account = ?1 AND region = ?2 AND name = ?3"
        ))?;
        let key = (
            registry.account.as_str(),
            registry.region.as_str(),
            name.as_str(),
        );
        Ok(stmt.query_row(key, repository).optional()?)
    }

    /// A repository by its id.
    pub fn repository_by_id(&self, id: i64) -> Result<Option<Repository>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM repository WHERE id = ?1 AND account <> ?2"
        ))?;
        Ok(stmt.query_row((id, HIDDEN), repository).optional()?)
    }

    /// A registry's repositories by name, those after `after` only.
    pub fn repositories(
        &self,
        registry: &Registry,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Repository>, Error> {
        let mut stmt = self.0.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM repository WHERE account = ?1 AND region = ?2 AND name > ?3 ORDER BY name LIMIT ?4"
        ))?;
        let key = (
            registry.account.as_str(),
            registry.region.as_str(),
            after,
            limit,
        );
        Ok(stmt.query_map(key, repository)?.collect::<Result<_, _>>()?)
    }
}

impl Write<'_> {
    /// Adds a repository; the name must be free. Its id is chosen here.
    pub fn create_repository(&self, new: &Repository) -> Result<i64, Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO repository (account, region, name, created_ms, mutability, exclusions, scan_on_push, encryption)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        Ok(stmt.insert((
            new.registry.account.as_str(),
            new.registry.region.as_str(),
            new.name.as_str(),
            new.created.as_ms(),
            new.mutability.as_str(),
            serde_json::to_string(&new.exclusions)?,
            new.scan_on_push,
            new.encryption.to_string(),
        ))?)
    }

    /// Changes whether tags may move.
    pub fn set_mutability(
        &self,
        repository: i64,
        mutability: Mutability,
        exclusions: &[String],
    ) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "UPDATE repository SET mutability = ?2, exclusions = ?3 WHERE id = ?1",
        )?;
        stmt.execute((
            repository,
            mutability.as_str(),
            serde_json::to_string(exclusions)?,
        ))?;
        Ok(())
    }

    /// Changes whether a repository's images are scanned when they are pushed.
    pub fn set_scan_on_push(&self, repository: i64, scan_on_push: bool) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("UPDATE repository SET scan_on_push = ?2 WHERE id = ?1")?;
        stmt.execute((repository, scan_on_push))?;
        Ok(())
    }
}
