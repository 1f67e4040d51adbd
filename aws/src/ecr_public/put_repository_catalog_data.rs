//! Says something of a public repository.
use serde::{Deserialize, Serialize};
use wharf_registry::catalog;

use super::model::{CatalogData, CatalogInput};
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutRepositoryCatalogData {
    registry_id: Option<String>,
    repository_name: Option<String>,
    catalog_data: Option<CatalogInput>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    catalog_data: CatalogData,
}

impl Operation for PutRepositoryCatalogData {
    const NAME: &'static str = "PutRepositoryCatalogData";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        let registry = check::own_registry(&cx, self.registry_id.as_deref(), &name)?;
        let catalog = check::required("catalogData", self.catalog_data)?.check()?;
        catalog::put_repository(&cx.domain, &registry, &name, catalog.clone()).await?;
        Ok(Output {
            catalog_data: catalog.into(),
        })
    }
}
