//! Documents of a registry that are for the repositories whose names begin with a prefix.
use wharf_storage::{Document, Owner, Read, Stored, Write};
use wharf_types::{Prefix, Registry, RepoName, Timestamp};

use crate::{Cx, Error};

/// A document that is named by its prefix's key.
pub(crate) trait ByPrefix: Document + Send + 'static {
    /// The most that a registry may have.
    const MAX: usize;
    /// What they are called in texts.
    const WHAT: &'static str;

    fn prefix(&self) -> &Prefix;

    /// The error that there is one of this prefix.
    fn exists(registry: Registry, prefix: Prefix) -> Error;

    /// The error that there is none.
    fn missing(registry: Registry, prefix: Prefix) -> Error;
}

/// The one of the longest prefix of a name that is suitable.
pub(crate) fn matching<D: ByPrefix>(
    tx: &Read<'_>,
    registry: &Registry,
    name: &RepoName,
    suits: impl Fn(&D) -> bool,
) -> Result<Option<D>, Error> {
    let owner = Owner::Registry(registry.clone());
    for key in Prefix::keys_of(name) {
        let found = tx.document::<D>(&owner, key)?.map(|found| found.body);
        if let Some(found) = found.filter(&suits) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Finds one within a transaction, or says that there is none.
pub(crate) fn find<D: ByPrefix>(
    tx: &Read<'_>,
    registry: &Registry,
    prefix: &Prefix,
) -> Result<Stored<D>, Error> {
    let found = tx.document(&Owner::Registry(registry.clone()), prefix.key())?;
    found.ok_or_else(|| D::missing(registry.clone(), prefix.clone()))
}

/// Stores one, new or changed, and shows it as it is then.
pub(crate) fn put<D: ByPrefix>(
    tx: &Write<'_>,
    registry: &Registry,
    body: &D,
    now: Timestamp,
) -> Result<Stored<D>, Error> {
    let (owner, prefix) = (Owner::Registry(registry.clone()), body.prefix());
    tx.put_document(&owner, prefix.key(), body, now)?;
    find(tx, registry, prefix)
}

/// Finds one.
pub(crate) async fn get<D: ByPrefix>(
    cx: &Cx,
    registry: &Registry,
    prefix: Prefix,
) -> Result<Stored<D>, Error> {
    let registry = registry.clone();
    let meta = cx.store.meta();
    meta.read(move |tx| find(tx, &registry, &prefix)).await
}

/// Adds one; there must be none of its prefix.
pub(crate) async fn create<D: ByPrefix>(
    cx: &Cx,
    registry: &Registry,
    new: D,
) -> Result<Stored<D>, Error> {
    let (registry, now) = (registry.clone(), cx.store.now());
    let created = cx.store.meta().write(move |tx| {
        let owner = Owner::Registry(registry.clone());
        if tx.document::<D>(&owner, new.prefix().key())?.is_some() {
            return Err(D::exists(registry.clone(), new.prefix().clone()));
        }
        if tx.count_documents::<D>(&owner)? >= D::MAX {
            return Err(Error::TooMany {
                what: D::WHAT,
                limit: D::MAX,
            });
        }
        put(tx, &registry, &new, now)
    });
    created.await
}

/// Removes one, and shows it.
pub(crate) async fn delete<D: ByPrefix>(
    cx: &Cx,
    registry: &Registry,
    prefix: Prefix,
) -> Result<Stored<D>, Error> {
    let registry = registry.clone();
    let deleted = cx.store.meta().write(move |tx| {
        let found = find(tx, &registry, &prefix)?;
        tx.delete_document::<D>(&Owner::Registry(registry.clone()), prefix.key())?;
        Ok(found)
    });
    deleted.await
}
