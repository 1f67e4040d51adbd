//! Describes images of a public repository.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model;
use crate::{
    Cx, Exception,
    ecr::{self, ImageId},
    operation::Operation,
};

/// What the answers of this service have of an image.
const DETAIL: &[&str] = &[
    "registryId",
    "repositoryName",
    "imageDigest",
    "imageTags",
    "imageSizeInBytes",
    "imagePushedAt",
    "imageManifestMediaType",
    "artifactMediaType",
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImages {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Operation for DescribeImages {
    const NAME: &'static str = "DescribeImages";
    type Output = Map<String, Value>;

    async fn run(self, cx: Cx) -> Result<Self::Output, Exception> {
        let described = model::ask::<ecr::DescribeImages>(cx, self).await?;
        Ok(model::only(described, "imageDetails", DETAIL))
    }
}
