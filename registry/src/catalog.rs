//! What the gallery of ECR Public says of registries and repositories.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner};
use wharf_types::{Registry, RepoName};

use crate::{Cx, Error, repositories};

/// What is said of a public registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCatalog {
    pub display_name: Option<String>,
}

impl Document for RegistryCatalog {
    const KIND: &'static str = "public-registry-catalog";
}

/// What is said of a public repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryCatalog {
    pub description: Option<String>,
    pub architectures: Vec<String>,
    pub operating_systems: Vec<String>,
    pub about: Option<String>,
    pub usage: Option<String>,
}

impl Document for RepositoryCatalog {
    const KIND: &'static str = "public-repository-catalog";
}

/// What is said of a registry: nothing, if nobody has said anything.
pub async fn of_registry(cx: &Cx, registry: &Registry) -> Result<RegistryCatalog, Error> {
    let owner = Owner::Registry(registry.clone());
    let found = cx.store.meta().read(move |tx| tx.document(&owner, ""));
    let found: Option<wharf_storage::Stored<RegistryCatalog>> = found.await?;
    Ok(found.map(|stored| stored.body).unwrap_or_default())
}

/// Says something of a registry.
pub async fn put_registry(
    cx: &Cx,
    registry: &Registry,
    catalog: RegistryCatalog,
) -> Result<(), Error> {
    let (owner, now) = (Owner::Registry(registry.clone()), cx.store.now());
    let put = cx.store.meta().write(move |tx| {
        tx.put_document(&owner, "", &catalog, now)?;
        Ok::<_, Error>(())
    });
    put.await
}

/// What is said of a repository, if anything is.
pub async fn of_repository(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
) -> Result<Option<RepositoryCatalog>, Error> {
    let (registry, name) = (registry.clone(), name.clone());
    let found = cx.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        let found = tx.document(&Owner::Repository(repository.id), "")?;
        Ok::<_, Error>(found.map(|stored| stored.body))
    });
    found.await
}

/// Says something of a repository.
pub async fn put_repository(
    cx: &Cx,
    registry: &Registry,
    name: &RepoName,
    catalog: RepositoryCatalog,
) -> Result<(), Error> {
    let (registry, name, now) = (registry.clone(), name.clone(), cx.store.now());
    let put = cx.store.meta().write(move |tx| {
        let repository = repositories::find(tx, &registry, &name)?;
        tx.put_document(&Owner::Repository(repository.id), "", &catalog, now)?;
        Ok::<_, Error>(())
    });
    put.await
}
