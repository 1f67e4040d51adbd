//! Tells which profiles should have signed an image, and why they did not.
use serde::{Deserialize, Serialize};
use wharf_registry::signing;

use super::{model::ImageId, one_image::OneImage};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImageSigningStatus {
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
    signing_statuses: Vec<SigningStatus>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SigningStatus {
    signing_profile_arn: String,
    status: &'static str,
    failure_code: &'static str,
    failure_reason: &'static str,
}

impl Operation for DescribeImageSigningStatus {
    const NAME: &'static str = "DescribeImageSigningStatus";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let (registry, name) = (self.registry_id.as_deref(), self.repository_name);
        let image = OneImage::parse(&cx, registry, name, self.image_id)?;
        let (image_id, profiles) = image.read(&cx, signing::unsigned).await?;
        let statuses = profiles.into_iter().map(|profile| SigningStatus {
            signing_profile_arn: profile,
            status: "FAILED",
            failure_code: signing::FAILURE_CODE,
            failure_reason: signing::FAILURE_REASON,
        });
        Ok(Output {
            registry_id: image.registry.account.to_string(),
            repository_name: image.name.to_string(),
            image_id,
            signing_statuses: statuses.collect(),
        })
    }
}
