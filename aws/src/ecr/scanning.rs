//! Shapes of scans that several operations share.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    scanning::{self, Configuration, Frequency, Rule, Scan, ScanType, Status},
};
use wharf_storage::{Read, Repository};
use wharf_types::{Digest, Timestamp};

use super::model::{ImageId, Wanted};
use crate::Exception;

#[derive(Debug, Serialize)]
pub(super) struct ImageScanStatus {
    status: Status,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

impl ImageScanStatus {
    pub(super) fn of(scan: &Scan) -> Self {
        Self {
            status: scan.status,
            description: scan.description.clone(),
        }
    }
}

/// What the last complete scan found, without the findings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    image_scan_completed_at: f64,
    vulnerability_source_updated_at: f64,
    finding_severity_counts: BTreeMap<String, u64>,
}

impl Summary {
    pub(super) fn of(scan: &Scan) -> Option<Self> {
        let completed = scan.completed.as_ref()?;
        Some(Self {
            image_scan_completed_at: seconds(completed.at_ms),
            vulnerability_source_updated_at: seconds(completed.source_ms),
            finding_severity_counts: completed.counts.clone(),
        })
    }
}

/// The scan of an image as `DescribeImages` shows it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scanned {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scan_status: Option<ImageScanStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scan_findings_summary: Option<Summary>,
}

impl Scanned {
    pub(super) fn find(
        tx: &Read<'_>,
        repository: i64,
        digest: &Digest,
    ) -> Result<Self, wharf_storage::Error> {
        let scan = scanning::find(tx, repository, digest)?;
        Ok(scan.as_ref().map_or_else(Self::default, |scan| Self {
            image_scan_status: Some(ImageScanStatus::of(scan)),
            image_scan_findings_summary: Summary::of(scan),
        }))
    }
}

pub(super) fn seconds(ms: i64) -> f64 {
    Timestamp::from_ms(ms).as_secs_f64()
}

/// Why an operation on one image did not happen.
pub(super) enum Refused {
    NoImage,
    NoScan,
    Domain(Error),
}

impl From<Error> for Refused {
    fn from(e: Error) -> Self {
        Self::Domain(e)
    }
}

impl From<wharf_storage::Error> for Refused {
    fn from(e: wharf_storage::Error) -> Self {
        Self::Domain(e.into())
    }
}

/// The one image of an operation.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    id: ImageId,
    pub(super) wanted: Wanted,
}

impl Asked {
    /// `imageId`, checked.
    pub(super) fn parse(id: Option<ImageId>) -> Result<Self, Exception> {
        let id = crate::check::required("imageId", id)?;
        let wanted = id.parse();
        let wanted = wanted.map_err(|f| Exception::invalid_parameter(f.failure_reason))?;
        Ok(Self { id, wanted })
    }

    pub(super) fn find(&self, tx: &Read<'_>, repository: &Repository) -> Result<Digest, Refused> {
        let found = self.wanted.resolve(tx, repository.id)?;
        found.map_err(|_unresolved| Refused::NoImage)
    }

    /// The id of the image that was found.
    pub(super) fn found(&self, digest: &Digest) -> ImageId {
        ImageId::of(digest, self.wanted.tag.as_ref())
    }

    /// The exception that a refusal is.
    pub(super) fn refused(
        &self,
        why: Refused,
        registry: &wharf_types::Registry,
        name: &wharf_types::RepoName,
    ) -> Exception {
        let null = |text: Option<&String>| text.map_or_else(|| "null".to_owned(), Clone::clone);
        let image = format!(
            "{{imageDigest:'{}', imageTag:'{}'}}",
            null(self.id.image_digest.as_ref()),
            null(self.id.image_tag.as_ref()),
        );
        match why {
            Refused::Domain(e) => e.into(),
            Refused::NoScan => Error::ScanNotFound {
                registry: registry.clone(),
                name: name.clone(),
                image,
            }
            .into(),
            Refused::NoImage => Exception::client(
                "ImageNotFoundException",
                format!(
                    "The image with imageId {image} does not exist within the repository with name '{name}' in the registry with id '{}'",
                    registry.account
                ),
            ),
        }
    }
}

/// A filter on names of repositories.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryFilter {
    filter: Option<String>,
    filter_type: Option<String>,
}

