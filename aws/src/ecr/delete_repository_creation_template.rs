//! Removes a creation template; repositories made by it stay as they are.
use serde::Deserialize;
use wharf_registry::templates;

use super::template_model::{self, Output};
use crate::{Cx, Exception, operation::Operation};

#[derive(Debug, Deserialize)]
pub(crate) struct DeleteRepositoryCreationTemplate {
    prefix: Option<String>,
}

impl Operation for DeleteRepositoryCreationTemplate {
    const NAME: &'static str = "DeleteRepositoryCreationTemplate";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let prefix = template_model::prefix(self.prefix)?;
        let deleted = templates::delete(&cx.domain, &cx.registry, prefix).await?;
        Ok(Output {
            registry_id: cx.registry.account.to_string(),
            repository_creation_template: deleted.into(),
        })
    }
}
