//! Sets which images are to be signed when they are pushed.
use serde::{Deserialize, Serialize};
use wharf_registry::signing;

use super::signing_model::Configuration;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutSigningConfiguration {
    signing_configuration: Option<Configuration>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    signing_configuration: Configuration,
}

impl Operation for PutSigningConfiguration {
    const NAME: &'static str = "PutSigningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let given = check::required("signingConfiguration", self.signing_configuration)?;
        let configuration = given.parse()?;
        signing::configure(&cx.domain, &cx.registry, configuration.clone()).await?;
        Ok(Output {
            signing_configuration: Configuration::of(configuration),
        })
    }
}
