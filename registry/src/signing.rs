//! Signing on push, which needs AWS Signer: there is none here, and images that should have been
//! signed say so.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Repository, Write};
use wharf_types::{Digest, Registry, Timestamp};

use crate::{Cx, Error, wildcard::wildcard};

/// The most profiles, and so rules, of a registry.
pub const MAX_RULES: usize = 10;

/// A registry's signing configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub rules: Vec<Rule>,
}

/// Which repositories' images are to be signed with a profile of AWS Signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub profile: String,
    /// Names of repositories, in which `*` stands for any characters; all if there is none.
    pub filters: Vec<String>,
}

impl Document for Configuration {
    const KIND: &'static str = "signing-configuration";
}

impl Rule {
    fn matches(&self, repository: &Repository) -> bool {
        let name = repository.name.as_str();
        self.filters.is_empty() || self.filters.iter().any(|filter| wildcard(filter, name))
    }
}

/// That an image should have been signed. Belongs to the image; its name is the profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unsigned {}

impl Document for Unsigned {
    const KIND: &'static str = "signing-status";
}

/// Why an image is not signed.
pub const FAILURE_CODE: &str = "SignerNotAvailable";
/// The same for people.
pub const FAILURE_REASON: &str = "This server has no AWS Signer: the image was not signed";

/// Notes which profiles should have signed an image, in the transaction of its push.
pub fn pushed(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(configuration) = configuration(tx, &repository.registry)? else {
        return Ok(());
    };
    let owner = Owner::Image(repository.id, digest.clone());
    for rule in configuration.rules {
        if rule.matches(repository) {
            tx.put_document(&owner, &rule.profile, &Unsigned {}, now)?;
        }
    }
    Ok(())
}

/// The profiles that should have signed an image.
pub fn unsigned(tx: &Read<'_>, repository: i64, digest: &Digest) -> Result<Vec<String>, Error> {
    let owner = Owner::Image(repository, digest.clone());
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = tx.documents::<Unsigned>(&owner, &after, MAX_RULES)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after.clone_from(&last.name);
        found.extend(page.into_iter().map(|stored| stored.name));
    }
}

fn configuration(tx: &Read<'_>, registry: &Registry) -> Result<Option<Configuration>, Error> {
    let stored = tx.document(&Owner::Registry(registry.clone()), "")?;
    Ok(stored.map(|stored| stored.body))
}

/// The configuration of a registry.
pub async fn describe(cx: &Cx, registry: &Registry) -> Result<Configuration, Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| configuration(tx, &registry));
    found.await?.ok_or(Error::NoSigningConfiguration)
}

/// Puts the configuration of a registry.
pub async fn configure(
    cx: &Cx,
    registry: &Registry,
    configuration: Configuration,
) -> Result<(), Error> {
    let (owner, now) = (Owner::Registry(registry.clone()), cx.store.now());
    let put = cx
        .store
        .meta()
        .write(move |tx| Ok(tx.put_document(&owner, "", &configuration, now)?));
    put.await
}

/// Removes the configuration of a registry. What is known of images stays.
pub async fn forget(cx: &Cx, registry: &Registry) -> Result<Configuration, Error> {
    let registry = registry.clone();
    let removed = cx.store.meta().write(move |tx| {
        let found = configuration(tx, &registry)?.ok_or(Error::NoSigningConfiguration)?;
        tx.delete_document::<Configuration>(&Owner::Registry(registry.clone()), "")?;
        Ok(found)
    });
    removed.await
}
