//! Creation templates: what repositories are like that nobody asked for by name.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_auth::{Policy, policy::Kind};
use wharf_storage::{Document, Mutability, Read, Stored};
use wharf_types::{Prefix, Registry, RepoName};

use crate::{
    Cx, Error,
    by_prefix::{self, ByPrefix},
    lifecycle::{self, InvalidPolicy, LifecyclePolicy, MAX_TEXT, MIN_TEXT},
    policies::RepositoryPolicy,
    repositories::{NewRepository, Purpose},
};

/// The most templates of a registry.
pub const MAX_TEMPLATES: usize = 1000;

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

impl ByPrefix for Template {
    const MAX: usize = MAX_TEMPLATES;
    const WHAT: &'static str = "repository creation templates";

    fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    fn exists(registry: Registry, prefix: Prefix) -> Error {
        Error::TemplateExists { registry, prefix }
    }

    fn missing(registry: Registry, prefix: Prefix) -> Error {
        Error::TemplateNotFound { registry, prefix }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadText {
    Policy,
    /// With what is wrong.
    Lifecycle(String),
}

/// Checks the texts of a template: they must be what repositories can be given, so that none is made
/// with a policy that cannot be read. Empty text is none.
pub fn check_texts(policy: Option<&str>, lifecycle: Option<&str>) -> Result<(), BadText> {
    let given = |text: &&str| !text.is_empty();
    if let Some(text) = policy.filter(given) {
        Policy::parse(text, Kind::Repository).map_err(|_malformed| BadText::Policy)?;
    }
    let Some(text) = lifecycle.filter(given) else {
        return Ok(());
    };
    let bad = |e: InvalidPolicy| BadText::Lifecycle(e.reason().to_owned());
    lifecycle::Policy::parse(text).map_err(bad)?;
    let length = text.chars().count();
    if (MIN_TEXT..=MAX_TEXT).contains(&length) {
        return Ok(());
    }
    let text = format!("it has {length} characters, not {MIN_TEXT} to {MAX_TEXT}");
    Err(BadText::Lifecycle(text))
}

/// The template that a new repository follows: that of the longest prefix which is for the purpose.
pub fn matching(
    tx: &Read<'_>,
    registry: &Registry,
    name: &RepoName,
    purpose: Purpose,
) -> Result<Option<Template>, Error> {
    let suits = |template: &Template| template.applied_for.contains(&purpose);
    by_prefix::matching(tx, registry, name, suits)
}

/// Finds a template.
pub async fn get(cx: &Cx, registry: &Registry, prefix: Prefix) -> Result<Stored<Template>, Error> {
    by_prefix::get(cx, registry, prefix).await
}

/// Adds a template.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    new: Template,
) -> Result<Stored<Template>, Error> {
    by_prefix::create(cx, registry, new).await
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
        let mut template: Template = by_prefix::find(tx, &registry, &prefix)?.body;
        changes.apply(&mut template);
        by_prefix::put(tx, &registry, &template, now)
    });
    updated.await
}

/// Removes a template.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    prefix: Prefix,
) -> Result<Stored<Template>, Error> {
    by_prefix::delete(cx, registry, prefix).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str =
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}}"#;
    const LIFECYCLE: &str = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any",
        "countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]}"#;

    #[test]
    fn texts_are_policies_that_repositories_can_be_given() {
        for (policy, lifecycle) in [
            (None, None),
            (Some(""), Some("")),
            (Some(POLICY), None),
            (None, Some(LIFECYCLE)),
        ] {
            assert_eq!(check_texts(policy, lifecycle), Ok(()));
        }
        let of_registry = POLICY.replace("\"Action\"", "\"Resource\":\"*\",\"Action\"");
        let long = format!("{POLICY}{}", " ".repeat(10_240));
        for wrong in [
            "[]",
            "x",
            "{} {}",
            "1",
            "{}",
            LIFECYCLE,
            &of_registry,
            &long,
        ] {
            assert_eq!(check_texts(Some(wrong), None), Err(BadText::Policy));
        }
        let long = format!("{LIFECYCLE}{}", " ".repeat(MAX_TEXT));
        for wrong in ["[]", "x", "{\"rules\":[]}", POLICY, &long] {
            let bad = check_texts(None, Some(wrong));
            assert!(matches!(bad, Err(BadText::Lifecycle(why)) if !why.is_empty()));
        }
    }
}
