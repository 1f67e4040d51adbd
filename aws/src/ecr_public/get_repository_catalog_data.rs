//! What is said of a public repository.
use serde::{Deserialize, Serialize};
use wharf_registry::catalog;

use super::model::CatalogData;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetRepositoryCatalogData {
    registry_id: Option<String>,
    repository_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    catalog_data: CatalogData,
}

impl Operation for GetRepositoryCatalogData {
    const NAME: &'static str = "GetRepositoryCatalogData";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let found = catalog::of_repository(&cx.domain, &registry, &name).await?;
        let missing = || {
            Exception::client(
                "RepositoryCatalogDataNotFoundException",
                format!(
                    "Repository catalog data was not found for the repository with name '{name}' in the registry with id '{}'",
                    registry.account
                ),
            )
        };
        Ok(Output {
            catalog_data: found.ok_or_else(missing)?.into(),
        })
    }
}
