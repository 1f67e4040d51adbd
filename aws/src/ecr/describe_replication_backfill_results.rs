//! Describes a backfill and, after its end, what became of each image.
use serde::{Deserialize, Serialize};
use wharf_registry::replication::backfill::{self, Item, Results};
use wharf_types::Timestamp;

use super::{
    model::ImageId,
    replication_model::{Destination, Progress, backfill_id, codes},
};
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeReplicationBackfillResults {
    registry_id: Option<String>,
    replication_backfill_id: Option<String>,
    result_status_filter: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    replication_backfill_id: String,
    destination: Destination,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    results: Vec<Outcome>,
    started_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    repository_name: String,
    image_id: ImageId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_image_failure_codes: Option<Vec<&'static str>>,
}

impl Outcome {
    fn of(item: &Item) -> Self {
        let failure = match item.progress {
            backfill::Progress::Failed(failure) => Some(failure.as_str()),
            backfill::Progress::Pending { .. } | backfill::Progress::Complete => None,
        };
        Self {
            repository_name: item.repository.to_string(),
            image_id: ImageId::of(&item.digest, item.tag.as_ref()),
            status: failure.map_or("COMPLETE", |_| "FAILED"),
            failure_code: failure,
            sub_image_failure_codes: item.children.as_ref().map(codes),
        }
    }
}

/// Whether only complete, or only failed results are asked for.
fn filter(value: Option<&str>) -> Result<Option<bool>, Exception> {
    match value {
        None => Ok(None),
        Some("COMPLETE") => Ok(Some(true)),
        Some("FAILED") => Ok(Some(false)),
        Some(_) => Err(check::unsatisfied(
            "resultStatusFilter",
            "Member must satisfy enum value set: [COMPLETE, FAILED]",
        )),
    }
}

impl Operation for DescribeReplicationBackfillResults {
    const NAME: &'static str = "DescribeReplicationBackfillResults";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let registry = check::registry(&cx, self.registry_id.as_deref())?;
        let id = backfill_id(self.replication_backfill_id)?;
        let complete = filter(self.result_status_filter.as_deref())?;
        let max = check::max_results(self.max_results, 100, 1000)?;
        let pages = Pages {
            cx: &cx,
            scope: format!("DescribeReplicationBackfillResults/{id}/{complete:?}"),
        };
        let wanted = Results {
            complete,
            after: pages.after(self.next_token.as_deref())?,
            limit: max + 1,
        };
        let (backfill, mut found) = backfill::results(&cx.domain, &registry, &id, wanted).await?;
        let more = found.len() > max;
        found.truncate(max);
        let next_token = found
            .last()
            .filter(|_| more)
            .map(|(name, _)| pages.token(name));
        Ok(Output {
            registry_id: registry.account.to_string(),
            destination: Destination::of(&backfill.destination),
            status: backfill.state.as_str(),
            failure_code: backfill.failure.map(|failure| failure.as_str()),
            progress: Progress::of(&backfill),
            results: found.iter().map(|(_, item)| Outcome::of(item)).collect(),
            started_at: backfill.started().as_secs_f64(),
            ended_at: backfill.ended().map(Timestamp::as_secs_f64),
            next_token,
            replication_backfill_id: id,
        })
    }
}
