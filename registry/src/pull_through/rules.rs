//! Rules: which names stand for which upstream.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Stored};
use wharf_types::{Prefix, Registry, RepoName};

use super::UpstreamRegistry;
use crate::{
    Cx, Error,
    by_prefix::{self, ByPrefix},
};

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
    /// What we call a repository of the upstream.
    fn name_for(&self, repository: &str) -> Option<RepoName> {
        let rest = match &self.upstream_prefix {
            Some(prefix) if !prefix.is_root() => {
                repository.strip_prefix(prefix.key())?.strip_prefix('/')?
            }
            _ => repository,
        };
        let name = if self.prefix.is_root() {
            rest.to_owned()
        } else {
            format!("{}/{rest}", self.prefix.key())
        };
        name.parse().ok()
    }

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

impl ByPrefix for Rule {
    const MAX: usize = MAX_RULES;
    const WHAT: &'static str = "pull through cache rules";

    fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    fn exists(registry: Registry, prefix: Prefix) -> Error {
        Error::RuleExists { registry, prefix }
    }

    fn missing(registry: Registry, prefix: Prefix) -> Error {
        Error::RuleNotFound { registry, prefix }
    }
}

/// The rule for a name: that of its longest prefix.
pub(super) fn matching(
    tx: &Read<'_>,
    registry: &Registry,
    name: &RepoName,
) -> Result<Option<Rule>, Error> {
    by_prefix::matching(tx, registry, name, |_| true)
}

/// The name under which the cache has a repository of another registry, if a rule is for it.
pub async fn stands_for(
    cx: &Cx,
    registry: &Registry,
    host: &str,
    repository: &str,
) -> Result<Option<RepoName>, Error> {
    let owner = Owner::Registry(registry.clone());
    let read = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(tx.documents::<Rule>(&owner, "", MAX_RULES)?));
    let rules = read.await?.into_iter().map(|stored| stored.body);
    let mut there = rules.filter(|rule| {
        let located = cx.upstreams.locate(&rule.url, rule.upstream);
        located.is_some_and(|(origin, _)| origin.host() == host)
    });
    Ok(there.find_map(|rule| rule.name_for(repository)))
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
    by_prefix::create(cx, registry, new).await
}

/// Finds a rule.
pub async fn get(cx: &Cx, registry: &Registry, prefix: Prefix) -> Result<Stored<Rule>, Error> {
    by_prefix::get(cx, registry, prefix).await
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
        let mut rule: Rule = by_prefix::find(tx, &registry, &prefix)?.body;
        rule.credential = credential.clone().or(rule.credential);
        rule.role = role.clone().or(rule.role);
        by_prefix::put(tx, &registry, &rule, now)
    });
    updated.await
}

/// Removes a rule. What it cached stays, and is served as if it had been pushed.
pub async fn delete(cx: &Cx, registry: &Registry, prefix: Prefix) -> Result<Stored<Rule>, Error> {
    by_prefix::delete(cx, registry, prefix).await
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
