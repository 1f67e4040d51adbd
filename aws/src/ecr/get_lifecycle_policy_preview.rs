//! Shows what a preview of a lifecycle policy found out, in pages or for images that are named.
use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    lifecycle::{
        Action, StorageClass,
        preview::{self, Preview, PreviewResult, PreviewState},
    },
    repositories,
};
use wharf_types::{Registry, RepoName, Timestamp};

use super::model::{Failure, ImageId, PreviewFilter, Wanted, Wants, image_ids};
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

/// The most results of a page.
const MAX_RESULTS: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetLifecyclePolicyPreview {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<PreviewFilter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    lifecycle_policy_text: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    preview_results: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tags: Vec<String>,
    image_digest: String,
    image_pushed_at: f64,
    action: RuleAction,
    applied_rule_priority: u32,
    storage_class: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleAction {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_storage_class: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    expiring_image_total_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transitioning_image_total_counts: Option<[Transitioning; 1]>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Transitioning {
    target_storage_class: &'static str,
    image_total_count: u64,
}

/// Which results are shown.
#[derive(Debug)]
struct Chosen {
    ids: Option<Vec<Wanted>>,
    wants: Wants,
}

impl Chosen {
    fn has(&self, result: &PreviewResult) -> bool {
        let by_tags = if result.tags.is_empty() {
            self.wants.untagged
        } else {
            self.wants.tagged
        };
        let is_meant = |id: &Wanted| {
            let digest = id.digest.as_ref().is_none_or(|d| *d == result.digest);
            digest && id.tag.as_ref().is_none_or(|tag| result.tags.contains(tag))
        };
        by_tags && self.ids.as_ref().is_none_or(|ids| ids.iter().any(is_meant))
    }
}

/// Where a list begins and how long it is.
struct Range {
    token: Option<String>,
    /// `None` for all that there is.
    max: Option<usize>,
}

/// A preview at one moment.
struct Found {
    preview: Preview,
    status: &'static str,
    results: Vec<(String, PreviewResult)>,
}

impl Operation for GetLifecyclePolicyPreview {
    const NAME: &'static str = "GetLifecyclePolicyPreview";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let ids = wanted(self.image_ids)?;
        if ids.is_some() && (self.next_token.is_some() || self.max_results.is_some()) {
            return Err(Exception::invalid_parameter(
                "Invalid parameter at 'imageIds' failed to satisfy constraint: 'nextToken and maxResults cannot be used with imageIds'",
            ));
        }
        let max = check::max_results(self.max_results, MAX_RESULTS, MAX_RESULTS)?;
        let range = Range {
            token: self.next_token,
            max: ids.is_none().then_some(max),
        };
        let chosen = Chosen {
            wants: self.filter.unwrap_or_default().wants()?,
            ids,
        };
        let (account, repository_name) = (registry.account.to_string(), name.to_string());
        let (found, next_token) = find(&cx, registry, name, range, chosen).await?;
        Ok(Output {
            registry_id: account,
            repository_name,
            summary: (found.status == "COMPLETE").then(|| summary(&found.preview)),
            lifecycle_policy_text: found.preview.text,
            status: found.status,
            next_token,
            preview_results: found.results.into_iter().map(|(_, r)| shown(r)).collect(),
        })
    }
}

fn wanted(ids: Option<Vec<ImageId>>) -> Result<Option<Vec<Wanted>>, Exception> {
    let Some(ids) = ids else {
        return Ok(None);
    };
    let invalid = |f: Failure| Exception::invalid_parameter(f.failure_reason);
    let ids = image_ids(Some(ids))?;
    let parsed = ids.iter().map(|id| id.parse().map_err(invalid));
    parsed.collect::<Result<_, _>>().map(Some)
}

/// Finds a page of a preview, and the token of the next one.
async fn find(
    cx: &Cx,
    registry: Registry,
    name: RepoName,
    range: Range,
    chosen: Chosen,
) -> Result<(Found, Option<String>), Exception> {
    let scope = |number: u64| format!("GetLifecyclePolicyPreview/{name}/{number}");
    let (asked_in, asked) = (registry.clone(), name.clone());
    // The token is one of this preview's: those of the one before go on nowhere.
    let last = cx.domain.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &asked_in, &asked)?;
        preview::find(tx, &repository)
    });
    let pages = Pages {
        cx,
        scope: scope(last.await?.number),
    };
    let after = pages.after(range.token.as_deref())?;
    let now = cx.domain.store.now();
    let limit = range.max.map_or(usize::MAX, |max| max + 1);
    let (asked_in, asked) = (registry, name.clone());
    let found = cx.domain.store.meta().read(move |tx| {
        let repository = repositories::find(tx, &asked_in, &asked)?;
        let preview = preview::find(tx, &repository)?;
        let status = status(&preview, now);
        let results = if status == "COMPLETE" {
            preview::results(tx, &repository, &after, limit, |r| chosen.has(r))?
        } else {
            Vec::new()
        };
        Ok::<_, Error>(Found {
            preview,
            status,
            results,
        })
    });
    let mut found = found.await?;
    let more = range.max.filter(|max| found.results.len() > *max);
    found.results.truncate(range.max.unwrap_or(usize::MAX));
    let last = found.results.last().filter(|_| more.is_some());
    let next = last.map(|(place, _)| pages.token(place));
    Ok((found, next))
}

fn status(preview: &Preview, now: Timestamp) -> &'static str {
    match preview.state {
        _ if preview.is_expired(now) => "EXPIRED",
        PreviewState::InProgress => "IN_PROGRESS",
        PreviewState::Complete => "COMPLETE",
        PreviewState::Failed => "FAILED",
    }
}

fn summary(preview: &Preview) -> Summary {
    let transitioning = Transitioning {
        target_storage_class: StorageClass::Archive.as_str(),
        image_total_count: preview.archiving,
    };
    Summary {
        expiring_image_total_count: preview.expiring,
        transitioning_image_total_counts: (preview.archiving > 0).then_some([transitioning]),
    }
}

fn shown(result: PreviewResult) -> Shown {
    Shown {
        storage_class: result.storage_class().as_str(),
        image_digest: result.digest.to_string(),
        image_tags: result.tags.into_iter().map(String::from).collect(),
        image_pushed_at: Timestamp::from_ms(result.pushed_ms).as_secs_f64(),
        action: RuleAction {
            kind: result.action.as_str(),
            target_storage_class: match result.action {
                Action::Expire => None,
                Action::Transition => Some(StorageClass::Archive.as_str()),
            },
        },
        applied_rule_priority: result.priority,
    }
}
