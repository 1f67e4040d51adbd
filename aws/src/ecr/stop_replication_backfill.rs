//! Ends a backfill; what is under way goes on to its end.
use serde::{Deserialize, Serialize};
use wharf_registry::replication::backfill;

use super::replication_model::{Destination, backfill_id};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopReplicationBackfill {
    registry_id: Option<String>,
    replication_backfill_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    replication_backfill_id: String,
    destination: Destination,
    status: &'static str,
    started_at: f64,
}

impl Operation for StopReplicationBackfill {
    const NAME: &'static str = "StopReplicationBackfill";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let registry = check::registry(&cx, self.registry_id.as_deref())?;
        let id = backfill_id(self.replication_backfill_id)?;
        let backfill = backfill::stop(&cx.domain, &registry, &id).await?;
        Ok(Output {
            registry_id: registry.account.to_string(),
            replication_backfill_id: id,
            destination: Destination::of(&backfill.destination),
            status: backfill.state.as_str(),
            started_at: backfill.started().as_secs_f64(),
        })
    }
}
