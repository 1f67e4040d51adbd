//! Makes a URL by which a layer can be downloaded without credentials.
use serde::{Deserialize, Serialize};
use wharf_registry::{
    layers::{self, Download},
    pull_through,
};

use super::upstream;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetDownloadUrlForLayer {
    registry_id: Option<String>,
    repository_name: Option<String>,
    layer_digest: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    download_url: String,
    layer_digest: String,
}

impl Operation for GetDownloadUrlForLayer {
    const NAME: &'static str = "GetDownloadUrlForLayer";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = check::required("layerDigest", self.layer_digest)?;
        let digest = check::layer_digest("layerDigest", &text)?;
        let fetched = pull_through::fetch_layer(&cx.domain, &registry, &name, &digest).await;
        fetched.map_err(|e| {
            let text = "The layer could not be pulled using the pull through cache rule";
            upstream::exception(e, "UnableToGetUpstreamLayerException", text)
        })?;
        let download = layers::download(&cx.domain, &cx.caller(), &name, &digest).await?;
        let download_url = match download {
            Download::Bucket(url) => url,
            Download::Here(path) => format!("{}{path}", cx.base_url()),
        };
        Ok(Output {
            download_url,
            layer_digest: digest.to_string(),
        })
    }
}
