//! Tells how far an image's replications are.
use serde::{Deserialize, Serialize};
use wharf_registry::replication::{self, Status};

use super::{model::ImageId, one_image::OneImage};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeImageReplicationStatus {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    repository_name: String,
    image_id: ImageId,
    replication_statuses: Vec<ReplicationStatus>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplicationStatus {
    region: String,
    registry_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<&'static str>,
}

impl Operation for DescribeImageReplicationStatus {
    const NAME: &'static str = "DescribeImageReplicationStatus";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let (registry, name) = (self.registry_id.as_deref(), self.repository_name);
        let image = OneImage::parse(&cx, registry, name, self.image_id)?;
        let (image_id, replicas) = image.read(&cx, replication::replicas).await?;
        let statuses = replicas
            .into_iter()
            .map(|(destination, status)| ReplicationStatus {
                region: destination.region.to_string(),
                registry_id: destination.account.to_string(),
                status: status.as_str(),
                failure_code: match status {
                    Status::Failed(failure) => Some(failure.as_str()),
                    Status::InProgress | Status::Complete => None,
                },
            });
        Ok(Output {
            repository_name: image.name.to_string(),
            image_id,
            replication_statuses: statuses.collect(),
        })
    }
}
