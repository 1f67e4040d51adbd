//! Tells what the scan of an image has found.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_registry::{
    repositories,
    scanning::{self, Finding, Scan, ScanType},
};

use super::{
    finding::{self, Basic, Enhanced},
    model::ImageId,
    scanning::{Asked, ImageScanStatus, Refused, seconds},
};
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImageScanFindings {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    image_scan_status: ImageScanStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_scan_findings: Option<ImageScanFindings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageScanFindings {
    image_scan_completed_at: f64,
    vulnerability_source_updated_at: f64,
    finding_severity_counts: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Basic>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced_findings: Option<Vec<Enhanced>>,
}

impl Operation for DescribeImageScanFindings {
    const NAME: &'static str = "DescribeImageScanFindings";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let asked = Asked::parse(self.image_id)?;
        let max = check::max_results(self.max_results, 100, 1000)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("DescribeImageScanFindings/{name}/{:?}", asked.wanted),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let (key, of, wanted) = (registry.clone(), name.clone(), asked.clone());
        let described = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &key, &of)?;
            let digest = wanted.find(tx, &repository)?;
            let scan = scanning::find(tx, repository.id, &digest)?.ok_or(Refused::NoScan)?;
            let findings = if scan.has_findings() {
                scanning::findings(tx, repository.id, &digest, &after, max + 1)?
            } else {
                Vec::new()
            };
            let about = finding::About::of(tx, &repository, &digest, &scan)?;
            Ok::<_, Refused>((digest, scan, findings, about))
        });
        let (digest, scan, mut findings, about) = described
            .await
            .map_err(|why| asked.refused(why, &registry, &name))?;
        let more = findings.len() > max;
        findings.truncate(max);
        let last = findings.last().filter(|_| more);
        let next_token = last.map(|(place, _)| pages.token(place));
        let findings = findings.into_iter().map(|(_, finding)| finding);
        Ok(Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            image_id: asked.found(&digest),
            image_scan_status: ImageScanStatus::of(&scan),
            image_scan_findings: shown(&scan, &about, findings),
            next_token,
        })
    }
}

fn shown(
    scan: &Scan,
    about: &finding::About,
    findings: impl Iterator<Item = Finding>,
) -> Option<ImageScanFindings> {
    let completed = scan.completed.as_ref().filter(|_| scan.has_findings())?;
    let (basic, enhanced) = match scan.scan_type {
        ScanType::Basic => (Some(findings.map(Basic::of).collect()), None),
        ScanType::Enhanced => {
            let enhanced = findings.map(|finding| Enhanced::of(&finding, about));
            (None, Some(enhanced.collect()))
        }
    };
    Some(ImageScanFindings {
        image_scan_completed_at: seconds(completed.at_ms),
        vulnerability_source_updated_at: seconds(completed.source_ms),
        finding_severity_counts: completed.counts.clone(),
        findings: basic,
        enhanced_findings: enhanced,
    })
}
