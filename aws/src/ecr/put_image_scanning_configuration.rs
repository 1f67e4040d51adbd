//! Decides whether a repository's images are scanned when they are pushed.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};

use super::model::ScanningConfiguration;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutImageScanningConfiguration {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_scanning_configuration: Option<ScanningConfiguration>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    image_scanning_configuration: ScanningConfiguration,
}

impl Operation for PutImageScanningConfiguration {
    const NAME: &'static str = "PutImageScanningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let configuration = check::required(
            "imageScanningConfiguration",
            self.image_scanning_configuration,
        )?;
        let scan_on_push = configuration.scan_on_push;
        let output = Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            image_scanning_configuration: configuration,
        };
        let changed = cx.domain.store.meta().write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            Ok::<_, Error>(tx.set_scan_on_push(repository.id, scan_on_push)?)
        });
        changed.await?;
        Ok(output)
    }
}
