//! Sets where a registry's images are replicated to from now on.
use serde::{Deserialize, Serialize};
use wharf_registry::replication;

use super::replication_model::Configuration;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutReplicationConfiguration {
    replication_configuration: Option<Configuration>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    replication_configuration: Configuration,
}

impl Operation for PutReplicationConfiguration {
    const NAME: &'static str = "PutReplicationConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let given = check::required("replicationConfiguration", self.replication_configuration)?;
        let configuration = given.parse(&cx)?;
        replication::configure(&cx.domain, &cx.registry, configuration.clone()).await?;
        Ok(Output {
            replication_configuration: Configuration::of(configuration),
        })
    }
}
