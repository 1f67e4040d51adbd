//! Repositories: created, found, described, deleted.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use wharf_storage::{Mutability, Owner, Read, Repository, Write};
use wharf_types::{Arn, Registry, RepoName};

use crate::{
    Caller, Cx, Error,
    lifecycle::LifecyclePolicy,
    policies::{self, Act, RepositoryPolicy, Wish},
    templates::{self, Template},
    wildcard::wildcard,
};

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
    pub policy: Option<RepositoryPolicy>,
    pub lifecycle: Option<LifecyclePolicy>,
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
            policy: None,
            lifecycle: None,
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
    let owner = Owner::Repository(repository.id);
    if let Some(policy) = &new.policy {
        tx.put_document(&owner, "", policy, now)?;
    }
    if let Some(lifecycle) = &new.lifecycle {
        tx.put_document(&owner, "", lifecycle, now)?;
    }
    Ok(repository)
}

/// Why a repository comes to be that nobody asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    /// Something is pushed to it.
    #[serde(rename = "CREATE_ON_PUSH")]
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
    purpose: Purpose,
    now: wharf_types::Timestamp,
) -> Result<Repository, Error> {
    if let Some(there) = tx.repository(registry, name)? {
        return Ok(there);
    }
    let template = templates::matching(tx, registry, name, purpose)?;
    let new = template.map_or_else(
        || NewRepository::plain(name.clone()),
        |template: Template| template.repository(name.clone()),
    );
    insert(tx, registry, &new, now)
}

/// Finds the repository of a push, which makes it if a creation template is for that or the server
/// was told to (`--create-on-push`).
pub async fn for_push(cx: &Cx, caller: &Caller, name: &RepoName) -> Result<Repository, Error> {
    match get(cx, &caller.registry, name).await {
        Err(Error::RepositoryNotFound { .. }) => {}
        found => return found,
    }
    let (cx, caller, name) = (cx.clone(), caller.clone(), name.clone());
    let (now, meta) = (cx.store.now(), cx.store.meta().clone());
    let made = meta.write(move |tx| {
        let registry = &caller.registry;
        // Where the server was told to make them, the caller was asked at the door.
        if !cx.create_on_push {
            if templates::matching(tx, registry, &name, Purpose::Push)?.is_none() {
                return find(tx, registry, &name);
            }
            if cx.auth.is_strict() {
                let wish = Wish::new(Act::create_if_missing(&name));
                policies::decide(tx, &cx, &caller, &wish)?;
            }
        }
        for_purpose(tx, registry, &name, Purpose::Push, now)
    });
    made.await
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
        let deleted = tx.delete_repository(repository.id)?;
        Ok((repository, deleted))
    });
    let (repository, deleted) = deleted.await?;
    cx.store.finish_deletion(deleted).await?;
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
