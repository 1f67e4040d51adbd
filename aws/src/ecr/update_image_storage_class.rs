//! Moves an image into the archive, or back.
use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    archive::{self, StorageClass},
    repositories,
};

use super::model::ImageId;
use crate::{
    Cx, Exception,
    check::{self, unsatisfied},
    operation::Operation,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateImageStorageClass {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_id: Option<ImageId>,
    target_storage_class: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    image_id: ImageId,
    image_status: &'static str,
}

impl Operation for UpdateImageStorageClass {
    const NAME: &'static str = "UpdateImageStorageClass";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let id = check::required("imageId", self.image_id)?;
        let wanted = id
            .parse()
            .map_err(|failure| Exception::invalid_parameter(failure.failure_reason))?;
        let target = check::required("targetStorageClass", self.target_storage_class)?;
        let target: StorageClass = target.parse().map_err(|_unknown| {
            let text = "Member must satisfy enum value set: [STANDARD, ARCHIVE]";
            unsatisfied("targetStorageClass", text)
        })?;
        let now = cx.domain.store.now();
        let tag = wanted.tag.clone();
        let updated = cx.domain.store.meta().write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            let Ok(digest) = wanted.resolve(tx, repository.id)? else {
                return Err(Error::ManifestUnknown);
            };
            let status = archive::transition(tx, &repository, &digest, target, now)?;
            Ok((repository, digest, status))
        });
        let (repository, digest, status) = updated.await?;
        Ok(Output {
            registry_id: repository.registry.account.to_string(),
            repository_name: repository.name.to_string(),
            image_id: ImageId::of(&digest, tag.as_ref()),
            image_status: status.as_str(),
        })
    }
}
