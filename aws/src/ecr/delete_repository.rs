//! Deletes a repository.
use serde::{Deserialize, Serialize};
use wharf_registry::repositories;

use super::model::Repository;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteRepository {
    registry_id: Option<String>,
    repository_name: Option<String>,
    force: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Output {
    repository: Repository,
}

impl Operation for DeleteRepository {
    const NAME: &'static str = "DeleteRepository";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let force = self.force.unwrap_or_default();
        let repository = repositories::delete(&cx.domain, &registry, &name, force).await?;
        Ok(Output {
            repository: Repository::new(&cx, repository),
        })
    }
}
