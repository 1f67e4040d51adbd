//! The versions of Kubernetes that clusters can have.
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_eks::{
    checks,
    versions::{DEFAULT, VERSIONS, Version},
};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeClusterVersions {
    cluster_type: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    default_only: Option<bool>,
    include_all: Option<bool>,
    cluster_versions: Option<Vec<String>>,
    status: Option<String>,
    version_status: Option<String>,
}

impl Operation for DescribeClusterVersions {
    const NAME: &'static str = "DescribeClusterVersions";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        self.check()?;
        let max = checks::max_results(self.max_results)?;
        let pages = Pages {
            cx: &cx,
            scope: "DescribeClusterVersions".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        // The newest first.
        let is_next = |version: &&Version| after.is_empty() || version.name < after.as_str();
        let found = VERSIONS.iter().filter(|version| self.wants(version));
        let names = found.filter(is_next).map(|version| version.name.to_owned());
        let page = model::page(&pages, names.take(max + 1).collect(), max);
        let shown = VERSIONS
            .iter()
            .filter(|v| page.found.iter().any(|n| n == v.name));
        let shown: Vec<Value> = shown.map(show).collect();
        let mut answer = page.answer("clusterVersions");
        answer.insert("clusterVersions", shown.into());
        Ok(answer)
    }
}

impl DescribeClusterVersions {
    fn check(&self) -> Result<(), Exception> {
        if let Some(kind) = self.cluster_type.as_deref().filter(|kind| *kind != "eks") {
            let text = format!("clusterType can only be 'eks', not {kind:?}");
            return Err(Exception::invalid_parameter(text));
        }
        let among = |member: &str, value: Option<&str>, all: [&str; 3]| match value {
            Some(value) if !all.contains(&value) => {
                let text = format!("{member} must be one of [{}]", all.join(", "));
                Err(Exception::invalid_parameter(text))
            }
            _ => Ok(()),
        };
        let all = ["unsupported", "standard-support", "extended-support"];
        among("status", self.status.as_deref(), all)?;
        let all = ["UNSUPPORTED", "STANDARD_SUPPORT", "EXTENDED_SUPPORT"];
        among("versionStatus", self.version_status.as_deref(), all)?;
        if self.status.is_some() && self.version_status.is_some() {
            let text = "Only one of status and versionStatus can be specified";
            return Err(Exception::invalid_parameter(text));
        }
        if self.include_all == Some(true) && self.default_only == Some(true) {
            let text = "Only one of includeAll and defaultOnly can be specified";
            return Err(Exception::invalid_parameter(text));
        }
        Ok(())
    }

    fn wants(&self, version: &Version) -> bool {
        let named = self.cluster_versions.as_ref().filter(|all| !all.is_empty());
        let is = |wanted: Option<&str>, own: &str| wanted.is_none_or(|wanted| wanted == own);
        named.is_none_or(|all| all.iter().any(|name| name == version.name))
            && (self.default_only != Some(true) || version.name == DEFAULT)
            && is(self.status.as_deref(), version.support.status())
            && is(self.version_status.as_deref(), version.support.as_str())
    }
}

#[expect(clippy::cast_precision_loss, reason = "dates are small")]
fn show(version: &Version) -> Value {
    let tiers = [
        ("standard", 600, 100, 8),
        ("tier-xl", 1700, 167, 16),
        ("tier-2xl", 3400, 283, 16),
        ("tier-4xl", 6800, 400, 16),
    ];
    let tiers = tiers.iter().map(|(name, requests, pods, database)| {
        json!({
            "tierName": name,
            "apiRequestConcurrency": requests,
            "podSchedulingRatePerSecond": pods,
            "clusterDatabaseSizeGb": database,
        })
    });
    json!({
        "clusterVersion": version.name,
        "clusterType": "eks",
        "defaultPlatformVersion": version.platform,
        "defaultVersion": version.name == DEFAULT,
        "releaseDate": version.released as f64,
        "endOfStandardSupportDate": version.end_of_standard as f64,
        "endOfExtendedSupportDate": version.end_of_extended as f64,
        "status": version.support.status(),
        "versionStatus": version.support.as_str(),
        "kubernetesPatchVersion": version.patch,
        "controlPlaneScalingTiers": tiers.collect::<Vec<_>>(),
    })
}
