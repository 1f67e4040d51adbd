//! Tells how a registry's images are scanned.
use serde::{Deserialize, Serialize};
use wharf_registry::scanning;

use super::scanning::RegistryScanning;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetRegistryScanningConfiguration {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    scanning_configuration: RegistryScanning,
}

impl Operation for GetRegistryScanningConfiguration {
    const NAME: &'static str = "GetRegistryScanningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let registry = cx.registry.clone();
        let meta = cx.domain.store.meta();
        let read = meta.read(move |tx| scanning::configuration(tx, &registry));
        let configuration = read.await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            scanning_configuration: RegistryScanning::of(&configuration),
        })
    }
}
