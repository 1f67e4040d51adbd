//! Policies of repositories and registries: who may do what.
use serde::{Deserialize, Serialize};
use wharf_auth::{Policy, policy::Kind};
use wharf_storage::{Document, Owner};
use wharf_types::{Registry, RepoName};

use crate::{Caller, Cx, Error, repositories};

mod access;

pub use access::{Act, Origin, Target, Wish, account_may, decide, require};

/// A repository's policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepositoryPolicy {
    /// As it was given.
    pub text: String,
}

impl Document for RepositoryPolicy {
    const KIND: &'static str = "repository-policy";
}

/// A registry's policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegistryPolicy {
    /// As it was given.
    pub text: String,
}

impl Document for RegistryPolicy {
    const KIND: &'static str = "registry-policy";
}

/// A repository's policy to be, which was read.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    text: String,
    read: Policy,
}

impl NewPolicy {
    /// Reads the policy of a repository in this registry.
    pub fn of_repository(registry: &Registry, text: String) -> Result<Self, Error> {
        Self::parse(text, kind(registry), "repository")
    }

    /// Reads the policy of a registry.
    pub fn of_registry(text: String) -> Result<Self, Error> {
        Self::parse(text, Kind::Registry, "registry")
    }

    fn parse(text: String, kind: Kind, of: &'static str) -> Result<Self, Error> {
        let read = Policy::parse(&text, kind).map_err(|_malformed| Error::PolicyInvalid { of })?;
        Ok(Self { text, read })
    }
}

/// Of which kind the policies of a registry's repositories are.
fn kind(registry: &Registry) -> Kind {
    if registry.region.is_public() {
        Kind::PublicRepository
    } else {
        Kind::Repository
    }
}

/// Whether a policy may be one that its author could not change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOut {
    Refuse,
    Accept,
}

/// Sets a repository's policy.
pub async fn set(
    cx: &Cx,
    caller: &Caller,
    name: &RepoName,
    new: NewPolicy,
    lock_out: LockOut,
    origin: Option<Origin>,
) -> Result<(), Error> {
    let act = Act::on(name, "ecr:SetRepositoryPolicy").of_service(&caller.registry);
    let wish = Wish {
        origin,
        ..Wish::new(act)
    };
    let (cx, caller, name) = (cx.clone(), caller.clone(), name.clone());
    let meta = cx.store.meta().clone();
    let set = meta.write(move |tx| {
        let repository = repositories::find(tx, &caller.registry, &name)?;
        if lock_out == LockOut::Refuse {
            let identity = access::identity(&cx, &caller)?;
            let asked = access::Asked {
                caller: &caller,
                identity: &identity,
                instead: Some(&new.read),
                now: cx.store.now(),
            };
            let again = asked.decide(tx, &wish);
            again.map_err(|e| match e {
                Error::Denied(_) => Error::PolicyLocksOut,
                e => e,
            })?;
        }
        let document = RepositoryPolicy {
            text: new.text.clone(),
        };
        let owner = Owner::Repository(repository.id);
        Ok(tx.put_document(&owner, "", &document, cx.store.now())?)
    });
    set.await
}

/// A repository's policy, if it has one.
pub async fn of_repository(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
) -> Result<Option<String>, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    let found = cx.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let owner = Owner::Repository(repository.id);
        Ok::<_, Error>(tx.document::<RepositoryPolicy>(&owner, "")?)
    });
    Ok(found.await?.map(|stored| stored.body.text))
}

/// Takes a repository's policy away; which one it was.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
) -> Result<Option<String>, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    let deleted = cx.store.meta().write(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let owner = Owner::Repository(repository.id);
        let before = tx.document::<RepositoryPolicy>(&owner, "")?;
        tx.delete_document::<RepositoryPolicy>(&owner, "")?;
        Ok::<_, Error>(before)
    });
    Ok(deleted.await?.map(|stored| stored.body.text))
}

/// Sets a registry's policy.
pub async fn set_of_registry(cx: &Cx, registry: &Registry, new: NewPolicy) -> Result<(), Error> {
    let (owner, now) = (Owner::Registry(registry.clone()), cx.store.now());
    let document = RegistryPolicy { text: new.text };
    let meta = cx.store.meta();
    meta.write(move |tx| Ok(tx.put_document(&owner, "", &document, now)?))
        .await
}

/// A registry's policy, if it has one.
pub async fn of_registry(cx: &Cx, registry: &Registry) -> Result<Option<String>, Error> {
    let owner = Owner::Registry(registry.clone());
    let meta = cx.store.meta();
    let found = meta.read(move |tx| Ok::<_, Error>(tx.document::<RegistryPolicy>(&owner, "")?));
    Ok(found.await?.map(|stored| stored.body.text))
}

/// Takes a registry's policy away; which one it was.
pub async fn delete_of_registry(cx: &Cx, registry: &Registry) -> Result<Option<String>, Error> {
    let owner = Owner::Registry(registry.clone());
    let deleted = cx.store.meta().write(move |tx| {
        let before = tx.document::<RegistryPolicy>(&owner, "")?;
        tx.delete_document::<RegistryPolicy>(&owner, "")?;
        Ok::<_, Error>(before)
    });
    Ok(deleted.await?.map(|stored| stored.body.text))
}
