//! Shapes of replication, and their constraints.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wharf_registry::replication::{self, Failure, backfill::Backfill};
use wharf_types::{Region, Registry};

use crate::{Cx, Exception, check};

/// The most rules of a registry.
const MAX_RULES: usize = 25;

/// The most destinations of a registry, each counted once.
const MAX_DESTINATIONS: usize = 100;

/// The most filters of a rule.
const MAX_FILTERS: usize = 100;

const REGION: &str = "[0-9a-z-]{2,25}";
const ACCOUNT: &str = "[0-9]{12}";
const FILTER: &str = "^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$";
const BACKFILL: &str =
    "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

/// `replicationConfiguration`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Configuration {
    rules: Option<Vec<Rule>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    destinations: Option<Vec<Destination>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_filters: Option<Vec<Filter>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_replication: Option<DeleteReplication>,
}

/// `destination`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Destination {
    region: Option<String>,
    registry_id: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter: Option<String>,
    filter_type: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeleteReplication {
    enabled: Option<bool>,
}

fn at(member: &str, text: &str) -> Exception {
    check::unsatisfied(member, text)
}

fn pattern(member: &str, pattern: &str) -> Exception {
    at(
        member,
        &format!("must satisfy regular expression '{pattern}'"),
    )
}

impl Configuration {
    pub(super) fn of(configuration: replication::Configuration) -> Self {
        let rules = configuration.rules.into_iter().map(|rule| Rule {
            destinations: Some(rule.destinations.iter().map(Destination::of).collect()),
            repository_filters: (!rule.prefixes.is_empty())
                .then(|| rule.prefixes.into_iter().map(Filter::of).collect()),
            delete_replication: rule.deletions.map(|enabled| DeleteReplication {
                enabled: Some(enabled),
            }),
        });
        Self {
            rules: Some(rules.collect()),
        }
    }

    /// The rules of the caller's registry, which is none of the destinations.
    pub(super) fn parse(self, cx: &Cx) -> Result<replication::Configuration, Exception> {
        let member = "replicationConfiguration.rules";
        let rules = check::list(member, self.rules, 0, MAX_RULES)?;
        let rules = rules.into_iter().map(Rule::parse);
        let configuration = replication::Configuration {
            rules: rules.collect::<Result<_, _>>()?,
        };
        let destinations = configuration.all_destinations();
        if destinations.iter().any(|to| to.0 == cx.registry) {
            return Err(at(
                "replicationConfiguration",
                "Replication destination cannot be the same as the source registry",
            ));
        }
        if destinations.len() > MAX_DESTINATIONS {
            return Err(at(
                "replicationConfiguration",
                &format!("There can be at most {MAX_DESTINATIONS} unique destinations"),
            ));
        }
        Ok(configuration)
    }
}

impl Rule {
    fn parse(self) -> Result<replication::Rule, Exception> {
        let member = "replicationConfiguration.rules.destinations";
        let destinations = check::list(member, self.destinations, 0, MAX_DESTINATIONS)?;
        let destinations = destinations.into_iter().map(|to| to.parse(member));
        let filters = match self.repository_filters {
            None => Vec::new(),
            filters => {
                let member = "replicationConfiguration.rules.repositoryFilters";
                check::list(member, filters, 1, MAX_FILTERS)?
            }
        };
        let deletions = self.delete_replication.map(DeleteReplication::parse);
        Ok(replication::Rule {
            destinations: destinations.collect::<Result<_, _>>()?,
            prefixes: filters
                .into_iter()
                .map(Filter::parse)
                .collect::<Result<_, _>>()?,
            deletions: deletions.transpose()?,
        })
    }
}

impl DeleteReplication {
    fn parse(self) -> Result<bool, Exception> {
        let member = "replicationConfiguration.rules.deleteReplication.enabled";
        if check::required(member, self.enabled)? {
            return Err(at(member, "This server does not replicate deletions"));
        }
        Ok(false)
    }
}

