//! Lists a registry's backfills in the order of their starts.
use serde::{Deserialize, Serialize};
use wharf_registry::replication::backfill::{self, Backfill};
use wharf_types::Timestamp;

use super::replication_model::{Destination, Progress, own};
use crate::{Cx, Exception, check, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListReplicationBackfills {
    registry_id: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    backfills: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    replication_backfill_id: String,
    destination: Destination,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    started_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<f64>,
}

impl Summary {
    fn of(id: String, backfill: &Backfill) -> Self {
        Self {
            replication_backfill_id: id,
            destination: Destination::of(&backfill.destination),
            status: backfill.state.as_str(),
            failure_code: backfill.failure.map(|failure| failure.as_str()),
            progress: Progress::of(backfill),
            started_at: backfill.started().as_secs_f64(),
            ended_at: backfill.ended().map(Timestamp::as_secs_f64),
        }
    }
}

impl Operation for ListReplicationBackfills {
    const NAME: &'static str = "ListReplicationBackfills";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let registry = own(&cx, self.registry_id.as_deref())?;
        let max = check::max_results(self.max_results, 25, 50)?;
        let pages = Pages {
            cx: &cx,
            scope: "ListReplicationBackfills".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let mut found = backfill::list(&cx.domain, &registry, after, max + 1).await?;
        let more = found.len() > max;
        found.truncate(max);
        let next_token = found.last().filter(|_| more).map(|(id, _)| pages.token(id));
        Ok(Output {
            registry_id: registry.account.to_string(),
            backfills: found
                .into_iter()
                .map(|(id, backfill)| Summary::of(id, &backfill))
                .collect(),
            next_token,
        })
    }
}