impl RepositoryFilter {
    pub(super) fn all(filters: &[String]) -> Vec<Self> {
        let one = |filter: &String| Self {
            filter: Some(filter.clone()),
            filter_type: Some("WILDCARD".into()),
        };
        filters.iter().map(one).collect()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScanningRule {
    scan_frequency: Option<String>,
    repository_filters: Option<Vec<RepositoryFilter>>,
}

/// A registry's configuration on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistryScanning {
    scan_type: ScanType,
    rules: Vec<RuleOut>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleOut {
    scan_frequency: Frequency,
    repository_filters: Vec<RepositoryFilter>,
}

impl RegistryScanning {
    pub(super) fn of(configuration: &Configuration) -> Self {
        let rules = configuration.rules.iter().map(|rule| RuleOut {
            scan_frequency: rule.frequency,
            repository_filters: RepositoryFilter::all(&rule.filters),
        });
        Self {
            scan_type: configuration.scan_type,
            rules: rules.collect(),
        }
    }
}

fn invalid(member: &str, constraint: &str) -> Exception {
    Exception::invalid_parameter(format!(
        "Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'"
    ))
}

/// `scanType` and `rules`, checked.
pub(super) fn configuration(
    scan_type: Option<&str>,
    rules: Option<Vec<ScanningRule>>,
) -> Result<Configuration, Exception> {
    let scan_type = match scan_type {
        None | Some("BASIC") => ScanType::Basic,
        Some("ENHANCED") => ScanType::Enhanced,
        Some(_) => {
            let values = "Member must satisfy enum value set: [BASIC, ENHANCED]";
            return Err(invalid("scanType", values));
        }
    };
    let rules = crate::check::list("rules", Some(rules.unwrap_or_default()), 0, 2)?;
    let rules = rules.into_iter().map(|given| rule(scan_type, given));
    Ok(Configuration {
        scan_type,
        rules: rules.collect::<Result<_, _>>()?,
    })
}

fn rule(scan_type: ScanType, given: ScanningRule) -> Result<Rule, Exception> {
    let member = "rules.scanFrequency";
    let frequency = crate::check::required(member, given.scan_frequency)?;
    let frequency = match frequency.as_str() {
        "MANUAL" => Frequency::Manual,
        "SCAN_ON_PUSH" => Frequency::ScanOnPush,
        "CONTINUOUS_SCAN" => Frequency::ContinuousScan,
        _ => {
            let values =
                "Member must satisfy enum value set: [SCAN_ON_PUSH, CONTINUOUS_SCAN, MANUAL]";
            return Err(invalid(member, values));
        }
    };
    if scan_type == ScanType::Basic && frequency == Frequency::ContinuousScan {
        let text = "CONTINUOUS_SCAN is only supported with the scan type ENHANCED";
        return Err(invalid(member, text));
    }
    let filters = crate::check::list("rules.repositoryFilters", given.repository_filters, 0, 100)?;
    let filters = filters.into_iter().map(filter);
    Ok(Rule {
        frequency,
        filters: filters.collect::<Result<_, _>>()?,
    })
}

fn filter(given: RepositoryFilter) -> Result<String, Exception> {
    let member = "rules.repositoryFilters.filterType";
    if crate::check::required(member, given.filter_type)? != "WILDCARD" {
        return Err(invalid(
            member,
            "Member must satisfy enum value set: [WILDCARD]",
        ));
    }
    let member = "rules.repositoryFilters.filter";
    let text = crate::check::required(member, given.filter)?;
    if text.is_empty() || text.len() > 255 {
        return Err(invalid(member, "Member must have length between 1 and 255"));
    }
    if !is_filter(&text) {
        let pattern =
            r"must satisfy regular expression '^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$'";
        return Err(invalid(member, pattern));
    }
    Ok(text)
}

/// Words of letters, digits and stars with one separator between two.
fn is_filter(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'*';
    text.split(['.', '_', '-', '/'])
        .all(|part| !part.is_empty() && part.bytes().all(word))
}

#[cfg(test)]
mod tests {
    use super::is_filter;

    #[test]
    fn filters_are_those_of_the_models_pattern() {
        for good in ["*", "prod", "a*b", "prod/*", "a-b.c_d/e", "**"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a--b", "A", "a b", "-"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
