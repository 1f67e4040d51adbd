//! What is known of an image's scan, as it is stored.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_scan::Severity;
use wharf_storage::{Document, Owner, Read};
use wharf_types::{Digest, Timestamp};

use super::{Applied, Frequency, QUOTA, ScanType};

/// How a scan stands, spelled as ECR spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Pending,
    InProgress,
    Complete,
    /// Complete, and done again whenever more is known.
    Active,
    Failed,
    UnsupportedImage,
    LimitExceeded,
    ImageSizeExceeded,
    ImageArchived,
}

/// The last scan of an image that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    pub at_ms: i64,
    /// When the database was last changed.
    pub source_ms: i64,
    /// How many findings there are of each severity.
    pub counts: BTreeMap<String, u64>,
    /// The distribution, as Amazon Inspector spells it.
    pub platform: String,
    /// `DPKG`, `APK` or `RPM`.
    pub manager: String,
}

/// How the scan of an image stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Whether the worker has something to do.
    pub(super) open: bool,
    pub status: Status,
    #[serde(default)]
    pub description: String,
    pub scan_type: ScanType,
    pub continuous: bool,
    pub(super) asked_ms: i64,
    /// How often it was begun without coming to an end.
    #[serde(default)]
    pub(super) attempts: u32,
    /// What the database was like when it was last tried.
    #[serde(default)]
    pub(super) tried: Option<String>,
    #[serde(default)]
    pub completed: Option<Completed>,
}

impl Document for Scan {
    const KIND: &'static str = "scan";

    fn is_open(&self) -> bool {
        self.open
    }
}

pub(super) fn owner(repository: i64, digest: &Digest) -> Owner {
    Owner::Image(repository, digest.clone())
}

impl Scan {
    pub(super) fn asked(applied: &Applied, before: Option<Self>, now: Timestamp) -> Self {
        Self {
            open: true,
            status: match applied.scan_type {
                ScanType::Basic => Status::InProgress,
                ScanType::Enhanced => Status::Pending,
            },
            description: String::new(),
            scan_type: applied.scan_type,
            continuous: applied.frequency == Frequency::ContinuousScan,
            asked_ms: now.as_ms(),
            attempts: 0,
            tried: None,
            completed: before.and_then(|scan| scan.completed),
        }
    }

    /// Whether it was asked for so shortly ago that it is not done again. One that failed is.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        let since = now.since(Timestamp::from_ms(self.asked_ms));
        self.open || (self.status != Status::Failed && since < QUOTA)
    }

    /// Whether the findings of the last complete scan are what is known of the image now.
    pub const fn has_findings(&self) -> bool {
        matches!(self.status, Status::Complete | Status::Active)
    }
}

/// A score of CVSS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub vector: String,
    pub version: String,
    pub score: f64,
}

/// An installed package that is vulnerable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerable {
    pub name: String,
    pub version: String,
    pub arch: String,
    #[serde(default)]
    pub fixed: Option<String>,
}

/// A vulnerability of an image. Its document's name is its place among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub name: String,
    pub advisory: String,
    pub related: Vec<String>,
    pub description: String,
    pub severity: String,
    #[serde(default)]
    pub score: Option<Score>,
    pub references: Vec<String>,
    #[serde(default)]
    pub published_ms: Option<i64>,
    #[serde(default)]
    pub modified_ms: Option<i64>,
    pub package: String,
    pub version: String,
    pub vulnerable: Vec<Vulnerable>,
    pub first_ms: i64,
    pub last_ms: i64,
}

impl Document for Finding {
    const KIND: &'static str = "scan-finding";
}

impl Finding {
    pub(super) fn new(found: wharf_scan::Finding, now: Timestamp) -> Self {
        let vulnerable = |v: wharf_scan::Vulnerable| Vulnerable {
            name: v.name,
            version: v.version,
            arch: v.arch,
            fixed: v.fixed,
        };
        Self {
            name: found.name,
            advisory: found.advisory,
            related: found.related,
            description: found.description,
            severity: found.severity.as_str().to_owned(),
            score: found.cvss.map(|cvss| Score {
                vector: cvss.vector,
                version: cvss.version,
                score: cvss.score,
            }),
            references: found.references,
            published_ms: found.published.map(Timestamp::as_ms),
            modified_ms: found.modified.map(Timestamp::as_ms),
            package: found.package,
            version: found.version,
            vulnerable: found.vulnerable.into_iter().map(vulnerable).collect(),
            first_ms: now.as_ms(),
            last_ms: now.as_ms(),
        }
    }
}

/// How many findings there are of each severity that there is.
pub(super) fn counts(findings: &[wharf_scan::Finding]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for severity in findings.iter().map(|finding| finding.severity) {
        *counts
            .entry(Severity::as_str(severity).to_owned())
            .or_default() += 1;
    }
    counts
}

/// The scan of an image, if there ever was one.
pub fn find(
    tx: &Read<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Option<Scan>, wharf_storage::Error> {
    let found = tx.document::<Scan>(&owner(repository, digest), "")?;
    Ok(found.map(|stored| stored.body))
}

/// The findings of an image, the worst first, with the name of each: those after `after` only.
pub fn findings(
    tx: &Read<'_>,
    repository: i64,
    digest: &Digest,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, Finding)>, wharf_storage::Error> {
    let found = tx.documents::<Finding>(&owner(repository, digest), after, limit)?;
    Ok(found
        .into_iter()
        .map(|stored| (stored.name, stored.body))
        .collect())
}
