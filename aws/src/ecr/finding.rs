//! A finding in the two shapes that ECR has for it.
use serde::Serialize;
use serde_json::{Value, json};
use wharf_registry::{
    Error,
    scanning::{Finding, Scan, Vulnerable},
};
use wharf_storage::{Read, Repository};
use wharf_types::{Arn, Digest};

use super::scanning::seconds;

/// The longest value of an attribute.
const MAX_VALUE: usize = 256;

/// A finding of basic scanning.
#[derive(Debug, Serialize)]
pub(super) struct Basic {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    uri: String,
    severity: String,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Serialize)]
struct Attribute {
    key: &'static str,
    value: String,
}

impl Basic {
    pub(super) fn of(finding: Finding) -> Self {
        let score = finding.score.as_ref();
        let attributes = [
            ("package_version", Some(finding.version.clone())),
            ("package_name", Some(finding.package.clone())),
            ("CVSS3_SCORE", score.map(|s| format!("{:.1}", s.score))),
            ("CVSS3_VECTOR", score.map(|s| s.vector.clone())),
        ];
        let attribute = |(key, value): (&'static str, Option<String>)| {
            let value: String = value?.chars().take(MAX_VALUE).collect();
            (!value.is_empty()).then_some(Attribute { key, value })
        };
        Self {
            uri: uri(&finding),
            attributes: attributes.into_iter().filter_map(attribute).collect(),
            name: finding.name,
            description: finding.description,
            severity: finding.severity,
        }
    }
}

/// Where to read more: what the advisory refers to first, or its own page.
fn uri(finding: &Finding) -> String {
    let first = finding.references.first();
    first.cloned().unwrap_or_else(|| source_url(finding))
}

fn source_url(finding: &Finding) -> String {
    format!("https://osv.dev/vulnerability/{}", finding.advisory)
}

/// What every finding of an image says of the image.
#[derive(Debug)]
pub(super) struct About {
    registry: wharf_types::Registry,
    resource: Value,
    arn: String,
    manager: String,
}

impl About {
    pub(super) fn of(
        tx: &Read<'_>,
        repository: &Repository,
        digest: &Digest,
        scan: &Scan,
    ) -> Result<Self, Error> {
        let registry = &repository.registry;
        let tags = tx.tags_of(repository.id, digest)?;
        let image = tx.image(repository.id, digest)?;
        let arn = format!("{}/{digest}", Arn::repository(registry, &repository.name));
        let completed = scan.completed.as_ref();
        let resource = json!({
            "type": "AWS_ECR_CONTAINER_IMAGE",
            "id": arn,
            "tags": {},
            "details": { "awsEcrContainerImage": {
                "imageHash": digest,
                "imageTags": tags.into_iter().map(String::from).collect::<Vec<_>>(),
                "platform": completed.map(|c| c.platform.as_str()).unwrap_or_default(),
                "pushedAt": image.map_or(0.0, |image| image.pushed.as_secs_f64()),
                "registry": registry.account.to_string(),
                "repositoryName": repository.name.to_string(),
            }},
        });
        Ok(Self {
            registry: registry.clone(),
            resource,
            arn,
            manager: completed.map(|c| c.manager.clone()).unwrap_or_default(),
        })
    }
}

/// A finding of enhanced scanning, in the words of Amazon Inspector.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Enhanced(Value);

impl Enhanced {
    pub(super) fn of(finding: &Finding, about: &About) -> Self {
        let title = format!("{} - {}", finding.name, finding.package);
        let fixed = finding.vulnerable.iter().filter(|v| v.fixed.is_some());
        let fix_available = match fixed.count() {
            0 => "NO",
            n if n == finding.vulnerable.len() => "YES",
            _ => "PARTIAL",
        };
        // ECR counts as undefined what Inspector calls untriaged.
        let severity = match finding.severity.as_str() {
            "UNDEFINED" => "UNTRIAGED",
            known => known,
        };
        let packages: Vec<Value> = finding
            .vulnerable
            .iter()
            .map(|package| vulnerable(package, &about.manager))
            .collect();
        let mut details = json!({
            "cvss": [],
            "referenceUrls": finding.references,
            "relatedVulnerabilities": finding.related,
            "source": "OSV",
            "sourceUrl": source_url(finding),
            "vendorSeverity": finding.severity,
            "vulnerabilityId": finding.name,
            "vulnerablePackages": packages,
        });
        if let Some(ms) = finding.published_ms {
            details["vendorCreatedAt"] = json!(seconds(ms));
        }
        if let Some(ms) = finding.modified_ms {
            details["vendorUpdatedAt"] = json!(seconds(ms));
        }
        let mut shown = json!({
            "awsAccountId": about.registry.account.to_string(),
            "description": finding.description,
            "findingArn": arn(finding, about),
            "firstObservedAt": seconds(finding.first_ms),
            "lastObservedAt": seconds(finding.last_ms),
            "updatedAt": seconds(finding.last_ms),
            "remediation": { "recommendation": { "text": "None Provided" } },
            "resources": [about.resource],
            "severity": severity,
            "status": "ACTIVE",
            "title": title,
            "type": "PACKAGE_VULNERABILITY",
            "fixAvailable": fix_available,
        });
        if let Some(score) = &finding.score {
            details["cvss"] = json!([{
                "baseScore": score.score,
                "scoringVector": score.vector,
                "source": "OSV",
                "version": score.version,
            }]);
            shown["score"] = json!(score.score);
            shown["scoreDetails"] = json!({ "cvss": {
                "adjustments": [],
                "score": score.score,
                "scoreSource": "OSV",
                "scoringVector": score.vector,
                "version": score.version,
            }});
        }
        shown["packageVulnerabilityDetails"] = details;
        Self(shown)
    }
}

/// A name of a finding that stays the same from scan to scan.
fn arn(finding: &Finding, about: &About) -> String {
    let text = format!("{}\n{}\n{}", about.arn, finding.name, finding.package);
    let digest = Digest::sha256(text.as_bytes());
    let hash: String = digest.as_str().chars().skip(7).take(32).collect();
    let registry = &about.registry;
    format!(
        "arn:aws:inspector2:{}:{}:finding/{hash}",
        registry.region, registry.account
    )
}

fn vulnerable(package: &Vulnerable, manager: &str) -> Value {
    let (epoch, rest) = match package.version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0_i32, package.version.as_str()),
    };
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    let mut shown = json!({
        "name": package.name,
        "version": version,
        "epoch": epoch,
        "arch": package.arch,
        "packageManager": manager,
        "fixedInVersion": package.fixed.as_deref().unwrap_or("NotAvailable"),
    });
    if let Some(release) = release {
        shown["release"] = json!(release);
    }
    shown
}
