//! Removes the configuration of signing. What is known of images stays.
use serde::{Deserialize, Serialize};
use wharf_registry::signing;

use super::signing_model::Configuration;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DeleteSigningConfiguration {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    signing_configuration: Configuration,
}

impl Operation for DeleteSigningConfiguration {
    const NAME: &'static str = "DeleteSigningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let configuration = signing::forget(&cx.domain, &cx.registry).await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            signing_configuration: Configuration::of(configuration),
        })
    }
}
