//! Scans an image for known vulnerabilities.
use serde::{Deserialize, Serialize};
use wharf_registry::{repositories, scanning};

use super::{
    model::ImageId,
    scanning::{Asked, ImageScanStatus, Refused},
};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartImageScan {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    image_scan_status: ImageScanStatus,
}

impl Operation for StartImageScan {
    const NAME: &'static str = "StartImageScan";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let asked = Asked::parse(self.image_id)?;
        let now = cx.domain.store.now();
        let (key, of, wanted) = (registry.clone(), name.clone(), asked.clone());
        let started = cx.domain.store.meta().write(move |tx| {
            let repository = repositories::find(tx, &key, &of)?;
            let digest = wanted.find(tx, &repository)?;
            let scan = scanning::start(tx, &repository, &digest, now)?;
            Ok::<_, Refused>((digest, scan))
        });
        let (digest, scan) = started
            .await
            .map_err(|why| asked.refused(why, &registry, &name))?;
        cx.domain.work.send_replace(());
        Ok(Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            image_id: asked.found(&digest),
            image_scan_status: ImageScanStatus::of(&scan),
        })
    }
}
