//! Creation templates: what repositories are like that nobody asked for by name.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_storage::{Document, Mutability, Owner, Read, Stored};
use wharf_types::{Prefix, Registry, RepoName};

use crate::{
    Cx, Error,
    lifecycle::LifecyclePolicy,
    policies::RepositoryPolicy,
    repositories::{NewRepository, Purpose},
};

/// The most templates of a registry.
pub const MAX_TEMPLATES: usize = 1000;

/// The longest repository policy.
pub const MAX_POLICY: usize = 10_240;

/// The longest lifecycle policy.
pub const MAX_LIFECYCLE: usize = 30_720;

/// A template: a document of its registry, named by its prefix's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    pub prefix: Prefix,
    pub applied_for: Vec<Purpose>,
    #[serde(default)]
    pub description: Option<String>,
    /// ECR's `encryptionConfiguration`.
    pub encryption: Value,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    pub mutability: Mutability,
    #[serde(default)]
    pub exclusions: Vec<String>,
    /// The text of a repository policy.
    #[serde(default)]
    pub policy: Option<String>,
    /// The text of a lifecycle policy.
    #[serde(default)]
    pub lifecycle: Option<String>,
    #[serde(default)]
    pub role: Option<String>,
}

impl Document for Template {
    const KIND: &'static str = "creation-template";
}

impl Template {
    /// A repository as this says.
    pub fn repository(self, name: RepoName) -> NewRepository {
        NewRepository {
            mutability: self.mutability,
            exclusions: self.exclusions,
            encryption: self.encryption,
            tags: self.tags,
            policy: self.policy.map(|text| RepositoryPolicy { text }),
            lifecycle: self.lifecycle.map(|text| LifecyclePolicy {
                text,
                evaluated_ms: None,
            }),
            ..NewRepository::plain(name)
        }
    }
}

/// The changes of an update; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub applied_for: Option<Vec<Purpose>>,
    pub description: Option<String>,
    pub encryption: Option<Value>,
    pub tags: Option<BTreeMap<String, String>>,
    /// The mode and its exclusions, which go together.
    pub mutability: Option<(Mutability, Vec<String>)>,
    /// Empty text takes the policy away.
    pub policy: Option<String>,
    pub lifecycle: Option<String>,
    pub role: Option<String>,
}

impl Changes {
    fn apply(&self, template: &mut Template) {
        let text = |changed: &String| (!changed.is_empty()).then(|| changed.clone());
        if let Some(applied_for) = &self.applied_for {
            template.applied_for.clone_from(applied_for);
        }
        if let Some(description) = &self.description {
            template.description = text(description);
        }
        if let Some(encryption) = &self.encryption {
            template.encryption = encryption.clone();
        }
        if let Some(tags) = &self.tags {
            template.tags.clone_from(tags);
        }
        if let Some((mutability, exclusions)) = &self.mutability {
            template.mutability = *mutability;
            template.exclusions.clone_from(exclusions);
        }
        if let Some(policy) = &self.policy {
            template.policy = text(policy);
        }
        if let Some(lifecycle) = &self.lifecycle {
            template.lifecycle = text(lifecycle);
        }
        if let Some(role) = &self.role {
            template.role = text(role);
        }
    }
}

/// Which of a template's texts is no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadText {
    Policy,
    Lifecycle,
}

/// Checks the texts of a template: the one place where they meet what repository policies and
/// lifecycle policies must be. Empty text is none.
pub fn check_texts(policy: Option<&str>, lifecycle: Option<&str>) -> Result<(), BadText> {
    if policy.is_some_and(|text| !is_document(text, MAX_POLICY)) {
        return Err(BadText::Policy);
    }
    if lifecycle.is_some_and(|text| !is_document(text, MAX_LIFECYCLE)) {
        return Err(BadText::Lifecycle);
    }
    Ok(())
}

fn is_document(text: &str, most: usize) -> bool {
    text.is_empty()
        || text.len() <= most
            && serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
}

