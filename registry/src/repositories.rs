//! Repositories: created, found, described, deleted.
use std::collections::BTreeMap;

use serde_json::json;
use wharf_storage::{Mutability, Read, Repository, Write};
use wharf_types::{Arn, Registry, RepoName};

use crate::{Caller, Cx, Error};

/// What a new repository is like.
#[derive(Clone, Debug)]
pub struct NewRepository {
    pub name: RepoName,
    pub mutability: Mutability,
    pub exclusions: Vec<String>,
    pub scan_on_push: bool,
    /// ECR's `encryptionConfiguration`.
    pub encryption: serde_json::Value,
    pub tags: BTreeMap<String, String>,
}

impl NewRepository {
    /// What ECR makes if nothing else is said.
    pub fn plain(name: RepoName) -> Self {
        Self {
            name,
            mutability: Mutability::Mutable,
            exclusions: Vec::new(),
            scan_on_push: false,
            encryption: json!({ "encryptionType": "AES256" }),
            tags: BTreeMap::new(),
        }
    }
}

/// Finds a repository, or says as ECR does that there is none.
pub fn find(tx: &Read<'_>, registry: &Registry, name: &RepoName) -> Result<Repository, Error> {
    let missing = || Error::RepositoryNotFound {
        registry: registry.clone(),
        name: name.clone(),
    };
    tx.repository(registry, name)?.ok_or_else(missing)
}

/// Finds a repository on behalf of one that only reads.
pub async fn get(cx: &Cx, registry: &Registry, name: &RepoName) -> Result<Repository, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    cx.store
        .meta()
        .read(move |tx| find(tx, &registry, &name))
        .await
}

/// Makes a repository.
pub async fn create(cx: &Cx, registry: &Registry, new: NewRepository) -> Result<Repository, Error> {
    let (registry, now) = (registry.clone(), cx.store.now());
    cx.store
        .meta()
        .write(move |tx| {
            if tx.repository(&registry, &new.name)?.is_some() {
                return Err(Error::RepositoryExists {
                    registry: registry.clone(),
                    name: new.name.clone(),
                });
            }
            insert(tx, &registry, &new, now)
        })
        .await
}

fn insert(
    tx: &Write<'_>,
    registry: &Registry,
    new: &NewRepository,
    now: wharf_types::Timestamp,
) -> Result<Repository, Error> {
    let mut repository = Repository {
        id: 0,
        registry: registry.clone(),
        name: new.name.clone(),
        created: now,
        mutability: new.mutability,
        exclusions: new.exclusions.clone(),
        scan_on_push: new.scan_on_push,
        encryption: new.encryption.clone(),
    };
    repository.id = tx.create_repository(&repository)?;
    let arn = Arn::repository(registry, &new.name).to_string();
    for (key, value) in &new.tags {
        tx.tag_resource(&arn, key, value)?;
    }
    Ok(repository)
}

/// Why a repository comes to be that nobody asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Something is pushed to it.
    Push,
    /// It caches a repository of another registry.
    PullThroughCache,
    /// It is a replica.
    Replication,
}

/// Finds a repository, or makes it as the registry's creation templates for that purpose say.
pub fn for_purpose(
    tx: &Write<'_>,
    registry: &Registry,
    name: &RepoName,
    _purpose: Purpose,
    now: wharf_types::Timestamp,
) -> Result<Repository, Error> {
    match tx.repository(registry, name)? {
        Some(there) => Ok(there),
        None => insert(tx, registry, &NewRepository::plain(name.clone()), now),
    }
}

/// Finds the repository of a push, which may make it (`--create-on-push`).
pub async fn for_push(cx: &Cx, caller: &Caller, name: &RepoName) -> Result<Repository, Error> {
    match get(cx, &caller.registry, name).await {
        Err(Error::RepositoryNotFound { .. }) if cx.create_on_push => {
            let (registry, now) = (caller.registry.clone(), cx.store.now());
            let name = name.clone();
            let made = cx
                .store
                .meta()
                .write(move |tx| for_purpose(tx, &registry, &name, Purpose::Push, now));
            made.await
        }
        found => found,
    }
}

/// Deletes a repository, with its images only if `force` says so. Uploads into it end.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    force: bool,
) -> Result<Repository, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    let deleted = cx.store.meta().write(move |tx| {
        let repository = find(tx, &registry, &name)?;
        if !force && tx.has_images(repository.id)? {
            return Err(Error::RepositoryNotEmpty {
                registry: registry.clone(),
                name: name.clone(),
            });
        }
        tx.forget_resource(&Arn::repository(&registry, &name).to_string())?;
        let uploads = tx.delete_repository(repository.id)?;
        Ok((repository, uploads))
    });
    let (repository, uploads) = deleted.await?;
    cx.store.discard_uploads(uploads).await?;
    Ok(repository)
}

/// Whether an existing tag may be moved to another image.
pub fn is_immutable(repository: &Repository, tag: &str) -> bool {
    let excluded = || {
        repository
            .exclusions
            .iter()
            .any(|filter| wildcard(filter, tag))
    };
    match repository.mutability {
        Mutability::Mutable => false,
        Mutability::Immutable => true,
        Mutability::ImmutableWithExclusion => !excluded(),
        Mutability::MutableWithExclusion => excluded(),
    }
}

/// Matches a filter in which `*` stands for any characters. Takes time in proportion to the product
/// of both lengths at the most.
pub(crate) fn wildcard(filter: &str, text: &str) -> bool {
    let (filter, text) = (filter.as_bytes(), text.as_bytes());
    let (mut f, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match filter.get(f) {
            Some(b'*') => {
                star = Some((f, t));
                f += 1;
            }
            Some(c) if Some(c) == text.get(t) => {
                f += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one character more.
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    f = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    filter
        .get(f..)
        .is_none_or(|rest| rest.iter().all(|c| *c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn stars_stand_for_any_characters() {
        for (filter, text, expected) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("*", "", true),
            ("dev-*", "dev-1", true),
            ("dev-*", "prod-1", false),
            ("*-rc*", "1.0-rc2", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
        ] {
            assert_eq!(wildcard(filter, text), expected, "{filter} {text}");
        }
        // Not exponential.
        assert!(!wildcard(&"*a".repeat(60), &"a".repeat(59)));
    }
}
