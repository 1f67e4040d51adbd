//! What is said of the caller's public registry.
use serde::{Deserialize, Serialize};
use wharf_registry::catalog;

use super::model::RegistryCatalogData;
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct GetRegistryCatalogData {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_catalog_data: RegistryCatalogData,
}

impl Operation for GetRegistryCatalogData {
    const NAME: &'static str = "GetRegistryCatalogData";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let found = catalog::of_registry(&cx.domain, &cx.registry).await?;
        let registry_catalog_data = RegistryCatalogData {
            display_name: found.display_name,
        };
        Ok(Output {
            registry_catalog_data,
        })
    }
}
