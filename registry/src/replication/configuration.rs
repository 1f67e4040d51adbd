//! What a registry replicates, and to where.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read};
use wharf_types::{Invalid, Registry, RepoName, Timestamp};

use crate::{Cx, Error};

/// A registry that replicas go to: `<account>/<region>` as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination(pub Registry);

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.account, self.0.region)
    }
}

impl FromStr for Destination {
    type Err = Invalid;

    fn from_str(s: &str) -> Result<Self, Invalid> {
        let (account, region) = s.split_once('/').unwrap_or((s, ""));
        Ok(Self(Registry {
            account: account.parse()?,
            region: region.parse()?,
        }))
    }
}

impl TryFrom<String> for Destination {
    type Error = Invalid;

    fn try_from(s: String) -> Result<Self, Invalid> {
        s.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

/// A registry's replication configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub rules: Vec<Rule>,
}

/// Where some repositories are replicated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub destinations: Vec<Destination>,
    /// What the names of the repositories begin with; all repositories if there is none.
    pub prefixes: Vec<String>,
    /// Whether deletions are replicated too, if that was said; they are not, so it is no.
    #[serde(default)]
    pub deletions: Option<bool>,
}

impl Rule {
    fn matches(&self, name: &RepoName) -> bool {
        let begins = |prefix: &String| name.as_str().starts_with(prefix.as_str());
        self.prefixes.is_empty() || self.prefixes.iter().any(begins)
    }
}

impl Document for Configuration {
    const KIND: &'static str = "replication-configuration";
}

impl Configuration {
    /// Where the images of a repository go, each place once.
    pub fn destinations(&self, name: &RepoName) -> Vec<&Destination> {
        Self::distinct(self.rules.iter().filter(|rule| rule.matches(name)))
    }

    /// All destinations, each once.
    pub fn all_destinations(&self) -> Vec<&Destination> {
        Self::distinct(self.rules.iter())
    }

    fn distinct<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<&'a Destination> {
        let mut found: Vec<&Destination> = rules.flat_map(|rule| &rule.destinations).collect();
        found.sort();
        found.dedup();
        found
    }
}

/// The configuration of a registry, which has no rules unless someone put some.
pub fn configuration(tx: &Read<'_>, registry: &Registry) -> Result<Configuration, Error> {
    let stored = tx.document(&Owner::Registry(registry.clone()), "")?;
    Ok(stored.map(|stored| stored.body).unwrap_or_default())
}

/// The configuration of a registry, for one that only reads.
pub async fn describe(cx: &Cx, registry: &Registry) -> Result<Configuration, Error> {
    let registry = registry.clone();
    let read = cx.store.meta();
    read.read(move |tx| configuration(tx, &registry)).await
}

/// Replicates by these rules what is pushed from now on.
pub async fn configure(
    cx: &Cx,
    registry: &Registry,
    configuration: Configuration,
) -> Result<(), Error> {
    let (owner, now): (_, Timestamp) = (Owner::Registry(registry.clone()), cx.store.now());
    let write = cx.store.meta().write(move |tx| {
        tx.put_document(&owner, "", &configuration, now)?;
        Ok(())
    });
    write.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_matches_by_prefix_and_a_destination_counts_once() {
        let to = |text: &str| text.parse::<Destination>().unwrap();
        let rule = |destinations: &[&str], prefixes: &[&str]| Rule {
            destinations: destinations.iter().map(|d| to(d)).collect(),
            prefixes: prefixes.iter().map(ToString::to_string).collect(),
            deletions: None,
        };
        let (a, b) = ("000000000000/eu-west-1", "111111111111/us-east-1");
        let configuration = Configuration {
            rules: vec![rule(&[a], &["prod", "shop/"]), rule(&[b, a], &[])],
        };
        let found = |name: &str| -> Vec<String> {
            let name = name.parse().unwrap();
            let found = configuration.destinations(&name);
            found.into_iter().map(ToString::to_string).collect()
        };
        assert_eq!(found("production"), [a, b]);
        assert_eq!(found("shop/web"), [a, b]);
        let first = Configuration {
            rules: vec![rule(&[a], &["prod", "shop/"])],
        };
        for (name, matches) in [("prod", true), ("shop", false), ("a/prod", false)] {
            let name = name.parse().unwrap();
            assert_eq!(!first.destinations(&name).is_empty(), matches, "{name}");
        }
        let text = serde_json::to_string(&configuration).unwrap();
        let again: Configuration = serde_json::from_str(&text).unwrap();
        assert_eq!(again, configuration);
    }
}
