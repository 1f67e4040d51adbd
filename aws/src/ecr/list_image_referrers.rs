//! Lists the artifacts whose subject is an image.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    pull_through::{self, Puller},
    repositories,
};
use wharf_storage::{ReferrerFilter, ReferrerRow};

use super::{model, upstream};
use crate::{
    Cx, Exception,
    check::{self, unsatisfied},
    operation::Operation,
    page::Pages,
};

/// How many are listed if nothing is said, and at most.
const DEFAULT: usize = 20;
const MOST: usize = 50;

/// A page ends after about this much of annotations.
const MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListImageReferrers {
    registry_id: Option<String>,
    repository_name: Option<String>,
    subject_id: Option<Subject>,
    filter: Option<Filter>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    image_digest: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    artifact_types: Option<Vec<String>>,
    artifact_status: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    referrers: Vec<Referrer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    digest: String,
    media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    artifact_status: &'static str,
}

impl From<ReferrerRow> for Referrer {
    fn from(row: ReferrerRow) -> Self {
        Self {
            digest: row.digest.to_string(),
            media_type: row.media_type,
            artifact_type: row.artifact_type,
            size: row.size,
            annotations: row.annotations,
            artifact_status: row.status.as_str(),
        }
    }
}

impl Filter {
    fn check(self) -> Result<ReferrerFilter, Exception> {
        let types = self.artifact_types.unwrap_or_default();
        let types = check::list("filter.artifactTypes", Some(types), 0, 5)?;
        if types
            .iter()
            .any(|t| !(1..=255).contains(&t.chars().count()))
        {
            let text = "Member must have length between 1 and 255";
            return Err(unsatisfied("filter.artifactTypes", text));
        }
        Ok(ReferrerFilter {
            artifact_types: types,
            status: model::status_filter("artifactStatus", self.artifact_status.as_deref())?,
        })
    }
}

impl Operation for ListImageReferrers {
    const NAME: &'static str = "ListImageReferrers";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let subject = check::required("subjectId", self.subject_id)?;
        let subject = check::required("subjectId.imageDigest", subject.image_digest)?;
        let subject = check::digest(&subject)?;
        let filter = self.filter.unwrap_or_default().check()?;
        let max = check::max_results(self.max_results, DEFAULT, MOST)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("ListImageReferrers/{name}/{subject}"),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let puller = Puller {
            caller: &cx.caller(),
            origin: cx.origin,
        };
        let fetched = pull_through::fetch_referrers(&cx.domain, puller, &name, &subject).await;
        fetched.map_err(|e| {
            let text = "The referrers could not be listed using the pull through cache rule";
            upstream::exception(e, "UnableToListUpstreamImageReferrersException", text)
        })?;
        let listed = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            // One more than a page says whether there is another; so does ending early.
            let rows =
                tx.referrers(repository.id, &subject, &filter, &after, max + 1, MAX_BYTES)?;
            let more = match rows.last() {
                Some(last) if rows.len() <= max => {
                    let last = last.digest.as_str();
                    !tx.referrers(repository.id, &subject, &filter, last, 1, 0)?
                        .is_empty()
                }
                _ => rows.len() > max,
            };
            Ok::<_, Error>((rows, more))
        });
        let (mut rows, more) = listed.await?;
        rows.truncate(max);
        let next_token = rows
            .last()
            .filter(|_| more)
            .map(|last| pages.token(last.digest.as_str()));
        Ok(Output {
            referrers: rows.into_iter().map(Referrer::from).collect(),
            next_token,
        })
    }
}
