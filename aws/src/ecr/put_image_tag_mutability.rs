//! Decides whether a repository's tags may move.
use serde::{Deserialize, Serialize};
use wharf_registry::{Error, repositories};

use super::model::{self, ExclusionFilter};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutImageTagMutability {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_id: String,
    repository_name: String,
    image_tag_mutability: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_tag_mutability_exclusion_filters: Vec<ExclusionFilter>,
}

impl Operation for PutImageTagMutability {
    const NAME: &'static str = "PutImageTagMutability";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let mode = check::required("imageTagMutability", self.image_tag_mutability)?;
        let (mutability, filters) =
            model::mutability(Some(&mode), self.image_tag_mutability_exclusion_filters)?;
        let output = Output {
            registry_id: registry.account.to_string(),
            repository_name: name.to_string(),
            image_tag_mutability: mutability.as_str(),
            image_tag_mutability_exclusion_filters: ExclusionFilter::all(&filters),
        };
        let changed = cx.domain.store.meta().write(move |tx| {
            let repository = repositories::find(tx, &registry, &name)?;
            Ok::<_, Error>(tx.set_mutability(repository.id, mutability, &filters)?)
        });
        changed.await?;
        Ok(output)
    }
}
