//! Stores a manifest whose layers were uploaded before.
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error, References,
    images::{self, Origin, Push, Pushed},
};
use wharf_types::Digest;

use super::model::{self, Image, ImageId};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutImage {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_manifest: Option<String>,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    image: Image,
}

impl Operation for PutImage {
    const NAME: &'static str = "PutImage";
    // A manifest of 4 MiB in a JSON string, where every byte may be escaped.
    const MAX_BODY: usize = 32 * 1024 * 1024;
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let text = check::required("imageManifest", self.image_manifest)?;
        let tag = self.image_tag.as_deref().map(check::tag).transpose()?;
        let stated = match self.image_digest.as_deref() {
            Some(text) if check::is_digest(text) && text.parse::<Digest>().is_err() => {
                return Err(Exception::client(
                    "ImageDigestDoesNotMatchException",
                    format!("the content does not have the digest {text}"),
                ));
            }
            stated => stated.map(check::digest).transpose()?,
        };
        let manifest = model::manifest(text.clone(), self.image_manifest_media_type.as_deref())?;
        let digest = match stated {
            Some(stated) if !stated.matches(text.as_bytes()) => {
                let actual = Digest::of(stated.algorithm(), text.as_bytes());
                return Err(Error::DigestDiffers { stated, actual }.into());
            }
            Some(stated) => stated,
            None => Digest::sha256(text.as_bytes()),
        };
        let media_type = manifest.media_type.clone();
        let push = Push {
            manifest: Arc::new(manifest),
            digest: digest.clone(),
            tags: tag.iter().cloned().collect(),
            references: References::Strict,
            origin: Origin::Client,
        };
        if images::put(&cx.domain, &cx.caller(), &name, push).await? == Pushed::Same {
            let tag = tag.as_ref().map_or("null", |tag| tag.as_str());
            return Err(Exception::client(
                "ImageAlreadyExistsException",
                format!(
                    "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}' in registry with id '{}'",
                    registry.account
                ),
            ));
        }
        Ok(Output {
            image: Image {
                registry_id: registry.account.to_string(),
                repository_name: name.to_string(),
                image_id: ImageId::of(&digest, tag.as_ref()),
                image_manifest: text,
                image_manifest_media_type: media_type,
            },
        })
    }
}
