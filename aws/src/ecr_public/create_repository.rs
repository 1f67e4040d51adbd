//! Makes a public repository.
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wharf_registry::catalog;

use super::model::{self, CatalogData, CatalogInput};
use crate::{
    Cx, Exception, check,
    ecr::{self, Tag},
    operation::Operation,
};

/// The most characters of a name, which stands behind an alias.
const MAX_NAME: usize = 205;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateRepository {
    repository_name: Option<String>,
    catalog_data: Option<CatalogInput>,
    tags: Option<Vec<Tag>>,
}

impl Operation for CreateRepository {
    const NAME: &'static str = "CreateRepository";
    type Output = Map<String, Value>;

    async fn run(self, cx: Cx) -> Result<Self::Output, Exception> {
        let name = check::repository_name(self.repository_name)?;
        check::length("repositoryName", name.as_str().len(), 2, MAX_NAME)?;
        let catalog = self.catalog_data.map(CatalogInput::check).transpose()?;
        let input = json!({ "repositoryName": name, "tags": self.tags.unwrap_or_default() });
        let made = model::ask::<ecr::CreateRepository>(cx.clone(), input).await?;
        let mut output = model::only(made, "repository", model::REPOSITORY);
        if let Some(catalog) = catalog {
            catalog::put_repository(&cx.domain, &cx.registry, &name, catalog.clone()).await?;
            output.insert("catalogData".into(), json!(CatalogData::from(catalog)));
        }
        Ok(output)
    }
}
