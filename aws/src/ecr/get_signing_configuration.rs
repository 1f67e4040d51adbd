//! Tells which images are to be signed when they are pushed.
use serde::{Deserialize, Serialize};
use wharf_registry::signing;

use super::signing_model::Configuration;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetSigningConfiguration {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    signing_configuration: Configuration,
}

impl Operation for GetSigningConfiguration {
    const NAME: &'static str = "GetSigningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let configuration = signing::describe(&cx.domain, &cx.registry).await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            signing_configuration: Configuration::of(configuration),
        })
    }
}
