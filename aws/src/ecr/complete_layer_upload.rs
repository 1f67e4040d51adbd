//! Ends the upload of a layer, which its repository has from then on.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, layers};

use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompleteLayerUpload {
    registry_id: Option<String>,
    repository_name: Option<String>,
    upload_id: Option<String>,
    layer_digests: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    upload_id: String,
    layer_digest: String,
}

impl Operation for CompleteLayerUpload {
    const NAME: &'static str = "CompleteLayerUpload";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let id = check::upload_id(self.upload_id)?;
        let digests = check::list("layerDigests", self.layer_digests, 1, 100)?;
        let digests = digests
            .iter()
            .map(|text| check::layer_digest("layerDigests", text))
            .collect::<Result<_, _>>()?;
        let completed = layers::complete(&cx.domain, &cx.caller(), &name, &id, digests).await;
        let digest = completed.map_err(|e| match e {
            Error::DigestDiffers { .. } => {
                Exception::client("InvalidLayerException", e.to_string())
            }
            Error::RangeInvalid { reason, .. } => Exception::invalid_parameter(reason),
            e => e.into(),
        })?;
        Ok(Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            upload_id: id.to_string(),
            layer_digest: digest.to_string(),
        })
    }
}
