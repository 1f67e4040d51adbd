//! Which images are scanned, and when.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Repository};
use wharf_types::Registry;

use crate::{Error, wildcard::wildcard};

/// What kind of findings there are, spelled as ECR spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScanType {
    #[default]
    Basic,
    Enhanced,
}

/// When images are scanned, from seldom to often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    Manual,
    ScanOnPush,
    /// On push, and whenever more is known.
    ContinuousScan,
}

/// How often the repositories with certain names are scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub frequency: Frequency,
    /// Names with `*` for any characters; one without is found anywhere in a name.
    pub filters: Vec<String>,
}

/// How a registry's images are scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub scan_type: ScanType,
    pub rules: Vec<Rule>,
}

impl Document for Configuration {
    const KIND: &'static str = "scanning-configuration";
}

/// What a configuration means for a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub scan_type: ScanType,
    pub frequency: Frequency,
    /// The filters that its name matches, of the rule that counts.
    pub filters: Vec<String>,
}

pub(super) fn owner(registry: &Registry) -> Owner {
    Owner::Registry(registry.clone())
}

/// A registry's configuration: basic and without rules if none was set.
pub fn configuration(tx: &Read<'_>, registry: &Registry) -> Result<Configuration, Error> {
    let found = tx.document::<Configuration>(&owner(registry), "")?;
    Ok(found.map(|stored| stored.body).unwrap_or_default())
}

impl Configuration {
    /// What counts for a repository: of the rules that match, the one that scans most often. With
    /// basic scanning the repository's own setting counts too.
    pub fn applied(&self, repository: &Repository) -> Applied {
        let name = repository.name.as_str();
        let matching = self.rules.iter().filter_map(|rule| {
            let filters = rule.filters.iter();
            let filters: Vec<String> = filters.filter(|f| matches(f, name)).cloned().collect();
            (!filters.is_empty()).then_some((rule.frequency, filters))
        });
        let rule = matching.max_by_key(|(frequency, _)| *frequency);
        let (mut frequency, filters) = rule.unwrap_or((Frequency::Manual, Vec::new()));
        if self.scan_type == ScanType::Basic && repository.scan_on_push {
            frequency = frequency.max(Frequency::ScanOnPush);
        }
        Applied {
            scan_type: self.scan_type,
            frequency,
            filters,
        }
    }
}

fn matches(filter: &str, name: &str) -> bool {
    if filter.contains('*') {
        wildcard(filter, name)
    } else {
        name.contains(filter)
    }
}

#[cfg(test)]
mod tests {
    use wharf_storage::Mutability;
    use wharf_types::Timestamp;

    use super::*;

    fn repository(name: &str, scan_on_push: bool) -> Repository {
        Repository {
            id: 1,
            registry: Registry {
                account: "000000000000".parse().unwrap(),
                region: "us-east-1".parse().unwrap(),
            },
            name: name.parse().unwrap(),
            created: Timestamp::from_secs(0),
            mutability: Mutability::Mutable,
            exclusions: Vec::new(),
            scan_on_push,
            encryption: serde_json::Value::Null,
        }
    }

    // ECR's user guide, "Filters to choose which repositories are scanned".
    #[test]
    fn a_filter_without_a_star_is_found_anywhere_in_a_name() {
        for (filter, name, expected) in [
            ("prod", "prod", true),
            ("prod", "myprod/app", true),
            ("prod", "pro", false),
            ("*prod", "my-prod", true),
            ("*prod", "prod-2", false),
            ("prod*", "prod/app", true),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(filter, name), expected, "{filter} {name}");
        }
    }

    #[test]
    fn the_most_frequent_rule_that_matches_counts() {
        let rule = |frequency, filter: &str| Rule {
            frequency,
            filters: vec![filter.into(), "nothing".into()],
        };
        let enhanced = Configuration {
            scan_type: ScanType::Enhanced,
            rules: vec![
                rule(Frequency::ContinuousScan, "prod*"),
                rule(Frequency::ScanOnPush, "*"),
            ],
        };
        let prod = enhanced.applied(&repository("prod/a", false));
        assert_eq!(prod.frequency, Frequency::ContinuousScan);
        assert_eq!(prod.filters, ["prod*"]);
        let other = enhanced.applied(&repository("dev", false));
        assert_eq!(other.frequency, Frequency::ScanOnPush);
        let none = Configuration::default();
        assert_eq!(
            none.applied(&repository("dev", false)).frequency,
            Frequency::Manual
        );
        assert_eq!(
            none.applied(&repository("dev", true)).frequency,
            Frequency::ScanOnPush
        );
        // The repository's own setting is one of basic scanning.
        let bare = Configuration {
            scan_type: ScanType::Enhanced,
            rules: Vec::new(),
        };
        assert_eq!(
            bare.applied(&repository("dev", true)).frequency,
            Frequency::Manual
        );
    }
}