impl Destination {
    pub(super) fn of(destination: &replication::Destination) -> Self {
        let Registry { account, region } = &destination.0;
        Self {
            region: Some(region.to_string()),
            registry_id: Some(account.to_string()),
        }
    }

    pub(super) fn parse(self, member: &str) -> Result<replication::Destination, Exception> {
        let (region_at, account_at) = (format!("{member}.region"), format!("{member}.registryId"));
        let region = check::required(&region_at, self.region)?;
        let account = check::required(&account_at, self.registry_id)?;
        if region.len() > 25 {
            return Err(pattern(&region_at, REGION));
        }
        Ok(replication::Destination(Registry {
            account: account
                .parse()
                .map_err(|_malformed| pattern(&account_at, ACCOUNT))?,
            // Where public repositories are is no region: whoever could name it would publish.
            region: region
                .parse()
                .ok()
                .filter(|region: &Region| !region.is_public())
                .ok_or_else(|| pattern(&region_at, REGION))?,
        }))
    }
}

impl Filter {
    fn of(prefix: String) -> Self {
        Self {
            filter: Some(prefix),
            filter_type: Some("PREFIX_MATCH".into()),
        }
    }

    fn parse(self) -> Result<String, Exception> {
        let member = "replicationConfiguration.rules.repositoryFilters";
        let (filter_at, type_at) = (format!("{member}.filter"), format!("{member}.filterType"));
        let filter = check::required(&filter_at, self.filter)?;
        let filter_type = check::required(&type_at, self.filter_type)?;
        if filter_type != "PREFIX_MATCH" {
            return Err(at(
                &type_at,
                "Member must satisfy enum value set: [PREFIX_MATCH]",
            ));
        }
        if filter.len() < 2 || filter.len() > 256 || !is_prefix(&filter) {
            return Err(pattern(&filter_at, FILTER));
        }
        Ok(filter)
    }
}

/// Whether a repository's name could begin with it: all folders begin with a letter or digit.
fn is_prefix(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let folders = text.rsplit_once('/').map_or("", |(folders, _)| folders);
    let begins = |folder: &str| folder.bytes().next().is_some_and(alphanumeric);
    text.bytes()
        .all(|b| alphanumeric(b) || b"._-/".contains(&b))
        && (!text.contains('/') || folders.split('/').all(begins))
}

/// `registryId` of an operation on what a registry has: the caller's own.
pub(super) fn own(cx: &Cx, id: Option<&str>) -> Result<Registry, Exception> {
    let registry = check::registry(cx, id)?;
    if registry == cx.registry {
        return Ok(registry);
    }
    Err(at(
        "registryId",
        "The registry is not that of the calling account",
    ))
}

/// `replicationBackfillId`.
pub(super) fn backfill_id(id: Option<String>) -> Result<String, Exception> {
    let id = check::required("replicationBackfillId", id)?;
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let hex = id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if hex && groups == [8, 4, 4, 4, 12] {
        Ok(id)
    } else {
        Err(pattern("replicationBackfillId", BACKFILL))
    }
}

/// `progress`: there is none before the number of replications is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    total_replication_count: u64,
    completed_replication_count: u64,
    failed_replication_count: u64,
    failure_codes: Vec<&'static str>,
}

impl Progress {
    pub(super) fn of(backfill: &Backfill) -> Option<Self> {
        backfill.is_prepared.then(|| Self {
            total_replication_count: backfill.total,
            completed_replication_count: backfill.completed,
            failed_replication_count: backfill.failed,
            failure_codes: codes(&backfill.failures),
        })
    }
}

/// A list of `failureCode`s.
pub(super) fn codes(failures: &BTreeSet<Failure>) -> Vec<&'static str> {
    failures.iter().map(|failure| failure.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::is_prefix;

    #[test]
    fn a_filter_follows_the_pattern_of_the_model() {
        for good in [
            "ab",
            "a/",
            "a/b",
            "a.b-/c",
            "shop/web_",
            "-a",
            "a/-",
            "a..b/",
        ] {
            assert!(is_prefix(good), "{good}");
        }
        for bad in ["A", "/a", "a//b", "-a/b", "a*", "a b"] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }
}
