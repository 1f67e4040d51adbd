//! Begins to replicate to a destination what was pushed before its rule.
use serde::{Deserialize, Serialize};
use wharf_registry::replication::backfill;

use super::replication_model::{Destination, own};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartReplicationBackfill {
    registry_id: Option<String>,
    destination: Option<Destination>,
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

impl Operation for StartReplicationBackfill {
    const NAME: &'static str = "StartReplicationBackfill";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let registry = own(&cx, self.registry_id.as_deref())?;
        let destination = check::required("destination", self.destination)?;
        let destination = destination.parse("destination")?;
        let (id, backfill) = backfill::start(&cx.domain, &registry, destination).await?;
        Ok(Output {
            registry_id: registry.account.to_string(),
            replication_backfill_id: id,
            destination: Destination::of(&backfill.destination),
            status: backfill.state.as_str(),
            started_at: backfill.started().as_secs_f64(),
        })
    }
}
