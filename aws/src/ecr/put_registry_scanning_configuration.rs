//! Decides how a registry's images are scanned.
use serde::{Deserialize, Serialize};
use wharf_registry::scanning;

use super::scanning::{RegistryScanning, ScanningRule, configuration};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutRegistryScanningConfiguration {
    scan_type: Option<String>,
    rules: Option<Vec<ScanningRule>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_scanning_configuration: RegistryScanning,
}

impl Operation for PutRegistryScanningConfiguration {
    const NAME: &'static str = "PutRegistryScanningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let configuration = configuration(self.scan_type.as_deref(), self.rules)?;
        let output = Output {
            registry_scanning_configuration: RegistryScanning::of(&configuration),
        };
        scanning::configure(&cx.domain, &cx.registry, configuration).await?;
        Ok(output)
    }
}
