//! Describes the caller's registry: what it replicates.
use serde::{Deserialize, Serialize};
use wharf_registry::replication;

use super::replication_model::Configuration;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DescribeRegistry {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    replication_configuration: Configuration,
}

impl Operation for DescribeRegistry {
    const NAME: &'static str = "DescribeRegistry";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let configuration = replication::describe(&cx.domain, &cx.registry).await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            replication_configuration: Configuration::of(configuration),
        })
    }
}
