//! Shapes of signing, and their constraints.
use serde::{Deserialize, Serialize};
use wharf_registry::signing;

use crate::{Exception, check};

/// The most filters of a rule.
const MAX_FILTERS: usize = 100;

const PROFILE: &str =
    "^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\\/signing-profiles\\/[a-zA-Z0-9_]{2,}$";
const FILTER: &str = "^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$";

/// `signingConfiguration`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Configuration {
    rules: Option<Vec<Rule>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    signing_profile_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_filters: Option<Vec<Filter>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter: Option<String>,
    filter_type: Option<String>,
}

fn pattern(member: &str, pattern: &str) -> Exception {
    let text = format!("must satisfy regular expression '{pattern}'");
    check::unsatisfied(member, &text)
}

impl Configuration {
    pub(super) fn of(configuration: signing::Configuration) -> Self {
        let filter = |filter| Filter {
            filter: Some(filter),
            filter_type: Some("WILDCARD_MATCH".into()),
        };
        let rules = configuration.rules.into_iter().map(|rule| Rule {
            signing_profile_arn: Some(rule.profile),
            repository_filters: (!rule.filters.is_empty())
                .then(|| rule.filters.into_iter().map(filter).collect()),
        });
        Self {
            rules: Some(rules.collect()),
        }
    }

    pub(super) fn parse(self) -> Result<signing::Configuration, Exception> {
        let member = "signingConfiguration.rules";
        let rules = check::list(member, self.rules, 0, signing::MAX_RULES)?;
        let rules = rules.into_iter().map(Rule::parse);
        Ok(signing::Configuration {
            rules: rules.collect::<Result<_, _>>()?,
        })
    }
}

impl Rule {
    fn parse(self) -> Result<signing::Rule, Exception> {
        let member = "signingConfiguration.rules.signingProfileArn";
        let profile = check::required(member, self.signing_profile_arn)?;
        if profile.len() > 200 || !is_profile(&profile) {
            return Err(pattern(member, PROFILE));
        }
        let filters = match self.repository_filters {
            None => Vec::new(),
            filters => {
                let member = "signingConfiguration.rules.repositoryFilters";
                check::list(member, filters, 1, MAX_FILTERS)?
            }
        };
        let filters = filters.into_iter().map(Filter::parse);
        Ok(signing::Rule {
            profile,
            filters: filters.collect::<Result<_, _>>()?,
        })
    }
}

impl Filter {
    fn parse(self) -> Result<String, Exception> {
        let member = "signingConfiguration.rules.repositoryFilters";
        let (filter_at, type_at) = (format!("{member}.filter"), format!("{member}.filterType"));
        let filter = check::required(&filter_at, self.filter)?;
        if check::required(&type_at, self.filter_type)? != "WILDCARD_MATCH" {
            return Err(check::unsatisfied(
                &type_at,
                "Member must satisfy enum value set: [WILDCARD_MATCH]",
            ));
        }
        if filter.len() > 256 || !is_filter(&filter) {
            return Err(pattern(&filter_at, FILTER));
        }
        Ok(filter)
    }
}

/// Whether it is words of letters, digits and stars, with a separator between two.
fn is_filter(text: &str) -> bool {
    let word = |s: &str| {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'*';
        !s.is_empty() && s.bytes().all(letter)
    };
    text.split(['/', '.', '_', '-']).all(word)
}

fn is_profile(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "signer", region, account, resource] = parts.as_slice() else {
        return false;
    };
    let lower = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase());
    let mut partition = partition.split('-');
    let name = resource
        .strip_prefix("/signing-profiles/")
        .unwrap_or_default();
    let region_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    partition.next() == Some("aws")
        && partition.all(lower)
        && !region.is_empty()
        && region.bytes().all(region_letter)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && name.len() >= 2
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_and_filters_follow_the_patterns_of_the_model() {
        for good in [
            "arn:aws:signer:us-east-1:012345678910:/signing-profiles/profile_1",
            "arn:aws-us-gov:signer:us-gov-west-1:012345678910:/signing-profiles/ab",
        ] {
            assert!(is_profile(good), "{good}");
        }
        for bad in [
            "",
            "arn:aws:signer:us-east-1:012345678910:/signing-profiles/a",
            "arn:aws:signer:us-east-1:012345678910:signing-profiles/ab",
            "arn:aws:signer:us-east-1:01234567891:/signing-profiles/ab",
            "arn:awsx:signer:us-east-1:012345678910:/signing-profiles/ab",
            "arn:aws:s3:us-east-1:012345678910:/signing-profiles/ab",
            "arn:aws:signer:us-east-1:012345678910:/signing-profiles/a-b",
        ] {
            assert!(!is_profile(bad), "{bad}");
        }
        for good in ["*", "myapp/*", "*/production", "*prod*", "a.b-c_d/e"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "A", "a//b", "a/", "-a", "a--b", "a b"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
