//! Begins the upload of a layer.
use serde::{Deserialize, Serialize};
use wharf_registry::layers;

use crate::{Cx, Exception, check, operation::Operation};

/// How large the parts are that clients are asked for.
const PART_SIZE: u64 = 10 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitiateLayerUpload {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    upload_id: String,
    part_size: u64,
}

impl Operation for InitiateLayerUpload {
    const NAME: &'static str = "InitiateLayerUpload";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let id = layers::begin(&cx.domain, &cx.caller(), &name).await?;
        Ok(Output {
            upload_id: id.to_string(),
            part_size: PART_SIZE,
        })
    }
}
