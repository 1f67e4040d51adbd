//! Says something of the caller's public registry.
use serde::{Deserialize, Serialize};
use wharf_registry::catalog::{self, RegistryCatalog};

use super::model::RegistryCatalogData;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutRegistryCatalogData {
    display_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    registry_catalog_data: RegistryCatalogData,
}

impl Operation for PutRegistryCatalogData {
    const NAME: &'static str = "PutRegistryCatalogData";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let display_name = self.display_name;
        if let Some(name) = &display_name {
            check::length("displayName", name.chars().count(), 0, 100)?;
        }
        let catalog = RegistryCatalog {
            display_name: display_name.clone(),
        };
        catalog::put_registry(&cx.domain, &cx.registry, catalog).await?;
        Ok(Output {
            registry_catalog_data: RegistryCatalogData { display_name },
        })
    }
}
