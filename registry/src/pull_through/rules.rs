//! Rules: which names stand for which upstream.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Stored};
use wharf_types::{Prefix, Registry, RepoName};

use super::UpstreamRegistry;
use crate::{Cx, Error};

/// The most rules of a registry.
pub const MAX_RULES: usize = 50;

/// A rule: a document of its registry, named by its prefix's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    pub prefix: Prefix,
    /// As it was given.
    pub url: String,
    #[serde(default)]
    pub upstream: Option<UpstreamRegistry>,
    /// The ARN of the secret with the credentials.
    #[serde(default)]
    pub credential: Option<String>,
    #[serde(default)]
    pub role: Option<String>,
    /// What the upstream's names begin with instead of the rule's prefix.
    #[serde(default)]
    pub upstream_prefix: Option<Prefix>,
}

impl Document for Rule {
    const KIND: &'static str = "pull-through-rule";
}

/// A rule to add; its registry is found by its URL.
pub type NewRule = Rule;

impl Rule {
    /// What the upstream calls a repository of ours.
    pub(super) fn upstream_name(&self, name: &RepoName) -> Option<String> {
        let rest = self.prefix.strip(name)?;
        let named = match &self.upstream_prefix {
            Some(prefix) if !prefix.is_root() => format!("{}/{rest}", prefix.key()),
            _ => rest.to_owned(),
        };
        Some(match self.upstream {
            Some(registry) => registry.repository(named),
            None => named,
        })
    }
}

/// The rule for a name: that of its longest prefix.
pub(super) fn matching(
    tx: &Read<'_>,
    registry: &Registry,
    name: &RepoName,
) -> Result<Option<Rule>, Error> {
    let owner = Owner::Registry(registry.clone());
    for key in Prefix::keys_of(name) {
        if let Some(found) = tx.document::<Rule>(&owner, key)? {
            return Ok(Some(found.body));
        }
    }
    Ok(None)
}

fn found(tx: &Read<'_>, registry: &Registry, prefix: &Prefix) -> Result<Stored<Rule>, Error> {
    let found = tx.document(&Owner::Registry(registry.clone()), prefix.key())?;
    found.ok_or_else(|| Error::RuleNotFound {
        registry: registry.clone(),
        prefix: prefix.clone(),
    })
}

/// Demands that a secret is there.
fn check_secret(cx: &Cx, registry: &Registry, arn: &str) -> Result<(), Error> {
    let found = cx.upstreams.secret(registry, arn);
    found.map(drop).map_err(|reason| Error::Secret {
        arn: arn.to_owned(),
        reason,
    })
}

/// Adds a rule. Its upstream is not asked.
pub async fn create(cx: &Cx, registry: &Registry, mut new: NewRule) -> Result<Stored<Rule>, Error> {
    let unsupported = || Error::UnsupportedUpstream {
        url: new.url.clone(),
    };
    let located = cx.upstreams.locate(&new.url, new.upstream);
    let (origin, kind) = located.ok_or_else(unsupported)?;
    new.upstream = kind;
    let needs = kind.is_some_and(UpstreamRegistry::needs_credentials);
    match &new.credential {
        Some(arn) => check_secret(cx, registry, arn)?,
        None if needs && !cx.upstreams.is_named(&origin) => {
            return Err(Error::CredentialsNeeded { url: new.url });
        }
        None => {}
    }
    let (registry, now) = (registry.clone(), cx.store.now());
    let created = cx.store.meta().write(move |tx| {
        let owner = Owner::Registry(registry.clone());
        if tx.document::<Rule>(&owner, new.prefix.key())?.is_some() {
            return Err(Error::RuleExists {
                registry: registry.clone(),
                prefix: new.prefix.clone(),
            });
        }
        if tx.count_documents::<Rule>(&owner)? >= MAX_RULES {
            return Err(Error::TooMany {
                what: "pull through cache rules",
                limit: MAX_RULES,
            });
        }
        tx.put_document(&owner, new.prefix.key(), &new, now)?;
        found(tx, &registry, &new.prefix)
    });
    created.await
}

/// Finds a rule.
pub async fn get(cx: &Cx, registry: &Registry, prefix: Prefix) -> Result<Stored<Rule>, Error> {
    let registry = registry.clone();
    let got = cx
        .store
        .meta()
        .read(move |tx| found(tx, &registry, &prefix));
    got.await
}

/// Changes the secret or the role of a rule; what is `None` stays.
pub async fn update(
    cx: &Cx,
    registry: &Registry,
    prefix: Prefix,
    credential: Option<String>,
    role: Option<String>,
) -> Result<Stored<Rule>, Error> {
    get(cx, registry, prefix.clone()).await?;
    if let Some(arn) = &credential {
        check_secret(cx, registry, arn)?;
    }
    let (registry, now) = (registry.clone(), cx.store.now());
    let updated = cx.store.meta().write(move |tx| {
        let owner = Owner::Registry(registry.clone());
        let mut rule = found(tx, &registry, &prefix)?.body;
        rule.credential = credential.clone().or(rule.credential);
        rule.role = role.clone().or(rule.role);
        tx.put_document(&owner, prefix.key(), &rule, now)?;
        found(tx, &registry, &prefix)
    });
    updated.await
}

/// Removes a rule. What it cached stays, and is served as if it had been pushed.
pub async fn delete(cx: &Cx, registry: &Registry, prefix: Prefix) -> Result<Stored<Rule>, Error> {
    let registry = registry.clone();
    let deleted = cx.store.meta().write(move |tx| {
        let rule = found(tx, &registry, &prefix)?;
        let owner = Owner::Registry(registry.clone());
        tx.delete_document::<Rule>(&owner, prefix.key())?;
        Ok(rule)
    });
    deleted.await
}

/// Asks a rule's upstream whether it lets us in; the error says why not.
pub async fn validate(cx: &Cx, registry: &Registry, rule: &Rule) -> Result<(), Error> {
    let client = cx.upstreams.client(registry, rule).await?;
    Ok(client.ping().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_upstreams() {
        for (prefix, upstream_prefix, hub, name, expected) in [
            ("hub", None, true, "hub/alpine", Some("library/alpine")),
            ("hub/", None, true, "hub/a/b", Some("a/b")),
            ("quay", None, false, "quay/alpine", Some("alpine")),
            ("ecr", Some("ROOT"), false, "ecr/a/b", Some("a/b")),
            ("ecr", Some("team"), false, "ecr/a/b", Some("team/a/b")),
            ("ROOT", None, false, "a/b", Some("a/b")),
            ("ecr", None, false, "other/a", None),
        ] {
            let rule = Rule {
                prefix: prefix.parse().unwrap(),
                url: String::new(),
                upstream: hub.then_some(UpstreamRegistry::DockerHub),
                credential: None,
                role: None,
                upstream_prefix: upstream_prefix.map(|prefix| prefix.parse().unwrap()),
            };
            let found = rule.upstream_name(&name.parse().unwrap());
            assert_eq!(found.as_deref(), expected, "{prefix} {name}");
        }
    }
}
