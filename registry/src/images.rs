//! Images: manifests, their tags and what they name.
use std::sync::Arc;

use bytes::Bytes;
use wharf_storage::{ImageStatus, ManifestRow, NewManifest, Read, Repository, Write};
use wharf_types::{Digest, Manifest, ManifestRef, RepoName, Role, Tag, Timestamp};

use crate::{Caller, Cx, Error, References, replication, repositories, scanning, signing};

/// The most tags that an image may have.
pub const MAX_TAGS: usize = 1000;

/// How many manifests an error names.
const NAMED: usize = 10;

/// A pushed manifest.
#[derive(Clone, Debug)]
pub struct Push {
    pub manifest: Arc<Manifest<Bytes>>,
    pub digest: Digest,
    pub tags: Vec<Tag>,
    pub references: References,
    pub origin: Origin,
}

/// Where a pushed manifest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Client,
    /// Another server, which replicates: it goes no further from here.
    Replication,
    /// A pull-through cache: its layers come when they are asked for.
    Upstream,
}

/// What a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// A new manifest, or an old one under a new tag.
    Changed,
    /// Everything was there already.
    Same,
}

/// Stores a manifest and moves tags to it, all or nothing. Both doors and every rule about tags
/// meet here.
pub async fn put(cx: &Cx, caller: &Caller, name: &RepoName, push: Push) -> Result<Pushed, Error> {
    let (registry, name, now) = (caller.registry.clone(), name.clone(), cx.store.now());
    let pushed = cx
        .store
        .meta()
        .write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            store(tx, &repository, &push, now)
        })
        .await?;
    if pushed == Pushed::Changed {
        cx.work.send_replace(());
    }
    Ok(pushed)
}

/// Stores a manifest in a repository that was just found or made.
pub(crate) fn store(
    tx: &Write<'_>,
    repository: &Repository,
    push: &Push,
    now: Timestamp,
) -> Result<Pushed, Error> {
    check_references(tx, repository, push)?;
    let new = NewManifest {
        repository: repository.id,
        digest: &push.digest,
        manifest: &push.manifest,
        now,
    };
    let mut changed = tx.put_manifest(&new)?;
    for tag in &push.tags {
        changed |= move_tag(tx, repository, tag, &push.digest)?;
    }
    if !changed {
        return Ok(Pushed::Same);
    }
    if push.origin == Origin::Client {
        replication::pushed(tx, repository, &push.digest, &push.tags, now)?;
    }
    if push.origin != Origin::Upstream {
        scanning::pushed(tx, repository, &push.digest, now)?;
    }
    signing::pushed(tx, repository, &push.digest, now)?;
    Ok(Pushed::Changed)
}

/// Makes a tag name an image; whether it named another or none before.
fn move_tag(
    tx: &Write<'_>,
    repository: &Repository,
    tag: &Tag,
    digest: &Digest,
) -> Result<bool, Error> {
    let before = tx.tag(repository.id, tag)?;
    if before.is_some() && repositories::is_immutable(repository, tag.as_str()) {
        return Err(Error::TagImmutable {
            name: repository.name.clone(),
            tag: tag.clone(),
        });
    }
    if before.as_ref() == Some(digest) {
        return Ok(false);
    }
    if tx.count_tags_of(repository.id, digest)? >= MAX_TAGS {
        return Err(Error::TooManyTags {
            digest: digest.clone(),
            limit: MAX_TAGS,
        });
    }
    tx.put_tag(repository.id, tag, digest)?;
    Ok(true)
}

/// Everything that a manifest names must be in its repository, with the size it says.
fn check_references(tx: &Read<'_>, repository: &Repository, push: &Push) -> Result<(), Error> {
    let (mut layers, mut images) = (Vec::new(), Vec::new());
    for r in &push.manifest.references {
        let manifest = match r.role {
            // An archived one must come back first.
            Role::Child => tx.active_manifest_size(repository.id, &r.digest)?,
            Role::Config | Role::Layer => None,
        };
        let found = match manifest {
            Some(size) => Some(size),
            None => tx.blob_size(repository.id, &r.digest)?,
        };
        match found {
            Some(actual) if actual != r.size => {
                return Err(Error::SizeDiffers {
                    digest: r.digest.clone(),
                    stated: r.size,
                    actual,
                });
            }
            Some(_) => {}
            None if !r.required || push.references == References::Sparse => {}
            None if r.role == Role::Child => images.push(r.digest.clone()),
            None => layers.push(r.digest.clone()),
        }
    }
    let (registry, name) = (repository.registry.clone(), repository.name.clone());
    if !layers.is_empty() {
        return Err(Error::LayersMissing {
            registry,
            name,
            missing: layers,
        });
    }
    if !images.is_empty() {
        return Err(Error::ImagesMissing {
            registry,
            name,
            missing: images,
        });
    }
    Ok(())
}

/// Finds a manifest that can be pulled, by tag or digest.
pub async fn find(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    reference: &ManifestRef,
) -> Result<(Repository, ManifestRow), Error> {
    let (registry, name, reference) = (caller.registry.clone(), name.clone(), reference.clone());
    cx.store
        .meta()
        .read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let digest = tx
                .resolve(repository.id, &reference)?
                .ok_or(Error::ManifestUnknown)?;
            let row = tx
                .manifest(repository.id, &digest)?
                .filter(|row| row.status == ImageStatus::Active)
                .ok_or(Error::ManifestUnknown)?;
            Ok((repository, row))
        })
        .await
}

/// Deletes by `/v2/`: a tag is only taken off; a digest goes with all its tags.
pub async fn delete(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    reference: &ManifestRef,
) -> Result<(), Error> {
    let (registry, name, reference) = (caller.registry.clone(), name.clone(), reference.clone());
    cx.store
        .meta()
        .write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            match &reference {
                ManifestRef::Tag(tag) => tx
                    .delete_tag(repository.id, tag)?
                    .then_some(())
                    .ok_or(Error::ManifestUnknown),
                ManifestRef::Digest(digest) => delete_image(tx, &repository, digest),
            }
        })
        .await
}

/// Deletes an image with its tags, unless an index still needs it.
pub fn delete_image(tx: &Write<'_>, repository: &Repository, digest: &Digest) -> Result<(), Error> {
    if tx.manifest_size(repository.id, digest)?.is_none() {
        return Err(Error::ManifestUnknown);
    }
    let by = tx.referenced_by(repository.id, digest, NAMED)?;
    if !by.is_empty() {
        return Err(Error::ManifestReferenced {
            digest: digest.clone(),
            by,
        });
    }
    tx.delete_manifest(repository.id, digest)?;
    Ok(())
}

/// Takes a tag off its image, which goes with its last one: how `BatchDeleteImage` deletes by tag.
pub fn delete_tag_and_last_image(
    tx: &Write<'_>,
    repository: &Repository,
    tag: &Tag,
) -> Result<Digest, Error> {
    let digest = tx.tag(repository.id, tag)?.ok_or(Error::ManifestUnknown)?;
    if tx.count_tags_of(repository.id, &digest)? > 1 {
        tx.delete_tag(repository.id, tag)?;
    } else {
        delete_image(tx, repository, &digest)?;
    }
    Ok(digest)
}