/// The template that a new repository follows: that of the longest prefix which is for the purpose.
pub fn matching(
    tx: &Read<'_>,
    registry: &Registry,
    name: &RepoName,
    purpose: Purpose,
) -> Result<Option<Template>, Error> {
    let owner = Owner::Registry(registry.clone());
    for key in Prefix::keys_of(name) {
        let found = tx.document::<Template>(&owner, key)?;
        if let Some(found) = found.filter(|found| found.body.applied_for.contains(&purpose)) {
            return Ok(Some(found.body));
        }
    }
    Ok(None)
}

fn not_found(registry: &Registry, prefix: &Prefix) -> Error {
    Error::TemplateNotFound {
        registry: registry.clone(),
        prefix: prefix.clone(),
    }
}

fn found(tx: &Read<'_>, registry: &Registry, prefix: &Prefix) -> Result<Stored<Template>, Error> {
    let owner = Owner::Registry(registry.clone());
    let found = tx.document(&owner, prefix.key())?;
    found.ok_or_else(|| not_found(registry, prefix))
}

/// Finds a template.
pub async fn get(cx: &Cx, registry: &Registry, prefix: Prefix) -> Result<Stored<Template>, Error> {
    let registry = registry.clone();
    let got = cx
        .store
        .meta()
        .read(move |tx| found(tx, &registry, &prefix));
    got.await
}

/// Adds a template.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    new: Template,
) -> Result<Stored<Template>, Error> {
    let (registry, now) = (registry.clone(), cx.store.now());
    let created = cx.store.meta().write(move |tx| {
        let owner = Owner::Registry(registry.clone());
        if tx.document::<Template>(&owner, new.prefix.key())?.is_some() {
            return Err(Error::TemplateExists {
                registry: registry.clone(),
                prefix: new.prefix.clone(),
            });
        }
        if tx.count_documents::<Template>(&owner)? >= MAX_TEMPLATES {
            return Err(Error::TooMany {
                what: "repository creation templates",
                limit: MAX_TEMPLATES,
            });
        }
        tx.put_document(&owner, new.prefix.key(), &new, now)?;
        found(tx, &registry, &new.prefix)
    });
    created.await
}

/// Changes a template.
pub async fn update(
    cx: &Cx,
    registry: &Registry,
    prefix: Prefix,
    changes: Changes,
) -> Result<Stored<Template>, Error> {
    let (registry, now) = (registry.clone(), cx.store.now());
    let updated = cx.store.meta().write(move |tx| {
        let owner = Owner::Registry(registry.clone());
        let mut template = found(tx, &registry, &prefix)?.body;
        changes.apply(&mut template);
        tx.put_document(&owner, prefix.key(), &template, now)?;
        found(tx, &registry, &prefix)
    });
    updated.await
}

/// Removes a template.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    prefix: Prefix,
) -> Result<Stored<Template>, Error> {
    let registry = registry.clone();
    let deleted = cx.store.meta().write(move |tx| {
        let template = found(tx, &registry, &prefix)?;
        let owner = Owner::Registry(registry.clone());
        tx.delete_document::<Template>(&owner, prefix.key())?;
        Ok(template)
    });
    deleted.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_json_objects_within_limits() {
        assert_eq!(check_texts(None, None), Ok(()));
        assert_eq!(check_texts(Some(""), Some("")), Ok(()));
        assert_eq!(check_texts(Some("{}"), Some("{\"rules\":[]}")), Ok(()));
        for wrong in ["[]", "x", "{} {}", "1"] {
            assert_eq!(check_texts(Some(wrong), None), Err(BadText::Policy));
            assert_eq!(check_texts(None, Some(wrong)), Err(BadText::Lifecycle));
        }
        let long = format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_POLICY));
        assert_eq!(check_texts(Some(&long), Some(&long)), Err(BadText::Policy));
        assert_eq!(check_texts(None, Some(&long)), Ok(()));
    }
}
