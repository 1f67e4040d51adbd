//! Lists the tags of a public repository, each with its image.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wharf_registry::{Error, repositories};

use super::model;
use crate::{
    Cx, Exception, check,
    ecr::{self, ImageId},
    operation::Operation,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImageTags {
    registry_id: Option<String>,
    repository_name: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Operation for DescribeImageTags {
    const NAME: &'static str = "DescribeImageTags";
    type Output = Map<String, Value>;

    async fn run(self, cx: Cx) -> Result<Self::Output, Exception> {
        let name = check::repository_name(self.repository_name.clone())?;
        let mut input = json!(self);
        input["filter"] = json!({ "tagStatus": "TAGGED" });
        let mut listed = model::ask::<ecr::ListImages>(cx.clone(), input).await?;
        let ids = listed["imageIds"].take();
        let ids: Vec<ImageId> = serde_json::from_value(ids).map_err(Exception::internal)?;
        let registry = cx.registry.clone();
        let read = cx.domain.store.meta().read(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let mut details = Vec::new();
            for id in ids {
                // What was deleted since it was listed is not shown.
                let digest = id.image_digest.as_deref().and_then(|d| d.parse().ok());
                let row = digest.map(|digest| tx.image(repository.id, &digest));
                if let Some(row) = row.transpose()?.flatten() {
                    details.push((id.image_tag, row));
                }
            }
            Ok::<_, Error>(details)
        });
        let tags = read.await?.into_iter().map(|(tag, row)| {
            // A tag's own time is not kept: it is at least as old as nothing before its image.
            let pushed = row.pushed.as_secs_f64();
            let size = if row.image_size == 0 {
                row.size
            } else {
                row.image_size
            };
            let mut image = json!({
                "imageDigest": row.digest, "imageSizeInBytes": size, "imagePushedAt": pushed,
                "imageManifestMediaType": row.media_type,
            });
            if let Some(kind) = row.artifact_type.or(row.config_media_type) {
                image["artifactMediaType"] = kind.into();
            }
            json!({ "imageTag": tag, "createdAt": pushed, "imageDetail": image })
        });
        listed["imageTagDetails"] = tags.collect();
        let all = &["imageTag", "createdAt", "imageDetail"];
        Ok(model::only(listed, "imageTagDetails", all))
    }
}
